"""The App's hook: which deliveries GitHub made, how they went, and having one made again."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import structlog
from githubkit import GitHub
from httpx import URL

from bot.github.client import call
from bot.github.paths import join

MOST_PAGES = 20
"""Of 100 deliveries each: what one look reads at most."""

log = structlog.get_logger("dockslim.github")


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt to deliver one event; `guid` is the same for all attempts at it."""

    id: int
    guid: str
    event: str
    action: str | None
    status_code: int
    at: datetime


def list_attempts(app: GitHub[Any], since: datetime) -> Iterator[Attempt]:
    """Yield what was delivered since then, the latest first."""
    # docs.github.com, "List deliveries for an app webhook": pages by cursor, no number.
    params: dict[str, str | int] = {"per_page": 100}
    for _ in range(MOST_PAGES):
        response = call(app, "GET", "/app/hook/deliveries", params=params)
        for entry in response.json():
            attempt = _read(entry)
            if attempt.at < since:
                return
            yield attempt
        following = response.links.get("next", {}).get("url")
        cursor = URL(following).params.get("cursor") if following else None
        if cursor is None:
            return
        params["cursor"] = cursor
    log.warning("deliveries not all listed", most=MOST_PAGES * 100)


def redeliver(app: GitHub[Any], attempt: Attempt) -> None:
    """Ask GitHub to deliver an event again, with the same GUID."""
    call(app, "POST", join("app", "hook", "deliveries", attempt.id, "attempts"))


def _read(entry: dict[str, Any]) -> Attempt:
    return Attempt(
        id=int(entry["id"]),
        guid=str(entry["guid"]),
        event=str(entry["event"]),
        action=entry.get("action"),
        status_code=int(entry["status_code"]),
        at=datetime.fromisoformat(str(entry["delivered_at"])),
    )
