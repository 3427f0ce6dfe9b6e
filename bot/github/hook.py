"""The App's hook: which deliveries GitHub made, how they went, and having one made again."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from githubkit import GitHub
from httpx import URL

from bot.github.client import call
from bot.github.failures import BrokenError
from bot.github.paths import join

MOST_PAGES = 20
"""Of 100 deliveries each: what one look reads at most."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt to deliver one event; `guid` is the same for all attempts at it."""

    id: int
    guid: str
    event: str
    action: str | None
    status_code: int
    at: datetime


def list_attempts(
    app: GitHub[Any], since: datetime, cursor: str = "", pages: int = MOST_PAGES
) -> tuple[list[Attempt], str]:
    """Return what was delivered since then, the latest first, and the cursor of what is left, "" where that is all."""
    # docs.github.com, "List deliveries for an app webhook": pages by cursor, no number.
    attempts: list[Attempt] = []
    for _ in range(pages):
        params: dict[str, str | int] = {"per_page": 100, **({"cursor": cursor} if cursor else {})}
        response = call(app, "GET", "/app/hook/deliveries", params=params)
        try:
            page = [_read(entry) for entry in response.json()]
        except (ValueError, KeyError, TypeError) as error:
            raise BrokenError(response.status_code) from error
        attempts += (each for each in page if each.at >= since)
        following = response.links.get("next", {}).get("url")
        cursor = (URL(following).params.get("cursor") if following else None) or ""
        if not cursor or any(each.at < since for each in page):
            return attempts, ""
    return attempts, cursor


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
