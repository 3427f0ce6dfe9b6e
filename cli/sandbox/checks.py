"""Check suites and check runs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from cli.sandbox.answers import unprocessable
from cli.sandbox.site import Site
from cli.sandbox.state import Account, Action, Annotation, CheckRun, CheckSuite, Repository, now

CONCLUSIONS = ("action_required", "cancelled", "failure", "neutral", "success", "skipped", "timed_out")
STATUSES = ("queued", "in_progress", "completed")


@dataclass(frozen=True, slots=True)
class CheckUpdate:
    """What a create or update request sets; None leaves a field as it is."""

    name: str | None = None
    status: str | None = None
    conclusion: str | None = None
    external_id: str | None = None
    details_url: str | None = None
    started_at: datetime | None = None
    completed_at: datetime | None = None
    title: str | None = None
    summary: str | None = None
    text: str | None = None
    annotations: tuple[Annotation, ...] = ()
    actions: tuple[Action, ...] | None = field(default=None)


def open_suite(site: Site, repository: Repository, sha: str, branch: str | None, sender: Account) -> None:
    """Open the App's suite for a pushed commit, as GitHub does for Apps with checks:write."""
    installation = site.world.installation_for(repository)
    if installation is None or installation.permissions.get("checks") != "write" or sha in repository.suites:
        return
    suite = suite_for(site, repository, sha, branch)
    site.events.check_suite(suite, "requested", sender)


def suite_for(site: Site, repository: Repository, sha: str, branch: str | None = None) -> CheckSuite:
    """Return the App's suite on a commit, opened on first use."""
    if sha not in repository.suites:
        heads = (name for name, tip in repository.branches.items() if tip == sha)
        suite = CheckSuite(repository, sha, branch or next(heads, None))
        repository.suites[sha] = suite
        site.world.remember(suite)
    return repository.suites[sha]


def create_run(site: Site, repository: Repository, sha: str, update: CheckUpdate) -> CheckRun:
    """Create a check run on a commit that must exist."""
    if repository.git.store.commit(sha) is None or len(sha) != 40:
        raise unprocessable(message=f"No commit found for SHA: {sha}")
    suite = suite_for(site, repository, sha)
    run = CheckRun(suite, update.name or "")
    _apply(run, update)
    suite.runs.append(run)
    site.world.remember(run)
    site.events.check_run(run, "created", site.world.app.bot)
    if run.status == "completed":
        site.events.check_run(run, "completed", site.world.app.bot)
    return run


def update_run(site: Site, run: CheckRun, update: CheckUpdate) -> None:
    """Update a check run; annotations are added to those it has."""
    was = run.status
    _apply(run, update)
    if run.status == "completed" and was != "completed":
        site.events.check_run(run, "completed", site.world.app.bot)


def _apply(run: CheckRun, update: CheckUpdate) -> None:
    run.name = update.name or run.name
    # GitHub Docs, "Update a check run": providing a conclusion sets the status to completed.
    run.status = "completed" if update.conclusion else update.status or run.status
    run.conclusion = update.conclusion or (run.conclusion if run.status == "completed" else None)
    run.external_id = run.external_id if update.external_id is None else update.external_id
    run.details_url = update.details_url or run.details_url
    run.started_at = update.started_at or run.started_at or now()
    run.completed_at = update.completed_at or run.completed_at or now() if run.status == "completed" else None
    run.title = run.title if update.title is None else update.title
    run.summary = run.summary if update.summary is None else update.summary
    run.text = run.text if update.text is None else update.text
    run.annotations.extend(update.annotations)
    run.actions = run.actions if update.actions is None else update.actions
    run.suite.rerequested = False
    run.suite.updated_at = now()


def rerequest_run(site: Site, run: CheckRun, sender: Account) -> None:
    """Ask for a check run again: the suite is queued, the run itself stays as it is."""
    run.suite.rerequested = True
    site.events.check_run(run, "rerequested", sender)


def rerequest_suite(site: Site, suite: CheckSuite, sender: Account) -> None:
    """Ask for all checks of a commit again."""
    suite.rerequested = True
    site.events.check_suite(suite, "rerequested", sender)


def request_action(site: Site, run: CheckRun, identifier: str, sender: Account) -> None:
    """Press one of a check run's buttons, which show once it has completed."""
    if run.status != "completed" or identifier not in {action.identifier for action in run.actions}:
        raise unprocessable(message=f"{run.name} has no button {identifier}")
    site.events.check_run(run, "requested_action", sender, requested_action={"identifier": identifier})


def latest(runs: list[CheckRun]) -> list[CheckRun]:
    """Keep the newest run of each name."""
    by_name: dict[str, CheckRun] = {}
    key: Callable[[CheckRun], int] = lambda run: run.id  # noqa: E731
    for run in sorted(runs, key=key):
        by_name[run.name] = run
    return sorted(by_name.values(), key=key)
