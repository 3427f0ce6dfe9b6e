"""The queue, from the side of whoever puts jobs in: an entry in the ledger of deliveries; workers look through it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from redis import Redis, asyncio
from redis.asyncio.retry import Retry as AsyncRetry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

from bot.deliveries import CLAIM, SUPERSEDE, describe_claim, describe_end, read_state
from bot.jobs import ReviewJob

# GitHub gives up on a delivery after 10 s: better to refuse it at once, it can be redelivered.
TIMEOUT_SECONDS = 2.0
MAX_CONNECTIONS = 32
# Whoever pushes often pushes again within moments; only the last of these heads is reviewed.
SETTLE = timedelta(seconds=2)


class QueueError(Exception):
    """The queue does not take a job now. The message says why, in words for people."""


@dataclass(frozen=True, slots=True)
class Receipt:
    """A job in the queue; `duplicate` when the same delivery had brought it before."""

    job: ReviewJob
    duplicate: bool = False


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
    """Puts jobs into the queue, each delivery's once, without a thread: handing over to one takes longer than Redis.

    `redis` is for what is asked seldom.
    """

    def __init__(self, redis_url: str) -> None:
        self.redis = connect(redis_url)
        pool = asyncio.BlockingConnectionPool.from_url(
            redis_url,
            max_connections=MAX_CONNECTIONS,
            timeout=TIMEOUT_SECONDS,
            socket_timeout=TIMEOUT_SECONDS,
            socket_connect_timeout=TIMEOUT_SECONDS,
            health_check_interval=25,
            retry=AsyncRetry(NoBackoff(), 1),
        )
        self._redis = asyncio.Redis.from_pool(pool)
        self._claim = self._redis.register_script(CLAIM)
        self._supersede = self._redis.register_script(SUPERSEDE)

    async def open(self) -> None:
        """Connect, so that no delivery waits for that; raise QueueError unless Redis answers."""
        try:
            await self._redis.script_load(CLAIM)
        except RedisError as error:
            raise unreachable(error) from error

    async def enqueue(self, job: ReviewJob) -> Receipt:
        """Queue a job, unless the same delivery has done so; raise QueueError when Redis does not take it."""
        try:
            found = await self._claim(*describe_claim(job, SETTLE if job.reason == "synchronize" else timedelta()))
        except RedisError as error:
            raise unreachable(error) from error
        return Receipt(job, duplicate=read_state(found) is not None)

    async def supersede(self, job: ReviewJob) -> None:
        """Have what is queued for a pull request stop; raise QueueError when Redis does not take it."""
        try:
            await self._supersede(*describe_end(job))
        except RedisError as error:
            raise unreachable(error) from error

    def ping(self) -> None:
        """Raise QueueError unless Redis answers."""
        try:
            self.redis.ping()
        except RedisError as error:
            raise unreachable(error) from error

    async def close(self) -> None:
        """Let go of the connections."""
        await self._redis.aclose()
        self.redis.close()


def unreachable(error: Exception) -> QueueError:
    """Return the same as an error that names no address."""
    return QueueError(f"the queue is unreachable ({type(error).__name__})")
