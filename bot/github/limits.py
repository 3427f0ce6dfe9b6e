"""Limits: how many requests a job costs, what GitHub says is left, and when the next write may be sent.

docs.github.com, "Rate limits for the REST API" and "Best practices for using the REST API": a second between writes,
and no more than 80 requests a minute and 500 an hour that create content. GitHub does not say which ones those are;
here every write is one.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from types import TracebackType
from typing import Self

import httpx
from redis import Redis

from bot.github.failures import LimitedError

Window = tuple[int, timedelta]
"""So many writes in so much time."""
WINDOWS: Sequence[Window] = (
    (1, timedelta(seconds=1)),
    (80, timedelta(minutes=1)),
    (500, timedelta(hours=1)),
)
ORDINARY_WRITES = 3
"""What a job books before it asks GitHub anything: its review, its summary and its check run."""
LONGEST_PAUSE = timedelta(seconds=5)
"""A further write waits that long in the worker, as GitHub wants writes apart; for longer, the job is put back."""
RESERVE = 100
"""Requests of the hour that reads leave to the jobs that are under way."""


@dataclass(slots=True)
class Meter:
    """Counts the requests of one job, those for its token included, and knows what is left of the hour."""

    requests: int = 0
    remaining: int | None = None
    _reset: dict[str, tuple[int, float]] = field(default_factory=dict)

    def count(self, request: httpx.Request) -> None:
        """Take note of a request that is about to be sent."""
        del request
        self.requests += 1

    def read(self, response: httpx.Response) -> None:
        """Take note of what is left of the hour's allowance."""
        remaining = _number(response, "x-ratelimit-remaining")
        if remaining is None:
            return
        self.remaining = remaining
        resource = response.headers.get("x-ratelimit-resource", "")
        self._reset[resource] = remaining, float(_number(response, "x-ratelimit-reset") or 0)

    def spent(self) -> timedelta | None:
        """Return how long it takes until an allowance that is nearly used up is a new one, None when there is enough.

        GraphQL has an allowance of its own: a job needs both.
        """
        waits = [reset - time.time() for remaining, reset in self._reset.values() if remaining < RESERVE]
        longest = max(waits, default=0.0)
        return timedelta(seconds=longest) if longest > 0 else None


# Books `count` writes for a holder, each at the first time that every window allows, counting those booked before it;
# returns the milliseconds until the first. A holder that comes back finds its booking; when its time has come, the
# booking becomes the token's, and counts from then on.
_BOOK = """
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
local holder, token, count = ARGV[1], ARGV[2], tonumber(ARGV[3])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now - tonumber(ARGV[#ARGV]))
local first = tonumber(redis.call('ZSCORE', KEYS[1], holder .. ':1'))
if not first then
  for n = 1, count do
    local at = now
    for i = 4, #ARGV - 1, 2 do
      local limit = tonumber(ARGV[i])
      local found = redis.call('ZRANGE', KEYS[1], -limit, -limit, 'WITHSCORES')
      if found[2] then at = math.max(at, tonumber(found[2]) + tonumber(ARGV[i + 1])) end
    end
    redis.call('ZADD', KEYS[1], at, holder .. ':' .. n)
    first = first or at
  end
end
if first <= now then
  for n = 1, count do
    local at = redis.call('ZSCORE', KEYS[1], holder .. ':' .. n)
    if at then
      redis.call('ZREM', KEYS[1], holder .. ':' .. n)
      redis.call('ZADD', KEYS[1], at, token .. ':' .. n)
    end
  end
end
redis.call('PEXPIRE', KEYS[1], tonumber(ARGV[#ARGV]) * 2)
return math.max(0, first - now)
"""


class Writes:
    """The writes of each installation, counted over all processes."""

    def __init__(self, redis: Redis, windows: Sequence[Window] = WINDOWS) -> None:
        self._redis = redis
        self._windows = windows
        self._book = redis.register_script(_BOOK)

    def book(self, installation_id: int, holder: str, token: str, count: int) -> timedelta:
        """Book writes; return how long to wait for the first, nothing when they may be sent."""
        if not self._windows:
            return timedelta()
        spans = [int(span.total_seconds() * 1000) for _, span in self._windows]
        pairs = [each for (limit, _), span in zip(self._windows, spans, strict=True) for each in (limit, span)]
        wait = self._book(keys=[_key(installation_id)], args=[holder, token, count, *pairs, max(spans)])
        return timedelta(milliseconds=int(wait))

    def give_back(self, installation_id: int, *names: str) -> None:
        """Take back what was booked and is not needed."""
        if names:
            self._redis.zrem(_key(installation_id), *names)


class Allowance:
    """What one execution of a job may write."""

    def __init__(self, writes: Writes, installation_id: int, job: str, sleep: Callable[[float], None]) -> None:
        self._writes = writes
        self._installation_id = installation_id
        self._job = job
        self._sleep = sleep
        self._token = secrets.token_hex(8)
        self._left: list[str] = []
        self._more = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self._writes.give_back(self._installation_id, *self._left)

    def admit(self) -> timedelta | None:
        """Book what a job writes as a rule; return how long it has to wait for that, None when it may start.

        The job keeps its place: jobs of one installation start in the order in which they asked.
        """
        wait = self._writes.book(self._installation_id, self._job, self._token, ORDINARY_WRITES)
        if wait:
            return wait
        self._left = [f"{self._token}:{number}" for number in range(1, ORDINARY_WRITES + 1)]
        return None

    def take(self) -> None:
        """Return when the next write may be sent; raise LimitedError when that is too far away."""
        if self._left:
            self._left.pop(0)
            return
        self._more += 1
        holder = f"{self._token}:more{self._more}"
        slept = timedelta()
        while wait := self._writes.book(self._installation_id, holder, f"{holder}:sent", 1):
            if slept + wait > LONGEST_PAUSE:
                self._writes.give_back(self._installation_id, f"{holder}:1")
                raise LimitedError(wait)
            self._sleep(wait.total_seconds())
            slept += wait


def _key(installation_id: int) -> str:
    return f"dockslim:writes:{installation_id}"


def _number(response: httpx.Response, header: str) -> int | None:
    text = response.headers.get(header, "")
    return int(text) if text.isascii() and text.isdigit() else None
