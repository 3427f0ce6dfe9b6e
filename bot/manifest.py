"""The manifest of the App: what GitHub is asked for, as `app.yml` says it. JSON is YAML, and needs no library."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any

_LEVELS = ("none", "read", "write", "admin")


@cache
def read_manifest() -> Mapping[str, Any]:
    """Return the manifest as it is published."""
    found: dict[str, Any] = json.loads(files("bot").joinpath("app.yml").read_text(encoding="utf-8"))
    return found


def fill_manifest(public_url: str) -> dict[str, Any]:
    """Return the manifest of an App that is served at `public_url`."""
    hook = {**read_manifest()["hook_attributes"], "url": f"{public_url}/webhooks"}
    return {**read_manifest(), "hook_attributes": hook, "redirect_url": f"{public_url}/setup/created"}


def missing_permissions(granted: Mapping[str, str]) -> tuple[str, ...]:
    """Return what dockslim asks for and was not granted, as "pull_requests: write"."""
    wanted = read_manifest()["default_permissions"]
    return tuple(f"{name}: {level}" for name, level in wanted.items() if _rank(granted.get(name)) < _rank(level))


def missing_events(subscribed: tuple[str, ...]) -> tuple[str, ...]:
    """Return the events that dockslim acts on and is not sent."""
    return tuple(each for each in read_manifest()["default_events"] if each not in subscribed)


def _rank(level: str | None) -> int:
    return _LEVELS.index(level) if level in _LEVELS else 0
