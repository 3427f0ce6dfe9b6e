"""A BuildKit daemon for the tests: the one inside Docker's engine, reached as one that listens by itself.

No registry of packages has `buildkitd`. What answers behind the engine's `/grpc` is the same server with the same API;
the relay asks for it once for each connection, and passes on what goes through unread.
"""

from __future__ import annotations

import asyncio
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

_ASKED = b"POST /grpc HTTP/1.1\r\nHost: engine\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n"


@contextmanager
def relay_buildkit(docker_host: str, tls: ssl.SSLContext | None = None) -> Iterator[str]:
    """Listen on loopback for the BuildKit of an engine at `unix://`; give the address."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        near, far = await asyncio.open_unix_connection(docker_host.removeprefix("unix://"))
        far.write(_ASKED)
        answer = await near.readuntil(b"\r\n\r\n")
        assert answer.startswith(b"HTTP/1.1 101 "), answer
        await asyncio.gather(_copy(reader, far), _copy(near, writer))

    loop = asyncio.new_event_loop()
    server = loop.run_until_complete(asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls))
    runs = threading.Thread(target=loop.run_forever, daemon=True)
    runs.start()
    try:
        yield f"tcp://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        loop.call_soon_threadsafe(server.close)
        loop.call_soon_threadsafe(loop.stop)
        runs.join()


async def _copy(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while piece := await source.read(1 << 16):
            target.write(piece)
            await target.drain()
    target.close()
