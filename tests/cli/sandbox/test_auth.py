"""App JWTs, installation tokens, and what each may do."""

from __future__ import annotations

import re
import time

import httpx
import pytest

from cli.sandbox import Sandbox
from tests.cli.sandbox.conftest import World, app_jwt

pytestmark = pytest.mark.slow


def test_app_describes_itself(world: World) -> None:
    about = world.app.get("/app").json()

    assert about["slug"] == "dockslim"
    assert about["permissions"]["checks"] == "write"
    assert [one["account"]["login"] for one in world.app.get("/app/installations").json()] == ["acme"]


def test_client_id_is_an_issuer_too(world: World) -> None:
    token = app_jwt(world.sandbox, iss=world.sandbox.client_id)

    with world.client(token) as client:
        assert client.get("/app").status_code == 200


@pytest.mark.parametrize(
    "claims",
    [
        pytest.param({"exp": int(time.time()) - 60}, id="expired"),
        pytest.param({"exp": int(time.time()) + 3600}, id="more than ten minutes ahead"),
        pytest.param({"iat": int(time.time()) + 600, "exp": int(time.time()) + 590}, id="issued in the future"),
        pytest.param({"iss": "7"}, id="another App"),
    ],
)
def test_bad_jwt(world: World, claims: dict[str, object]) -> None:
    with world.client(app_jwt(world.sandbox, **claims)) as client:
        assert client.get("/app").status_code == 401


def test_jwt_signed_by_another_key(world: World) -> None:
    with Sandbox() as other, world.client(app_jwt(other)) as client:
        assert client.get("/app").status_code == 401


def test_no_and_bad_credentials(world: World) -> None:
    with httpx.Client(base_url=world.url) as nobody:
        assert nobody.get("/app").json()["message"] == "Requires authentication"
    with world.client("ghs_nonsense") as stranger:
        answer = stranger.get(world.path())
        assert (answer.status_code, answer.json()["message"]) == (401, "Bad credentials")


def test_installation_token_is_no_app(world: World) -> None:
    assert world.bot.get("/app").status_code == 401
    assert world.app.get(world.path()).status_code == 401


def test_token(world: World) -> None:
    installation = world.app.get(world.path("/installation")).json()
    answer = world.app.post(f"/app/installations/{installation['id']}/access_tokens", json={})

    value = answer.json()
    assert answer.status_code == 201
    assert value["token"].startswith("ghs_")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", value["expires_at"])
    assert value["permissions"]["contents"] == "read"


def test_expired_token(world: World) -> None:
    world.sandbox.expire_tokens()

    answer = world.bot.get(world.path())

    assert (answer.status_code, answer.json()["message"]) == (401, "Bad credentials")


def test_suspended_installation(world: World) -> None:
    world.sandbox.suspend(world.repository)

    assert world.bot.get(world.path()).status_code == 403


@pytest.mark.parametrize(
    "scope",
    [
        pytest.param({"permissions": {"contents": "write"}}, id="a level too high"),
        pytest.param({"permissions": {"administration": "read"}}, id="a permission not installed"),
        pytest.param({"repositories": ["elsewhere"]}, id="an unknown repository"),
        pytest.param({"repository_ids": [1]}, id="an unknown repository id"),
    ],
)
def test_token_for_more_than_was_installed(world: World, scope: dict[str, object]) -> None:
    installation = world.sandbox.installation(world.repository).id

    assert world.app.post(f"/app/installations/{installation}/access_tokens", json=scope).status_code == 422


def test_token_narrowed_to_a_repository(world: World) -> None:
    other = world.sandbox.create_repository("acme/other", {"a": "b"})

    with world.scoped(repository_ids=[other.id]) as client:
        assert client.get("/repos/acme/other").status_code == 200
        assert client.get(world.path()).status_code == 404
        listed = client.get("/installation/repositories").json()
    assert (listed["total_count"], listed["repositories"][0]["full_name"]) == (1, "acme/other")


def test_repository_without_the_app(world: World) -> None:
    world.sandbox.create_repository("acme/private", {"a": "b"}, private=True, install=False)

    assert world.bot.get("/repos/acme/private").status_code == 404
    assert world.app.get("/repos/acme/private/installation").status_code == 404


@pytest.mark.parametrize(
    ("missing", "method", "path"),
    [
        ("contents", "GET", "/contents/Dockerfile"),
        ("contents", "GET", "/compare/main...feature"),
        ("pull_requests", "GET", "/pulls/1/files"),
        ("pull_requests", "POST", "/pulls/1/reviews"),
        ("pull_requests", "POST", "/issues/1/comments"),
        ("checks", "POST", "/check-runs"),
    ],
)
def test_missing_permission(world: World, missing: str, method: str, path: str) -> None:
    held = {"contents": "read", "pull_requests": "write", "checks": "write", "issues": "read"}
    del held[missing]

    with world.scoped(permissions=held) as client:
        answer = client.request(method, world.path(path), json={"body": "x"} if method == "POST" else None)

    assert (answer.status_code, answer.json()["message"]) == (403, "Resource not accessible by integration")
    assert missing in answer.headers["X-Accepted-GitHub-Permissions"]


def test_issues_permission_is_for_issues(world: World) -> None:
    """issues:write does not write on pull requests, pull_requests:write does not write on issues."""
    issue = world.repository.open_issue("Slow build")
    world.sandbox.accept_permissions(world.repository, issues="write")
    said = world.pull.comment("hello")

    with world.scoped(permissions={"issues": "write"}) as client:
        assert client.post(world.path(f"/issues/{issue.number}/comments"), json={"body": "x"}).status_code == 201
        assert client.post(world.path("/issues/1/comments"), json={"body": "x"}).status_code == 403
        reacted = client.post(world.path(f"/issues/comments/{said.id}/reactions"), json={"content": "eyes"})
        assert reacted.status_code == 403
    with world.scoped(permissions={"pull_requests": "write"}) as client:
        assert client.post(world.path(f"/issues/{issue.number}/comments"), json={"body": "x"}).status_code == 403
        assert client.post(world.path("/issues/1/comments"), json={"body": "x"}).status_code == 201


def test_people_act_by_their_roles(world: World) -> None:
    token = world.sandbox.user_token("mallory")
    with world.client(token) as mallory:
        assert mallory.post(world.path("/issues/1/comments"), json={"body": "x"}).json()["user"]["type"] == "User"
        assert mallory.put(world.path("/pulls/1/merge")).status_code == 403
        world.sandbox.set_permission(world.repository, "mallory", "write")
        assert mallory.put(world.path("/pulls/1/merge")).status_code == 200


def test_permission_of_collaborators(world: World) -> None:
    world.sandbox.set_permission(world.repository, "bob", "maintain")
    world.sandbox.set_permission(world.repository, "carol", "triage")
    world.pull.comment("hello", author="mallory")

    def permission(login: str) -> tuple[str, str]:
        value = world.bot.get(world.path(f"/collaborators/{login}/permission")).json()
        return value["permission"], value["role_name"]

    assert permission("bob") == ("write", "maintain")
    assert permission("carol") == ("read", "triage")
    assert permission("acme-admin") == ("admin", "admin")
    # On a public repository everyone may read (hyperdxio/hyperdx#2546).
    assert permission("mallory") == ("read", "read")
    assert world.bot.get(world.path("/collaborators/nobody-here/permission")).status_code == 404


def test_permission_on_a_private_repository(world: World) -> None:
    world.sandbox.create_repository("acme/secret", {"a": "b"}, private=True)
    world.sandbox.user_token("mallory")

    with world.scoped() as client:
        value = client.get("/repos/acme/secret/collaborators/mallory/permission").json()
    assert (value["permission"], value["role_name"]) == ("none", "none")
