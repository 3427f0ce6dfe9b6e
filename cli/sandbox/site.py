"""One GitHub: the facts, and the machinery around them that the endpoints share."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from cli.sandbox.auth import Tokens
from cli.sandbox.events import Events
from cli.sandbox.faults import Faults
from cli.sandbox.limits import RateLimits
from cli.sandbox.requests import RequestLog
from cli.sandbox.state import Repository, World
from cli.sandbox.webhooks import Webhooks


@dataclass(frozen=True, slots=True)
class Site:
    """What every action on the sandbox is given."""

    directory: Path
    world: World
    events: Events
    webhooks: Webhooks
    faults: Faults
    requests: RequestLog
    tokens: Tokens
    limits: RateLimits
    archives: dict[str, tuple[Repository, str]] = field(default_factory=dict)
