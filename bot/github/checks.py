"""Check runs: one on each head, always concluded; a required check that never comes blocks the merge."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import structlog

from bot.github.client import Session
from bot.github.failures import BrokenError, RefusedError
from bot.github.snapshot import CheckRun
from bot.review.markdown import LIMIT, shorten, size
from bot.review.model import Annotation, Check
from bot.webhooks.decide import BUILD, RECHECK, name_check, read_check

log = structlog.get_logger("dockslim.github")


# docs.github.com, "Update a check run": 50 in one request, further requests add to them.
ANNOTATIONS_IN_A_REQUEST = 50
# A label of 20 characters at most, a description of 40.
BUTTONS = ({"identifier": RECHECK, "label": "Re-check", "description": "Review this pull request again"},)
BUILD_BUTTON = {"identifier": BUILD, "label": "Build", "description": "Build and measure the images"}


def conclude(session: Session, number: int, head_sha: str, check: Check, run: CheckRun) -> int:
    """Conclude the check run `run`, or a new one: when there is none yet, or the old one has annotations to take back.

    Without a conclusion it is left under way. Return its number, 0 for none: an owner who has not granted
    "Checks: write" gets the review alone.
    """
    if session.permissions.get("checks") != "write":
        log.info("check run not permitted", title=check.title)
        return 0
    batches = [
        check.annotations[at : at + ANNOTATIONS_IN_A_REQUEST]
        for at in range(0, max(len(check.annotations), 1), ANNOTATIONS_IN_A_REQUEST)
    ]
    output = {"title": shorten(check.title, 250), "summary": clip(check.summary)}
    body = {
        "name": run.name,
        **({"status": "completed", "conclusion": check.conclusion} if check.conclusion else {"status": "in_progress"}),
        "external_id": name_check(number),
        "output": {**output, "annotations": list(map(_describe, batches[0]))},
        "actions": (*BUTTONS, BUILD_BUTTON) if check.offers_build else BUTTONS,
    }
    made = _update(session, body, run) or int(
        session.write("POST", session.path("check-runs"), {**body, "head_sha": head_sha})["id"]
    )
    for batch in batches[1:]:
        more = {"output": {**output, "annotations": list(map(_describe, batch))}}
        session.write("PATCH", session.path("check-runs", made), more)
    return made


def retitle(session: Session, run: int, title: str, summary: str) -> None:
    """Say something else in the title of a check run."""
    output = {"title": shorten(title, 250), "summary": clip(summary)}
    session.write("PATCH", session.path("check-runs", run), {"output": output})


def find_numbers(session: Session, suite: int) -> list[int]:
    """Return the pull requests that our check runs in a suite lead to."""
    answer = session.read(session.path("check-suites", suite, "check-runs"), {"per_page": 100})
    try:
        numbers = (read_check(each["external_id"]) for each in answer["check_runs"])
        return list(dict.fromkeys(each for each in numbers if each is not None))
    except (KeyError, TypeError) as error:
        raise BrokenError(200) from error


def _update(session: Session, body: Mapping[str, Any], run: CheckRun) -> int | None:
    """Update a run; return its number, or None where another one has to be made."""
    if not run.id or run.annotations:
        return None
    try:
        session.write("PATCH", session.path("check-runs", run.id), body)
    except RefusedError as error:
        if error.status != 404:
            raise
        return None
    return run.id


def _describe(annotation: Annotation) -> dict[str, Any]:
    return {
        "path": annotation.path,
        "start_line": annotation.start,
        "end_line": annotation.end,
        "annotation_level": annotation.level,
        "title": annotation.title,
        "message": annotation.message,
    }


def clip(text: str) -> str:
    """Return `text` as far as GitHub takes it: the last line of defence, `render` keeps within the limit itself."""
    if size(text) <= LIMIT:
        return text
    cut = text.encode()[: LIMIT - 100].decode(errors="ignore")
    return cut.rpartition("\n")[0] + "\n\nThe rest does not fit here."
