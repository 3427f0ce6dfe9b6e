"""`/_sandbox/`: what the Python API does, for other processes."""

from __future__ import annotations

import dataclasses

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from cli.sandbox import faults, payloads
from cli.sandbox.site import Site

WAIT_SECONDS = 60.0


def routes(site: Site) -> list[Route]:
    """Return the routes of the control endpoint."""

    async def list_requests(_request: Request) -> Response:
        return JSONResponse([dataclasses.asdict(one) for one in site.requests])

    async def clear_requests(_request: Request) -> Response:
        site.requests.clear()
        return Response(status_code=204)

    async def list_faults(_request: Request) -> Response:
        left = site.faults.remaining
        return JSONResponse([{**dataclasses.asdict(fault), "left": times} for fault, times in left.items()])

    async def add_fault(request: Request) -> Response:
        try:
            site.faults.add(faults.from_json(await request.json()))
        except (TypeError, ValueError) as error:
            return JSONResponse({"message": str(error)}, 422)
        return Response(status_code=204)

    async def clear_faults(_request: Request) -> Response:
        site.faults.clear()
        return Response(status_code=204)

    def list_deliveries(_request: Request) -> Response:
        return JSONResponse([payloads.delivery(one) for one in site.webhooks])

    def wait(_request: Request) -> Response:
        return JSONResponse({"idle": site.webhooks.wait(WAIT_SECONDS)})

    async def set_hook(request: Request) -> Response:
        site.world.app.webhook_url = (await request.json())["url"]
        return Response(status_code=204)

    return [
        Route("/_sandbox/requests", list_requests, methods=["GET"]),
        Route("/_sandbox/requests", clear_requests, methods=["DELETE"]),
        Route("/_sandbox/faults", list_faults, methods=["GET"]),
        Route("/_sandbox/faults", add_fault, methods=["POST"]),
        Route("/_sandbox/faults", clear_faults, methods=["DELETE"]),
        Route("/_sandbox/deliveries", list_deliveries, methods=["GET"]),
        Route("/_sandbox/wait", wait, methods=["POST"]),
        Route("/_sandbox/hook", set_hook, methods=["PUT"]),
    ]
