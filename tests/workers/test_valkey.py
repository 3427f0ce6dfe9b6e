from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest
from redis import Redis
from redis.exceptions import AuthenticationError

from workers.valkey import embedded_valkey

pytestmark = pytest.mark.slow


def test_nobody_gets_in_without_the_password_and_it_stands_in_no_file(tmp_path: Path) -> None:
    with embedded_valkey(tmp_path) as url, Redis.from_url(url) as client:
        client.set("a", "1")
        password = client.connection_pool.connection_kwargs["password"]
        port = client.connection_pool.connection_kwargs["port"]
        with Redis(port=port) as stranger, pytest.raises(AuthenticationError):
            stranger.ping()
        assert all(password.encode() not in file.read_bytes() for file in tmp_path.rglob("*") if file.is_file())


def test_a_directory_keeps_the_queue(tmp_path: Path) -> None:
    for found in (None, b"1"):
        with embedded_valkey(tmp_path) as url, Redis.from_url(url) as client:
            assert client.get("a") == found
            client.set("a", "1")


def test_servers_that_start_at_the_same_moment_do_not_want_the_same_port() -> None:
    with ExitStack() as stack, ThreadPoolExecutor(6) as pool:
        started = [pool.submit(stack.enter_context, embedded_valkey()) for _ in range(6)]
        assert len({each.result() for each in started}) == 6
