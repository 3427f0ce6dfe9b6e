"""What machines ask: is the process up, can it do its work, and the figures."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, PlainTextResponse, Response
from prometheus_client import CONTENT_TYPE_PLAIN_0_0_4
from redis.exceptions import RedisError

from bot.deliveries import Deliveries
from bot.pages.access import insist
from bot.pages.metrics import write_metrics
from bot.pages.site import Known, PageError
from bot.queue import Queue, QueueError
from bot.record import Record
from bot.settings import SettingsError


def make_router(known: Known, queue: Queue) -> APIRouter:
    """Return /healthz, /readyz and /metrics."""
    router = APIRouter()

    @router.get("/healthz", summary="Whether the process is up")
    async def live() -> JSONResponse:
        return JSONResponse({"status": "ok"})

    @router.get("/readyz", summary="Whether it can do its work")
    def ready() -> JSONResponse:
        try:
            queue.ping()
            # A key that does not load is a SettingsError.
            app = known.settings
        except QueueError as error:
            return JSONResponse({"status": str(error)}, 503)
        except SettingsError as error:
            return JSONResponse({"status": str(error)}, 503)
        # Ready in set-up too: else nothing that balances load would let anybody reach /setup.
        return JSONResponse({"status": "ok" if app is not None else "there is no App yet; open /setup"})

    @router.get("/metrics", summary="Figures for Prometheus", response_class=PlainTextResponse)
    def measure(request: Request) -> Response:
        insist(request, known.hosting)
        try:
            text = write_metrics(Record(queue.redis).read(), Deliveries(queue.redis).count_waiting())
        except RedisError:
            raise PageError(503, "The queue is unreachable", "Redis does not answer; see `dockslim doctor`.") from None
        return Response(text, media_type=CONTENT_TYPE_PLAIN_0_0_4)

    return router
