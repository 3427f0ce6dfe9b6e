"""Limits: how many requests a job costs, and what GitHub says is left."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

import httpx

# docs.github.com, "Best practices": pause at least one second between a large number of writes.
WRITE_PAUSE_SECONDS = 1.0
_UNPACED_WRITES = 2


@dataclass(slots=True)
class Meter:
    """Counts the requests of one job, those for its token included, and spaces its writes."""

    sleep: Callable[[float], None] = time.sleep
    requests: int = 0
    remaining: int | None = None
    _writes: int = 0
    _last_write: float = field(default=0.0)

    def count(self, request: httpx.Request) -> None:
        """Take note of a request that is about to be sent."""
        del request
        self.requests += 1

    def read(self, response: httpx.Response) -> None:
        """Take note of what is left of the hour's allowance."""
        remaining = response.headers.get("x-ratelimit-remaining", "")
        if remaining.isascii() and remaining.isdigit():
            self.remaining = int(remaining)

    def pace(self) -> None:
        """Wait before a write as long as GitHub asks; the review and the check of an ordinary job do not wait."""
        if self._writes >= _UNPACED_WRITES:
            self.sleep(max(0.0, WRITE_PAUSE_SECONDS - (time.monotonic() - self._last_write)))
        self._writes += 1

    def end_write(self) -> None:
        """Take note that a write was answered."""
        self._last_write = time.monotonic()
