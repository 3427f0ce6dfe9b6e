"""Failures on demand: what GitHub does on a bad day, switched on at run time."""

from __future__ import annotations

import re
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

Failure = Literal["error", "secondary", "primary", "slow"]
Mischief = Literal["duplicate", "drop", "shuffle"]
Struck = TypeVar("Struck", "RequestFault", "DeliveryFault")


@dataclass(frozen=True, slots=True)
class RequestFault:
    """What happens to API requests that match, a number of times.

    `after` performs the request first and only then reports the failure: "502, but the write happened".
    """

    failure: Failure
    method: str = ".*"
    path: str = ".*"
    operation: str | None = None
    times: int = 1
    status: int = 502
    retry_after: int | None = None
    seconds: float = 0.0
    after: bool = False

    def matches(self, method: str, path: str, operation: str | None) -> bool:
        """Say whether a request meets this fault; GraphQL requests also match by operation name."""
        return (
            re.fullmatch(self.method, method, re.IGNORECASE) is not None
            and re.search(self.path, path) is not None
            and (self.operation is None or re.fullmatch(self.operation, operation or "") is not None)
        )


@dataclass(frozen=True, slots=True)
class DeliveryFault:
    """What happens to webhook deliveries that match, a number of times.

    `shuffle` holds that many deliveries back (half a second at most) and sends them last first.
    """

    mischief: Mischief
    event: str = ".*"
    times: int = 1

    def matches(self, event: str) -> bool:
        """Say whether an event meets this fault."""
        return re.fullmatch(self.event, event) is not None


def server_error(status: int = 502, *, after: bool = False, **match: Any) -> RequestFault:
    """Answer with a 5xx, before or after the request was performed."""
    return RequestFault("error", status=status, after=after, **match)


def secondary_limit(retry_after: int | None = 60, status: int = 403, **match: Any) -> RequestFault:
    """Answer that the secondary rate limit is exceeded; without retry_after only the text says so."""
    return RequestFault("secondary", status=status, retry_after=retry_after, **match)


def primary_limit(retry_after: int = 60, **match: Any) -> RequestFault:
    """Answer that the primary rate limit is used up until then."""
    return RequestFault("primary", status=403, retry_after=retry_after, **match)


def slow(seconds: float, **match: Any) -> RequestFault:
    """Answer correctly, but late."""
    return RequestFault("slow", seconds=seconds, **match)


def duplicate(event: str = ".*", times: int = 1) -> DeliveryFault:
    """Deliver twice, with the same GUID."""
    return DeliveryFault("duplicate", event, times)


def drop(event: str = ".*", times: int = 1) -> DeliveryFault:
    """Never deliver; the delivery log shows a failure, as when GitHub could not connect."""
    return DeliveryFault("drop", event, times)


def shuffle(times: int, event: str = ".*") -> DeliveryFault:
    """Deliver that many events in reverse order."""
    return DeliveryFault("shuffle", event, times)


class Faults:
    """The faults that are switched on, each with the number of times it will still strike."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._left: dict[RequestFault | DeliveryFault, int] = {}

    def add(self, *faults: RequestFault | DeliveryFault) -> None:
        """Switch faults on; the same one twice strikes twice as often."""
        with self._lock:
            for fault in faults:
                self._left[fault] = self._left.get(fault, 0) + fault.times

    def clear(self) -> None:
        """Switch everything off."""
        with self._lock:
            self._left.clear()

    @property
    def remaining(self) -> Mapping[RequestFault | DeliveryFault, int]:
        """What is switched on, and for how many more times."""
        with self._lock:
            return dict(self._left)

    def strike_request(self, method: str, path: str, operation: str | None) -> RequestFault | None:
        """Return, and use up once, the fault that meets a request."""
        if not self._left:
            return None
        with self._lock:
            for fault in self._left:
                if isinstance(fault, RequestFault) and fault.matches(method, path, operation):
                    return self._use(fault)
        return None

    def strike_delivery(self, event: str) -> DeliveryFault | None:
        """Return, and use up once, the fault that meets a delivery."""
        if not self._left:
            return None
        with self._lock:
            for fault in self._left:
                if isinstance(fault, DeliveryFault) and fault.matches(event):
                    return self._use(fault)
        return None

    def _use(self, fault: Struck) -> Struck:
        self._left[fault] -= 1
        if not self._left[fault]:
            del self._left[fault]
        return fault


def from_json(values: Mapping[str, Any]) -> RequestFault | DeliveryFault:
    """Read a fault as the control endpoint receives it: `failure` or `mischief`, and its other fields."""
    return DeliveryFault(**values) if "mischief" in values else RequestFault(**values)
