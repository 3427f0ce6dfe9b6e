"""The primary rate limit: one hourly allowance per caller and resource."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field

from cli.sandbox.state import Json

HOUR = 3600
# GitHub Docs, "Rate limits for the REST API" and "Rate limits and query limits for the GraphQL API".
ALLOWANCES: Mapping[str, int] = {"core": 5000, "graphql": 5000, "search": 30}


@dataclass(slots=True)
class _Window:
    reset: int
    used: int = 0


@dataclass(slots=True)
class RateLimits:
    """Counts what each caller used since the window began."""

    allowances: dict[str, int] = field(default_factory=lambda: dict(ALLOWANCES))
    _windows: dict[tuple[str, str], _Window] = field(default_factory=dict)

    def _window(self, caller: str, resource: str) -> _Window:
        window = self._windows.get((caller, resource))
        if window is None or window.reset <= time.time():
            window = self._windows[caller, resource] = _Window(int(time.time()) + HOUR)
        return window

    def reset(self) -> None:
        """Start afresh, with GitHub's allowances."""
        self.allowances = dict(ALLOWANCES)
        self._windows.clear()

    def take(self, caller: str, resource: str) -> bool:
        """Count one request, or say that nothing is left."""
        window = self._window(caller, resource)
        if window.used >= self.allowances[resource]:
            return False
        window.used += 1
        return True

    def give_back(self, caller: str, resource: str) -> None:
        """Undo one `take`: GitHub does not count a 304."""
        self._window(caller, resource).used -= 1

    def state(self, caller: str, resource: str) -> Json:
        """Describe one allowance as `GET /rate_limit` does."""
        window, limit = self._window(caller, resource), self.allowances[resource]
        left = max(limit - window.used, 0)
        return {"limit": limit, "used": window.used, "remaining": left, "reset": window.reset}

    def headers(self, caller: str, resource: str) -> dict[str, str]:
        """Return the headers that every answer carries."""
        values = {f"X-RateLimit-{name.title()}": str(v) for name, v in self.state(caller, resource).items()}
        return {**values, "X-RateLimit-Resource": resource}
