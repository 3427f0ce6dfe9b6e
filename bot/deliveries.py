"""Deliveries: what became of each of GitHub's deliveries, in Redis, for longer than GitHub will redeliver it.

A delivery that asked for a job is in the ledger from before it is answered until the job has ended: a message that gets
lost, or dies with the worker that held it, is written again when its time is up.
"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

import structlog
from redis import Redis

from bot.jobs import JobError, ReviewJob

# docs.github.com, "Handling failed webhook deliveries": redelivery is possible for 3 days; GHES keeps 7.
KEEP = timedelta(days=8)
GRACE = timedelta(minutes=10)
"""How long a message may wait before another one is written; a second one finds the work done."""
LEASE = timedelta(seconds=12)
"""How long a job is left alone after the last sign of life of the process that performs it.

Longer than GitHub takes to finish a request whose sender is gone (10 s): whoever comes next sees what it wrote.
"""
KEEP_FAILED = 200
"""Jobs that were given up, the latest of them: more than anybody looks through."""
_DUE = "dockslim:due"
_FAILED = "dockslim:failed"

log = structlog.get_logger("dockslim.queue")


class State(StrEnum):
    """How far a delivery got."""

    QUEUED = "queued"
    DONE = "done"
    FAILED = "failed"
    """The job gave up; asking GitHub to redeliver runs it again."""


ENDED = (State.DONE, State.FAILED)


@dataclass(frozen=True, slots=True)
class Failed:
    """A job that was given up, when, and why, in words for people; `job` is None where it cannot be read."""

    delivery: str
    job: ReviewJob | None
    reason: str
    at: datetime


# One clock for all processes: that of Redis.
_NOW = "local t = redis.call('TIME'); local now = t[1] * 1000 + math.floor(t[2] / 1000)\n"
# Events arrive in any order, and of a burst only the newest counts: of each pull request its moment is known.
_NOTE = """
local function note(key, moment, keep)
  if moment > tonumber(redis.call('GET', key) or '0') then redis.call('SET', key, moment, 'PX', keep) end
end
"""
CLAIM = (
    _NOW
    + _NOTE
    + """
if ARGV[5] ~= '0' then note(KEYS[4], tonumber(ARGV[5]), ARGV[3]) end
local state = redis.call('HGET', KEYS[1], 'state')
if state and state ~= 'failed' then return state end
redis.call('DEL', KEYS[1])
redis.call('HSET', KEYS[1], 'state', 'queued', 'job', ARGV[2])
redis.call('PEXPIRE', KEYS[1], ARGV[3])
redis.call('ZADD', KEYS[2], now + ARGV[4], ARGV[1])
redis.call('ZREM', KEYS[3], ARGV[1])
return false
"""
)
SUPERSEDE = _NOTE + "note(KEYS[1], tonumber(ARGV[1]), ARGV[2])"
_SCHEDULE = _NOW + "return redis.call('ZADD', KEYS[1], now + ARGV[2], ARGV[1])"
_TAKE_DUE = (
    _NOW
    + """
local due = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now, 'LIMIT', 0, ARGV[2])
for _, delivery in ipairs(due) do redis.call('ZADD', KEYS[1], now + ARGV[1], delivery) end
return due
"""
)
_RETRY = (
    _NOW
    + """
if redis.call('HGET', KEYS[1], 'state') ~= 'failed' then return 0 end
redis.call('HSET', KEYS[1], 'state', 'queued')
redis.call('ZADD', KEYS[2], now, ARGV[1])
redis.call('ZREM', KEYS[3], ARGV[1])
return 1
"""
)


class Deliveries:
    """The ledger: the state of each delivery, its job, when to see after it, how often it was started and failed."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._claim = redis.register_script(CLAIM)
        self._supersede = redis.register_script(SUPERSEDE)
        self._schedule = redis.register_script(_SCHEDULE)
        self._take_due = redis.register_script(_TAKE_DUE)
        self._retry = redis.register_script(_RETRY)

    def claim(self, job: ReviewJob, wait: timedelta = timedelta()) -> State | None:
        """Enter a delivery's job, due after `wait`; return how far it got where it is entered already.

        It supersedes those of earlier events of its pull request, not those of the same second.
        """
        return read_state(self._claim(*describe_claim(job, wait)))

    def supersede(self, job: ReviewJob) -> None:
        """Have the jobs of earlier events of a pull request stop, without entering one."""
        self._supersede(*describe_end(job))

    def is_superseded(self, job: ReviewJob) -> bool:
        """Tell whether a later event has brought another job; what somebody asked for is never superseded."""
        if job.moment is None:
            return False
        newest = self._redis.get(_newest(job))
        return isinstance(newest, bytes) and float(newest) > job.moment

    def state(self, delivery: str) -> State | None:
        """Return how far a delivery got, None when nothing is known."""
        return read_state(self._redis.hget(_key(delivery), "state"))

    def states(self, deliveries: Sequence[str]) -> list[State | None]:
        """Return the same for many."""
        with self._redis.pipeline(transaction=False) as pipe:
            for delivery in deliveries:
                pipe.hget(_key(delivery), "state")
            return [read_state(value) for value in pipe.execute()]

    def take_due(self, most: int = 100) -> list[ReviewJob]:
        """Return jobs that nobody has seen after in time, each to one caller; they are due again after GRACE."""
        due = [_text(each) for each in self._take_due(keys=[_DUE], args=[milliseconds(GRACE), most])]
        if not due:
            return []
        with self._redis.pipeline(transaction=False) as pipe:
            for delivery in due:
                pipe.hmget(_key(delivery), ["state", "job"])
            found = pipe.execute()
        jobs = []
        for delivery, (state, text) in zip(due, found, strict=True):
            if state is None or read_state(state) in ENDED:
                self._redis.zrem(_DUE, delivery)
            elif (job := _load(text)) is not None:
                jobs.append(job)
            else:
                # Ended, so that a redelivery makes another one of it, and listed, so that somebody asks for that.
                log.warning("job unreadable", delivery=delivery)
                self.finish(delivery, State.FAILED, "another version of dockslim wrote it; redeliver it at GitHub")
        return jobs

    def postpone(self, job: ReviewJob, wait: timedelta) -> None:
        """Have a job run again after a while."""
        # A message may have outlived the ledger, as when an older copy of the database was restored.
        with self._redis.pipeline() as pipe:
            pipe.hsetnx(_key(job.delivery), "state", State.QUEUED.value)
            pipe.hsetnx(_key(job.delivery), "job", _dump(job))
            pipe.pexpire(_key(job.delivery), KEEP)
            pipe.execute()
        self._schedule(keys=[_DUE], args=[job.delivery, milliseconds(wait)])

    def finish(self, delivery: str, state: State, reason: str = "") -> None:
        """Record how a job ended; one that failed joins the list of those, with the reason."""
        key = _key(delivery)
        with self._redis.pipeline() as pipe:
            pipe.hset(key, mapping={"state": state.value, "reason": reason[:500], "at": int(time.time())})
            pipe.hdel(key, "starts", "failures", "limits")
            pipe.pexpire(key, KEEP)
            pipe.zrem(_DUE, delivery)
            if state == State.FAILED:
                pipe.zadd(_FAILED, {delivery: time.time()})
                pipe.zremrangebyrank(_FAILED, 0, -KEEP_FAILED - 1)
            else:
                pipe.hdel(key, "job")
                pipe.zrem(_FAILED, delivery)
            pipe.execute()

    def list_failed(self, most: int = KEEP_FAILED) -> list[Failed]:
        """Return the jobs that were given up, the latest first."""
        failed = []
        for delivery in map(_text, self._redis.zrange(_FAILED, 0, most - 1, desc=True)):
            text, reason, at = self._redis.hmget(_key(delivery), ["job", "reason", "at"])
            when = datetime.fromtimestamp(int(at or 0), UTC)
            failed.append(Failed(delivery, _load(text), _text(reason or b""), when))
        return failed

    def retry(self, delivery: str) -> bool:
        """Have a job that was given up run again; False where there is none."""
        return bool(self._retry(keys=[_key(delivery), _DUE, _FAILED], args=[delivery]))

    def count_waiting(self) -> int:
        """Return how many jobs have not ended."""
        return int(self._redis.zcard(_DUE))

    def start(self, job: ReviewJob) -> int:
        """Count a start of the job; return how often it was started and neither finished nor put back."""
        self.postpone(job, LEASE)
        return self._count(job.delivery, "starts", 1)

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


def describe_claim(job: ReviewJob, wait: timedelta) -> tuple[list[str], list[str | int]]:
    """Return the keys and arguments with which CLAIM enters a job."""
    keys = [_key(job.delivery), _DUE, _FAILED, _newest(job)]
    return keys, [job.delivery, _dump(job), milliseconds(KEEP), milliseconds(wait), job.moment or 0]


def describe_end(job: ReviewJob) -> tuple[list[str], list[str | int]]:
    """Return the keys and arguments with which SUPERSEDE stops what is older than a job."""
    return [_newest(job)], [job.moment or 0, milliseconds(KEEP)]


def prolong(delivery: str) -> tuple[str, str, int]:
    """Return what a script needs to say that a job is being performed: the key, its member, and for how long."""
    return _DUE, delivery, milliseconds(LEASE)


def _dump(job: ReviewJob) -> str:
    return json.dumps(job.to_message(), separators=(",", ":"))


def _load(text: object) -> ReviewJob | None:
    try:
        return ReviewJob.from_message(json.loads(_text(text))) if text else None
    except (JobError, ValueError):
        return None  # another version wrote it


def read_state(value: object) -> State | None:
    """Read how far a delivery got, None where it is not known."""
    if value is None:
        return None
    # What another version calls otherwise has not ended; whoever looks at it again finds what was done.
    return State(_text(value)) if _text(value) in set(State) else State.QUEUED


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)


def _key(delivery: str) -> str:
    return f"dockslim:delivery:{delivery}"


def _newest(job: ReviewJob) -> str:
    return f"dockslim:newest:{job.repository_id}:{job.number}"


def milliseconds(span: timedelta) -> int:
    """Return a span as Redis scripts take it."""
    return int(span.total_seconds() * 1000)
