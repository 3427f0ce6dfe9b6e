"""The straight line for real: GitHub's delivery -> uvicorn -> Valkey -> a Celery worker process -> GitHub's API."""

from __future__ import annotations

import asyncio
import io
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from celery import Celery
from celery.exceptions import Reject
from redis import Redis
from redis.exceptions import ConnectionError as RedisConnectionError

from bot.deliveries import Deliveries, State
from bot.jobs import ReviewJob
from bot.queue import Queue
from bot.settings import Settings
from bot.webhooks.verify import sign
from cli.sandbox import duplicate, server_error, slow
from tests.bot.payloads import PAYLOADS, dump
from tests.bot.test_jobs import JOB
from tests.workers.line import Line, running_line
from tests.workers.stage import WASTEFUL
from tests.workers.web import wait_until
from workers.app import NICENESS, create_worker
from workers.messages import Messages
from workers.perform import Performer
from workers.turns import Turns

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def line(redis_url: str, private_key: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Line]:
    with running_line(redis_url, private_key, tmp_path_factory.mktemp("line") / "worker.log") as made:
        yield made


def test_opened(line: Line) -> None:
    pull = line.stage.open({"Dockerfile": WASTEFUL}, branch="opened")
    wait_until(lambda: pull.check_runs)
    assert len(pull.reviews) == 1
    assert [run.status for run in pull.check_runs] == ["completed"]
    line.sandbox.wait_until_delivered()
    delivery = next(each for each in line.sandbox.deliveries if each.event == "pull_request")
    assert (delivery.status_code, json.loads(delivery.response_body)) == (202, {"job": delivery.guid})
    # The delivery leads from the webhook to the comment.
    wait_until(lambda: line.deliveries.state(delivery.guid) == State.DONE and line.count_jobs())
    done = [json.loads(text) for text in line.log().splitlines() if delivery.guid in text and "job done" in text]
    assert [each["comments"] for each in done] == [2]


def test_the_logs_lead_from_the_webhook_to_the_comment_and_hold_no_secret(line: Line, log: io.StringIO) -> None:
    """One delivery id on every line about it, in both processes; and of what it is about no more than names."""
    canary = "canary-7f3a"
    text = WASTEFUL + f"RUN echo {canary}\n"
    pull = line.stage.open({"Dockerfile": text}, branch="logged", title=f"title {canary}", body=f"body {canary}")
    wait_until(lambda: pull.check_runs)
    pull.comment(f"/dockslim recheck\n{canary}")
    line.sandbox.faults.add(server_error(500, path="/compare/"))
    line.wait_until_idle()
    [delivery] = [each for each in line.sandbox.deliveries if each.event == "pull_request" and canary in str(each.body)]
    web = [json.loads(each) for each in log.getvalue().splitlines()]
    worker = [json.loads(each) for each in line.log().splitlines() if each.startswith("{")]
    about = [[each["event"] for each in process if each.get("delivery") == delivery.guid] for process in (web, worker)]
    # Another pull request of this installation was just written to.
    assert [[each for each in process if each != "job waits"] for process in about] == [
        ["job queued"],
        ["review posted", "job done"],
    ]
    assert all("delivery" in each for each in web if each["logger"] == "dockslim.web")
    tokens = [*line.sandbox.site.tokens._installation]
    assert tokens
    secrets = (canary, line.sandbox.webhook_secret, *line.sandbox.private_key.splitlines()[1:-1], *tokens)
    told = log.getvalue() + line.log()
    assert not [secret for secret in secrets if secret in told]


def test_same_delivery_twice_is_one_job(line: Line) -> None:
    line.wait_until_idle()
    jobs = line.count_jobs()
    line.sandbox.faults.add(duplicate("pull_request"))
    pull = line.stage.open({"Dockerfile": WASTEFUL}, branch="twice")
    wait_until(lambda: pull.check_runs)
    line.sandbox.wait_until_delivered()
    after = line.stage.open({"x": "x"}, branch="after-twice")
    wait_until(lambda: after.check_runs)
    line.wait_until_idle()
    assert line.count_jobs() == jobs + 2
    assert len(pull.reviews) == 1


def test_failed_delivery_runs_again_when_it_is_redelivered(line: Line) -> None:
    pull = line.stage.open({"Dockerfile": WASTEFUL}, branch="redelivered")
    line.wait_until_idle()
    delivery = [each for each in line.sandbox.deliveries if each.event == "pull_request"][-1]
    assert line.deliveries.state(delivery.guid) == State.DONE
    jobs = line.count_jobs()
    line.sandbox.redeliver(delivery.id)
    line.sandbox.wait_until_delivered()
    line.stage.redis.hset(f"dockslim:delivery:{delivery.guid}", "state", State.FAILED.value)
    line.sandbox.redeliver(delivery.id)
    line.wait_until_idle()
    assert line.deliveries.state(delivery.guid) == State.DONE
    assert line.count_jobs() == jobs + 1
    assert len(pull.reviews) == 1


def test_recheck_and_rerun(line: Line) -> None:
    pull = line.stage.open({"Dockerfile": WASTEFUL}, branch="recheck")
    line.wait_until_idle()
    jobs = line.count_jobs()
    pull.comment("Please:\n/dockslim recheck")
    line.wait_until_idle()
    assert line.count_jobs() == jobs + 1
    pull.rerequest(pull.check_runs[0])
    line.wait_until_idle()
    assert line.count_jobs() == jobs + 2
    assert (len(pull.reviews), len(pull.check_runs)) == (1, 1)


def test_push_and_trouble(line: Line) -> None:
    pull = line.stage.open({"Dockerfile": WASTEFUL}, branch="push")
    wait_until(lambda: pull.check_runs)
    line.sandbox.faults.add(server_error(502, after=True, method="POST", path="/reviews$"))
    line.stage.repository.commit("push", {"Dockerfile": WASTEFUL + "RUN pip install more\n"})
    wait_until(lambda: pull.check_runs)
    assert len(pull.reviews) == 2
    assert len(pull.review_comments) == 3


def test_pushes_in_quick_succession_are_reviewed_once_each_at_most(line: Line) -> None:
    pull = line.stage.open({"Dockerfile": WASTEFUL}, branch="quick")
    for number in range(6):
        line.stage.repository.commit("quick", {"n": str(number)})
    wait_until(lambda: pull.check_runs)
    line.sandbox.wait_until_delivered()
    said = [comment.body for comment in pull.review_comments]
    assert len(said) == len(set(said)) == 2


def test_webhooks_are_answered_within_milliseconds(line: Line) -> None:
    url = line.sandbox.webhook_url
    assert url is not None
    body = dump(PAYLOADS["pull_request"] | {"action": "labeled"})
    headers = {"X-GitHub-Event": "pull_request", "X-Hub-Signature-256": sign(line.sandbox.webhook_secret, body)}
    before = len(line.sandbox.requests)
    took = []
    with httpx.Client(trust_env=False) as client:
        for number in range(50):
            started = time.monotonic()
            assert (
                client.post(url, content=body, headers=headers | {"X-GitHub-Delivery": f"n{number}"}).status_code == 200
            )
            took.append(time.monotonic() - started)
        assert client.get(url.replace("/webhooks", "/healthz")).json() == {"status": "ok"}
    assert sorted(took)[25] < 0.1
    assert len(line.sandbox.requests) == before


def test_webhooks_come_before_reviews(line: Line) -> None:
    own = os.getpriority(os.PRIO_PROCESS, 0)
    for process in (line.worker.pid, *line.children()):
        assert os.getpriority(os.PRIO_PROCESS, process) == min(own + NICENESS, 19)


def test_a_worker_answers_no_questions_through_the_queue(line: Line, redis: Redis) -> None:
    """What listens for them ends the worker now and then when the queue is lost with a job under way."""
    pull = line.stage.open({"Dockerfile": WASTEFUL}, branch="questions")
    wait_until(lambda: pull.check_runs)
    assert redis.client_list(_type="pubsub") == []


@pytest.mark.skipif(not Path("/proc/self/autogroup").exists(), reason="this kernel has no groups of sessions")
def test_a_worker_with_a_session_of_its_own_steps_back_with_it() -> None:
    """Between sessions, the niceness of a process alone counts for nothing."""
    ask = "import workers.app as a; a.step_back(); print(open('/proc/self/autogroup').read())"
    for alone, niceness in ((True, NICENESS), (False, None)):
        said = subprocess.run(
            [sys.executable, "-c", ask], start_new_session=alone, capture_output=True, text=True, check=True
        ).stdout.split()
        own = Path("/proc/self/autogroup").read_text().split()
        assert said[2:] == (own[2:] if niceness is None else [str(niceness)])


def test_a_job_survives_that_its_process_is_killed(line: Line) -> None:
    """The pool's process dies in the middle of a job; the job goes back into the queue and is done."""
    line.sandbox.faults.add(slow(60, path="/compare/"))
    pull = line.stage.open({"Dockerfile": WASTEFUL}, branch="killed")
    line.sandbox.wait_until_delivered()
    wait_until(lambda: line.sandbox.faults.remaining == {})
    for child in line.children():
        os.kill(child, signal.SIGKILL)
    wait_until(lambda: pull.check_runs)
    assert len(pull.reviews) == 1


def test_jobs_wait_for_a_worker(line: Line) -> None:
    line.stop_worker()
    pull = line.stage.open({"Dockerfile": WASTEFUL}, branch="waiting")
    line.sandbox.wait_until_delivered()
    assert pull.check_runs == []
    line.worker = line.start_worker()
    wait_until(lambda: pull.check_runs)
    assert len(pull.reviews) == 1


def test_the_life_of_a_delivery(redis: Redis) -> None:
    deliveries = Deliveries(redis)
    assert deliveries.state(JOB.delivery) is None
    assert deliveries.claim(JOB) is None
    assert deliveries.claim(JOB) == State.QUEUED
    assert [deliveries.start(JOB), deliveries.start(JOB), deliveries.count_failure(JOB.delivery)] == [1, 2, 1]
    assert deliveries.count_limit(JOB.delivery) == 1
    deliveries.finish(JOB.delivery, State.FAILED, "GitHub answered 502")
    assert deliveries.count_waiting() == 0
    assert deliveries.claim(JOB) is None
    assert deliveries.list_failed() == []
    assert deliveries.start(JOB) == 1
    deliveries.finish(JOB.delivery, State.DONE)
    assert deliveries.claim(JOB) == State.DONE
    assert deliveries.states([JOB.delivery, "other"]) == [State.DONE, None]
    days = redis.pttl(f"dockslim:delivery:{JOB.delivery}") / 86_400_000
    assert days > 7


def _named(delivery: str) -> ReviewJob:
    return replace(JOB, delivery=delivery)


class TestDue:
    def test_a_job_is_due_when_its_wait_is_over_and_goes_to_one_taker(self, redis: Redis) -> None:
        deliveries = Deliveries(redis)
        for name, wait in (("soon", -1), ("later", 60)):
            deliveries.claim(_named(name))
            deliveries.postpone(_named(name), timedelta(seconds=wait))
        assert deliveries.take_due() == [_named("soon")]
        assert deliveries.take_due() == []
        assert deliveries.count_waiting() == 2

    def test_nothing_is_due_that_has_ended(self, redis: Redis) -> None:
        deliveries = Deliveries(redis)
        for name, state in (("done", State.DONE), ("failed", State.FAILED)):
            deliveries.claim(_named(name))
            deliveries.finish(name, state)
            # A second message of it found the turn taken and put itself back.
            deliveries.postpone(_named(name), timedelta(seconds=-1))
        assert deliveries.take_due() == []
        assert deliveries.count_waiting() == 0

    def test_a_message_that_outlived_the_ledger_can_be_put_back(self, redis: Redis) -> None:
        Deliveries(redis).postpone(JOB, timedelta(seconds=-1))
        assert Deliveries(redis).take_due() == [JOB]

    def test_an_unreadable_job_is_given_up_and_a_redelivery_brings_another(self, redis: Redis) -> None:
        deliveries = Deliveries(redis)
        deliveries.postpone(JOB, timedelta(seconds=-1))
        redis.hset(f"dockslim:delivery:{JOB.delivery}", "job", '{"delivery": "x", "older": 1}')
        assert deliveries.take_due() == []
        assert deliveries.count_waiting() == 0
        (failed,) = deliveries.list_failed()
        assert (failed.delivery, failed.job) == (JOB.delivery, None)
        assert failed.reason.startswith("another version of dockslim wrote it")
        assert deliveries.claim(JOB) is None
        assert deliveries.take_due() == [JOB]

    def test_a_state_of_another_version_stops_no_other_job(self, redis: Redis) -> None:
        deliveries = Deliveries(redis)
        for name in ("building", "plain"):
            deliveries.claim(_named(name))
        redis.hset("dockslim:delivery:building", "state", "building")
        assert {job.delivery for job in deliveries.take_due()} == {"building", "plain"}
        assert deliveries.claim(_named("building")) == State.QUEUED
        assert deliveries.states(["building"]) == [State.QUEUED]

    def test_a_job_is_left_alone_as_long_as_its_turn_is_prolonged(self, redis: Redis) -> None:
        deliveries = Deliveries(redis)
        deliveries.claim(JOB)
        deliveries.start(JOB)
        redis.zadd("dockslim:due", {JOB.delivery: 1})
        turn = Turns(redis, timedelta(seconds=1)).take(JOB)
        assert turn is not None
        assert deliveries.take_due() == []
        deliveries.finish(JOB.delivery, State.DONE)
        assert Turns(redis, timedelta(seconds=1)).take(_named("x")) is None
        time.sleep(0.6)
        turn.give_back()
        assert deliveries.count_waiting() == 0

    def test_the_messages_of_due_jobs_are_written(self, redis: Redis, scratch_url: str) -> None:
        async def enqueue_twice() -> list[bool]:
            queue = Queue(scratch_url)
            receipts = [await queue.enqueue(JOB) for _ in range(2)]
            await queue.close()
            return [each.duplicate for each in receipts]

        messages = Messages(scratch_url)
        assert asyncio.run(enqueue_twice()) == [False, True]
        assert [messages.publish_due(), messages.publish_due()] == [1, 0]
        assert redis.llen("dockslim:celery:review") == 1
        messages.close()


class TestFailed:
    def test_a_failed_job_is_listed_with_its_reason_and_can_be_retried(self, redis: Redis) -> None:
        deliveries = Deliveries(redis)
        deliveries.claim(JOB)
        assert not deliveries.retry(JOB.delivery)
        deliveries.finish(JOB.delivery, State.FAILED, "GitHub answered 502")
        (failed,) = deliveries.list_failed()
        assert (failed.job, failed.reason) == (JOB, "GitHub answered 502")
        assert deliveries.retry(JOB.delivery)
        assert deliveries.list_failed() == []
        assert deliveries.take_due() == [JOB]
        assert not deliveries.retry(JOB.delivery)

    def test_the_list_is_bounded_and_the_latest_come_first(self, redis: Redis, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("bot.deliveries.KEEP_FAILED", 3)
        deliveries = Deliveries(redis)
        for number in range(5):
            deliveries.claim(_named(f"n{number}"))
            deliveries.finish(f"n{number}", State.FAILED)
        assert [each.delivery for each in deliveries.list_failed()] == ["n4", "n3", "n2"]


class TestTask:
    """What Celery does with a message when a job does not end."""

    @pytest.fixture
    def app(self, private_key: str, scratch_url: str) -> Celery:
        settings = Settings(app_id=1, private_key=private_key, webhook_secret="hush")
        return create_worker(settings, scratch_url)

    def test_a_job_that_waits_is_in_the_ledger(
        self, app: Celery, redis: Redis, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(Performer, "perform", lambda *_: timedelta(seconds=15))
        app.tasks["dockslim.review"](JOB.to_message())
        seconds, _ = redis.time()
        assert redis.zscore("dockslim:due", JOB.delivery) == pytest.approx((seconds + 15) * 1000, abs=5000)

    def test_a_message_that_cannot_be_put_back_stays_where_it_is(
        self, app: Celery, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def refuse(*_: object) -> None:
            raise RedisConnectionError

        monkeypatch.setattr(Performer, "perform", lambda *_: timedelta(seconds=15))
        monkeypatch.setattr(Deliveries, "postpone", refuse)
        with pytest.raises(Reject) as caught:
            app.tasks["dockslim.review"](JOB.to_message())
        assert caught.value.requeue

    def test_a_job_that_hits_the_hard_limit_is_not_acknowledged(self, app: Celery) -> None:
        task = app.tasks["dockslim.review"]
        assert task.acks_late
        assert task.acks_on_timeout is False
