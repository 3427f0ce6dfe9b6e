from __future__ import annotations

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
