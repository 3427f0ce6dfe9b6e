"""Decide what an event asks of dockslim."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from bot.commands import parse_commands
from bot.jobs import ReviewJob
from bot.webhooks.events import (
    CheckRunEvent,
    CheckSuiteEvent,
    Comment,
    Event,
    IssueCommentEvent,
    OtherEvent,
    PullRequestEvent,
    ReviewCommentEvent,
)

COMMAND = "command"
"""Why there is a job: a comment asks for something."""
RECHECK = "recheck"
"""The identifier of the button "Re-check" on a check run."""
BUILD = "build"
"""That of the button "Build", and why there is a job that was asked for by it."""

_WHY_NOT = {
    "ping": "ping: dockslim is listening",
    "pull_request": "not an action that changes what there is to review",
    "issue_comment": "only new comments are read",
    "pull_request_review_comment": "only new comments are read",
    "check_run": "only a re-run that somebody asked for is acted on",
    "check_suite": "only a re-run that somebody asked for is acted on",
}
_EXTERNAL_ID = re.compile(r"pull/([1-9][0-9]{0,14})")


@dataclass(frozen=True, slots=True)
class Ignored:
    """Nothing to do, and why."""

    reason: str


@dataclass(frozen=True, slots=True)
class Closed:
    """A pull request that nobody has to look at any more: `job` names it, and when it was closed."""

    job: ReviewJob


Decision = ReviewJob | Ignored | Closed


def decide(event: Event | OtherEvent, delivery: str, app_id: int) -> Decision:
    """Return the job that an event asks for, or why there is none."""
    if isinstance(event, OtherEvent):
        return Ignored(_WHY_NOT.get(event.name, "not an event that dockslim acts on"))
    reason = _decline(event, app_id)
    if reason is not None:
        return Ignored(reason)
    if event.installation is None:
        return Ignored("no installation: the webhook belongs to a repository, not to the App")
    job = ReviewJob(
        delivery=delivery,
        installation_id=event.installation.id,
        repository_id=event.repository.id,
        owner=event.repository.owner.login,
        repository=event.repository.name,
        **_describe(event),
    )
    return Closed(job) if event.action == "closed" else job


def name_check(number: int) -> str:
    """Return the `external_id` by which a check run leads back to its pull request.

    GitHub leaves `check_run.pull_requests` empty for pull requests from forks.
    """
    return f"pull/{number}"


def read_check(external_id: str | None) -> int | None:
    """Return the pull request that a check run leads back to."""
    found = _EXTERNAL_ID.fullmatch(external_id or "")
    return int(found[1]) if found else None


def _describe(event: Event) -> dict[str, Any]:
    """Return what the job says besides its place."""
    if isinstance(event, PullRequestEvent):
        pull = event.pull_request
        ends = {"head_sha": pull.head.sha, "base_branch": pull.base.ref}
        return {"number": pull.number, "reason": event.action, "moment": pull.moment, **ends}
    if isinstance(event, IssueCommentEvent):
        asked = {"comment": event.comment.node_id, "sender": event.sender.login}
        return {"number": event.issue.number, "reason": COMMAND, **asked}
    if isinstance(event, ReviewCommentEvent):
        asked = {"comment": event.comment.node_id, "sender": event.sender.login}
        return {"number": event.pull_request.number, "reason": COMMAND, **asked}
    if isinstance(event, CheckRunEvent):
        number = read_check(event.check_run.external_id)
        described = {"number": number, "reason": event.action, "sender": event.sender.login}
        if event.requested_action is not None and event.requested_action.identifier == BUILD:
            # What somebody wants built is the head that they have seen.
            return {**described, "reason": BUILD, "head_sha": event.check_run.head_sha}
        return described
    if isinstance(event, CheckSuiteEvent):
        return {"number": 0, "reason": event.action, "sender": event.sender.login, "suite": event.check_suite.id}
    raise TypeError(type(event).__name__)


def _decline(event: Event, app_id: int) -> str | None:
    if isinstance(event, PullRequestEvent):
        return _decline_pull_request(event)
    if isinstance(event, IssueCommentEvent):
        if event.issue.pull_request is None:
            return "not a comment on a pull request"
        return _decline_comment(event, event.comment, event.issue.state, app_id)
    if isinstance(event, ReviewCommentEvent):
        return _decline_comment(event, event.comment, event.pull_request.state, app_id)
    if isinstance(event, CheckRunEvent):
        return _decline_check_run(event, app_id)
    if isinstance(event, CheckSuiteEvent):
        return None if event.check_suite.app.id == app_id else "the check suite is another App's"
    return "not an event that dockslim acts on"


def _decline_pull_request(event: PullRequestEvent) -> str | None:
    if event.pull_request.state != "open" and event.action != "closed":
        return "the pull request is closed"
    if event.action == "edited" and event.changes.base is None:
        return "its base branch is the same"
    return None


def _decline_comment(event: Event, comment: Comment, state: str, app_id: int) -> str | None:
    # A bot that quotes our help would otherwise start a conversation with us that never ends.
    author = comment.performed_via_github_app
    if event.sender.type == "Bot" or (author is not None and author.id == app_id):
        return "the comment is by a bot"
    if not parse_commands(comment.body or ""):
        return "no command in the comment"
    return None if state == "open" else "the pull request is closed"


def _decline_check_run(event: CheckRunEvent, app_id: int) -> str | None:
    if event.check_run.app.id != app_id:
        return "the check run is another App's"
    if read_check(event.check_run.external_id) is None:
        return "the check run names no pull request"
    pressed = event.requested_action
    if event.action == "requested_action" and (pressed is None or pressed.identifier not in (RECHECK, BUILD)):
        return "not a button of dockslim's"
    return None
