"""Events: the few fields of GitHub's payloads that dockslim reads.

githubkit has models of whole payloads, but the first use of one costs 1.7 s and 73 MiB in the web process.
"""

from __future__ import annotations

import json
from datetime import datetime
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from bot.jobs import Branch, Login, Name, NodeId, Number, Sha


class EventError(Exception):
    """A payload that is not what its event promises: the reason names the place, never the content."""


class _Fields(BaseModel):
    model_config = ConfigDict(strict=True, frozen=True, extra="ignore", hide_input_in_errors=True)


Word = Annotated[str, StringConstraints(max_length=100)]
Text = Annotated[str, StringConstraints(max_length=300_000)]
"""A body: GitHub's own limit is 65,536 characters."""


class Account(_Fields):
    """Who did it."""

    login: Login
    type: Word = "User"


class Owner(_Fields):
    """Whose repository it is."""

    login: Name


class Installation(_Fields):
    """Where the App is installed."""

    id: Number


class Repository(_Fields):
    """Where it happened."""

    id: Number
    name: Name
    owner: Owner


class App(_Fields):
    """An App that made something."""

    id: Number


class Event(_Fields):
    """What all events that lead to work have in common; `installation` is missing on a repository's own webhook."""

    action: Word
    repository: Repository
    sender: Account
    installation: Installation | None = None


class Head(_Fields):
    """The end of a pull request; its repository may be gone, its SHA stays readable through the base repository."""

    sha: Sha


class Base(_Fields):
    """The branch that a pull request wants to change."""

    ref: Branch


class PullRequest(_Fields):
    """The state of a pull request."""

    number: Number
    state: Word
    head: Head
    base: Base
    updated_at: Annotated[str, StringConstraints(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:Z|[+-]\d\d:\d\d)\z")]

    @property
    def moment(self) -> int:
        """When it was changed, in seconds since 1970."""
        try:
            return int(datetime.fromisoformat(self.updated_at).timestamp())
        except ValueError:
            raise EventError("pull_request: pull_request.updated_at: no such date") from None


class Changes(_Fields):
    """What an edit changed: the base branch where `base` is there."""

    base: dict[str, Any] | None = None


class PullRequestEvent(Event):
    """Something happened to a pull request."""

    pull_request: PullRequest
    changes: Changes = Changes()


class Issue(_Fields):
    """An issue; a pull request where `pull_request` is there."""

    number: Number
    state: Word
    pull_request: dict[str, Any] | None = None


class Comment(_Fields):
    """A comment, and the App that wrote it, if one did."""

    node_id: NodeId
    body: Text | None = None
    performed_via_github_app: App | None = None


class IssueCommentEvent(Event):
    """Somebody wrote below an issue or pull request."""

    issue: Issue
    comment: Comment


class ReviewedPull(_Fields):
    """The pull request whose lines somebody commented on."""

    number: Number
    state: Word


class ReviewCommentEvent(Event):
    """Somebody wrote on lines of a pull request, or below such a comment."""

    pull_request: ReviewedPull
    comment: Comment


class CheckRun(_Fields):
    """A check run; `external_id` is what its App wrote there."""

    app: App
    external_id: Annotated[str, StringConstraints(max_length=500)] | None = None
    head_sha: Sha | None = None


class RequestedAction(_Fields):
    """The button of a check run that somebody pressed."""

    identifier: Word


class CheckRunEvent(Event):
    """Something happened to a check run."""

    check_run: CheckRun
    requested_action: RequestedAction | None = None


class CheckSuite(_Fields):
    """All check runs of one App on one commit."""

    id: Number
    app: App


class CheckSuiteEvent(Event):
    """Something happened to a check suite."""

    check_suite: CheckSuite


class OtherEvent(_Fields):
    """An event, or an action of one, that dockslim does not act on: its name is all there is to know."""

    name: Annotated[str, Field(exclude=True)] = ""


MODELS: dict[str, type[Event]] = {
    "pull_request": PullRequestEvent,
    "issue_comment": IssueCommentEvent,
    "pull_request_review_comment": ReviewCommentEvent,
    "check_run": CheckRunEvent,
    "check_suite": CheckSuiteEvent,
}


ACTIONS = {
    "pull_request": frozenset({"opened", "synchronize", "reopened", "ready_for_review", "edited", "closed"}),
    "issue_comment": frozenset({"created"}),
    "pull_request_review_comment": frozenset({"created"}),
    "check_run": frozenset({"rerequested", "requested_action"}),
    "check_suite": frozenset({"rerequested"}),
}


def read_event(name: str, body: bytes | bytearray) -> Event | OtherEvent:
    """Read the verified bytes of the event called `name`, or raise EventError; what is not acted on stays unread."""
    model = MODELS.get(name)
    if model is None:
        return OtherEvent(name=name)
    try:
        payload = json.loads(body)
    # RecursionError: ten thousand brackets. UnicodeDecodeError and over-long numbers are ValueErrors.
    except (ValueError, RecursionError):
        raise EventError("the body is not JSON") from None
    if not isinstance(payload, dict):
        raise EventError("the body is not a JSON object")
    action = payload.get("action")
    if isinstance(action, str) and action not in ACTIONS[name]:
        return OtherEvent(name=name)
    try:
        return model.model_validate(payload)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        place = ".".join(map(str, first["loc"]))
        raise EventError(f"{name}: {place}: {first['msg']}") from None
