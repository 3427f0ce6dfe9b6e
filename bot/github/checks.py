"""Check runs: one on each head, always concluded; a required check that never comes blocks the merge."""

from __future__ import annotations

import structlog

from bot.github.client import Session
from bot.github.failures import RefusedError
from bot.github.snapshot import CHECK_NAME
from bot.review.markdown import LIMIT, shorten, size
from bot.review.model import Check
from bot.webhooks.decide import name_check

log = structlog.get_logger("dockslim.github")


def conclude(session: Session, number: int, head_sha: str, check: Check, run: int | None) -> None:
    """Conclude the check run `run`, or a new one when there is none yet.

    An owner who has not granted "Checks: write" gets the review alone.
    """
    if session.permissions.get("checks") != "write":
        log.warning("check run not permitted", title=check.title)
        return
    body = {
        "name": CHECK_NAME,
        "status": "completed",
        "conclusion": check.conclusion,
        "external_id": name_check(number),
        "output": {"title": shorten(check.title, 250), "summary": clip(check.summary)},
    }
    if run is not None:
        try:
            session.write("PATCH", session.path("check-runs", run), body)
        except RefusedError as error:
            if error.status != 404:
                raise
        else:
            return
    session.write("POST", session.path("check-runs"), {**body, "head_sha": head_sha})


def clip(text: str) -> str:
    """Return `text` as far as GitHub takes it: the last line of defence, `render` keeps within the limit itself."""
    if size(text) <= LIMIT:
        return text
    cut = text.encode()[: LIMIT - 100].decode(errors="ignore")
    return cut.rpartition("\n")[0] + "\n\nThe rest does not fit here."
