"""`dockslim alive`: whether a process on this machine goes round, for whatever restarts it; without curl."""

from __future__ import annotations

import os
import socket
import sys
from http.client import HTTPConnection, HTTPException

from redis.exceptions import RedisError

from bot.settings import Settings, SettingsError, read_hosting, read_redis_url
from cli.formats import Process

SECONDS = 3.0
_ANY = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - where somebody listens everywhere, ask here


def is_alive(process: Process) -> bool:
    """Tell whether it is; say on standard error why it is not."""
    try:
        trouble = _ask_web() if process is Process.WEB else _ask_sign(process)
    except SettingsError as error:
        trouble = str(error)
    if trouble:
        print(f"dockslim: {trouble}", file=sys.stderr)
    return not trouble


def _ask_web() -> str:
    hosting = read_hosting(os.environ)
    connection = HTTPConnection(_ANY.get(hosting.host, hosting.host), hosting.port, timeout=SECONDS)
    try:
        connection.request("GET", "/healthz")
        status = connection.getresponse().status
    except (OSError, HTTPException) as error:
        return f"the web process does not answer at {hosting.listen} ({type(error).__name__})"
    finally:
        connection.close()
    return "" if status == 200 else f"the web process answers {status}"


def _ask_sign(process: Process) -> str:
    from bot.queue import connect
    from workers.messages import read_sign

    if not isinstance(read_hosting(os.environ), Settings):
        return ""  # it waits until /setup has stored an App
    try:
        with connect(read_redis_url(os.environ)) as redis:
            found = read_sign(redis, process, socket.gethostname())
    except RedisError:
        # A new one would find no queue either.
        return ""
    return "" if found else f"no {process} on {socket.gethostname()} has shown a sign of life lately"
