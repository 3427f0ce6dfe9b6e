"""The sandbox over HTTP: the API, the pages, and the control endpoint, served by uvicorn in a thread."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from collections.abc import Iterator
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from cli.sandbox import control, page, registration
from cli.sandbox.api import Api
from cli.sandbox.rest.contents import archive
from cli.sandbox.site import Site

START_SECONDS = 10.0
METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE"]


def application(site: Site) -> Starlette:
    """Build the ASGI application."""
    api = Api(site)

    async def answer_api(request: Request) -> Response:
        return await api(request)

    def download(request: Request) -> Response:
        # codeload.github.com: the address itself is the permission.
        found = site.archives.get(request.query_params.get("token", ""))
        if found is None:
            return Response("404: Not Found", 404, media_type="text/plain")
        repository, oid = found
        name = f"{repository.owner.login}-{repository.name}-{oid[:7]}.tar.gz"
        headers = {"Content-Disposition": f"attachment; filename={name}"}
        return Response(archive(repository, oid), headers=headers, media_type="application/x-gzip")

    return Starlette(
        routes=[
            *control.routes(site),
            Route("/_codeload/{path:path}", download, methods=["GET"]),
            *page.routes(site),
            *registration.routes(site, page.environment()),
            Route("/{path:path}", answer_api, methods=METHODS),
        ],
        exception_handlers={404: _not_found},
    )


async def _not_found(_request: Request, _error: Exception) -> Response:
    return JSONResponse({"message": "Not Found"}, 404)


@contextlib.contextmanager
def serve(site: Site, host: str, port: int) -> Iterator[str]:
    """Serve until the block ends; the address is handed to the block."""
    listener = _listen(host, port)
    config = uvicorn.Config(
        application(site),
        # The logging of the surrounding program is its own business.
        log_config=None,
        access_log=False,
        lifespan="off",
        timeout_graceful_shutdown=2,
        server_header=False,
        headers=[("Server", "sandbox-github")],
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=_run, args=(server, listener), name="sandbox-server", daemon=True)
    thread.start()
    try:
        _wait(server, thread)
        yield f"http://{host}:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(START_SECONDS)
        listener.close()


def _listen(host: str, port: int) -> socket.socket:
    # asyncio turns Nagle's algorithm off only where the protocol is named; else each answer waits 40 ms.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((host, port))
    listener.listen(512)
    return listener


def _run(server: uvicorn.Server, listener: socket.socket) -> None:
    asyncio.run(server.serve(sockets=[listener]))


def _wait(server: Any, thread: threading.Thread) -> None:
    for _ in range(int(START_SECONDS * 100)):
        if server.started or not thread.is_alive():
            break
        thread.join(0.01)
    if not server.started:
        raise RuntimeError("the sandbox did not start")
