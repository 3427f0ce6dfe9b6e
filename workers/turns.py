"""Turns: which job may work on a pull request, and when an installation may be asked again. Both live in Redis."""

from __future__ import annotations

import secrets
import threading
from datetime import timedelta

import structlog
from redis import Redis
from redis.commands.core import Script
from redis.exceptions import RedisError

from bot.deliveries import milliseconds, prolong
from bot.jobs import ReviewJob

_HOLD = """
local holder = redis.call('GET', KEYS[1])
if holder ~= ARGV[1] and (holder or ARGV[5] ~= 'new') then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
local t = redis.call('TIME')
redis.call('ZADD', KEYS[2], 'XX', t[1] * 1000 + math.floor(t[2] / 1000) + ARGV[4], ARGV[3])
return 1
"""
_GIVE_BACK = """
if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end
return 0
"""
_PAUSE = """
if redis.call('PTTL', KEYS[1]) < tonumber(ARGV[2]) then redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2]) end
return 1
"""

log = structlog.get_logger("dockslim.worker")


class TurnLostError(Exception):
    """The turn ran out: this process stood still for longer than it lasts, and another may have done its job."""


class Turn:
    """One execution's hold on a pull request: prolonged for as long as its process lives, until it is given back.

    With it the ledger of deliveries is told that somebody is at the job.
    """

    def __init__(self, hold: Script, give_back: Script, key: str, lasts: timedelta, delivery: str) -> None:
        # Random: one delivery may be in two messages, and only one of them may be at work.
        self._holder = secrets.token_hex(16)
        self._hold = hold
        self._give_back = give_back
        self._key = key
        self._lasts = lasts
        self._delivery = delivery
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._prolong, name="turn", daemon=True)

    def take(self) -> bool:
        """Take the turn, unless another execution has it."""
        if not self._try("new"):
            return False
        self._thread.start()
        return True

    def insist(self) -> None:
        """Raise TurnLostError where the turn has run out: another execution may have had it since."""
        if not self._try():
            raise TurnLostError

    def give_back(self) -> bool:
        """Give the turn back; False when it had passed to another execution."""
        self._ended.set()
        self._thread.join()
        return bool(self._give_back(keys=[self._key], args=[self._holder]))

    def _try(self, how: str = "again") -> bool:
        due, member, lease = prolong(self._delivery)
        arguments: list[str | int] = [self._holder, milliseconds(self._lasts), member, lease, how]
        return bool(self._hold(keys=[self._key, due], args=arguments))

    def _prolong(self) -> None:
        while not self._ended.wait(self._lasts.total_seconds() / 4):
            try:
                if not self._try():
                    log.warning("turn lost")
                    return
            except RedisError as error:
                log.warning("turn not prolonged", error=type(error).__name__)


class Turns:
    """One job at a time for each pull request; none for an installation whose rate limit is used up.

    A turn lasts for `lasts` beyond the end of a process that died with it.
    """

    def __init__(self, redis: Redis, lasts: timedelta) -> None:
        self._redis = redis
        self._lasts = lasts
        self._hold = redis.register_script(_HOLD)
        self._give_back = redis.register_script(_GIVE_BACK)
        self._lengthen = redis.register_script(_PAUSE)

    def take(self, job: ReviewJob) -> Turn | None:
        """Take the turn, unless another execution has it, of the same job or of another one."""
        key = f"dockslim:turn:{job.repository_id}:{job.number}"
        turn = Turn(self._hold, self._give_back, key, self._lasts, job.delivery)
        return turn if turn.take() else None

    def pause(self, job: ReviewJob, wait: timedelta) -> None:
        """Let no job of this installation ask GitHub anything for a while; a longer pause stays as it is."""
        self._lengthen(keys=[_pause(job)], args=[job.id, milliseconds(wait)])

    def pause_left(self, job: ReviewJob) -> timedelta | None:
        """Return how long the installation must not be asked, None when it may."""
        left = self._redis.pttl(_pause(job))
        return timedelta(milliseconds=left) if isinstance(left, int) and left > 0 else None


def _pause(job: ReviewJob) -> str:
    return f"dockslim:pause:{job.installation_id}"
