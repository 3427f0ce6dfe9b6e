"""Build what was ordered: fetch both commits, build up to three images of each Dockerfile, measure, report.

What GitHub is asked here is asked with tokens that nobody keeps: one that reads the contents of this repository and is
gone before anything is built, and one for each line of progress that writes checks.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path

import structlog
from billiard.exceptions import SoftTimeLimitExceeded
from redis import Redis
from redis.exceptions import RedisError

from bot.deliveries import ENDED, LEASE, Deliveries, State
from bot.github.archives import ArchiveTooLargeError, open_archive
from bot.github.checks import retitle
from bot.github.client import GitHubApp, RepositoryRef, Session
from bot.github.failures import GitHubError, should_retry
from bot.github.limits import Meter
from bot.jobs import ReviewJob
from bot.record import Record
from bot.review.measured import Measured, MeasuredImage, Proposed
from rules.dockerfile import DockerfileError, parse
from workers.builders.context import Context, ContextError, read_context, unpack
from workers.builders.model import Build, Builder, Limits, Outcome
from workers.builders.series import Bench, Series, Source, build_series
from workers.image import ImageError, Measurement, measure, read_image
from workers.orders import ImageOrder, Order, Orders
from workers.registry import Registries
from workers.turns import Turn, TurnLostError, Turns
from workers.weigh import size, tell_apart, weigh

MAX_STARTS = 3
MAX_FAILURES = 5
WAIT = timedelta(seconds=15)
LOG_SHOWN = 3000
_STAGES = {"base": "base", "head": "head", "suggestions": "with suggestions"}

log = structlog.get_logger("dockslim.build")


@dataclass(frozen=True, slots=True)
class Workshop:
    """What building takes. `github` must keep no tokens."""

    github: GitHubApp
    redis: Redis
    builder: Builder
    registries: Registries
    limits: Limits = field(default_factory=Limits)

    def perform(self, job: ReviewJob) -> timedelta | None:
        """Build what a job orders; return how long to wait before it runs again, None when it has ended."""
        place = f"{job.owner}/{job.repository}"
        with structlog.contextvars.bound_contextvars(delivery=job.delivery, repository=place, number=job.number):
            try:
                return self._perform(job, Deliveries(self.redis), Orders(self.redis))
            except RedisError as error:
                log.warning("redis unreachable", error=type(error).__name__)
                return WAIT

    def _perform(self, job: ReviewJob, deliveries: Deliveries, orders: Orders) -> timedelta | None:
        if deliveries.state(job.delivery) in ENDED:
            return None
        order = orders.read(job)
        if order is None or deliveries.is_superseded(job):
            log.info("build dropped")
            orders.drop(job)
            deliveries.finish(job.delivery, State.DONE)
            return None
        # Number 0 is no pull request's: of one repository, whose builds share a store, one is built at a time.
        turn = Turns(self.redis, LEASE).take(replace(job, number=0))
        if turn is None:
            return WAIT
        try:
            return self._perform_in_turn(job, order, deliveries, orders, turn)
        except TurnLostError:
            return WAIT
        finally:
            turn.give_back()

    def _perform_in_turn(
        self, job: ReviewJob, order: Order, deliveries: Deliveries, orders: Orders, turn: Turn
    ) -> timedelta | None:
        if deliveries.state(job.delivery) in ENDED:
            return None
        meter = Meter()
        try:
            if deliveries.start(job) > MAX_STARTS:
                measured = _nothing(order, f"the builder stopped {MAX_STARTS} times")
            else:
                measured = self._build(job, order, meter)
        except GitHubError as error:
            failures = deliveries.count_failure(job.delivery)
            wait = should_retry(error, failures)
            log.warning("build failed", error=str(error), failures=failures)
            if wait is not None and failures < MAX_FAILURES:
                deliveries.put_back(job.delivery)
                return wait
            measured = _nothing(order, str(error))
        except SoftTimeLimitExceeded:
            measured = _nothing(order, "it took too long")
        except (RedisError, TurnLostError):
            raise
        except Exception as error:
            # A defect of ours must not leave a check run open.
            log.exception("build crashed")
            measured = _nothing(order, f"dockslim failed ({type(error).__name__})")
        finally:
            Record(self.redis).add_requests(meter.requests, job.installation_id, meter.remaining)
        turn.insist()
        orders.report(job, measured)
        Record(self.redis).add_builds(job, measured)
        deliveries.finish(job.delivery, State.DONE)
        log.info("build done", images=len(measured.images), problem=measured.problem, withdrawn=len(measured.withdrawn))
        return None

    def _build(self, job: ReviewJob, order: Order, meter: Meter) -> Measured:
        with tempfile.TemporaryDirectory(prefix="dockslim-order-") as folder:
            room = Path(folder)
            self._tell(job, order, "fetching", meter)
            problem = self._fetch(job, order, room, meter)
            if problem:
                return _nothing(order, problem)
            images: list[MeasuredImage] = []
            withdrawn: list[str] = []
            for at, image in enumerate(order.images):
                work = room / f"work-{at}"
                work.mkdir()
                trust = "trusted" if order.is_trusted else "strangers"
                store = f"{job.repository_id}-{trust}"
                bench = Bench(
                    self.builder,
                    self.registries.resolve,
                    self.registries.addresses,
                    self.limits,
                    store,
                    work,
                    trusted=order.is_trusted,
                )

                def progress(stage: str, path: str = image.path) -> None:
                    named = f" of {path}" if len(order.images) > 1 else ""
                    self._tell(job, order, f"building {_STAGES[stage]}{named}", meter)

                found, broken = _build_image(bench, image, room, at, progress)
                images.append(found)
                withdrawn += broken
                shutil.rmtree(work, ignore_errors=True)
            return Measured(order.head_sha, tuple(images), tuple(withdrawn))

    def _fetch(self, job: ReviewJob, order: Order, room: Path, meter: Meter) -> str:
        """Unpack both commits once for each image, whose ignore file thins it out; return what hindered that."""
        place = RepositoryRef(job.installation_id, job.repository_id, job.owner, job.repository)
        with self.github.open(place, meter, permissions={"contents": "read", "metadata": "read"}) as session:
            for name, sha in (("head", order.head_sha), ("base", order.base_sha)):
                if name == "base" and all(each.base_path is None for each in order.images):
                    continue
                try:
                    _unpack(session, sha, room / f"{name}-0")
                except ArchiveTooLargeError:
                    return "the archive of the repository is larger than 1 GB"
                except ContextError as error:
                    return str(error)
        for name in ("head", "base"):
            for at in range(1, len(order.images)):
                if (room / f"{name}-0").exists():
                    # One file on the disk: an ignore file takes names away, and nobody writes.
                    shutil.copytree(room / f"{name}-0", room / f"{name}-{at}", symlinks=True, copy_function=os.link)
        return ""

    def _tell(self, job: ReviewJob, order: Order, what: str, meter: Meter) -> None:
        """Say in the check run how far it is; that nobody can be told hinders no build."""
        if not order.check_run:
            return
        place = RepositoryRef(job.installation_id, job.repository_id, job.owner, job.repository)
        try:
            with self.github.open(place, meter, permissions={"checks": "write", "metadata": "read"}) as session:
                retitle(session, order.check_run, f"{order.title} · {what}", order.summary)
        except GitHubError as error:
            log.info("progress not told", error=str(error))


def _unpack(session: Session, sha: str, into: Path) -> None:
    into.mkdir()
    with open_archive(session, sha) as stream:
        unpack(stream, into, top=True)


def _nothing(order: Order, problem: str) -> Measured:
    return Measured(order.head_sha, problem=problem)


def _build_image(
    bench: Bench, order: ImageOrder, room: Path, at: int, progress: object
) -> tuple[MeasuredImage, Sequence[str]]:
    """Build and measure one image; return what came of it, and the fingerprints of what did not build."""
    try:
        head = read_context(room / f"head-{at}", order.context, order.path)
        dockerfile = parse(head.dockerfile)
    except (ContextError, DockerfileError) as error:
        return MeasuredImage(order.path, order.target, problem=f"not measurable here, because {error}"), ()
    notes: list[str] = []
    base = _read_base(order, room, at, notes)

    def write(some: Sequence[Proposed]) -> str:
        return _press(head.dockerfile, some)

    series: Series[Proposed] = build_series(
        bench,
        _source(order, base) if base is not None else None,
        _source(order, head),
        order.suggestions,
        write,
        progress,  # type: ignore[arg-type]
    )
    if series.head.outcome is not Outcome.BUILT:
        problem, shown = _say_problem(series.head), series.head.log[-LOG_SHOWN:]
        return MeasuredImage(order.path, order.target, problem=problem, log=shown), ()
    if head.missing:
        notes.append(f"built without {_name_some(head.missing)}, which GitHub's archive does not hold")
    try:
        after = _measure(series.head, head.dockerfile, order.target)
        before = None
        if series.base is not None and series.base.outcome is Outcome.BUILT and base is not None:
            before = _measure(series.base, base.dockerfile, order.target)
        elif series.base is not None:
            notes.append(f"the base is not compared: {_say_problem(series.base)}")
        found = weigh(order.path, order.target, before, after, dockerfile)
        found, broken = _add_suggested(found, series, head, after, order, notes)
    except ImageError as error:
        problem = f"not measurable here, because the image cannot be read: {error.reason}"
        return MeasuredImage(order.path, order.target, problem=problem), ()
    return replace(found, notes=tuple(notes)), broken


def _read_base(order: ImageOrder, room: Path, at: int, notes: list[str]) -> Context | None:
    if order.base_path is None:
        return None
    try:
        return read_context(room / f"base-{at}", order.context, order.base_path)
    except ContextError as error:
        notes.append(f"the base is not compared: {error}")
        return None


def _add_suggested(
    found: MeasuredImage,
    series: Series[Proposed],
    head: Context,
    after: Measurement,
    order: ImageOrder,
    notes: list[str],
) -> tuple[MeasuredImage, Sequence[str]]:
    """Add what the suggestions save; return the fingerprints of those that do not build."""
    broken = [mark for each in series.withdrawn for mark in each.marks]
    if broken:
        log.error("suggestions do not build", path=order.path, marks=broken, suggestions=len(series.withdrawn))
        many = len(series.withdrawn)
        notes.append(
            f"{many} suggestion{'' if many == 1 else 's'} did not build and {'is' if many == 1 else 'are'} withdrawn"
        )
    if series.suggested is None:
        return found, broken
    if series.suggested.outcome is not Outcome.BUILT:
        notes.append(f"the suggestions are not measured: {_say_problem(series.suggested)}")
        return found, broken
    if series.untried:
        many = len(series.untried)
        notes.append(f"{many} suggestion{'' if many == 1 else 's'} could not be tried in time")
    kept = [each for each in order.suggestions if each not in (*series.withdrawn, *series.untried)]
    suggested = _measure(series.suggested, _press(head.dockerfile, kept), order.target)
    savings = tell_apart(after, suggested, parse(head.dockerfile), kept)
    return replace(found, suggested=size(suggested), savings=savings), broken


def _measure(build: Build, text: str, target: str) -> Measurement:
    if build.layout is None:
        raise ImageError("the image", "the builder left none")
    return measure(read_image(build.layout), parse(text), target or None, place="the image")


def _source(order: ImageOrder, context: Context) -> Source:
    return Source(context.directory, context.dockerfile, order.target or None, order.build_args, order.platform)


def _press(text: str, suggestions: Iterable[Proposed]) -> str:
    """Return a file as GitHub's button leaves it."""
    lines = text.split("\n")
    for each in sorted(suggestions, key=lambda one: -one.start):
        lines[each.start - 1 : each.end] = each.lines
    return "\n".join(lines)


def _say_problem(build: Build) -> str:
    match build.outcome:
        case Outcome.IMPOSSIBLE:
            return f"not measurable here, because {build.reason}"
        case Outcome.LIMITED:
            return f"not measured: {build.reason}"
    return f"does not build here: {build.reason}"


def _name_some(paths: Sequence[str]) -> str:
    more = f" and {len(paths) - 3:,} more" if len(paths) > 3 else ""
    return ", ".join(f"`{each[:100]}`" for each in paths[:3]) + more
