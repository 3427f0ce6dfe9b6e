from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from redis import Redis

from bot.queue import connect
from cli.sandbox import Sandbox
from tests.chromium import Page, browsing
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


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox() as sandbox, sandbox.serving():
        yield sandbox


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    """A tab of a real browser."""
    with browsing(tmp_path_factory.mktemp("chromium")) as page:
        yield page


@pytest.fixture
def credentials_dir(tmp_path: Path) -> Path:
    directory = tmp_path / "credentials"
    directory.mkdir()
    return directory
