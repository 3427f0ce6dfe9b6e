"""Pull requests: files, paging, forks, and what happens to them."""

from __future__ import annotations

import pytest

from cli.sandbox.answers import RefusedError
from tests.cli.sandbox.conftest import World

pytestmark = pytest.mark.slow


def test_pull(world: World) -> None:
    value = world.bot.get(world.path("/pulls/1")).json()

    assert (value["state"], value["merged"], value["draft"]) == ("open", False, False)
    assert (value["additions"], value["deletions"], value["changed_files"], value["commits"]) == (2, 2, 1, 1)
    assert value["head"]["sha"] == world.pull.head_sha
    assert value["head"]["label"] == "acme:feature"
    assert value["author_association"] == "MEMBER"
    assert world.bot.get(world.path("/pulls/9")).status_code == 404


def test_mergeable_is_worked_out_lazily(world: World) -> None:
    first, second = (world.bot.get(world.path("/pulls/1")).json() for _ in range(2))

    assert (first["mergeable"], first["mergeable_state"]) == (None, "unknown")
    assert (second["mergeable"], second["mergeable_state"]) == (True, "clean")
    merge = world.bot.get(world.path("/git/ref/pull/1/merge")).json()["object"]["sha"]
    assert len(world.bot.get(world.path(f"/commits/{merge}")).json()["parents"]) == 2


def test_conflict(world: World) -> None:
    world.repository.commit("main", {"Dockerfile": "FROM scratch\n"})

    _, second = (world.bot.get(world.path("/pulls/1")).json() for _ in range(2))

    assert (second["mergeable"], second["mergeable_state"]) == (False, "dirty")
    with pytest.raises(RefusedError, match="not mergeable"):
        world.pull.merge()


def test_files_page_by_30_and_at_most_100(world: World) -> None:
    world.repository.commit("wide", {f"dir/file{number:03}": "x\n" for number in range(120)}, parent="main")
    pull = world.sandbox.open_pull_request(world.repository, "wide")
    path = world.path(f"/pulls/{pull.number}/files")

    first = world.bot.get(path)
    assert len(first.json()) == 30
    assert first.links["last"]["url"].endswith("page=4")
    hundred = world.bot.get(path, params={"per_page": 500})
    assert len(hundred.json()) == 100
    rest = world.bot.get(hundred.links["next"]["url"])
    assert [one["filename"] for one in rest.json()][-1] == "dir/file119"
    assert "next" not in rest.links
    assert {"first", "prev"} <= rest.links.keys()


def test_fork(world: World) -> None:
    fork = world.sandbox.fork(world.repository, "mallory")
    sha = fork.commit("patch", {"Dockerfile": "FROM scratch\n"}, author="mallory")
    pull = world.sandbox.open_pull_request(world.repository, (fork, "patch"), author="mallory")

    value = world.bot.get(world.path(f"/pulls/{pull.number}")).json()
    assert value["head"]["repo"]["full_name"] == "mallory/shop"
    assert value["head"]["label"] == "mallory:patch"
    assert value["author_association"] == "NONE"
    # The fork itself is out of reach, its commits are not: the network shares its objects.
    assert world.bot.get("/repos/mallory/shop").status_code == 404
    content = world.bot.get(world.path("/contents/Dockerfile"), params={"ref": sha})
    assert content.json()["size"] == len("FROM scratch\n")
    assert world.bot.get(world.path(f"/git/ref/pull/{pull.number}/head")).json()["object"]["sha"] == sha
    assert world.bot.get(world.path(f"/compare/main...{sha}")).json()["ahead_by"] == 1


def test_deleted_fork(world: World) -> None:
    fork = world.sandbox.fork(world.repository, "mallory")
    sha = fork.commit("patch", {"Dockerfile": "FROM scratch\n"}, author="mallory")
    pull = world.sandbox.open_pull_request(world.repository, (fork, "patch"), author="mallory")
    fork.delete()

    value = world.bot.get(world.path(f"/pulls/{pull.number}")).json()
    assert value["head"]["repo"] is None
    assert value["head"]["sha"] == sha
    assert value["state"] == "open"
    assert len(world.bot.get(world.path(f"/pulls/{pull.number}/files")).json()) == 1
    query = '{repository(owner:"acme",name:"shop"){pullRequest(number:2){headRepository{name} isCrossRepository}}}'
    shown = world.graphql(query)["data"]["repository"]["pullRequest"]
    assert shown == {"headRepository": None, "isCrossRepository": True}


def test_closing_and_reopening(world: World) -> None:
    closed = world.client(world.sandbox.user_token("alice"))
    with closed as alice:
        assert alice.patch(world.path("/pulls/1"), json={"state": "closed"}).json()["state"] == "closed"
        assert world.bot.get(world.path("/pulls")).json() == []
        assert len(world.bot.get(world.path("/pulls"), params={"state": "all"}).json()) == 1
        assert alice.patch(world.path("/pulls/1"), json={"state": "open"}).json()["state"] == "open"


def test_merging(world: World) -> None:
    world.repository.commit("main", {"src/main.py": "print(1)\n"})

    sha = world.pull.merge()

    value = world.bot.get(world.path("/pulls/1")).json()
    assert (value["state"], value["merged"], value["merge_commit_sha"]) == ("closed", True, sha)
    assert value["changed_files"] == 1
    assert "curl" in world.repository.text("Dockerfile")
    assert world.repository.text("src/main.py") == "print(1)\n"


def test_pushing_the_head_to_the_base_merges(world: World) -> None:
    world.repository.push("main", world.pull.head_sha)

    assert world.pull.record.merged_at is not None


def test_deleting_the_branch_closes(world: World) -> None:
    world.repository.delete_branch("feature")

    assert world.pull.state == "closed"
    # GitHub keeps refs/pull/N/head for ever.
    assert world.bot.get(world.path("/git/ref/pull/1/head")).status_code == 200


def test_changing_the_base(world: World) -> None:
    world.repository.commit("release", {"Dockerfile": "FROM scratch\n"}, parent="main")

    world.pull.change_base("release")

    value = world.bot.get(world.path("/pulls/1")).json()
    assert (value["base"]["ref"], value["base"]["sha"]) == ("release", world.repository.branches["release"])


@pytest.mark.parametrize(
    ("head", "message"),
    [
        ("main", "No commits between main and main"),
        ("feature", "A pull request already exists for acme:feature."),
    ],
)
def test_what_cannot_be_opened(world: World, head: str, message: str) -> None:
    with pytest.raises(RefusedError) as caught:
        world.sandbox.open_pull_request(world.repository, head)
    assert caught.value.errors[0]["message"] == message


def test_versions_differ(world: World) -> None:
    def keys(version: str | None) -> set[str]:
        headers = {"X-GitHub-Api-Version": version} if version else {}
        return set(world.bot.get(world.path("/pulls/1"), headers=headers).json())

    assert keys(None) - keys("2026-03-10") == {"merge_commit_sha", "assignee"}
    assert keys(None) == keys("2022-11-28")
    refused = world.bot.get(world.path("/pulls/1"), headers={"X-GitHub-Api-Version": "1999-01-01"})
    assert refused.status_code == 400


def test_enterprise_prefix(world: World) -> None:
    assert world.bot.get(f"/api/v3{world.path('/pulls/1')}").status_code == 200
