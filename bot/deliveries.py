"""Deliveries: what became of each of GitHub's deliveries, in Redis, for longer than GitHub will redeliver it."""

from __future__ import annotations

from datetime import timedelta
from enum import StrEnum

from redis import Redis

# docs.github.com, "Handling failed webhook deliveries": redelivery is possible for 3 days; GHES keeps 7.
KEEP = timedelta(days=8)
# How long a web process may die between claiming a delivery and publishing its job.
CLAIM = timedelta(seconds=60)


class State(StrEnum):
    """How far a delivery got."""

    CLAIMED = "claimed"
    """A web process is publishing its job."""
    QUEUED = "queued"
    DONE = "done"
    FAILED = "failed"
    """The job gave up; asking GitHub to redeliver runs it again."""


_CLAIM = """
local state = redis.call('HGET', KEYS[1], 'state')
if state and state ~= 'failed' then return state end
redis.call('DEL', KEYS[1])
redis.call('HSET', KEYS[1], 'state', 'claimed')
redis.call('PEXPIRE', KEYS[1], ARGV[1])
return false
"""
_MARK_QUEUED = """
if redis.call('HGET', KEYS[1], 'state') ~= 'claimed' then return 0 end
redis.call('HSET', KEYS[1], 'state', 'queued')
redis.call('PEXPIRE', KEYS[1], ARGV[1])
return 1
"""


class Deliveries:
    """The record of each delivery: its state, and how often its job was started and failed."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._claim = redis.register_script(_CLAIM)
        self._mark_queued = redis.register_script(_MARK_QUEUED)

    def claim(self, delivery: str) -> State | None:
        """Take on a delivery; return how far it got where it is taken already or was dealt with."""
        return _read_state(self._claim(keys=[_key(delivery)], args=[milliseconds(CLAIM)]))

    def mark_queued(self, delivery: str) -> None:
        """Record that the job is in the queue, unless a worker has finished it meanwhile."""
        self._mark_queued(keys=[_key(delivery)], args=[milliseconds(KEEP)])

    def release(self, delivery: str) -> None:
        """Forget a delivery whose job could not be published, so that a redelivery is not refused."""
        self._redis.delete(_key(delivery))

    def state(self, delivery: str) -> State | None:
        """Return how far a delivery got, None when nothing is known."""
        return _read_state(self._redis.hget(_key(delivery), "state"))

    def finish(self, delivery: str, state: State) -> None:
        """Record how a job ended."""
        with self._redis.pipeline() as pipe:
            pipe.hset(_key(delivery), mapping={"state": state.value})
            pipe.hdel(_key(delivery), "starts", "failures", "limits")
            pipe.pexpire(_key(delivery), KEEP)
            pipe.execute()

    def count_start(self, delivery: str) -> int:
        """Count a start of the job; return how often it was started and neither finished nor put back."""
        return self._count(delivery, "starts", 1)

    def put_back(self, delivery: str) -> None:
        """Take back a start: the job ended in order and runs again later."""
        self._count(delivery, "starts", -1)

    def count_failure(self, delivery: str) -> int:
        """Count a failure that may pass; return how many there were."""
        return self._count(delivery, "failures", 1)

    def count_limit(self, delivery: str) -> int:
        """Count a rate limit that the job met; return how many there were."""
        return self._count(delivery, "limits", 1)

    def _count(self, delivery: str, what: str, by: int) -> int:
        with self._redis.pipeline() as pipe:
            pipe.hincrby(_key(delivery), what, by)
            pipe.pexpire(_key(delivery), KEEP)
            count, _ = pipe.execute()
        return int(count)


def _read_state(value: object) -> State | None:
    return None if value is None else State(value.decode() if isinstance(value, bytes) else str(value))


def _key(delivery: str) -> str:
    return f"dockslim:delivery:{delivery}"


def milliseconds(span: timedelta) -> int:
    """Return a span as Redis scripts take it."""
    return int(span.total_seconds() * 1000)
