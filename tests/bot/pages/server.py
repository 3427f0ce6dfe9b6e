"""The web process at an address that is known before it starts, as the App's webhook and the way back need it."""

from __future__ import annotations

from bot.settings import Hosting
from tests.workers.web import Web


def serving(hosting: Hosting, redis_url: str) -> Web:
    """Serve where `hosting` says until the block ends; hand out the address."""
    return Web(hosting, redis_url, hosting.port)
