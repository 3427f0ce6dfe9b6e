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


# Lets a token send `count` writes: returns 0 when it may, else the milliseconds after which to ask again.
# A holder has a place in the queue, booked at the first time that every window allows behind what was sent and what is
# booked; "" has none. When the time of a place has come, what was sent decides: after a pause, it has come for many.
_BOOK = """
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
local booked, sent, holder, token, count = KEYS[1], KEYS[2], ARGV[1], ARGV[2], tonumber(ARGV[3])
local longest, pause = tonumber(ARGV[#ARGV]), tonumber(ARGV[5]) / tonumber(ARGV[4])
redis.call('ZREMRANGEBYSCORE', booked, '-inf', now - longest)
redis.call('ZREMRANGEBYSCORE', sent, '-inf', now - longest)
redis.call('PEXPIRE', booked, longest * 2)
local function find(key, back, span)
  local found = redis.call('ZRANGE', key, -back, -back, 'WITHSCORES')
  return found[2] and tonumber(found[2]) + span or now
end
local ahead = 0
if holder ~= '' then
  local first = tonumber(redis.call('ZSCORE', booked, holder .. ':1'))
  if not first then
    for n = 1, count do
      local at, many = now, redis.call('ZCARD', booked)
      for i = 4, #ARGV - 1, 2 do
        local limit, span = tonumber(ARGV[i]), tonumber(ARGV[i + 1])
        at = math.max(at, limit > many and find(sent, limit - many, span) or find(booked, limit, span))
      end
      redis.call('ZADD', booked, at, holder .. ':' .. n)
      first = first or at
    end
  end
  if first > now then return first - now end
  ahead = redis.call('ZCOUNT', booked, '-inf', '(' .. first)
end
local at = now
for i = 4, #ARGV - 1, 2 do
  at = math.max(at, find(sent, math.max(tonumber(ARGV[i]) - count + 1, 1), tonumber(ARGV[i + 1])))
end
if at > now then return at - now + ahead * pause end
for n = 1, count do
  redis.call('ZREM', booked, holder .. ':' .. n)
  redis.call('ZADD', sent, now + (n - 1) * pause, token .. ':' .. n)
end
redis.call('PEXPIRE', sent, longest * 2)
return 0
"""


class Writes:
    """The writes of each installation, counted over all processes."""

    def __init__(self, redis: Redis, windows: Sequence[Window] = WINDOWS) -> None:
        self._redis = redis
        self._windows = windows
        self._book = redis.register_script(_BOOK)

    def book(self, installation_id: int, holder: str, token: str, count: int) -> timedelta:
        """Book writes; return how long to wait for the first, nothing when they may be sent.

        Without a `holder` no place is booked: what is booked by others and not sent yet does not count.
        """
        if not self._windows:
            return timedelta()
        spans = [int(span.total_seconds() * 1000) for _, span in self._windows]
        pairs = [each for (limit, _), span in zip(self._windows, spans, strict=True) for each in (limit, span)]
        keys = [_booked(installation_id), _key(installation_id)]
        wait = self._book(keys=keys, args=[holder, token, count, *pairs, max(spans)])
        return timedelta(milliseconds=int(wait))

    def give_back(self, installation_id: int, *names: str) -> None:
        """Take back what may be sent and is not needed."""
        if names:
            self._redis.zrem(_key(installation_id), *names)

    def withdraw(self, installation_id: int, holder: str, count: int = ORDINARY_WRITES) -> None:
        """Give up a place that was booked."""
        self._redis.zrem(_booked(installation_id), *(f"{holder}:{number}" for number in range(1, count + 1)))


class Allowance:
    """What one execution of a job may write, and when: `insist` is called before each write, and may forbid it."""

    def __init__(
        self,
        writes: Writes,
        installation_id: int,
        job: str,
        sleep: Callable[[float], None],
        insist: Callable[[], None] = lambda: None,
    ) -> None:
        self._writes = writes
        self._installation_id = installation_id
        self._job = job
        self._sleep = sleep
        self._insist = insist
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
        else:
            self._wait_for_another()
        self._insist()

    def _wait_for_another(self) -> None:
        self._more += 1
        slept = timedelta()
        # The job has begun: it does not stand behind those that wait for their first write.
        while wait := self._writes.book(self._installation_id, "", f"{self._token}:more{self._more}", 1):
            if slept + wait > LONGEST_PAUSE:
                raise LimitedError(wait)
            self._sleep(wait.total_seconds())
            slept += wait


def _key(installation_id: int) -> str:
    return f"dockslim:writes:{installation_id}"


def _booked(installation_id: int) -> str:
    return f"dockslim:writes:{installation_id}:booked"


def _number(response: httpx.Response, header: str) -> int | None:
    text = response.headers.get(header, "")
    return int(text) if text.isascii() and text.isdigit() else None
