"""Suggested changes: read out of comments as CommonMark, committed as GitHub's button does."""

from __future__ import annotations

import pytest

from cli.sandbox import File, PullRequestHandle, RepositoryHandle, Sandbox, SuggestionRefusedError
from cli.sandbox.suggestions import Change, replaced, suggestions_in

BASE = "FROM debian:12-slim\nRUN one\nRUN two\nCMD run\n"
HEAD = "FROM debian:12-slim\nRUN uno\nRUN dos\nCMD run\n"


@pytest.mark.parametrize(
    ("body", "found"),
    [
        pytest.param("```suggestion\nRUN a\n```", [("RUN a",)], id="one line"),
        pytest.param("text\n\n```suggestion\na\n\n  b\n```\nmore", [("a", "", "  b")], id="blank line and indent kept"),
        pytest.param("```suggestion\n```", [()], id="empty deletes"),
        pytest.param("```suggestion\n\n```", [("",)], id="one empty line is a line"),
        pytest.param("````suggestion\na\n```\nb\n````", [("a", "```", "b")], id="longer fence holds a shorter"),
        pytest.param("```suggestion\na ``` b\n```", [("a ``` b",)], id="backticks inside a line do not close"),
        pytest.param("~~~suggestion\na\n~~~", [("a",)], id="tildes"),
        pytest.param("~~~\n```suggestion\na\n```\n~~~", [], id="quoted in another fence"),
        pytest.param("<!-- x -->\n```suggestion\na\n```", [("a",)], id="after an HTML comment"),
        pytest.param("```dockerfile\na\n```", [], id="another language"),
        pytest.param("```suggestion\na\n```\n```suggestion\nb\n```", [("a",), ("b",)], id="two"),
        pytest.param("```suggestion\n\ta \\\n```", [("\ta \\",)], id="tab and backslash"),
    ],
)
def test_reading(body: str, found: list[tuple[str, ...]]) -> None:
    assert suggestions_in(body) == found


@pytest.mark.parametrize(
    ("text", "first", "last", "lines", "result"),
    [
        pytest.param("a\nb\nc\n", 2, 2, ("x",), "a\nx\nc\n", id="one line"),
        pytest.param("a\nb\nc\n", 2, 2, ("x", "y"), "a\nx\ny\nc\n", id="one becomes two"),
        pytest.param("a\nb\nc\n", 1, 2, ("x",), "x\nc\n", id="two become one"),
        pytest.param("a\nb\nc\n", 2, 2, (), "a\nc\n", id="deleted"),
        pytest.param("a\nb", 2, 2, ("x",), "a\nx", id="no newline at the end stays away"),
        pytest.param("a\nb\n", 2, 2, ("x",), "a\nx\n", id="a newline at the end stays"),
        pytest.param("a\n", 1, 1, (), "", id="nothing left"),
        pytest.param("a\fb\u2028c\nd\n", 2, 2, ("x",), "a\fb\u2028c\nx\n", id="only newlines end lines"),
    ],
)
def test_replacing(text: str, first: int, last: int, lines: tuple[str, ...], result: str) -> None:
    assert replaced(text.encode(), [Change("f", first, last, lines)]).decode() == result


@pytest.fixture
def repository(sandbox: Sandbox) -> RepositoryHandle:
    repository = sandbox.create_repository("acme/shop", {"Dockerfile": BASE})
    repository.commit("feature", {"Dockerfile": HEAD})
    return repository


@pytest.fixture
def pull(sandbox: Sandbox, repository: RepositoryHandle) -> PullRequestHandle:
    return sandbox.open_pull_request(repository, "feature")


def suggest(pull: PullRequestHandle, text: str, line: int = 2, start: int | None = None) -> int:
    return pull.comment_on("Dockerfile", line, f"```suggestion\n{text}```", start_line=start).id


def refusal(pull: PullRequestHandle, *comments: int) -> str:
    with pytest.raises(SuggestionRefusedError) as caught:
        pull.apply_suggestions(comments)
    return str(caught.value)


def test_committing(pull: PullRequestHandle) -> None:
    comment = suggest(pull, "RUN ein \\\n  && zwei\n", line=3, start=2)

    sha = pull.apply_suggestion(comment)

    assert pull.head_text("Dockerfile") == "FROM debian:12-slim\nRUN ein \\\n  && zwei\nCMD run\n"
    assert pull.head_sha == sha
    commit = pull.repository.record.commit(sha)
    assert commit is not None
    assert commit.author.name == "alice"
    assert commit.message.startswith("Update Dockerfile\n\nCo-authored-by: bob <")
    assert pull.threads[0].resolved_by is not None
    assert pull.sandbox.deliveries  # and everyone was told:
    told = [(one.event, one.action) for one in pull.sandbox.deliveries]
    assert ("pull_request", "synchronize") in told
    assert ("pull_request_review_thread", "resolved") in told


def test_batch(pull: PullRequestHandle) -> None:
    comments = [suggest(pull, "RUN ein\nRUN mehr\n", 2), suggest(pull, "RUN zwei\n", 3)]

    pull.apply_suggestions(comments)

    assert pull.head_text("Dockerfile") == "FROM debian:12-slim\nRUN ein\nRUN mehr\nRUN zwei\nCMD run\n"


def test_the_next_suggestion_still_fits(pull: PullRequestHandle) -> None:
    first, second = suggest(pull, "RUN ein\nRUN mehr\n", 2), suggest(pull, "RUN zwei\n", 3)

    pull.apply_suggestion(first)
    pull.apply_suggestion(second)

    assert pull.head_text("Dockerfile") == "FROM debian:12-slim\nRUN ein\nRUN mehr\nRUN zwei\nCMD run\n"


def test_a_mode_is_kept(sandbox: Sandbox, repository: RepositoryHandle) -> None:
    repository.commit("script", {"run": File(b"#!/bin/sh\n", "100755")}, parent="main")
    pull = sandbox.open_pull_request(repository, "script")

    pull.apply_suggestion(pull.comment_on("run", 1, "```suggestion\n#!/bin/bash\n```").id)

    commit = repository.record.commit("script")
    assert commit is not None
    entry = repository.record.git.store.entry(commit.tree, "run")
    assert entry is not None
    assert entry.mode == "100755"


def test_refusals(pull: PullRequestHandle, repository: RepositoryHandle) -> None:
    same, other, overlapping = suggest(pull, "RUN uno\n"), suggest(pull, "RUN x\n"), suggest(pull, "y\n", 3, 2)

    assert refusal(pull, same) == "This suggestion is invalid because no changes were made to the code."
    assert refusal(pull, other, overlapping) == "Only one suggestion per line can be applied in a batch."
    assert refusal(pull, pull.comment_on("Dockerfile", 2, "words").id).startswith("This comment contains no")
    pull.resolve(other)
    assert refusal(pull, other) == "This suggestion has been applied or marked resolved."
    pull.resolve(other, resolved=False)
    pull.close()
    assert refusal(pull, other) == "Suggestions cannot be applied while the pull request is closed."
    pull.reopen()
    repository.commit("feature", {"Dockerfile": HEAD.replace("uno", "changed")})
    assert refusal(pull, other) == "Outdated suggestions cannot be applied."


def test_who_may_commit(sandbox: Sandbox, repository: RepositoryHandle) -> None:
    fork = sandbox.fork(repository, "mallory")
    fork.commit("patch", {"Dockerfile": HEAD}, author="mallory")
    pull = sandbox.open_pull_request(repository, (fork, "patch"), author="mallory")
    comment = suggest(pull, "RUN x\n")
    sandbox.set_permission(repository, "bob", "read")

    with pytest.raises(SuggestionRefusedError, match="cannot push"):
        pull.apply_suggestion(comment, author="bob")
    sandbox.set_permission(repository, "bob", "write")
    pull.apply_suggestion(comment, author="bob")  # maintainers may edit

    assert "RUN x" in fork.text("Dockerfile", "patch")
