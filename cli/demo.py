"""`dockslim demo`: a pull request in a sandbox GitHub, reviewed by a dockslim that runs as it does in production."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import httpx
from rich.console import Console
from rich.markup import escape

from cli import story
from cli.processes import Child, running
from cli.sandbox import PullRequestHandle, Sandbox
from cli.sandbox.state import CheckRun, Review
from cli.sandbox.suggestions import suggestions_in
from cli.show import show_review
from rules.check import check
from rules.dockerfile import parse

START_SECONDS = 30.0
REVIEW_SECONDS = 60.0
POLL_SECONDS = 0.05
LOG_LINES = 15
_Found = TypeVar("_Found")


class DemoError(Exception):
    """The demo did not go as it should; the message says where."""


@dataclass(frozen=True, slots=True)
class Stage:
    """Where the demo plays: a sandbox, and the dockslim that it sends its webhooks to."""

    console: Console
    sandbox: Sandbox
    dockslim: Child
    log: Path

    def wait_for(self, what: str, look: Callable[[], _Found | None], seconds: float) -> _Found:
        """Return what `look` finds, or raise DemoError when it takes too long or dockslim ends."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            found = look()
            if found is not None:
                return found
            if self.dockslim.exit_code is not None:
                raise DemoError(f"dockslim ended with exit code {self.dockslim.exit_code}, before {what}")
            time.sleep(POLL_SECONDS)
        raise DemoError(f"no {what} within {seconds:.0f} s")


def demo(keep: bool = False) -> None:
    """Show one pull request from the webhook to the last suggestion; `keep` leaves it running until Ctrl-C."""
    started = time.monotonic()
    console = Console(highlight=False, soft_wrap=True)
    try:
        with tempfile.TemporaryDirectory(prefix="dockslim-demo-") as directory:
            _play(console, Path(directory) / "dockslim.log", keep)
    except DemoError as error:
        print(f"dockslim: demo: {error}", file=sys.stderr)
        raise SystemExit(1) from None
    except KeyboardInterrupt:
        console.print("Interrupted, everything is shut down.")
        raise SystemExit(130) from None
    console.print(f"Done in {_seconds_since(started)}, everything is shut down.")


def _play(console: Console, log: Path, keep: bool) -> None:
    started = time.monotonic()
    with _stage(console, log) as stage:
        console.print(f"A sandbox GitHub and dockslim are running ({_seconds_since(started)}).")
        try:
            pull = _tell(stage)
        except DemoError as error:
            raise DemoError(f"{error}. The end of the log:\n{_tail(log)}") from None
        console.print(f"The page of the pull request: {pull.url}")
        if keep:
            console.print(f"It stays until Ctrl-C. The log: {log}")
            _wait_for_interrupt(stage)
        else:
            console.print("It closes with the demo; `dockslim demo --keep` leaves it open.")


def _tell(stage: Stage) -> PullRequestHandle:
    started = time.monotonic()
    pull = _open_pull_request(stage.sandbox)
    stage.console.print(f"{story.AUTHOR} opened {pull.repository.full_name}#{pull.number}: {story.TITLE}\n")
    run = stage.wait_for("check run", lambda: _concluded(pull), REVIEW_SECONDS)
    review = _only_review(pull)
    seconds = _seconds_since(started)
    show_review(stage.console, pull, review)
    _show_check(stage.console, run, seconds)
    stage.console.print()
    _apply(stage, pull, review)
    return pull


def _open_pull_request(sandbox: Sandbox) -> PullRequestHandle:
    repository = sandbox.create_repository(story.REPOSITORY, story.BASE)
    repository.commit(story.BRANCH, story.CHANGE, story.TITLE, author=story.AUTHOR)
    return sandbox.open_pull_request(repository, story.BRANCH, title=story.TITLE, body=story.BODY, author=story.AUTHOR)


def _apply(stage: Stage, pull: PullRequestHandle, review: Review) -> None:
    """Commit every suggestion, and insist that dockslim then has nothing more to say."""
    offered = [comment.id for comment in review.comments if suggestions_in(comment.body)]
    started = time.monotonic()
    commit = pull.apply_suggestions(offered, story.AUTHOR)
    run = stage.wait_for("second check run", lambda: _concluded(pull), REVIEW_SECONDS)
    stage.console.print(f"{story.AUTHOR} committed {len(offered)} suggestions as {commit[:7]}.")
    _show_check(stage.console, run, _seconds_since(started))
    left = check(parse(pull.head_text(story.DOCKERFILE))).findings
    if left:
        said = "; ".join(f"{finding.code} {finding.message}" for finding in left)
        raise DemoError(f"with every suggestion applied, {story.DOCKERFILE} still has findings: {said}")
    _only_review(pull)
    stage.console.print(f"dockslim has nothing more to say about {story.DOCKERFILE}.\n")


def _show_check(console: Console, run: CheckRun, seconds: str) -> None:
    console.print(f"Check run: [bold]{escape(run.title or '')}[/] ({run.conclusion}), {seconds} after the push")


def _concluded(pull: PullRequestHandle) -> CheckRun | None:
    """Return the check run of the newest commit once it has ended."""
    return next((run for run in pull.check_runs if run.status == "completed"), None)


def _only_review(pull: PullRequestHandle) -> Review:
    if len(pull.reviews) != 1:
        raise DemoError(f"{len(pull.reviews)} reviews were posted instead of one")
    return pull.reviews[0]


@contextmanager
def _stage(console: Console, log: Path) -> Iterator[Stage]:
    listen = f"127.0.0.1:{_free_port()}"
    sandbox = Sandbox(webhook_url=f"http://{listen}/webhooks")
    with sandbox, sandbox.serving() as url, log.open("wb") as file:
        environ = _environ(os.environ, sandbox, url, listen)
        with running("dockslim", "cli.serve", ["serve"], environ, stdout=subprocess.DEVNULL, stderr=file) as dockslim:
            stage = Stage(console, sandbox, dockslim, log)
            try:
                stage.wait_for("answer of its web process", lambda: _answers(listen), START_SECONDS)
            except DemoError as error:
                raise DemoError(f"{error}. The end of the log:\n{_tail(log)}") from None
            yield stage


def _environ(outside: Mapping[str, str], sandbox: Sandbox, url: str, listen: str) -> dict[str, str]:
    """Return the settings of the demo's dockslim: none of yours, and no proxy in between."""
    return {
        **{name: value for name, value in outside.items() if not name.startswith("DOCKSLIM_")},
        "DOCKSLIM_APP_ID": str(sandbox.app_id),
        "DOCKSLIM_PRIVATE_KEY": sandbox.private_key,
        "DOCKSLIM_WEBHOOK_SECRET": sandbox.webhook_secret,
        "DOCKSLIM_GITHUB_API_URL": url,
        "DOCKSLIM_LISTEN": listen,
        "NO_PROXY": "127.0.0.1",
        "no_proxy": "127.0.0.1",
    }


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _answers(listen: str) -> bool | None:
    try:
        return httpx.get(f"http://{listen}/readyz", trust_env=False, timeout=2).is_success or None
    except httpx.TransportError:
        return None


def _wait_for_interrupt(stage: Stage) -> None:
    never = threading.Event()
    try:
        while not never.wait(0.5):
            if stage.dockslim.exit_code is not None:
                raise DemoError(f"dockslim ended with exit code {stage.dockslim.exit_code}:\n{_tail(stage.log)}")
    except KeyboardInterrupt:
        return


def _tail(log: Path) -> str:
    return "\n".join(log.read_text(errors="replace").splitlines()[-LOG_LINES:])


def _seconds_since(started: float) -> str:
    return f"{time.monotonic() - started:.1f} s"
