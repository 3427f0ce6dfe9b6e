"""Comments in conversations, and reactions."""

from __future__ import annotations

import pytest

from tests.cli.sandbox.conftest import World

pytestmark = pytest.mark.slow


def test_comments(world: World) -> None:
    path = world.path("/issues/1/comments")
    created = world.bot.post(path, json={"body": "hello"})
    one = world.path(f"/issues/comments/{created.json()['id']}")

    assert created.status_code == 201
    assert created.json()["user"]["login"] == "dockslim[bot]"
    assert created.json()["html_url"].startswith(f"{world.url}/acme/shop/pull/1#issuecomment-")
    assert world.bot.patch(one, json={"body": "changed"}).json()["body"] == "changed"
    assert [value["body"] for value in world.bot.get(path).json()] == ["changed"]
    assert world.bot.delete(one).status_code == 204
    assert world.bot.get(one).status_code == 404


@pytest.mark.parametrize("body", ["", " ", "x" * 65_537])
def test_bodies_that_are_refused(world: World, body: str) -> None:
    comment = world.pull.comment("hello")

    for answer in (
        world.bot.post(world.path("/issues/1/comments"), json={"body": body}),
        world.bot.patch(world.path(f"/issues/comments/{comment.id}"), json={"body": body}),
    ):
        assert answer.status_code == 422
        if len(body) > 1:
            assert "body is too long (maximum is 65536 characters)" in answer.text
    assert comment.body == "hello"


def test_comments_are_paged(world: World) -> None:
    for number in range(32):
        world.pull.comment(f"comment {number}")

    first = world.bot.get(world.path("/issues/1/comments"))

    assert first.json()[0]["body"] == "comment 0"
    assert len(world.bot.get(first.links["next"]["url"]).json()) == 2


def test_pull_request_as_an_issue(world: World) -> None:
    issue = world.repository.open_issue("Slow build")

    assert "pull_request" in world.bot.get(world.path("/issues/1")).json()
    assert "pull_request" not in world.bot.get(world.path(f"/issues/{issue.number}")).json()


def test_reactions(world: World) -> None:
    said = world.pull.comment("hello")
    on_line = world.pull.comment_on("Dockerfile", 3, "here")
    for path in (f"/issues/comments/{said.id}", f"/pulls/comments/{on_line.id}", "/issues/1"):
        reactions = world.path(f"{path}/reactions")
        added = world.bot.post(reactions, json={"content": "eyes"})
        assert added.status_code == 201
        # Once more is not twice.
        assert world.bot.post(reactions, json={"content": "eyes"}).status_code == 200
        assert world.bot.post(reactions, json={"content": "shrug"}).status_code == 422
        assert world.bot.get(world.path(path)).json()["reactions"]["eyes"] == 1
        assert world.bot.delete(f"{reactions}/{added.json()['id']}").status_code == 204
        assert world.bot.get(reactions).json() == []
