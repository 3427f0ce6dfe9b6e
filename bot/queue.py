"""The queue, from the side of whoever puts jobs in: by the name of a task, so that the bot knows no worker."""

from __future__ import annotations

import ssl
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from celery import Celery
from kombu.exceptions import OperationalError
from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

from bot.deliveries import Deliveries
from bot.jobs import ReviewJob
from bot.newest import note_newest

REVIEW_TASK = "dockslim.review"
REVIEW_QUEUE = "review"
SWEEP_TASK = "dockslim.sweep"
SWEEP_QUEUE = "sweep"
"""Its own: a look at GitHub's log does not wait behind a thousand reviews."""
SWEEP_EVERY = timedelta(minutes=2)
SWEEP_SOON = timedelta(seconds=10)
# GitHub gives up on a delivery after 10 s: better to refuse it at once, it can be redelivered.
TIMEOUT_SECONDS = 2.0
# Whoever pushes often pushes again within moments; only the last of these heads is reviewed.
SETTLE = timedelta(seconds=2)
# After this time Redis hands out again what no worker has acknowledged: longer than any job. The ledger of deliveries
# is quicker to notice a worker that was killed.
VISIBILITY_SECONDS = 15 * 60
_SWEEP_DUE = "dockslim:sweep"


class QueueError(Exception):
    """The queue does not take a job now. The message says why, in words for people."""


@dataclass(frozen=True, slots=True)
class Receipt:
    """A job in the queue; `duplicate` when the same delivery had brought it before."""

    id: str
    duplicate: bool = False


def celery_options(redis_url: str) -> dict[str, Any]:
    """Return what both ends of the queue have to agree on."""
    return {
        "task_serializer": "json",
        "accept_content": ["json"],
        "task_ignore_result": True,
        "broker_use_ssl": {"ssl_cert_reqs": ssl.CERT_REQUIRED} if redis_url.startswith("rediss:") else None,
        "broker_connection_timeout": TIMEOUT_SECONDS,
        "broker_transport_options": {
            "visibility_timeout": VISIBILITY_SECONDS,
            "socket_timeout": TIMEOUT_SECONDS * 5,
            "socket_connect_timeout": TIMEOUT_SECONDS,
            "health_check_interval": 25,
            "global_keyprefix": "dockslim:celery:",
        },
    }


def connect(redis_url: str) -> Redis:
    """Return a client that fails within seconds when Redis does not answer."""
    return Redis.from_url(
        redis_url,
        socket_timeout=TIMEOUT_SECONDS,
        socket_connect_timeout=TIMEOUT_SECONDS,
        health_check_interval=25,
        retry=Retry(NoBackoff(), 1),
    )


class Queue:
    """Puts jobs into the queue, each delivery's once."""

    def __init__(self, redis_url: str) -> None:
        self.redis = connect(redis_url)
        self._deliveries = Deliveries(self.redis)
        self._celery = Celery("dockslim", broker=redis_url, set_as_current=False)
        self._celery.conf.update(celery_options(redis_url), broker_pool_limit=4)

    def open(self) -> None:
        """Connect, so that the first delivery does not wait for that; raise QueueError where nothing answers."""
        try:
            with self._celery.producer_pool.acquire(block=True) as producer:
                channel: Any = producer.channel
                channel.client.ping()
        except (OperationalError, RedisError, OSError) as error:
            raise _unreachable(error) from error

    def enqueue(self, job: ReviewJob) -> Receipt:
        """Queue a job, unless the same delivery has done so; raise QueueError when Redis does not take it."""
        try:
            state = self._deliveries.claim(job)
        except RedisError as error:
            raise _unreachable(error) from error
        if state is not None:
            return Receipt(job.id, duplicate=True)
        try:
            if job.reason == "synchronize":
                self._deliveries.postpone(job, SETTLE)
            else:
                self._publish(job)
            note_newest(self.redis, job)
        except (QueueError, RedisError) as error:
            with suppress(RedisError):
                self._deliveries.release(job.delivery)
            raise error if isinstance(error, QueueError) else _unreachable(error) from error
        return Receipt(job.id)

    def publish_due(self) -> int:
        """Write a message for each job whose time has come; return how many, or raise QueueError."""
        try:
            jobs = self._deliveries.take_due()
        except RedisError as error:
            raise _unreachable(error) from error
        for job in jobs:
            self._publish(job)
        return len(jobs)

    def publish_sweep(self) -> None:
        """Write a message to sweep, unless some process did so lately; raise QueueError."""
        try:
            if self.redis.set(_SWEEP_DUE, "", nx=True, px=SWEEP_EVERY):
                self._send(SWEEP_TASK, SWEEP_QUEUE, [], expires=SWEEP_EVERY.total_seconds())
        except RedisError as error:
            raise _unreachable(error) from error

    def ping(self) -> None:
        """Raise QueueError unless Redis answers."""
        try:
            self.redis.ping()
        except RedisError as error:
            raise _unreachable(error) from error

    def close(self) -> None:
        """Let go of the connections."""
        self._celery.close()
        self.redis.close()

    def _publish(self, job: ReviewJob) -> None:
        self._send(REVIEW_TASK, REVIEW_QUEUE, [job.to_message()], task_id=job.id)

    def _send(self, task: str, queue: str, arguments: list[Any], **options: Any) -> None:
        try:
            self._celery.send_task(task, args=arguments, queue=queue, retry=False, **options)
        except (OperationalError, RedisError, OSError) as error:
            raise _unreachable(error) from error


def sweep_in(redis: Redis, wait: timedelta) -> None:
    """Have the next sweep happen after a while."""
    redis.set(_SWEEP_DUE, "", px=max(wait, timedelta(milliseconds=1)))


def _unreachable(error: Exception) -> QueueError:
    return QueueError(f"the queue is unreachable ({type(error).__name__})")
