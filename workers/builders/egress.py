"""The only way out of a build: an HTTP proxy that knows a list of hosts.

It listens at a socket that was made inside the sandbox, whose network has no other way out, and connects from here.
"""

from __future__ import annotations

import ipaddress
import re
import selectors
import socket
import threading
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from urllib.parse import urlsplit

_HEAD = 32768
_IDLE = 60.0
_PORTS = (80, 443)
_MOST = 64
"""Connections at a time."""
LOOPBACK = "loopback.dockslim"
"""Stands for this machine: clients ask no proxy for its own names."""
_EMBEDDED = (ipaddress.IPv6Network("64:ff9b::/96"), ipaddress.IPv6Network("::ffff:0:0/96"))
_HOST = re.compile(r"[a-z0-9.-]{1,253}(?::\d{1,5})?")


class _RefusedError(Exception):
    """Why a request goes nowhere; said to the build."""


@dataclass(frozen=True, slots=True)
class Hosts:
    """Hosts that builds may reach: on ports 80 and 443 at public addresses, or `HOST:PORT` at whatever address."""

    names: tuple[str, ...] = ()
    anywhere: bool = False
    """Whether all public addresses may be reached as well, on all ports: where nothing of a build runs."""

    def __bool__(self) -> bool:
        """Tell whether anything may be reached."""
        return self.anywhere or bool(self.names)

    def resolve(self, host: str, port: int) -> tuple[str, int]:
        """Return where to connect to, or raise an error that says why not."""
        host = host.lower().rstrip(".")
        exact = f"{host}:{port}" in self.names
        if not exact and not self.anywhere and (host not in self.names or port not in _PORTS):
            raise _RefusedError(f"{host}:{port} is not on the list of hosts that builds may reach")
        try:
            looked_up = "127.0.0.1" if host == LOOPBACK else host
            addresses = [str(each[4][0]) for each in socket.getaddrinfo(looked_up, port, type=socket.SOCK_STREAM)]
        except (OSError, ValueError):
            raise _RefusedError(f"{host} has no address") from None
        for address in addresses:
            # What was checked is what is connected to: the name is not looked up again.
            if exact or is_public(address):
                return address, port
        raise _RefusedError(f"the address of {host} is not public")


def is_public(address: str) -> bool:
    """Tell whether an address is one of the internet, and so the IPv4 address that it may have inside."""
    found = ipaddress.ip_address(address.partition("%")[0])
    inside = None
    if isinstance(found, ipaddress.IPv6Address):
        inside = found.sixtofour
        if any(found in each for each in _EMBEDDED):
            inside = ipaddress.IPv4Address(int(found) & 0xFFFFFFFF)
    reached = inside or found
    return reached.is_global and not reached.is_multicast


def read_hosts(setting: str) -> Hosts:
    """Read a list of hosts; raise ValueError for what is none."""
    names = tuple(filter(None, re.split(r"[\s,]+", setting.lower())))
    for name in names:
        if not _HOST.fullmatch(name):
            raise ValueError(f"{name[:60]!r} is not a host. It reads HOST, or HOST:PORT")
    return Hosts(names)


def serve(listener: socket.socket, hosts: Hosts) -> None:
    """Answer until the listener is closed."""
    free = threading.BoundedSemaphore(_MOST)

    def answer(connection: socket.socket) -> None:
        try:
            with connection, suppress(OSError):
                _answer(connection, hosts)
        finally:
            free.release()

    while True:
        free.acquire()
        try:
            connection, _ = listener.accept()
        except OSError:
            return
        threading.Thread(target=answer, args=(connection,), daemon=True).start()


def _answer(connection: socket.socket, hosts: Hosts) -> None:
    connection.settimeout(_IDLE)
    head = b""
    while b"\r\n\r\n" not in head:
        piece = connection.recv(4096)
        if not piece or len(head) > _HEAD:
            return
        head += piece
    head, _, rest = head.partition(b"\r\n\r\n")
    line, *headers = head.decode("latin-1").split("\r\n")
    try:
        host, port, request = _read(line, headers)
        upstream = socket.create_connection(hosts.resolve(host, port), timeout=10)
    except _RefusedError as error:
        connection.sendall(f"HTTP/1.1 403 Forbidden\r\nConnection: close\r\n\r\ndockslim: {error}\n".encode())
        return
    except OSError:
        connection.sendall(b"HTTP/1.1 502 Bad Gateway\r\nConnection: close\r\n\r\n")
        return
    with upstream:
        if request:
            upstream.sendall(request)
        else:
            connection.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
            upstream.sendall(rest)
        _relay(connection, upstream, both=not request)


def _read(line: str, headers: Sequence[str]) -> tuple[str, int, bytes]:
    """Return host, port and the request to send there, which is empty for a tunnel."""
    method, _, rest = line.partition(" ")
    target, _, _ = rest.partition(" ")
    try:
        parts = urlsplit(f"//{target}" if method == "CONNECT" else target)
        port = parts.port
    except ValueError:
        raise _RefusedError("the request names no host") from None
    host = parts.hostname or ""
    if method == "CONNECT":
        return host, port or 443, b""
    if method not in ("GET", "HEAD") or parts.scheme != "http":
        raise _RefusedError("only GET, HEAD and CONNECT pass")
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    # The host that was checked is the one that is asked, and it is asked once.
    kept = [each for each in headers if each.partition(":")[0].lower() not in _HOP_BY_HOP]
    named = host if port in (None, 80) else f"{host}:{port}"
    lines = [f"{method} {path} HTTP/1.1", f"Host: {named}", *kept, "Connection: close", "", ""]
    return host, port or 80, "\r\n".join(lines).encode("latin-1")


_HOP_BY_HOP = {
    "host", "connection", "proxy-connection", "keep-alive", "proxy-authorization", "te", "trailer",
    "transfer-encoding", "content-length", "upgrade",
}  # fmt: skip


def _relay(build: socket.socket, upstream: socket.socket, *, both: bool) -> None:
    ends = [(upstream, build), *([(build, upstream)] if both else [])]
    # Not select(), which knows no descriptor over 1,023.
    with selectors.DefaultSelector() as selector:
        for pair in ends:
            selector.register(pair[0], selectors.EVENT_READ, pair)
        while ready := selector.select(_IDLE):
            for key, _ in ready:
                source, target = key.data
                piece = source.recv(65536)
                if not piece:
                    return
                target.sendall(piece)
