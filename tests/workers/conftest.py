from __future__ import annotations

import io
from collections.abc import Iterator

import pytest
from redis import Redis

from bot.logs import configure_logs
from bot.queue import connect
from cli.sandbox import Sandbox
from tests.workers.stage import Stage
from workers.valkey import embedded_valkey


@pytest.fixture(scope="session")
def redis_url() -> Iterator[str]:
    with embedded_valkey() as url:
        yield url


@pytest.fixture
def scratch_url(redis_url: str) -> str:
    """Another database of the server: emptied before each test, and no worker process listens to it."""
    return redis_url.removesuffix("/0") + "/1"


@pytest.fixture
def redis(scratch_url: str) -> Iterator[Redis]:
    with connect(scratch_url) as client:
        client.flushdb()
        yield client


@pytest.fixture(autouse=True)
def log() -> io.StringIO:
    """What the code under test logs in this process, as it would in earnest."""
    stream = io.StringIO()
    configure_logs(stream)
    return stream


@pytest.fixture(scope="session")
def private_key() -> str:
    with Sandbox() as sandbox:
        return sandbox.private_key


@pytest.fixture
def stage(redis: Redis, private_key: str) -> Iterator[Stage]:
    """A sandbox GitHub with one repository, and what performs jobs on it, in this process."""
    with Sandbox(private_key=private_key) as sandbox, sandbox.serving():
        yield Stage(sandbox, redis)
