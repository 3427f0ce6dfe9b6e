"""Manifests of Apps: what GitHub takes for one, and the codes it hands out.

docs.github.com, "Registering a GitHub App from a manifest".
"""

from __future__ import annotations

import json
import secrets
from datetime import datetime, timedelta
from urllib.parse import urlsplit

from cli.sandbox.state import Account, Json, now

CODE_LASTS = timedelta(hours=1)
_KEYS = frozenset(
    (
        *("name", "url", "hook_attributes", "redirect_url", "callback_urls", "setup_url", "description", "public"),
        *("default_events", "default_permissions", "request_oauth_on_install", "setup_on_update"),
    )
)
# GitHub Docs, "Webhook events and payloads": the permission that an App needs to be sent an event.
_EVENT_NEEDS = {
    "check_run": "checks",
    "check_suite": "checks",
    "issue_comment": "issues",
    "pull_request": "pull_requests",
    "pull_request_review": "pull_requests",
    "pull_request_review_comment": "pull_requests",
    "pull_request_review_thread": "pull_requests",
    "push": "contents",
}


class ManifestError(Exception):
    """A manifest that GitHub would not take."""


class Registrations:
    """The codes that were handed out, each good for one exchange within the hour."""

    def __init__(self) -> None:
        self._codes: dict[str, tuple[datetime, Json, Account]] = {}

    def issue(self, manifest: Json, owner: Account) -> str:
        """Hand out a code for a manifest that was confirmed."""
        code = secrets.token_hex(20)
        self._codes[code] = (now() + CODE_LASTS, manifest, owner)
        return code

    def use(self, code: str) -> tuple[Json, Account] | None:
        """Return what a code stands for, once."""
        until, manifest, owner = self._codes.pop(code, (now(), {}, None))
        return (manifest, owner) if owner is not None and until > now() else None


def check_manifest(text: str) -> Json:
    """Read a manifest as strictly as GitHub does, or raise ManifestError."""
    try:
        manifest = json.loads(text)
    except ValueError as error:
        raise ManifestError("The manifest is not JSON") from error
    if not isinstance(manifest, dict):
        raise ManifestError("The manifest is not an object")
    unknown = sorted(manifest.keys() - _KEYS)
    if unknown:
        raise ManifestError(f"Unknown key: {unknown[0]}")
    for name, value in (
        ("url", manifest.get("url")),
        ("redirect_url", manifest.get("redirect_url")),
        ("hook url", manifest.get("hook_attributes", {}).get("url")),
    ):
        if urlsplit(str(value or "")).scheme not in {"http", "https"}:
            raise ManifestError(f"The {name} must be a valid URL")
    granted = manifest.get("default_permissions", {})
    for event in manifest.get("default_events", ()):
        if _EVENT_NEEDS.get(event) not in granted:
            raise ManifestError(f"Default events are not supported by permissions: {event}")
    return manifest
