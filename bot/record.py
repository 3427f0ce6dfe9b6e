"""The record: what web processes and workers did lately, and how often, in Redis; the status page and metrics read it.

Nothing depends on it: what cannot be written is logged and left out. Lists are short and everything but the counts
runs out; counts are few, since their labels come from closed sets.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any, TypeVar

import structlog
from redis import Redis
from redis.client import Pipeline
from redis.exceptions import RedisError

from bot.deliveries import KEEP
from bot.jobs import ReviewJob
from bot.review.measured import Measured
from bot.review.model import Offer

MOST = 50
"""Entries that each list keeps."""
BUILD_LINES = 30
"""Lines of one image that are kept."""
OFFERS_KEEP = timedelta(days=30)
REMAINING_KEEP = timedelta(hours=1)
BUCKETS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0)
"""Upper bounds of durations, in seconds."""
_COUNTS = "dockslim:counts"
_ENTRIES = "dockslim:record:{}"
_REMAINING = "dockslim:record:remaining"
_Entry = TypeVar("_Entry")

log = structlog.get_logger("dockslim.record")


@dataclass(frozen=True, slots=True)
class DeliveryEntry:
    """One delivery of GitHub's: `outcome` is queued, duplicate, ignored, refused or failed, `reason` says why."""

    at: str
    delivery: str
    event: str
    outcome: str
    seconds: float
    reason: str = ""
    repository: str = ""
    number: int | None = None


@dataclass(frozen=True, slots=True)
class ReviewEntry:
    """One job that came to an end: reviewed, skipped, superseded or obeyed; `title` is what the check run says."""

    at: str
    delivery: str
    repository: str
    number: int
    ending: str
    title: str
    comments: int
    requests: int
    seconds: float


@dataclass(frozen=True, slots=True)
class FailureEntry:
    """One job that failed; `again_in` is after how many seconds it runs again, None when it was given up."""

    at: str
    delivery: str
    repository: str
    number: int
    reason: str
    again_in: float | None = None


@dataclass(frozen=True, slots=True)
class BuildEntry:
    """One image that was built, or was not for a `reason`: bytes before, at the head, with suggestions, and by line."""

    at: str
    delivery: str
    repository: str
    number: int
    path: str
    before: int | None = None
    after: int | None = None
    suggested: int | None = None
    reason: str = ""
    lines: Sequence[tuple[str, int | None, int | None]] = ()


@dataclass(frozen=True, slots=True)
class Facts:
    """What the record holds: entries newest first, counts by name and labels, what installations have left."""

    deliveries: tuple[DeliveryEntry, ...] = ()
    refused: tuple[DeliveryEntry, ...] = ()
    reviews: tuple[ReviewEntry, ...] = ()
    failures: tuple[FailureEntry, ...] = ()
    counts: Mapping[tuple[str, ...], float] = field(default_factory=dict)
    remaining: Mapping[str, int] = field(default_factory=dict)
    builds: tuple[BuildEntry, ...] = ()


class Record:
    """Writes and reads the record. Times are UTC."""

    def __init__(self, redis: Redis, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._redis = redis
        self._now = now

    def add_deliveries(self, entries: Sequence[DeliveryEntry]) -> None:
        """Record what was made of deliveries, the earliest first. Those that are not verified name no event."""

        def write(pipe: Pipeline) -> None:
            # Anybody can send the others: they must not push out what is GitHub's.
            _push(pipe, "deliveries", *(each for each in entries if each.event))
            _push(pipe, "refused", *(each for each in entries if not each.event))
            for (event, outcome), many in Counter((each.event, each.outcome) for each in entries).items():
                _count(pipe, "deliveries", event or "unverified", outcome, by=many)
            _observe(pipe, "delivery_seconds", *(each.seconds for each in entries))

        self._write(write)

    def add_review(
        self,
        job: ReviewJob,
        *,
        ending: str,
        title: str,
        comments: int,
        requests: int,
        seconds: float,
    ) -> None:
        """Record the end of a job, and what it cost."""
        entry = ReviewEntry(
            self._stamp(), job.delivery, _place(job), job.number, ending, title, comments, requests, round(seconds, 2)
        )

        def write(pipe: Pipeline) -> None:
            _push(pipe, "reviews", entry)
            _count(pipe, "jobs", job.reason, ending)
            _observe(pipe, "job_seconds", seconds)

        self._write(write)

    def add_failure(self, job: ReviewJob, reason: str, *, again_in: timedelta | None) -> None:
        """Record that a job failed, and whether it runs again."""
        wait = again_in.total_seconds() if again_in is not None else None
        entry = FailureEntry(self._stamp(), job.delivery, _place(job), job.number, reason, wait)

        def write(pipe: Pipeline) -> None:
            _push(pipe, "failures", entry)
            _count(pipe, "jobs", job.reason, "failed" if again_in is None else "put_back")

        self._write(write)

    def add_builds(self, job: ReviewJob, measured: Measured) -> None:
        """Record what images were measured to be."""
        at, place = self._stamp(), _place(job)
        entries = []
        for each in measured.images:
            before, after, suggested = (
                size.written if size is not None else None for size in (each.before, each.after, each.suggested)
            )
            lines = tuple((line.place, line.before, line.after) for line in each.lines if line.before or line.after)
            path = f"{each.path}, target {each.target}" if each.target else each.path
            pull = (at, job.delivery, place, job.number, path)
            entries.append(BuildEntry(*pull, before, after, suggested, each.problem, lines[:BUILD_LINES]))
        if measured.problem:
            entries.append(BuildEntry(at, job.delivery, place, job.number, "", reason=measured.problem))

        def write(pipe: Pipeline) -> None:
            _push(pipe, "builds", *entries)
            for each in entries:
                _count(pipe, "builds", "measured" if each.after is not None else "not_measured")

        self._write(write)

    def add_requests(self, requests: int, installation_id: int = 0, remaining: int | None = None) -> None:
        """Count what GitHub was asked, whatever came of it, and what it says that an installation has left.

        Without an installation the App itself has asked.
        """
        if not requests:
            return

        def write(pipe: Pipeline) -> None:
            _count(pipe, "github_requests", "installation" if installation_id else "app", by=requests)
            if remaining is not None:
                pipe.hset(_REMAINING, str(installation_id), f"{remaining} {self._now().timestamp():.0f}")
                pipe.expire(_REMAINING, KEEP)

        self._write(write)

    def add_findings(self, codes: Iterable[str]) -> None:
        """Count the findings that a review told of, by rule."""
        told = Counter(codes)
        if told:

            def write(pipe: Pipeline) -> None:
                for code, many in told.items():
                    _count(pipe, "findings", code, by=many)

            self._write(write)

    def add_offers(self, job: ReviewJob, offers: Iterable[Offer], texts: Mapping[str, str]) -> None:
        """Count the bytes that suggestions save, and remember the suggestions until somebody commits them.

        `texts` are the Dockerfiles by path, as they were when the suggestions were made. Hashes are kept, not lines.
        """
        fields: dict[Any, Any] = {}
        total = 0
        for offer in offers:
            lines = texts.get(offer.path, "").splitlines()
            fields[json.dumps([offer.path, len(offer.lines), _hash(offer.lines)])] = json.dumps(
                [offer.bytes, _windows(lines, len(offer.lines))[_hash(offer.lines)]]
            )
            total += offer.bytes
        if not fields:
            return

        def write(pipe: Pipeline) -> None:
            pipe.hset(_offers(job), mapping=fields)
            pipe.expire(_offers(job), OFFERS_KEEP)
            _count(pipe, "suggestions", "made", by=len(fields))
            _count(pipe, "suggested_bytes", by=total)

        self._write(write)

    def settle_offers(self, job: ReviewJob, texts: Mapping[str, str]) -> None:
        """Count the suggestions whose lines now stand in the Dockerfiles: somebody committed them."""
        try:
            known = _strings(self._redis.hgetall(_offers(job)))
        except RedisError as error:
            _say(error)
            return
        accepted = {}
        for name, value in known.items():
            # What another version remembers is none of ours.
            with suppress(ValueError, TypeError):
                path, length, digest = json.loads(name)
                saved, before = json.loads(value)
                if path in texts and _windows(texts[path].splitlines(), length)[digest] > before:
                    accepted[name] = saved
        if not accepted:
            return

        def write(pipe: Pipeline) -> None:
            pipe.hdel(_offers(job), *accepted)
            _count(pipe, "suggestions", "accepted", by=len(accepted))
            _count(pipe, "accepted_bytes", by=sum(accepted.values()))

        self._write(write)

    def read(self) -> Facts:
        """Return all of it, or raise RedisError."""
        with self._redis.pipeline(transaction=False) as pipe:
            for name in ("deliveries", "refused", "reviews", "failures", "builds"):
                pipe.lrange(_ENTRIES.format(name), 0, MOST - 1)
            pipe.hgetall(_COUNTS)
            pipe.hgetall(_REMAINING)
            deliveries, refused, reviews, failures, builds, counts, remaining = pipe.execute()
        return Facts(
            _entries(DeliveryEntry, deliveries),
            _entries(DeliveryEntry, refused),
            _entries(ReviewEntry, reviews),
            _entries(FailureEntry, failures),
            _counts(_strings(counts)),
            self._fresh(_strings(remaining)),
            _entries(BuildEntry, builds),
        )

    def _fresh(self, remaining: Mapping[str, str]) -> dict[str, int]:
        since = (self._now() - REMAINING_KEEP).timestamp()
        split = {name: value.partition(" ") for name, value in remaining.items()}
        return {name: int(left) for name, (left, _, at) in split.items() if at.isdigit() and float(at) > since}

    def _stamp(self) -> str:
        return stamp(self._now())

    def _write(self, write: Callable[[Pipeline], object]) -> None:
        try:
            with self._redis.pipeline(transaction=False) as pipe:
                write(pipe)
                pipe.execute()
        except RedisError as error:
            _say(error)


def stamp(when: datetime) -> str:
    """Write a time as the entries have it."""
    return when.isoformat(timespec="seconds")


def _say(error: RedisError) -> None:
    log.warning("not recorded", error=type(error).__name__)


def _push(pipe: Pipeline, name: str, *entries: Any) -> None:
    # More would push out itself.
    rows = [json.dumps({field: _fit(getattr(each, field)) for field in each.__slots__}) for each in entries[-MOST:]]
    if rows:
        key = _ENTRIES.format(name)
        pipe.lpush(key, *rows)
        pipe.ltrim(key, 0, MOST - 1)
        pipe.expire(key, KEEP)


def _count(pipe: Pipeline, name: str, *labels: str, by: int = 1) -> None:
    pipe.hincrby(_COUNTS, json.dumps([name, *labels]), by)


def _observe(pipe: Pipeline, name: str, *durations: float) -> None:
    bounds = Counter(next((each for each in BUCKETS if seconds <= each), None) for seconds in durations)
    for bound, many in bounds.items():
        _count(pipe, name, "+Inf" if bound is None else repr(bound), by=many)
    pipe.hincrbyfloat(_COUNTS, json.dumps([name, "sum"]), sum(durations))


def _entries(kind: type[_Entry], rows: Sequence[bytes]) -> tuple[_Entry, ...]:
    """Return the entries as far as this version knows them; one of another version that lacks something is left out."""
    names = {each.name for each in fields(kind)}  # type: ignore[arg-type]
    entries = []
    for row in rows:
        with suppress(ValueError, TypeError, AttributeError):
            entries.append(kind(**{name: value for name, value in json.loads(row).items() if name in names}))
    return tuple(entries)


def _counts(counts: Mapping[str, str]) -> dict[tuple[str, ...], float]:
    return {tuple(json.loads(labels)): float(value) for labels, value in counts.items()}


def _strings(mapping: Mapping[Any, Any]) -> dict[str, str]:
    return {name.decode(): value.decode() for name, value in mapping.items()}


def _fit(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    value = value[:300]
    return value if value.isprintable() else "".join(each if each.isprintable() else "?" for each in value)


def _place(job: ReviewJob) -> str:
    return f"{job.owner}/{job.repository}"


def _offers(job: ReviewJob) -> str:
    return f"dockslim:offers:{job.repository_id}:{job.number}"


def _windows(lines: Sequence[str], length: int) -> Counter[str]:
    """Count each run of `length` lines by its hash."""
    return Counter(_hash(lines[at : at + length]) for at in range(len(lines) - length + 1)) if length else Counter()


def _hash(lines: Sequence[str]) -> str:
    return sha256("\n".join(lines).encode("utf-8", "surrogatepass")).hexdigest()[:24]
