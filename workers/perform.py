"""Perform a job: once at a time for each pull request, again when it is worth it, and never without an ending."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta

import structlog
from billiard.exceptions import SoftTimeLimitExceeded
from redis import Redis
from redis.exceptions import RedisError

from bot.deliveries import ENDED, LEASE, Deliveries, State
from bot.github.checks import conclude, find_numbers
from bot.github.client import GitHubApp, RepositoryRef, Session
from bot.github.failures import GitHubError, LimitedError, is_gone, should_retry
from bot.github.limits import Allowance, Meter, Writes
from bot.github.pulls import read_pull
from bot.github.snapshot import CheckRun, read_snapshot
from bot.jobs import ReviewJob
from bot.notices import not_reviewed
from bot.record import Record
from workers.commands import give_up, obey
from workers.configuration import Defaults
from workers.orders import Orders
from workers.package_indexes import Packages
from workers.registry import Images
from workers.review import Outcome, Surveyor, review
from workers.turns import Turn, TurnLostError, Turns

SOFT_LIMIT_SECONDS = 120
HARD_LIMIT_SECONDS = 180
TURN = LEASE
"""How long a turn outlives its process."""
TURN_WAIT = timedelta(seconds=3)
REDIS_WAIT = timedelta(seconds=15)
MAX_FAILURES = 5
"""After so many the check run says that nobody looked."""
MAX_CONCLUSIONS = 12
"""After so many not even that could be said."""
CONCLUSION_WAIT = timedelta(minutes=5)
MAX_LIMITED = 24
"""Rate limits met by one job; they are no failures."""
MAX_STARTS = 3
"""Starts of a job without an end: whatever it does kills the worker."""

log = structlog.get_logger("dockslim.worker")


@dataclass(frozen=True, slots=True)
class Performer:
    """What performing jobs takes."""

    github: GitHubApp
    redis: Redis
    sleep: Callable[[float], None] = time.sleep
    packages: Packages | None = None
    images: Images | None = None
    writes: Writes | None = None
    """None: GitHub's limits."""

    def perform(self, job: ReviewJob) -> timedelta | None:
        """Perform a job; return how long to wait before it runs again, None when it has ended."""
        place = f"{job.owner}/{job.repository}"
        with structlog.contextvars.bound_contextvars(delivery=job.delivery, repository=place, number=job.number):
            try:
                return self._perform(job, Deliveries(self.redis), Turns(self.redis, TURN))
            except RedisError as error:
                log.warning("redis unreachable", error=type(error).__name__)
                return REDIS_WAIT

    def _perform(self, job: ReviewJob, deliveries: Deliveries, turns: Turns) -> timedelta | None:
        # A second message was written when nobody seemed to see after the first.
        if deliveries.state(job.delivery) in ENDED:
            log.info("job ended before")
            return None
        left = turns.pause_left(job)
        if left is not None:
            log.info("job waits", reason="rate limit", wait=left.total_seconds())
            return left
        if deliveries.is_superseded(job):
            log.info("job superseded")
            self._writes().withdraw(job.installation_id, job.delivery)
            deliveries.finish(job.delivery, State.DONE)
            return None
        if not job.number:
            found = self._find(job, deliveries, turns)
            if not isinstance(found, ReviewJob):
                return found
            job = found
        turn = turns.take(job)
        if turn is None:
            log.info("job waits", reason="another job is at this pull request")
            return TURN_WAIT
        try:
            # Whoever had the turn before may have been at the same delivery.
            if deliveries.state(job.delivery) in ENDED:
                return None
            with Allowance(self._writes(), job.installation_id, job.delivery, self.sleep, turn.insist) as allowance:
                wait = allowance.admit()
                if wait is not None:
                    log.info("job waits", reason="other writes of this installation", wait=wait.total_seconds())
                    return wait
                return self._perform_in_turn(job, deliveries, turns, turn, allowance)
        except LimitedError as error:
            turns.pause(job, error.wait)
            return error.wait
        except TurnLostError:
            # What is written stands; whoever has the turn, or this job once more, writes the rest.
            deliveries.put_back(job.delivery)
            return TURN_WAIT
        finally:
            if not turn.give_back():
                log.warning("turn lost")

    def _perform_in_turn(
        self, job: ReviewJob, deliveries: Deliveries, turns: Turns, turn: Turn, allowance: Allowance
    ) -> timedelta | None:
        if deliveries.start(job) > MAX_STARTS:
            reason = f"the worker stopped {MAX_STARTS} times during the review"
            return self._give_up(job, deliveries, allowance, Meter(), reason)
        meter = Meter()
        started = time.monotonic()
        try:
            with self.github.open(_place(job), meter, allowance) as session:
                act = review if job.comment is None else obey
                outcome = act(job, session, self.sleep, self._survey(job, meter, turn))
        except GitHubError as error:
            return self._fail(job, deliveries, allowance, meter, error)
        except SoftTimeLimitExceeded:
            return self._give_up(job, deliveries, allowance, meter, f"it took longer than {SOFT_LIMIT_SECONDS} seconds")
        except (RedisError, TurnLostError):
            raise
        except Exception as error:
            # A defect of ours must not leave a check run open.
            log.exception("job crashed")
            return self._give_up(job, deliveries, allowance, meter, f"dockslim failed ({type(error).__name__})")
        finally:
            Record(self.redis).add_requests(meter.requests, job.installation_id, meter.remaining)
            if wait := meter.spent():
                turns.pause(job, wait)
        deliveries.finish(job.delivery, State.DONE)
        _report(job, outcome, meter, time.monotonic() - started, Record(self.redis))
        return None

    def _writes(self) -> Writes:
        return self.writes or Writes(self.redis)

    def _is_superseded(self, job: ReviewJob, turn: Turn) -> bool:
        turn.insist()
        return Deliveries(self.redis).is_superseded(job)

    def _survey(self, job: ReviewJob, meter: Meter, turn: Turn) -> Surveyor:
        return Surveyor(
            self.packages,
            self.images,
            lambda: Defaults(self.github, self.redis).find(job, meter),
            lambda: self._is_superseded(job, turn),
            Orders(self.redis),
            lambda moment: Deliveries(self.redis).is_superseded(replace(job, moment=moment)),
        )

    def _find(self, job: ReviewJob, deliveries: Deliveries, turns: Turns) -> ReviewJob | timedelta | None:
        """Return the job about the pull request that a check suite leads to, a wait, or None where it leads nowhere.

        Of several pull requests with one head, the others get jobs of their own.
        """
        numbers: list[int] = []
        meter = Meter()
        try:
            with self.github.open(_place(job), meter) as session:
                numbers = find_numbers(session, job.suite or 0)
        except LimitedError as error:
            turns.pause(job, error.wait)
            return error.wait
        except GitHubError as error:
            failures = deliveries.count_failure(job.delivery)
            wait = should_retry(error, failures)
            log.warning("check suite not read", error=str(error), failures=failures)
            if wait is not None and failures < MAX_FAILURES:
                return wait
        finally:
            Record(self.redis).add_requests(meter.requests, job.installation_id, meter.remaining)
        if not numbers:
            deliveries.finish(job.delivery, State.FAILED, "the check suite leads to no pull request")
            return None
        for number in numbers[1:]:
            deliveries.claim(replace(job, number=number, delivery=f"{job.delivery[:80]}.{number}"))
        return replace(job, number=numbers[0])

    def _fail(
        self, job: ReviewJob, deliveries: Deliveries, allowance: Allowance, meter: Meter, error: GitHubError
    ) -> timedelta | None:
        if isinstance(error, LimitedError):
            self._wait_for_limit(job, deliveries, error)
            return self._give_up(job, deliveries, allowance, meter, str(error))
        failures = deliveries.count_failure(job.delivery)
        wait = should_retry(error, failures)
        log.warning("job failed", error=str(error), failures=failures, wait=wait and wait.total_seconds())
        if wait is not None and failures < MAX_FAILURES:
            deliveries.put_back(job.delivery)
            Record(self.redis).add_failure(job, str(error), again_in=wait)
            return wait
        # That one request was answered with 404 does not mean that the pull request is gone.
        return self._give_up(job, deliveries, allowance, meter, str(error))

    def _wait_for_limit(self, job: ReviewJob, deliveries: Deliveries, error: LimitedError) -> None:
        """Raise LimitedError with the wait, unless this job has met too many limits already."""
        count = deliveries.count_limit(job.delivery)
        wait = should_retry(error, count) or error.wait
        log.warning("rate limit", count=count, wait=wait.total_seconds())
        if count < MAX_LIMITED:
            deliveries.put_back(job.delivery)
            Record(self.redis).add_failure(job, str(error), again_in=wait)
            raise LimitedError(wait) from error

    def _give_up(
        self, job: ReviewJob, deliveries: Deliveries, allowance: Allowance, meter: Meter, reason: str
    ) -> timedelta | None:
        """Say in the check run that nobody looked; when GitHub does not even take that, try it all again later."""
        try:
            # In a hurry: the hard time limit may be near.
            with self.github.open(_place(job), meter, allowance, hasty=True) as session:
                tell = _conclude_unreviewed if job.comment is None else give_up
                tell(job, session, reason)
        except LimitedError as error:
            self._wait_for_limit(job, deliveries, error)
        except GitHubError as error:
            if is_gone(error):
                log.info("nobody to tell", error=str(error))
                deliveries.finish(job.delivery, State.FAILED, reason)
                Record(self.redis).add_failure(job, f"{reason}; {error}", again_in=None)
                return None
            failures = deliveries.count_failure(job.delivery)
            log.warning("check not concluded", error=str(error), failures=failures)
            if should_retry(error, failures) is not None and failures < MAX_CONCLUSIONS:
                deliveries.put_back(job.delivery)
                Record(self.redis).add_failure(job, str(error), again_in=CONCLUSION_WAIT)
                return CONCLUSION_WAIT
        except (RedisError, TurnLostError):
            raise
        except Exception:
            # The delivery has to end as failed all the same, or no redelivery would ever run it again.
            log.exception("check not concluded")
        deliveries.finish(job.delivery, State.FAILED, reason)
        Record(self.redis).add_failure(job, reason, again_in=None)
        log.error("job given up", reason=reason)
        return None


def _conclude_unreviewed(job: ReviewJob, session: Session, reason: str) -> None:
    head_sha = job.head_sha or read_pull(session, job.number).head_sha
    try:
        # A run that stands already must not go on saying what is no longer so.
        run = read_snapshot(session, job.number, head_sha).check_run
    except (GitHubError, LookupError, TypeError):
        # Whatever made reading fail may be why we are here: a second run is better than none.
        run = CheckRun()
    conclude(session, job.number, head_sha, not_reviewed(reason, job.delivery), run)


def _place(job: ReviewJob) -> RepositoryRef:
    return RepositoryRef(job.installation_id, job.repository_id, job.owner, job.repository)


def _report(job: ReviewJob, outcome: Outcome, meter: Meter, seconds: float, record: Record) -> None:
    log.info(
        "job done",
        ending=outcome.ending,
        title=outcome.title,
        comments=outcome.comments,
        reason=job.reason,
        requests=meter.requests,
        remaining=meter.remaining,
        seconds=round(seconds, 2),
    )
    record.add_review(
        job,
        ending=outcome.ending.value,
        title=outcome.title,
        comments=outcome.comments,
        requests=meter.requests,
        seconds=seconds,
    )
    record.add_findings(outcome.told)
    record.settle_offers(job, outcome.texts)
    record.add_offers(job, outcome.offers, outcome.texts)
