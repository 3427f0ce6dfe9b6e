"""Reviews are all or nothing, comments stand only where the diff shows lines, and they follow pushes."""

from __future__ import annotations

from typing import Any

import pytest

from tests.cli.sandbox.conftest import HEAD, World

pytestmark = pytest.mark.slow

GOOD = {"path": "Dockerfile", "line": 3, "side": "RIGHT", "body": "here"}


def errors(answer: Any) -> list[Any]:
    assert answer.status_code == 422, answer.text
    found: list[Any] = answer.json()["errors"]
    return found


def test_review(world: World) -> None:
    span = {**GOOD, "start_line": 2, "start_side": "RIGHT"}
    answer = world.review(GOOD, span, commit_id=world.pull.head_sha)

    review = answer.json()
    assert (answer.status_code, review["state"], review["user"]["type"]) == (200, "COMMENTED", "Bot")
    assert review["user"]["login"] == "dockslim[bot]"
    first, second = world.bot.get(world.path("/pulls/1/comments")).json()
    assert (first["line"], first["start_line"], first["side"]) == (3, None, "RIGHT")
    assert (second["line"], second["start_line"], second["original_start_line"]) == (3, 2, 2)
    assert first["commit_id"] == first["original_commit_id"] == world.pull.head_sha
    assert first["pull_request_review_id"] == review["id"]
    assert first["diff_hunk"].startswith("@@ -1,6 +1,6 @@\n FROM")
    assert first["diff_hunk"].endswith("-RUN apt-get install -y cron\n+RUN apt-get install -y curl")
    assert first["position"] == 4
    assert first["subject_type"] == "line"
    of_review = world.bot.get(world.path(f"/pulls/1/reviews/{review['id']}/comments")).json()
    assert [one["id"] for one in of_review] == [first["id"], second["id"]]
    assert "line" not in of_review[0]


def test_context_and_deleted_lines_take_comments(world: World) -> None:
    deleted = {**GOOD, "side": "LEFT", "line": 3}
    assert world.review(deleted, {**GOOD, "line": 1}, {**GOOD, "line": 23}).status_code == 200


@pytest.mark.parametrize("line", [7, 16, 24, 99, 0, -1])
def test_lines_outside_of_hunks(world: World, line: int) -> None:
    problems = errors(world.review(GOOD, {**GOOD, "line": line}))

    assert problems == [
        "Pull request review thread line must be part of the diff "
        "and Pull request review thread diff hunk can't be blank"
    ]
    # All or nothing.
    assert world.pull.reviews == []
    assert world.pull.review_comments == []
    assert world.bot.get(world.path("/pulls/1/comments")).json() == []


def test_path_outside_of_the_diff(world: World) -> None:
    [problem] = errors(world.review({**GOOD, "path": "src/main.py", "line": 1}))

    assert problem.startswith("Pull request review thread path could not be resolved")


@pytest.mark.parametrize(
    ("start", "line", "problem"),
    [
        (3, 3, "Pull request review thread start line must precede the end line."),
        (4, 3, "Pull request review thread start line must precede the end line."),
        (5, 18, "Pull request review thread start line must be part of the same hunk as the line."),
        (10, 18, "Pull request review thread start line must be part of the same hunk as the line."),
    ],
)
def test_ranges(world: World, start: int, line: int, problem: str) -> None:
    assert errors(world.review({**GOOD, "start_line": start, "line": line})) == [problem]


@pytest.mark.parametrize("event", ["COMMENT", "REQUEST_CHANGES"])
@pytest.mark.parametrize("body", ["", "  \n"])
def test_body_is_required(world: World, event: str, body: str) -> None:
    assert errors(world.review(GOOD, event=event, body=body)) == ["Review body can't be blank"]


def test_too_long_a_body(world: World) -> None:
    [problem] = errors(world.review(body="x" * 65_537))
    assert problem["message"] == "body is too long (maximum is 65536 characters)"
    [problem] = errors(world.review({**GOOD, "body": "x" * 65_537}))
    assert problem["message"] == "body is too long (maximum is 65536 characters)"
    assert world.review({**GOOD, "body": "x" * 65_536}, body="\N{CLOCKWISE OPEN CIRCLE ARROW}" * 65_536).is_success


@pytest.mark.parametrize(
    "comment",
    [
        pytest.param({"path": "Dockerfile", "line": "3", "body": "x"}, id="line is text"),
        pytest.param({"path": "Dockerfile", "line": 3, "body": "x", "start_line": None}, id="null"),
        pytest.param({"path": "Dockerfile", "line": 3}, id="no body"),
        pytest.param({"path": "Dockerfile", "body": "x"}, id="no line"),
        pytest.param({**GOOD, "side": "BOTH"}, id="no such side"),
        pytest.param({**GOOD, "subject_type": "file"}, id="no file comments in reviews"),
    ],
)
def test_the_schema_is_kept(world: World, comment: dict[str, Any]) -> None:
    answer = world.review(comment)

    assert answer.status_code == 422
    assert answer.json()["message"].startswith("Invalid request.")


def test_broken_json(world: World) -> None:
    answer = world.bot.post(world.path("/pulls/1/reviews"), content=b"{")
    assert (answer.status_code, answer.json()["message"]) == (400, "Problems parsing JSON")


def test_nobody_approves_their_own(world: World) -> None:
    with world.client(world.sandbox.user_token("alice")) as alice:
        path = world.path("/pulls/1/reviews")
        assert errors(alice.post(path, json={"event": "APPROVE"})) == ["Review Can not approve your own pull request"]
        assert errors(alice.post(path, json={"event": "REQUEST_CHANGES", "body": "x"})) == [
            "Review Can not request changes on your own pull request"
        ]
    assert world.review(event="APPROVE", body="").json()["state"] == "APPROVED"


def test_without_event_it_stays_pending(world: World) -> None:
    body = {"comments": [GOOD]}
    pending = world.bot.post(world.path("/pulls/1/reviews"), json=body).json()

    assert pending["state"] == "PENDING"
    assert "submitted_at" not in pending
    assert world.pull.reviews == []
    with world.client(world.sandbox.user_token("bob")) as bob:
        assert bob.get(world.path("/pulls/1/comments")).json() == []
    assert errors(world.bot.post(world.path("/pulls/1/reviews"), json=body)) == [
        "User can only have one pending review per pull request"
    ]
    events = world.path(f"/pulls/1/reviews/{pending['id']}/events")
    assert world.bot.post(events, json={"event": "COMMENT", "body": "done"}).json()["state"] == "COMMENTED"
    assert len(world.pull.review_comments) == 1


def test_unknown_commit(world: World) -> None:
    [problem] = errors(world.review(GOOD, commit_id=world.repository.branches["main"]))
    assert problem["message"] == "commit_id is not part of the pull request"


def test_single_comments_name_the_field(world: World) -> None:
    body = {**GOOD, "commit_id": world.pull.head_sha}
    path = world.path("/pulls/1/comments")

    assert world.bot.post(path, json=body).status_code == 201
    refused = errors(world.bot.post(path, json={**body, "line": 99}))
    assert refused[0] == {
        "resource": "PullRequestReviewComment",
        "field": "pull_request_review_thread.line",
        "code": "custom",
        "message": "must be part of the diff",
    }
    assert refused[1]["message"] == "can't be blank"


def test_file_level_comment(world: World) -> None:
    body = {"path": "Dockerfile", "body": "all of it", "commit_id": world.pull.head_sha, "subject_type": "file"}

    value = world.bot.post(world.path("/pulls/1/comments"), json=body).json()

    assert (value["subject_type"], value["line"]) == ("file", None)


def test_position_of_old(world: World) -> None:
    """`position` counts lines below the first hunk header, headers of later hunks included."""
    comment = {"path": "Dockerfile", "body": "x"}
    assert world.review({**comment, "position": 4}, {**comment, "position": 13}).status_code == 200
    assert [one.thread.original.line for one in world.pull.review_comments] == [3, 20]
    assert errors(world.review({**comment, "position": 99}))


def test_replies_edits_and_deletion(world: World) -> None:
    world.review(GOOD)
    [top] = world.pull.review_comments
    path = world.path(f"/pulls/1/comments/{top.id}/replies")
    reply = world.bot.post(path, json={"body": "indeed"}).json()
    assert reply["in_reply_to_id"] == top.id
    nested = world.bot.post(world.path(f"/pulls/1/comments/{reply['id']}/replies"), json={"body": "no"})
    assert nested.status_code == 422

    one = world.path(f"/pulls/comments/{top.id}")
    assert world.bot.patch(one, json={"body": "changed"}).json()["body"] == "changed"
    assert world.bot.patch(one, json={"body": "x" * 65_537}).status_code == 422
    assert world.bot.get(one).json()["body"] == "changed"
    assert world.bot.delete(one).status_code == 204
    assert world.bot.get(one).status_code == 404
    assert [comment.body for comment in world.pull.review_comments] == ["indeed"]


def test_the_last_comment_takes_its_empty_review_along(world: World) -> None:
    comment = world.pull.comment_on("Dockerfile", 3, "hm")
    world.bot.delete(world.path(f"/pulls/comments/{comment.id}"))

    assert world.pull.reviews == []
    assert world.pull.threads == []


def test_comments_are_paged(world: World) -> None:
    world.review(*[GOOD] * 35)

    first = world.bot.get(world.path("/pulls/1/comments"))

    assert len(first.json()) == 30
    assert len(world.bot.get(first.links["next"]["url"]).json()) == 5


def comment_lines(world: World) -> list[tuple[int | None, int | None]]:
    found = world.bot.get(world.path("/pulls/1/comments")).json()
    return [(one["start_line"], one["line"]) for one in found]


def test_lines_follow_a_push(world: World) -> None:
    world.review(GOOD, {**GOOD, "start_line": 18, "line": 20})
    old = world.pull.head_sha

    world.repository.commit(
        "feature", {"Dockerfile": HEAD.replace("debian:12-slim\n", "debian:12-slim\nENV A=1\nENV B=2\n")}
    )

    assert comment_lines(world) == [(None, 5), (20, 22)]
    [first, _] = world.bot.get(world.path("/pulls/1/comments")).json()
    assert (first["original_line"], first["original_commit_id"]) == (3, old)
    assert first["commit_id"] == world.pull.head_sha


def test_changed_lines_are_outdated_until_they_return(world: World) -> None:
    world.review(GOOD, {**GOOD, "start_line": 18, "line": 20})
    old = world.pull.head_sha

    world.repository.commit("feature", {"Dockerfile": HEAD.replace("curl", "wget").replace("echo 19", "echo x")})
    assert comment_lines(world) == [(None, None), (None, None)]
    [first, _] = world.bot.get(world.path("/pulls/1/comments")).json()
    assert (first["position"], first["original_line"], first["commit_id"]) == (None, 3, old)

    world.repository.push("feature", old, force=True)
    assert comment_lines(world) == [(None, 3), (18, 20)]


def test_lines_that_left_the_diff_are_outdated(world: World) -> None:
    """Line 22 is context of a change; without the change GitHub does not show it any more."""
    world.review({**GOOD, "line": 22})

    world.repository.commit("feature", {"Dockerfile": HEAD.replace("twenty", "20")})

    assert comment_lines(world) == [(None, None)]


def test_review_of_an_older_commit(world: World) -> None:
    old = world.pull.head_sha
    world.repository.commit("feature", {"Dockerfile": HEAD.replace("curl", "wget")})

    assert world.review(GOOD, {**GOOD, "line": 20}, commit_id=old).status_code == 200

    assert comment_lines(world) == [(None, None), (None, 20)]


def test_rewritten_commit_is_refused(world: World) -> None:
    old = world.pull.head_sha
    world.repository.commit("feature", {"Dockerfile": "FROM scratch\n"}, parent="main", force=True)

    assert errors(world.review(GOOD, commit_id=old))


def test_dismissal(world: World) -> None:
    review = world.review(event="REQUEST_CHANGES").json()
    path = world.path(f"/pulls/1/reviews/{review['id']}/dismissals")

    assert world.bot.put(path, json={"message": "fixed"}).json()["state"] == "DISMISSED"
