"""The web process in a thread, and a proxy that GitHub and browsers would come through."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn

from bot.app import create_app
from bot.queue import Queue
from bot.settings import Hosting


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def serving(hosting: Hosting, redis_url: str) -> Iterator[str]:
    """Serve at the port of `hosting` until the block ends; hand out the address."""
    app = create_app(hosting, Queue(redis_url))
    config = uvicorn.Config(
        app, host=hosting.host, port=hosting.port, log_config=None, access_log=False, ws="none", proxy_headers=False
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    until = time.monotonic() + 20
    while not server.started:
        assert time.monotonic() < until, "the web process did not start"
        time.sleep(0.01)
    try:
        yield f"http://{hosting.listen}"
    finally:
        server.should_exit = True
        thread.join(10)
