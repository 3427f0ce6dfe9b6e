"""Ports for what has to know its address before it starts."""

from __future__ import annotations

import socket


def free_port(host: str = "127.0.0.1") -> int:
    """Return a port of an address of this machine that is given to nobody else while this process lives."""
    held = socket.socket()
    # Bound and not listening, it lets a server listen there that is told to, as often as it is started.
    held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    held.bind((host, 0))
    port = int(held.getsockname()[1])
    held.detach()
    return port
