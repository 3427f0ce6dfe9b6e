"""The web process in a thread of this one, over real HTTP."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import uvicorn

from bot.app import create_app
from bot.queue import Queue
from bot.settings import Hosting

SECONDS = 30.0


def wait_until(happened: Callable[[], object], seconds: float = SECONDS) -> None:
    """Wait until something is the case; fail when it takes too long."""
    until = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < until, "this took too long"
        time.sleep(0.02)


class Web:
    """Run the web process in a thread."""

    def __init__(self, hosting: Hosting, redis_url: str, port: int = 0) -> None:
        app = create_app(hosting, Queue(redis_url))
        config = uvicorn.Config(app, port=port, log_config=None, access_log=False, ws="none", proxy_headers=False)
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, daemon=True)

    def __enter__(self) -> str:
        self._thread.start()
        wait_until(lambda: self._server.started)
        return f"http://127.0.0.1:{self._server.servers[0].sockets[0].getsockname()[1]}"

    def __exit__(self, *_: object) -> None:
        self._server.should_exit = True
        self._thread.join(SECONDS)
