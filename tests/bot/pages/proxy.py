"""A proxy in front of the web process, as operators have one: it serves dockslim below a path."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tests.workers.web import wait_until

_OURS = ("host", "content-length", "transfer-encoding", "connection", "content-encoding")


@contextmanager
def proxying(origin: str, port: int, path: str) -> Iterator[str]:
    """Serve `origin` below `path` at `port` until the block ends."""

    async def forward(request: Request) -> Response:
        headers = [(name, value) for name, value in request.headers.items() if name not in _OURS]
        peer = request.client.host if request.client else ""
        async with httpx.AsyncClient(base_url=origin, trust_env=False) as client:
            answer = await client.request(
                request.method,
                f"/{request.path_params['rest']}?{request.url.query}",
                content=await request.body(),
                headers=[*headers, ("X-Forwarded-For", peer)],
            )
        response = Response(answer.content, answer.status_code)
        for name, value in answer.headers.multi_items():
            if name not in _OURS:
                response.headers.append(name, value)
        return response

    app = Starlette(routes=[Route(f"{path}/{{rest:path}}", forward, methods=["GET", "POST"])])
    server = uvicorn.Server(uvicorn.Config(app, port=port, log_config=None, access_log=False, ws="none"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    wait_until(lambda: server.started)
    try:
        yield f"http://127.0.0.1:{port}{path}"
    finally:
        server.should_exit = True
        thread.join(10)
