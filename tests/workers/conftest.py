from __future__ import annotations

from collections.abc import Iterator

import pytest
from redis import Redis

from bot.queue import connect
from cli.sandbox import Sandbox
from tests.workers.stage import Stage
from workers.valkey import embedded_valkey


@pytest.fixture(scope="session")
def redis_url() -> Iterator[str]:
    with embedded_valkey() as url:
        yield url


@pytest.fixture
def redis(redis_url: str) -> Iterator[Redis]:
    with connect(redis_url) as client:
        client.flushdb()
        yield client


@pytest.fixture(scope="session")
def private_key() -> str:
    with Sandbox() as sandbox:
        return sandbox.private_key


@pytest.fixture
def stage(redis: Redis, private_key: str) -> Iterator[Stage]:
    """A sandbox GitHub with one repository, and what performs jobs on it, in this process."""
    with Sandbox(private_key=private_key) as sandbox, sandbox.serving():
        yield Stage(sandbox, redis)
