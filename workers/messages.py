"""Messages: how jobs that are due, and sweeps, reach a process of the pool. Celery's queue holds nothing else."""

from __future__ import annotations

import socket
import ssl
from contextlib import suppress
from datetime import timedelta
from typing import Any

from celery import Celery
from kombu.exceptions import OperationalError
from redis import Redis
from redis.exceptions import RedisError

from bot.deliveries import Deliveries
from bot.queue import TIMEOUT_SECONDS, connect, unreachable
from workers.orders import BUILD_JOB

REVIEW_TASK = "dockslim.review"
REVIEW_QUEUE = "review"
SWEEP_TASK = "dockslim.sweep"
SWEEP_QUEUE = "sweep"
"""Its own: a look at GitHub's log does not wait behind a thousand reviews."""
BUILD_TASK = "dockslim.build"
BUILD_QUEUE = "build"
"""Its own: only builders take from it, which may be machines of their own."""
SWEEP_EVERY = timedelta(minutes=2)
SWEEP_SOON = timedelta(seconds=10)
# After this time Redis hands out again what no worker has acknowledged: longer than any job. The ledger of deliveries
# is quicker to notice a worker that was killed.
VISIBILITY_SECONDS = 15 * 60
_SWEEP_DUE = "dockslim:sweep"
SIGN_EVERY = timedelta(seconds=10)
ALIVE = timedelta(seconds=60)
"""How long a process counts as alive after its last sign: longer than Redis may be away for a restart."""


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


def show_sign(redis: Redis, process: str) -> None:
    """Tell that the worker or builder of this host goes round; whoever watches over it asks with `dockslim alive`."""
    with suppress(RedisError):
        redis.set(_sign_of(process, socket.gethostname()), "", px=ALIVE)


def read_sign(redis: Redis, process: str, host: str) -> bool:
    """Tell whether the worker or builder of a host has shown a sign of life lately."""
    return bool(redis.exists(_sign_of(process, host)))


def _sign_of(process: str, host: str) -> str:
    return f"dockslim:alive:{process}:{host}"


class Messages:
    """Writes messages, each to one worker."""

    def __init__(self, redis_url: str) -> None:
        self._redis = connect(redis_url)
        self._deliveries = Deliveries(self._redis)
        self._celery = Celery("dockslim", broker=redis_url, set_as_current=False)
        self._celery.conf.update(celery_options(redis_url), broker_pool_limit=1)

    def publish_due(self) -> int:
        """Write a message for each job whose time has come; return how many, or raise QueueError."""
        try:
            jobs = self._deliveries.take_due()
            for job in jobs:
                task, queue = (BUILD_TASK, BUILD_QUEUE) if job.reason == BUILD_JOB else (REVIEW_TASK, REVIEW_QUEUE)
                self._send(task, queue, [job.to_message()], task_id=job.id)
        except (OperationalError, RedisError, OSError) as error:
            # What was taken and not written is due again later.
            raise unreachable(error) from error
        return len(jobs)

    def publish_sweep(self) -> None:
        """Write a message to sweep, unless some process did so lately; raise QueueError."""
        try:
            if self._redis.set(_SWEEP_DUE, "", nx=True, px=SWEEP_EVERY):
                self._send(SWEEP_TASK, SWEEP_QUEUE, [], expires=SWEEP_EVERY.total_seconds())
        except (OperationalError, RedisError, OSError) as error:
            raise unreachable(error) from error

    def show_sign(self) -> None:
        """Tell that the worker of this host goes round."""
        show_sign(self._redis, "worker")

    def forget_sweep(self) -> None:
        """Have the next sweep happen now: nobody may have been there to take deliveries."""
        with suppress(RedisError):
            self._redis.delete(_SWEEP_DUE)

    def close(self) -> None:
        """Let go of the connections."""
        self._celery.close()
        self._redis.close()

    def _send(self, task: str, queue: str, arguments: list[Any], **options: Any) -> None:
        self._celery.send_task(task, args=arguments, queue=queue, retry=False, **options)


def sweep_in(redis: Redis, wait: timedelta) -> None:
    """Have the next sweep happen after a while, whenever the last one was."""
    redis.set(_SWEEP_DUE, "", px=wait)
