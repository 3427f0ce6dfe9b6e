"""The web process at an address that is known before it starts, as the App's webhook and the way back need it."""

from __future__ import annotations

import socket

from bot.settings import Hosting
from tests.workers.web import Web


def free_port() -> int:
    """Return a port that nobody listens to."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def serving(hosting: Hosting, redis_url: str) -> Web:
    """Serve where `hosting` says until the block ends; hand out the address."""
    return Web(hosting, redis_url, hosting.port)
