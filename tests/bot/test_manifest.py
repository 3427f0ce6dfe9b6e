"""The App manifest against the handlers. JSON is YAML, and needs no library."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from bot.github.client import PERMISSIONS
from bot.webhooks.decide import Ignored, decide
from bot.webhooks.events import MODELS, read_event
from tests.bot.payloads import PAYLOADS, dump

MANIFEST: dict[str, Any] = json.loads((Path(__file__).parents[2] / "app.yml").read_text())


def test_every_subscribed_event_leads_to_a_job() -> None:
    for name in MANIFEST["default_events"]:
        assert not isinstance(decide(read_event(name, dump(PAYLOADS[name])), "guid", 1), Ignored), name


def test_every_handled_event_is_subscribed() -> None:
    # docs.github.com, "Webhook events and payloads": Apps with checks:write get rerequested suites without asking, and
    # with asking one more delivery for each push.
    assert set(MODELS) - {"check_suite"} == set(MANIFEST["default_events"])


def test_permissions_are_what_workers_ask_for_and_what_events_need() -> None:
    # issue_comment is only sent to Apps that may read issues (dcoapp/app#290).
    assert MANIFEST["default_permissions"] == {**PERMISSIONS, "issues": "read"}


def test_manifest_has_only_keys_that_github_documents() -> None:
    documented = {
        *("name", "url", "hook_attributes", "redirect_url", "callback_urls", "setup_url", "description", "public"),
        *("default_events", "default_permissions", "request_oauth_on_install", "setup_on_update"),
    }
    assert set(MANIFEST) <= documented
    assert MANIFEST["hook_attributes"]["url"].endswith("/webhooks")
