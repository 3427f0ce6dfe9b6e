"""`dockslim web` and `dockslim worker` as they are, with shorter waits: `python -m tests.workers.shortened worker`."""

from __future__ import annotations

import sys
from datetime import timedelta

import bot.deliveries
import workers.messages
from cli import serve


def shorten() -> None:
    """Shorten the waits that would make a test long; what keeps writes from happening twice stays as it is."""
    bot.deliveries.GRACE = timedelta(seconds=20)
    workers.messages.SWEEP_EVERY = timedelta(seconds=4)


if __name__ == "__main__":
    shorten()
    {"web": serve.web, "worker": serve.worker}[sys.argv[1]]()
