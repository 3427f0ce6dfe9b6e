"""`dockslim review --post`: the review of a pull request, posted by a workflow of its repository, without an App."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bot.github.client import GitHubWorkflow, RepositoryRef, Session
from bot.github.failures import GitHubError, is_forbidden
from bot.jobs import ReviewJob
from bot.logs import configure_logs
from bot.review.model import Check
from bot.review.plan import plan
from bot.settings import SettingsError, read_hosting
from bot.webhooks.events import EventError, PullRequestEvent, read_event
from cli.report.github import render_annotation, render_notice
from cli.report.review import show_plan
from cli.trouble import TroubleError, one_line
from workers.review import StaleError, Surveyor, read, review

MAX_EVENT_BYTES = 25_000_000
"""GitHub's own limit for a payload."""
_FORK = (
    "This pull request comes from a fork, and GitHub gives its workflow a token that can only read: nothing is posted, "
    "the review is in the log and the summary of this job."
)
_NOT_PERMITTED = 'may not write to pull requests: give the job "permissions: contents: read, pull-requests: write"'


@dataclass(frozen=True, slots=True)
class Workflow:
    """What GitHub Actions tells a job about itself."""

    api_url: str
    token: str
    job: ReviewJob
    summary: Path | None

    def __repr__(self) -> str:
        return f"Workflow(api_url={self.api_url!r}, job={self.job!r})"


def post_review(environ: Mapping[str, str]) -> int:
    """Post what a worker would; return 1 where the configuration wants that to fail, else 0."""
    workflow = read_workflow(environ)
    if workflow is None:
        print("dockslim: nothing to review: this event changes no code.")
        return 0
    configure_logs(level="WARNING")
    job = workflow.job
    place = RepositoryRef(job.installation_id, job.repository_id, job.owner, job.repository)
    try:
        with GitHubWorkflow(workflow.token, workflow.api_url).open(place) as session:
            check, notices = _review(job, session)
    except GitHubError as error:
        raise TroubleError(f"{job.owner}/{job.repository}#{job.number}", str(error)) from None
    print(*notices, sep="\n", end="\n" if notices else "")
    if check is None:
        return 0
    print(*map(render_annotation, check.annotations), sep="\n", end="\n" if check.annotations else "")
    if workflow.summary is not None:
        try:
            with workflow.summary.open("a", encoding="utf-8") as file:
                file.write(f"{check.summary}\n")
        except OSError as error:
            raise TroubleError("GITHUB_STEP_SUMMARY", f"{workflow.summary}: {error.strerror}") from None
    return 1 if check.conclusion == "failure" else 0


def read_workflow(environ: Mapping[str, str]) -> Workflow | None:
    """Return what a workflow's job has to review, None for an event that brings nothing new."""
    path = Path(_insist(environ, "GITHUB_EVENT_PATH"))
    try:
        with path.open("rb") as file:
            body = file.read(MAX_EVENT_BYTES + 1)
    except OSError as error:
        raise TroubleError("GITHUB_EVENT_PATH", f"{path}: {error.strerror}") from None
    if len(body) > MAX_EVENT_BYTES:
        raise TroubleError("GITHUB_EVENT_PATH", "is larger than any event of GitHub's")
    name = _insist(environ, "GITHUB_EVENT_NAME")
    if name != "pull_request":
        raise TroubleError("GITHUB_EVENT_NAME", f'is "{name}"; run this in a workflow "on: pull_request"')
    try:
        event = read_event(name, body)
    except EventError as error:
        raise TroubleError("GITHUB_EVENT_PATH", str(error)) from None
    if not isinstance(event, PullRequestEvent):
        return None
    repository, pull = event.repository, event.pull_request
    job = ReviewJob(
        delivery="workflow",
        installation_id=0,
        repository_id=repository.id,
        owner=repository.owner.login,
        repository=repository.name,
        number=pull.number,
        reason=event.action,
        head_sha=pull.head.sha,
        base_branch=pull.base.ref,
    )
    summary = environ.get("GITHUB_STEP_SUMMARY")
    return Workflow(
        api_url=_read_api_url(environ),
        token=_insist(environ, "GITHUB_TOKEN"),
        job=job,
        summary=Path(summary) if summary else None,
    )


def _read_api_url(environ: Mapping[str, str]) -> str:
    """Return where GitHub is, as the settings of a server would take it."""
    given = environ.get("GITHUB_API_URL")
    try:
        return read_hosting({"DOCKSLIM_GITHUB_API_URL": given} if given else {}).github_api_url
    except SettingsError as error:
        raise TroubleError("GITHUB_API_URL", error.sentence) from None


def _insist(environ: Mapping[str, str], name: str) -> str:
    value = environ.get(name, "")
    if not value.strip():
        raise TroubleError(name, "is not set; GitHub Actions sets it, or the workflow passes it on")
    return value


def _review(job: ReviewJob, session: Session) -> tuple[Check | None, tuple[str, ...]]:
    """Return what the check run would say, and the notices that are to be given."""
    with _muted():
        try:
            outcome = review(job, session)
        except GitHubError as error:
            if not is_forbidden(error):
                raise
        else:
            print(f"dockslim: {one_line(outcome.title)}")
            return outcome.check, ()
        try:
            is_from_fork, check = _show(job, session)
        except StaleError as stale:
            print(f"dockslim: {one_line(stale.outcome.title)}")
            return None, ()
    if not is_from_fork:
        raise TroubleError("GITHUB_TOKEN", _NOT_PERMITTED)
    return check, (render_notice(_FORK),)


def _show(job: ReviewJob, session: Session) -> tuple[bool, Check]:
    """Print the review that may not be posted; tell whether the pull request comes from a fork."""
    reading = read(job, session, Surveyor())
    snapshot = reading.snapshot
    planned = plan(reading.files, snapshot.standing, reading.configuration, reading.origin, reading.unseen)
    show_plan(planned, {file.path: file.head for file in reading.files})
    return snapshot.pull.is_from_fork, planned.check


@contextmanager
def _muted() -> Iterator[None]:
    """Let the runner take nothing for a command of what is printed: a pull request's text is among it.

    docs.github.com, "Workflow commands for GitHub Actions": stop-commands.
    """
    token = secrets.token_hex(16)
    print(f"::stop-commands::{token}", flush=True)
    try:
        yield
    finally:
        print(f"::{token}::", flush=True)
