"""Turns: which job may work on a pull request, and when an installation may be asked again. Both live in Redis."""

from __future__ import annotations

from datetime import timedelta

from redis import Redis

from bot.jobs import ReviewJob

_TAKE = """
local holder = redis.call('GET', KEYS[1])
if holder and holder ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1
"""
_GIVE_BACK = """
if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end
return 0
"""


class Turns:
    """One job at a time for each pull request; none for an installation whose rate limit is used up."""

    def __init__(self, redis: Redis, lasts: timedelta) -> None:
        self._redis = redis
        self._lasts = lasts
        self._take = redis.register_script(_TAKE)
        self._give_back = redis.register_script(_GIVE_BACK)

    def take(self, job: ReviewJob) -> bool:
        """Take the turn, unless another job has it.

        A job whose worker was killed comes back while its own turn still lasts, and goes on with it.
        """
        return bool(self._take(keys=[_turn(job)], args=[job.id, _milliseconds(self._lasts)]))

    def give_back(self, job: ReviewJob) -> bool:
        """Give the turn back; False when it had passed to another job."""
        return bool(self._give_back(keys=[_turn(job)], args=[job.id]))

    def pause(self, job: ReviewJob, wait: timedelta) -> None:
        """Let no job of this installation ask GitHub anything for a while."""
        self._redis.set(_pause(job), job.id, px=wait)

    def pause_left(self, job: ReviewJob) -> timedelta | None:
        """Return how long the installation must not be asked, None when it may."""
        left = self._redis.pttl(_pause(job))
        return timedelta(milliseconds=left) if isinstance(left, int) and left > 0 else None


def _turn(job: ReviewJob) -> str:
    return f"dockslim:turn:{job.repository_id}:{job.number}"


def _pause(job: ReviewJob) -> str:
    return f"dockslim:pause:{job.installation_id}"


def _milliseconds(span: timedelta) -> int:
    return int(span.total_seconds() * 1000)
