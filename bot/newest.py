"""The newest event of each pull request, in Redis: events arrive in any order, and of a burst only the last counts."""

from __future__ import annotations

from redis import Redis

from bot.deliveries import KEEP, milliseconds
from bot.jobs import ReviewJob

_NOTE = """
local known = tonumber(redis.call('GET', KEYS[1]) or '0')
if known < tonumber(ARGV[1]) then redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2]) end
return 1
"""


def note_newest(redis: Redis, job: ReviewJob) -> None:
    """Take note of a job that is in the queue: it supersedes those of earlier events, not those of the same second."""
    if job.moment is not None:
        redis.eval(_NOTE, 1, _key(job), str(job.moment), str(milliseconds(KEEP)))


def is_superseded(redis: Redis, job: ReviewJob) -> bool:
    """Tell whether a later event has brought another job; what somebody asked for is never superseded."""
    if job.moment is None:
        return False
    newest = redis.get(_key(job))
    return isinstance(newest, bytes) and int(newest) > job.moment


def _key(job: ReviewJob) -> str:
    return f"dockslim:newest:{job.repository_id}:{job.number}"
