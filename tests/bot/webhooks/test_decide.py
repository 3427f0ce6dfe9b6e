from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from bot.jobs import ReviewJob
from bot.webhooks.decide import Closed, Decision, Ignored, decide, name_check
from bot.webhooks.events import EventError, read_event
from tests.bot.payloads import SHA, dump, payload

MOMENT = int(datetime(2026, 11, 24, 12, tzinfo=UTC).timestamp())
JOB = ReviewJob("guid", 7, 42, "acme", "shop", 3, "opened", SHA, "main", MOMENT)


def _decide(event: str, changes: dict[str, Any] | None = None) -> Decision:
    return decide(read_event(event, dump(payload(event, changes))), "guid", app_id=1)


@pytest.mark.parametrize("action", ["opened", "synchronize", "reopened", "ready_for_review"])
def test_pull_request_leads_to_a_job(action: str) -> None:
    job = _decide("pull_request", {"action": action})
    assert isinstance(job, ReviewJob)
    assert (job.reason, job.head_sha, job.base_branch, job.number) == (action, SHA, "main", 3)
    assert ReviewJob.from_message(job.to_message()) == job


@pytest.mark.parametrize("changes", [{"pull_request.draft": True}, {"sender.type": "Bot"}], ids=["draft", "bot"])
def test_whether_drafts_and_bots_are_reviewed_is_decided_by_who_reads_the_configuration(
    changes: dict[str, Any],
) -> None:
    assert isinstance(_decide("pull_request", changes), ReviewJob)


def test_closing_names_what_is_not_to_be_reviewed_any_more() -> None:
    closed = decide(
        read_event("pull_request", dump(payload("pull_request", {"action": "closed", "pull_request.state": "closed"}))),
        "guid",
        app_id=1,
    )
    assert closed == Closed(replace(JOB, reason="closed"))


def test_another_base_branch_leads_to_a_job() -> None:
    job = _decide("pull_request", {"action": "edited", "changes": {"base": {"ref": {"from": "main"}}}})
    assert isinstance(job, ReviewJob)
    assert job.reason == "edited"


def test_job_carries_ids_and_the_ends_of_the_diff() -> None:
    assert _decide("pull_request") == JOB


@pytest.mark.parametrize(
    ("event", "body"),
    [
        ("issue_comment", "/dockslim recheck"),
        ("issue_comment", "Thanks!\n\n/DockSlim ignore DS201 mail"),
        ("issue_comment", "/dockslim dance"),
        ("issue_comment", "/dockslim"),
        ("pull_request_review_comment", "/dockslim ignore"),
    ],
)
def test_comment_leads_to_a_job_that_names_it(event: str, body: str) -> None:
    job = _decide(event, {"comment.body": body})
    assert isinstance(job, ReviewJob)
    assert (job.reason, job.number, job.head_sha, job.base_branch, job.sender) == ("command", 3, None, None, "alice")
    assert job.comment == ("IC_kwDOAA" if event == "issue_comment" else "PRRC_kwDOAA")
    assert "mail" not in str(job.to_message())
    assert ReviewJob.from_message(job.to_message()) == job


@pytest.mark.parametrize(
    "changes",
    [
        {"action": "rerequested"},
        {"action": "requested_action", "requested_action": {"identifier": "recheck"}},
    ],
    ids=["re-run", "button"],
)
def test_check_run_leads_back_to_its_pull_request(changes: dict[str, Any]) -> None:
    job = _decide("check_run", {"check_run.external_id": name_check(12), **changes})
    assert isinstance(job, ReviewJob)
    assert (job.number, job.reason, job.head_sha, job.sender) == (12, changes["action"], None, "alice")


def test_the_button_build_names_the_head_that_was_seen() -> None:
    pressed = {"action": "requested_action", "requested_action": {"identifier": "build"}}
    job = _decide("check_run", {"check_run.external_id": name_check(12), **pressed})
    assert isinstance(job, ReviewJob)
    assert (job.number, job.reason, job.head_sha, job.sender) == (12, "build", SHA, "alice")


def test_check_suite_is_named_where_no_pull_request_is() -> None:
    job = _decide("check_suite")
    assert isinstance(job, ReviewJob)
    assert (job.number, job.suite, job.reason, job.sender) == (0, 77, "rerequested", "alice")
    assert ReviewJob.from_message(job.to_message()) == job


@pytest.mark.parametrize(
    ("event", "changes", "reason"),
    [
        pytest.param("pull_request", {"action": "labeled"}, "not an action", id="other action"),
        pytest.param("pull_request", {"action": "edited"}, "base branch is the same", id="edited"),
        pytest.param(
            "pull_request",
            {"action": "edited", "changes": {"title": {"from": "x"}}},
            "base branch is the same",
            id="another title",
        ),
        pytest.param("pull_request", {"pull_request.state": "closed"}, "closed", id="push to a closed one"),
        pytest.param("pull_request", {"installation": ...}, "no installation", id="a repository's own webhook"),
        pytest.param("issue_comment", {"action": "edited"}, "new comments", id="edited comment"),
        pytest.param("issue_comment", {"issue.pull_request": ...}, "not a comment on a pull", id="plain issue"),
        pytest.param("issue_comment", {"comment.body": "recheck"}, "no command", id="no command"),
        pytest.param("issue_comment", {"comment.body": None}, "no command", id="no body"),
        pytest.param("issue_comment", {"comment.body": "> /dockslim recheck"}, "no command", id="quoted"),
        pytest.param("pull_request_review_comment", {"action": "edited"}, "new comments", id="edited on lines"),
        pytest.param("pull_request_review_comment", {"comment.body": "why?"}, "no command", id="reply without one"),
        pytest.param("pull_request_review_comment", {"sender.type": "Bot"}, "by a bot", id="bot on lines"),
        pytest.param(
            "pull_request_review_comment", {"pull_request.state": "closed"}, "closed", id="lines of a closed one"
        ),
        pytest.param("issue_comment", {"sender.type": "Bot"}, "by a bot", id="bot"),
        pytest.param(
            "issue_comment", {"comment.performed_via_github_app": {"id": 1}}, "by a bot", id="our own App for a person"
        ),
        pytest.param("issue_comment", {"issue.state": "closed"}, "closed", id="comment on a closed one"),
        pytest.param("check_run", {"action": "completed"}, "re-run", id="our own check completed"),
        pytest.param("check_run", {"check_run.app": {"id": 2}}, "another App", id="another App's check"),
        pytest.param("check_run", {"check_run.external_id": ""}, "names no pull", id="check without a number"),
        pytest.param("check_run", {"check_run.external_id": "pull/0"}, "names no pull", id="no such number"),
        pytest.param("check_run", {"action": "requested_action"}, "not a button", id="no button"),
        pytest.param(
            "check_run",
            {"action": "requested_action", "requested_action": {"identifier": "merge"}},
            "not a button",
            id="a button that is not there",
        ),
        pytest.param("check_suite", {"action": "requested"}, "re-run", id="a push"),
        pytest.param("check_suite", {"check_suite.app": {"id": 2}}, "another App", id="another App's suite"),
    ],
)
def test_ignored_with_a_reason(event: str, changes: dict[str, Any], reason: str) -> None:
    decision = _decide(event, changes)
    assert isinstance(decision, Ignored)
    assert reason in decision.reason


@pytest.mark.parametrize("name", ["ping", "push", "installation", "no_such_event", ""])
@pytest.mark.parametrize("body", [b'{"zen": "Keep it logically awesome."}', b"[" * 200_000])
def test_other_events_are_ignored_unread(name: str, body: bytes) -> None:
    assert isinstance(decide(read_event(name, body), "guid", 1), Ignored)


@pytest.mark.parametrize(
    ("event", "changes"),
    [
        ("pull_request", {"action": "labeled", "pull_request": None}),
        ("issue_comment", {"action": "deleted", "comment.body": "x" * 300_001}),
        ("check_run", {"action": "created", "check_run.app": None}),
    ],
)
def test_of_other_actions_nothing_is_looked_at(event: str, changes: dict[str, Any]) -> None:
    assert isinstance(_decide(event, changes), Ignored)


@pytest.mark.parametrize(
    ("event", "changes", "place"),
    [
        pytest.param("pull_request", {"repository.owner.login": "../acme"}, "owner.login", id="owner leaves the path"),
        pytest.param("pull_request", {"repository.name": ".."}, "repository.name", id="repository is dots"),
        pytest.param("pull_request", {"repository.name": "a" * 101}, "repository.name", id="long repository"),
        pytest.param("pull_request", {"repository.name": "shop\n"}, "repository.name", id="line end"),
        pytest.param("pull_request", {"pull_request.head.sha": "HEAD"}, "head.sha", id="no SHA"),
        pytest.param("pull_request", {"pull_request.base.ref": "a/../../b"}, "base.ref", id="branch leaves the path"),
        pytest.param("pull_request", {"pull_request.base.ref": "a b"}, "base.ref", id="branch with a blank"),
        pytest.param("pull_request", {"pull_request.number": "3"}, "number", id="number as text"),
        pytest.param("pull_request", {"pull_request.number": True}, "number", id="number as truth"),
        pytest.param("pull_request", {"pull_request.number": 2**70}, "number", id="huge number"),
        pytest.param("pull_request", {"pull_request.number": -1}, "number", id="negative number"),
        pytest.param("pull_request", {"pull_request": ...}, "pull_request", id="missing"),
        pytest.param("pull_request", {"pull_request.updated_at": "today"}, "updated_at", id="no date"),
        pytest.param("pull_request", {"pull_request.updated_at": "2026-02-31T00:00:00Z"}, "updated_at", id="no day"),
        pytest.param("check_run", {"sender.login": "../alice"}, "sender.login", id="sender leaves the path"),
        pytest.param("issue_comment", {"comment.body": ["/dockslim recheck"]}, "comment.body", id="body as a list"),
        pytest.param("issue_comment", {"comment.node_id": "../x"}, "comment.node_id", id="no node"),
        pytest.param("issue_comment", {"installation": {"id": "7"}}, "installation.id", id="installation as text"),
    ],
)
def test_hostile_payload_is_a_named_error(event: str, changes: dict[str, Any], place: str) -> None:
    with pytest.raises(EventError, match=place):
        _decide(event, changes)


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b"null", b"\xff\xfe", b"[" * 200_000, b'{"a": ' + b"9" * 5000 + b"}"]
)
def test_what_is_no_object_is_a_named_error(body: bytes) -> None:
    with pytest.raises(EventError, match="the body is not"):
        read_event("pull_request", body)
