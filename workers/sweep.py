"""Sweep: find the deliveries that GitHub could not hand over, or whose job got lost, and have them delivered again.

GitHub delivers an event once. What it could not deliver, because nothing answered, stays in its log for three days.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import structlog
from redis import Redis

from bot.deliveries import KEEP, LEASE, Deliveries
from bot.github.client import GitHubApp
from bot.github.failures import RefusedError
from bot.github.hook import Attempt, list_attempts, redeliver
from bot.github.limits import Meter
from bot.record import Record
from bot.webhooks.events import ACTIONS

HORIZON = timedelta(days=3)
"""docs.github.com, "Handling failed webhook deliveries": older ones cannot be delivered again."""
OVERLAP = timedelta(minutes=15)
"""A delivery is listed when it has ended; this one looks again at what the last one may have seen too early."""
MOST_AT_ONCE = 20
"""Deliveries asked for in one go; GitHub counts them as writes, and each may be a job."""
MOST_TIMES = 3
"""How often one delivery is asked for."""
# Answers of ours to what is not from GitHub, or not what it promises: the next attempt would get the same one.
_REFUSED = frozenset({400, 401, 413})
_IGNORED = 200
_SWEPT = "dockslim:swept"
_PLACE = "dockslim:sweeping"
PLACE_LASTS = timedelta(hours=1)
"""How long a look that was broken off goes on where it was."""
_BEGAN = "dockslim:began"
SETTLE = LEASE + timedelta(seconds=3)
"""How old a database has to be before what it does not know counts as lost."""

log = structlog.get_logger("dockslim.sweep")


@dataclass(frozen=True, slots=True)
class Swept:
    """What came of it: how many deliveries were looked at and asked for, and whether there is `more` to do."""

    seen: int
    redelivered: int
    more: bool


def sweep(github: GitHubApp, redis: Redis) -> Swept:
    """Look through GitHub's log since the last time, and ask for what is missing; raise GitHubError.

    A log too long for one look is read on by the next one, and only at its end counts as looked at.
    """
    if _is_young(redis):
        return Swept(0, 0, more=True)
    meter = Meter()
    started, cursor = _read_place(redis)
    try:
        with github.open_app(meter) as app:
            attempts, following = list_attempts(app, _since(redis, started), cursor)
            missing = [each for each in _find_missing(attempts, Deliveries(redis)) if _may_ask(redis, each)]
            for attempt in missing[:MOST_AT_ONCE]:
                _count(redis, attempt)
                redeliver(app, attempt)
                log.info("delivery asked for", delivery=attempt.guid, status=attempt.status_code)
    except RefusedError:
        # A cursor may be too old: from the beginning, then.
        redis.delete(_PLACE)
        raise
    finally:
        Record(redis).add_requests(meter.requests)
    if len(missing) <= MOST_AT_ONCE:
        _turn_page(redis, started, following)
    return Swept(len(attempts), min(len(missing), MOST_AT_ONCE), len(missing) > MOST_AT_ONCE or bool(following))


def _read_place(redis: Redis) -> tuple[datetime, str]:
    """Return when the look through the log began that is under way, and where it goes on; "" where it begins now."""
    kept = redis.get(_PLACE)
    if not isinstance(kept, bytes):
        return datetime.now(UTC), ""
    began, _, cursor = kept.decode().partition(" ")
    return datetime.fromtimestamp(float(began), UTC), cursor


def _turn_page(redis: Redis, started: datetime, following: str) -> None:
    if following:
        redis.set(_PLACE, f"{started.timestamp()} {following}", ex=PLACE_LASTS)
        return
    redis.set(_SWEPT, started.timestamp(), ex=HORIZON)
    redis.delete(_PLACE)


def _is_young(redis: Redis) -> bool:
    """Tell whether this database may have lost jobs a moment ago, whose last writes may still be on their way."""
    seconds, _ = redis.time()
    redis.set(_BEGAN, seconds, nx=True)
    return seconds < int(redis.get(_BEGAN) or 0) + SETTLE.total_seconds()


def _since(redis: Redis, now: datetime) -> datetime:
    last = redis.get(_SWEPT)
    earliest = now - HORIZON
    return max(earliest, datetime.fromtimestamp(float(last), UTC) - OVERLAP) if last else earliest


def _find_missing(attempts: Iterable[Attempt], deliveries: Deliveries) -> list[Attempt]:
    """Return the latest attempt of each delivery that asked for a job and came to nothing, the oldest first."""
    latest: dict[str, Attempt] = {}
    ignored: set[str] = set()
    for each in attempts:
        if each.action in ACTIONS.get(each.event, ()):
            latest.setdefault(each.guid, each)
        if each.status_code == _IGNORED:
            ignored.add(each.guid)
    # Answered with 202 and yet unknown here: Redis has forgotten the job.
    open_ones = [each for each in latest.values() if each.guid not in ignored and each.status_code not in _REFUSED]
    states = deliveries.states([each.guid for each in open_ones])
    return [each for each, state in zip(open_ones, states, strict=True) if state is None][::-1]


def _may_ask(redis: Redis, attempt: Attempt) -> bool:
    return int(redis.get(_asked(attempt)) or 0) < MOST_TIMES


def _count(redis: Redis, attempt: Attempt) -> None:
    with redis.pipeline() as pipe:
        pipe.incr(_asked(attempt))
        pipe.expire(_asked(attempt), KEEP)
        pipe.execute()


def _asked(attempt: Attempt) -> str:
    return f"dockslim:asked:{attempt.guid}"
