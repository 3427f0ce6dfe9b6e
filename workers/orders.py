"""Orders: what is to be built, and what came of it, in Redis between the workers that review and those that build."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta

import structlog
from pydantic import TypeAdapter, ValidationError
from redis import Redis

from bot.deliveries import ENDED, Deliveries, milliseconds
from bot.jobs import ReviewJob
from bot.review.measured import Measured, Proposed

BUILD_JOB, MEASURED = "build_job", "measured"
"""Why there is a job: images are to be built; they were, and what stands on the pull request is to say so."""
PRESENT = timedelta(seconds=45)
"""How long a builder counts as there after its last sign of life."""
PATIENCE = timedelta(hours=2)
"""After so long without a result the pull request is told that there is none."""
KEEP = timedelta(days=30)
_BUILDER = "dockslim:builder"

log = structlog.get_logger("dockslim.build")


@dataclass(frozen=True, slots=True)
class ImageOrder:
    """One image: its Dockerfile at the head and at the merge base, None where there is none, and how it is built.

    `context` is the folder from the repository's top. `suggestions` are tried together.
    """

    path: str
    base_path: str | None
    context: str
    target: str = ""
    build_args: tuple[tuple[str, str], ...] = ()
    platform: str = ""
    suggestions: tuple[Proposed, ...] = ()


@dataclass(frozen=True, slots=True)
class Order:
    """The images of one head. `is_trusted` where only those who may push had a hand in it.

    `check_run` is where progress is told, 0 for nowhere, with the title and the summary that stand there.
    """

    head_sha: str
    base_sha: str
    images: tuple[ImageOrder, ...]
    is_trusted: bool
    check_run: int = 0
    title: str = ""
    summary: str = ""


_ORDER: TypeAdapter[Order] = TypeAdapter(Order)
_MEASURED: TypeAdapter[Measured] = TypeAdapter(Measured)


class Orders:
    """Places and reads orders, and what came of them."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._deliveries = Deliveries(redis)

    def announce(self) -> None:
        """Say that a builder is there."""
        self._redis.set(_BUILDER, "", px=milliseconds(PRESENT))

    def is_served(self) -> bool:
        """Tell whether a builder is there."""
        return bool(self._redis.exists(_BUILDER))

    def pending(self, job: ReviewJob) -> str | None:
        """Return the head of a pull request that is to be built or being built."""
        found = self._redis.get(_pending(job))
        return found.decode() if isinstance(found, bytes) else None

    def place(self, job: ReviewJob, order: Order) -> None:
        """Have images built; in any case somebody looks at the pull request again when PATIENCE has run out."""
        building = replace(job, delivery=_name(job, "build"), reason=BUILD_JOB, comment=None, sender=None)
        looking = replace(building, delivery=_name(job, "measured"), reason=MEASURED)
        data = _ORDER.dump_json(order)
        self._redis.set(_order(building), data, px=milliseconds(PATIENCE))
        self._redis.set(_pending(job), order.head_sha, px=milliseconds(PATIENCE))
        self._deliveries.claim(looking, PATIENCE)
        if self._deliveries.claim(building) in ENDED:
            # The same delivery has had it built.
            self.drop(building)

    def read(self, job: ReviewJob) -> Order | None:
        """Return what a job is to build, None where that has run out."""
        found = self._redis.get(_order(job))
        try:
            return _ORDER.validate_json(found) if isinstance(found, bytes) else None
        except ValidationError as error:
            # Another version wrote it.
            log.warning("order unreadable", errors=error.error_count())
            return None

    def report(self, job: ReviewJob, measured: Measured) -> None:
        """Say what came of an order, and have the pull request looked at."""
        older = self.measured(job)
        if older is not None:
            withdrawn = tuple(dict.fromkeys((*older.withdrawn, *measured.withdrawn)))[-500:]
            measured = replace(measured, withdrawn=withdrawn)
        self._redis.set(_measured(job), _MEASURED.dump_json(measured), px=milliseconds(KEEP))
        self.drop(job)
        looking = replace(job, delivery=f"{job.delivery.removesuffix('.build')}.measured", reason=MEASURED)
        self._deliveries.postpone(looking, timedelta())

    def drop(self, job: ReviewJob) -> None:
        """Forget an order."""
        self._redis.delete(_order(job))
        if self.pending(job) == job.head_sha:
            self._redis.delete(_pending(job))

    def measured(self, job: ReviewJob) -> Measured | None:
        """Return what was measured last for a pull request, at whichever head."""
        found = self._redis.get(_measured(job))
        try:
            return _MEASURED.validate_json(found) if isinstance(found, bytes) else None
        except ValidationError as error:
            log.warning("measurement unreadable", errors=error.error_count())
            return None


def _name(job: ReviewJob, what: str) -> str:
    return f"{job.delivery[:80]}.{what}"


def _order(job: ReviewJob) -> str:
    return f"dockslim:order:{job.delivery}"


def _pending(job: ReviewJob) -> str:
    return f"dockslim:building:{job.repository_id}:{job.number}"


def _measured(job: ReviewJob) -> str:
    return f"dockslim:measured:{job.repository_id}:{job.number}"
