"""The log of API requests: what GitHub was asked, and what of it counted."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import overload


@dataclass(frozen=True, slots=True)
class Request:
    """One API request as it was answered."""

    method: str
    path: str
    query: str
    status: int
    api_version: str | None
    counted: bool
    actor: str | None
    operation: str | None
    seconds: float

    def __str__(self) -> str:
        what = f" {self.operation}" if self.operation else f"?{self.query}" if self.query else ""
        free = "" if self.counted else " (free)"
        return f"{self.method} {self.path}{what} -> {self.status}{free}"


class RequestLog(Sequence[Request]):
    """The requests since the last `clear()`, oldest first."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._requests: list[Request] = []

    def add(self, request: Request) -> None:
        """Record one request."""
        with self._lock:
            self._requests.append(request)

    def clear(self) -> None:
        """Forget all requests."""
        with self._lock:
            self._requests.clear()

    @property
    def counted(self) -> list[Request]:
        """The requests that counted against the rate limit."""
        return [request for request in self if request.counted]

    @overload
    def __getitem__(self, index: int) -> Request: ...
    @overload
    def __getitem__(self, index: slice) -> list[Request]: ...
    def __getitem__(self, index: int | slice) -> Request | list[Request]:
        with self._lock:
            return self._requests[index]

    def __iter__(self) -> Iterator[Request]:
        with self._lock:
            return iter(self._requests.copy())

    def __len__(self) -> int:
        return len(self._requests)
