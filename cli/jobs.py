"""`dockslim jobs`: what was given up, and a second chance for it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

from redis.exceptions import RedisError

from bot.deliveries import Deliveries, Failed
from bot.queue import connect
from bot.settings import SettingsError, read_redis_url
from cli.trouble import TroubleError, one_line


def list_jobs() -> None:
    """Print how many jobs wait, and those that were given up."""
    with _ledger() as deliveries:
        waiting, failed = deliveries.count_waiting(), deliveries.list_failed()
    print(f"{waiting:,} waiting or under way, {len(failed):,} given up")
    for each in failed:
        print(_describe(each))
    if failed:
        print("`dockslim jobs retry ID` runs one of them again.")


def retry_job(delivery: str) -> None:
    """Have one job that was given up run again."""
    with _ledger() as deliveries:
        if not deliveries.retry(delivery):
            raise TroubleError(delivery, "no job of that ID was given up; `dockslim jobs` lists those")
    print(f"{delivery} runs again.")


def _describe(failed: Failed) -> str:
    job = failed.job
    place = f"{job.owner}/{job.repository}#{job.number}" if job is not None else "unknown"
    return f"{failed.delivery}  {failed.at:%Y-%m-%d %H:%M} UTC  {place}  {one_line(failed.reason)}"


@contextmanager
def _ledger() -> Iterator[Deliveries]:
    try:
        with connect(read_redis_url(os.environ)) as redis:
            yield Deliveries(redis)
    except SettingsError as error:
        raise TroubleError(error.name, error.sentence) from None
    except RedisError as error:
        raise TroubleError("DOCKSLIM_REDIS_URL", f"the queue is unreachable ({type(error).__name__})") from None
