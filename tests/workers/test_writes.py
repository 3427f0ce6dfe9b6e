"""Writes of one installation, counted over processes on a real Valkey."""

from __future__ import annotations

import itertools
import multiprocessing
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from redis import Redis

from bot.deliveries import Deliveries
from bot.github.failures import LimitedError
from bot.github.limits import LONGEST_PAUSE, ORDINARY_WRITES, RESERVE, Allowance, Writes
from bot.queue import connect
from tests.workers.stage import WASTEFUL, Stage

pytestmark = pytest.mark.slow

SHORT = ((1, timedelta(milliseconds=50)), (8, timedelta(milliseconds=600)), (20, timedelta(seconds=3)))
"""GitHub's three windows, shortened."""


def _times(redis: Redis, installation_id: int) -> list[float]:
    return sorted(score for _, score in redis.zrange(f"dockslim:writes:{installation_id}", 0, -1, withscores=True))


def _most_in(times: list[float], span: timedelta) -> int:
    """Return the most that fall into one span, counted from each of them on."""
    length = span.total_seconds() * 1000
    return max(sum(start <= each < start + length for each in times) for start in times)


def _write(url: str, name: str, count: int) -> None:
    with connect(url) as redis:
        writes = Writes(redis, SHORT)
        for number in range(count):
            while wait := writes.book(7, f"{name}:{number}", f"{name}:{number}:sent", 1):
                time.sleep(wait.total_seconds())
            redis.rpush("sent", str(redis.zscore("dockslim:writes:7", f"{name}:{number}:sent:1")))


def test_several_processes_together_keep_within_every_window(redis: Redis, scratch_url: str) -> None:
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=_write, args=(scratch_url, f"p{n}", 8)) for n in range(3)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
    times = sorted(map(float, redis.lrange("sent", 0, -1)))
    assert len(times) == 24
    assert [_most_in(times, span) for _, span in SHORT] == [limit for limit, _ in SHORT]


def test_one_installation_does_not_wait_for_another(redis: Redis) -> None:
    writes = Writes(redis)
    assert writes.book(1, "a", "x", 2) == timedelta()
    assert writes.book(2, "b", "y", 2) == timedelta()
    assert writes.book(1, "c", "z", 2) > timedelta(seconds=1)


def test_who_waits_keeps_the_place(redis: Redis) -> None:
    writes = Writes(redis)
    waits = [writes.book(1, name, name, 2).total_seconds() for name in ("a", "b", "c", "b", "c")]
    assert waits == pytest.approx([0, 2, 4, 2, 4], abs=0.2)


def test_the_hour(redis: Redis) -> None:
    seconds, _ = redis.time()
    redis.zadd("dockslim:writes:1", {f"old{n}": (seconds - 3590 + n) * 1000 for n in range(500)})
    assert Writes(redis).book(1, "a", "a", 1).total_seconds() == pytest.approx(10, abs=1.5)
    redis.zadd("dockslim:writes:2", {f"old{n}": (seconds - 3700 + n) * 1000 for n in range(500)})
    assert Writes(redis).book(2, "a", "a", 1) == timedelta()


def test_who_comes_late_is_measured_by_what_was_sent(redis: Redis) -> None:
    # A pause, or workers that were away: the time of every place has come at once.
    hour = (90, timedelta(seconds=10))
    writes = Writes(redis, (*SHORT[:2], hour))
    for number in range(12):
        writes.book(1, f"job{number}", f"token{number}", 2)
    time.sleep(1.9)
    waits = [writes.book(1, f"job{number}", f"token{number}", 2) for number in range(12)]
    assert 2 * waits.count(timedelta()) <= 8
    left = [wait for wait in waits if wait]
    assert left == sorted(left)
    assert left[-1] > left[0]


def test_places_of_others_do_not_hold_up_a_job_that_has_begun(redis: Redis) -> None:
    writes, slept = Writes(redis), list[float]()

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        time.sleep(seconds)

    with Allowance(writes, 1, "a", sleep) as allowance:
        assert allowance.admit() is None
        for number in range(50):
            assert Allowance(writes, 1, f"job{number}", sleep).admit()
        for _ in range(ORDINARY_WRITES + 1):
            allowance.take()
    assert sum(slept) <= LONGEST_PAUSE.total_seconds()


class TestAllowance:
    @pytest.fixture
    def make(self, redis: Redis) -> Callable[[str], Allowance]:
        def make(job: str) -> Allowance:
            return Allowance(Writes(redis), 1, job, self.slept.append)

        self.slept: list[float] = []
        return make

    def test_ordinary_writes_do_not_sleep_and_what_is_not_needed_is_given_back(
        self, redis: Redis, make: Callable[[str], Allowance]
    ) -> None:
        with make("a") as allowance:
            assert allowance.admit() is None
            allowance.take()
        assert self.slept == []
        assert len(_times(redis, 1)) == 1
        assert (make("b").admit() or timedelta()) <= timedelta(seconds=1)

    def test_the_same_job_books_again_for_its_next_run(self, make: Callable[[str], Allowance]) -> None:
        with make("a") as allowance:
            allowance.admit()
            for _ in range(ORDINARY_WRITES):
                allowance.take()
        assert (make("a").admit() or timedelta()) > timedelta(seconds=1)

    def test_further_writes_are_a_second_apart(self, redis: Redis) -> None:
        with Allowance(Writes(redis), 1, "a", time.sleep) as allowance:
            allowance.admit()
            for _ in range(ORDINARY_WRITES + 2):
                allowance.take()
        times = _times(redis, 1)
        assert all(later - earlier >= 1000 for earlier, later in itertools.pairwise(times))
        assert redis.time()[0] * 1000 + 1000 >= times[-1]

    def test_a_write_that_is_too_far_away_puts_the_job_back(
        self, redis: Redis, make: Callable[[str], Allowance]
    ) -> None:
        with make("a") as allowance:
            allowance.admit()
            for _ in range(ORDINARY_WRITES):
                allowance.take()
            now = redis.time()[0] * 1000
            redis.zadd("dockslim:writes:1", {f"sent{number}": now - 10_000 + number for number in range(80)})
            before = _times(redis, 1)
            with pytest.raises(LimitedError) as caught:
                allowance.take()
        assert caught.value.wait > LONGEST_PAUSE
        assert self.slept == []
        assert _times(redis, 1) == before


class TestJobs:
    def test_jobs_of_one_installation_wait_before_they_ask_anything(self, stage: Stage) -> None:
        performer = replace(stage.performer, writes=None)
        pulls = [stage.open({"Dockerfile": WASTEFUL}, branch=f"b{n}") for n in range(3)]
        jobs = [stage.job(pull) for pull in pulls]
        assert performer.perform(jobs[0]) is None
        stage.sandbox.requests.clear()
        waits = [performer.perform(job) for job in jobs[1:]]
        assert [wait.total_seconds() for wait in waits if wait] == pytest.approx([2.5, 5.5], abs=1)
        assert len(stage.sandbox.requests) == 0
        time.sleep(waits[0].total_seconds() if waits[0] else 0)
        assert performer.perform(jobs[1]) is None
        assert [len(pull.reviews) for pull in pulls] == [1, 1, 0]

    def test_who_is_superseded_gives_up_the_place(self, stage: Stage) -> None:
        performer = replace(stage.performer, writes=None)
        first, second = (stage.open({"Dockerfile": WASTEFUL}, branch=f"b{n}") for n in range(2))
        performer.perform(stage.job(first))
        job = stage.job(second, moment=100)
        assert performer.perform(job) is not None
        key = f"dockslim:writes:{stage.installation.id}:booked"
        assert stage.redis.zcard(key) == ORDINARY_WRITES
        Deliveries(stage.redis).supersede(replace(job, moment=200))
        assert performer.perform(job) is None
        assert stage.redis.zcard(key) == 0

    @pytest.mark.parametrize("resource", ["core", "graphql"])
    def test_reads_stop_before_the_hour_is_used_up(self, stage: Stage, resource: str) -> None:
        first, second = (stage.open({"Dockerfile": WASTEFUL}, branch=f"b{n}") for n in range(2))
        stage.sandbox.set_rate_limit(RESERVE, resource)
        # The job that finds out writes what it has read, where it has read everything.
        assert (stage.perform(first) is None) is (resource == "graphql")
        stage.sandbox.requests.clear()
        wait = stage.perform(second)
        assert wait is not None
        assert wait.total_seconds() == pytest.approx(3600, abs=30)
        assert len(stage.sandbox.requests) == 0

    def test_a_used_up_graphql_allowance_is_waited_for_until_its_reset(self, stage: Stage) -> None:
        pull = stage.open({"Dockerfile": WASTEFUL})
        stage.sandbox.set_rate_limit(0, "graphql")
        wait: Any = stage.perform(pull)
        assert wait.total_seconds() == pytest.approx(3600, abs=30)
