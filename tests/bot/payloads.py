"""Payloads as GitHub sends them, cut down to little more than what is read."""

from __future__ import annotations

import copy
import json
from typing import Any

SHA = "0123456789abcdef0123456789abcdef01234567"
_COMMON: dict[str, Any] = {
    "repository": {
        "id": 42,
        "name": "shop",
        "full_name": "acme/shop",
        "owner": {"login": "acme", "type": "Organization"},
    },
    "sender": {"login": "alice", "type": "User"},
    "installation": {"id": 7, "node_id": "MDIzOk"},
}
PAYLOADS: dict[str, dict[str, Any]] = {
    "pull_request": {
        "action": "opened",
        "number": 3,
        "pull_request": {
            "number": 3,
            "state": "open",
            "draft": False,
            "head": {"sha": SHA, "ref": "feature", "repo": None},
            "base": {"sha": SHA, "ref": "main"},
            "updated_at": "2026-11-24T12:00:00Z",
        },
        **_COMMON,
    },
    "issue_comment": {
        "action": "created",
        "issue": {"number": 3, "state": "open", "pull_request": {"url": "https://api.github.com/x"}},
        "comment": {"node_id": "IC_kwDOAA", "body": "/dockslim recheck", "performed_via_github_app": None},
        **_COMMON,
    },
    "pull_request_review_comment": {
        "action": "created",
        "pull_request": {"number": 3, "state": "open"},
        "comment": {"node_id": "PRRC_kwDOAA", "body": "/dockslim ignore"},
        **_COMMON,
    },
    "check_run": {
        "action": "rerequested",
        "check_run": {"head_sha": SHA, "app": {"id": 1}, "external_id": "pull/3", "pull_requests": []},
        **_COMMON,
    },
    "check_suite": {
        "action": "rerequested",
        "check_suite": {"id": 77, "head_sha": SHA, "app": {"id": 1}, "pull_requests": []},
        **_COMMON,
    },
}


def payload(event: str, changes: dict[str, Any] | None = None) -> dict[str, Any]:
    """Return a payload with some values changed, by dotted path; `...` removes one."""
    value = copy.deepcopy(PAYLOADS[event])
    for path, new in (changes or {}).items():
        *parents, last = path.split(".")
        place = value
        for part in parents:
            place = place[part]
        if new is ...:
            del place[last]
        else:
            place[last] = new
    return value


def dump(value: object) -> bytes:
    """Return a payload as bytes."""
    return json.dumps(value).encode()
