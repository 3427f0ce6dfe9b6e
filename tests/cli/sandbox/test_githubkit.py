"""githubkit works against the sandbox as against GitHub, and its typed models accept every answer."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from githubkit import AppAuthStrategy, GitHub
from githubkit.cache import MemCacheStrategy
from githubkit.exception import GraphQLFailed, RequestFailed

from tests.cli.sandbox.conftest import World

pytestmark = pytest.mark.slow


@pytest.fixture
def app(world: World) -> GitHub[Any]:
    auth = AppAuthStrategy(str(world.sandbox.app_id), world.sandbox.private_key)
    return GitHub(auth, base_url=f"{world.url}/", http_cache=False, auto_retry=False, cache_strategy=MemCacheStrategy())


@pytest.fixture
def github(app: GitHub[Any]) -> Iterator[GitHub[Any]]:
    installation = app.rest.apps.get_repo_installation("acme", "shop").parsed_data.id
    with app.with_auth(app.auth.as_installation(installation)) as github:
        yield github


def test_app_endpoints(app: GitHub[Any], world: World) -> None:
    # Nothing listens there: the log has what GitHub tried to deliver.
    world.sandbox.webhook_url = "http://127.0.0.1:1/webhooks"
    world.pull.comment("hello")
    world.sandbox.wait_until_delivered()

    about = app.rest.apps.get_authenticated().parsed_data
    assert about is not None
    assert about.slug == "dockslim"
    assert len(app.rest.apps.list_installations().parsed_data) == 1
    deliveries = app.rest.apps.list_webhook_deliveries().parsed_data
    assert deliveries[0].event == "issue_comment"
    assert app.rest.apps.get_webhook_delivery(deliveries[0].id).parsed_data.guid == deliveries[0].guid
    token = app.rest.apps.create_installation_access_token(world.sandbox.installation(world.repository).id)
    assert token.parsed_data.token.startswith("ghs_")


def test_repository_endpoints(github: GitHub[Any], world: World) -> None:
    rest, head = github.rest, world.pull.head_sha
    assert rest.repos.get("acme", "shop").parsed_data.default_branch == "main"
    assert rest.apps.list_repos_accessible_to_installation().parsed_data.total_count == 1
    content = rest.repos.get_content("acme", "shop", "Dockerfile", ref=head).parsed_data
    assert not isinstance(content, list)
    assert content.type == "file"
    assert isinstance(rest.repos.get_content("acme", "shop", "src").parsed_data, list)
    compared = rest.repos.compare_commits("acme", "shop", f"main...{head}").parsed_data
    assert compared.files
    assert compared.files[0].filename == "Dockerfile"
    assert rest.repos.get_commit("acme", "shop", head).parsed_data.sha == head
    tree = rest.git.get_tree("acme", "shop", head, recursive="1").parsed_data
    assert rest.git.get_blob("acme", "shop", tree.tree[0].sha).parsed_data.encoding == "base64"
    assert rest.git.get_ref("acme", "shop", "pull/1/head").parsed_data.object_.sha == head
    assert rest.git.get_commit("acme", "shop", head).parsed_data.tree
    permission = rest.repos.get_collaborator_permission_level("acme", "shop", "alice").parsed_data
    assert permission.permission == "write"


def test_pull_request_endpoints(github: GitHub[Any], world: World) -> None:
    rest = github.rest
    assert rest.pulls.get("acme", "shop", 1).parsed_data.changed_files == 1
    assert len(rest.pulls.list("acme", "shop").parsed_data) == 1
    files = list(rest.paginate(rest.pulls.list_files, owner="acme", repo="shop", pull_number=1))
    assert [file.filename for file in files] == ["Dockerfile"]
    assert len(rest.pulls.list_commits("acme", "shop", 1).parsed_data) == 1
    comment = {"path": "Dockerfile", "line": 3, "start_line": 2, "start_side": "RIGHT", "side": "RIGHT", "body": "x"}
    review = rest.pulls.create_review(
        "acme", "shop", 1, commit_id=world.pull.head_sha, event="COMMENT", body="x", comments=[comment]
    ).parsed_data
    assert review.state == "COMMENTED"
    assert len(rest.pulls.list_reviews("acme", "shop", 1).parsed_data) == 1
    [listed] = rest.pulls.list_review_comments("acme", "shop", 1).parsed_data
    assert (listed.line, listed.start_line) == (3, 2)
    assert rest.pulls.list_comments_for_review("acme", "shop", 1, review.id).parsed_data[0].id == listed.id
    assert rest.pulls.create_reply_for_review_comment("acme", "shop", 1, listed.id, body="y").parsed_data.body == "y"
    assert rest.pulls.update_review_comment("acme", "shop", listed.id, body="z").parsed_data.body == "z"
    reaction = rest.reactions.create_for_pull_request_review_comment("acme", "shop", listed.id, content="eyes")
    assert reaction.parsed_data.content == "eyes"


def test_issue_and_check_endpoints(github: GitHub[Any], world: World) -> None:
    rest = github.rest
    said = rest.issues.create_comment("acme", "shop", 1, body="x").parsed_data
    assert rest.issues.update_comment("acme", "shop", said.id, body="y").parsed_data.body == "y"
    assert len(rest.issues.list_comments("acme", "shop", 1).parsed_data) == 1
    assert rest.issues.get("acme", "shop", 1).parsed_data.number == 1
    reaction = rest.reactions.create_for_issue_comment("acme", "shop", said.id, content="rocket").parsed_data
    assert reaction.content == "rocket"
    rest.issues.delete_comment("acme", "shop", said.id)
    run = rest.checks.create("acme", "shop", name="dockslim", head_sha=world.pull.head_sha).parsed_data
    annotation = {"path": "f", "start_line": 1, "end_line": 1, "annotation_level": "notice", "message": "m"}
    output = {"title": "t", "summary": "s", "annotations": [annotation]}
    done = rest.checks.update("acme", "shop", run.id, conclusion="success", output=output).parsed_data
    assert (done.status, done.conclusion) == ("completed", "success")
    assert rest.checks.list_for_ref("acme", "shop", "feature").parsed_data.total_count == 1
    assert rest.checks.list_suites_for_ref("acme", "shop", "feature").parsed_data.total_count == 1
    assert rest.checks.list_annotations("acme", "shop", run.id).parsed_data[0].message == "m"
    assert rest.rate_limit.get().parsed_data.resources.core.limit == 5000


def test_errors(github: GitHub[Any]) -> None:
    comment = {"path": "Dockerfile", "line": 99, "body": "x"}
    with pytest.raises(RequestFailed) as caught:
        github.rest.pulls.create_review("acme", "shop", 1, event="COMMENT", body="x", comments=[comment])
    assert caught.value.response.status_code == 422
    with pytest.raises(GraphQLFailed) as failed:
        github.graphql('{ repository(owner: "acme", name: "nothing") { name } }')
    assert failed.value.response.errors
    assert failed.value.response.errors[0].type == "NOT_FOUND"


def test_graphql(github: GitHub[Any]) -> None:
    assert github.graphql("{ viewer { login } }")["viewer"]["login"] == "dockslim[bot]"
