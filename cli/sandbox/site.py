"""One GitHub: the facts, and the machinery around them that the endpoints share."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, field
from pathlib import Path

from cli.sandbox.auth import Tokens
from cli.sandbox.events import Events
from cli.sandbox.faults import Faults
from cli.sandbox.limits import RateLimits
from cli.sandbox.manifests import Registrations
from cli.sandbox.requests import RequestLog
from cli.sandbox.state import Repository, World
from cli.sandbox.webhooks import TIMEOUT_SECONDS, Webhooks


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
    registrations: Registrations = field(default_factory=Registrations)

    def reset(self) -> None:
        """Forget everything but the App: its repositories are deleted, its hook URL too."""
        self.world.app.webhook_url = None
        self.webhooks.wait(TIMEOUT_SECONDS)
        with self.world.lock:
            for log in (self.webhooks, self.requests, self.faults, self.tokens, self.archives):
                log.clear()
            self.limits.reset()
            self.close_stores()
            self.world.clear()
            for path in self.directory.iterdir():
                shutil.rmtree(path)

    def close_stores(self) -> None:
        """End the git processes of every repository."""
        for store in {id(one.git.store): one.git.store for one in self.world.repositories.values()}.values():
            store.close()
