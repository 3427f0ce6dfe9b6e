"""The web process: takes GitHub's deliveries, answers within milliseconds, and shows the pages."""

from __future__ import annotations

import asyncio
import gc
import re
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

import structlog
import uvicorn
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, Response
from pydantic import TypeAdapter, ValidationError
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.staticfiles import StaticFiles

from bot.jobs import DeliveryId, ReviewJob
from bot.pages import probes, setup, status
from bot.pages.site import Known, PageError, refuse
from bot.queue import Queue, QueueError, Receipt
from bot.record import DeliveryEntry, Record, stamp
from bot.settings import Hosting, Settings, SettingsError
from bot.webhooks.decide import Closed, Ignored, decide
from bot.webhooks.events import EventError, read_event
from bot.webhooks.verify import is_signature, verify

# docs.github.com, "Webhook events and payloads": payloads are capped at 25 MB, larger ones are not sent.
MAX_BODY_BYTES = 25 * 1024 * 1024
BODY_SECONDS = 10
"""How long GitHub itself waits for an answer."""
MAX_CONNECTIONS = 500
"""A busy machine that stands still for a second gets 200 deliveries in that time."""
MAX_BUFFERED = 500 * 1024 * 1024
"""What all bodies that are being read may take together: they are anybody's until they are verified."""
STOP_SECONDS = 5
CLOSED = "the pull request is closed: what is queued for it stops"
RECORD_SECONDS = 0.5
"""How often deliveries are recorded."""
_DELIVERY_ID: TypeAdapter[str] = TypeAdapter(DeliveryId)
_EVENT = re.compile(r"[a-z_]{1,50}")

log = structlog.get_logger("dockslim.web")


class RefusalError(Exception):
    """A delivery that is turned away, with its status and the reason; `event` once it is known to be GitHub's."""

    def __init__(self, status: int, reason: str, event: str = "") -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason
        self.event = event


@dataclass(frozen=True, slots=True)
class Taken:
    """What was made of a delivery: the answer to it, and what is recorded."""

    outcome: str
    body: dict[str, str]
    status: int
    event: str
    reason: str
    job: ReviewJob | None = None

    def describe(self, delivery: str, seconds: float) -> DeliveryEntry:
        """Return what is recorded about it."""
        place = (f"{self.job.owner}/{self.job.repository}", self.job.number) if self.job is not None else ("", None)
        at = stamp(datetime.now(UTC))
        return DeliveryEntry(at, delivery, self.event, self.outcome, round(seconds, 4), self.reason, *place)


def create_app(hosting: Hosting, queue: Queue) -> FastAPI:
    """Return the application. Without an App it serves the set-up, and takes deliveries once one is stored."""

    @asynccontextmanager
    async def hold_queue(_: FastAPI) -> AsyncIterator[None]:
        try:
            await queue.open()
        except QueueError as error:
            log.warning("queue not there yet", error=str(error))
        # What is here by now stays: looking through it for garbage takes longer than answering a delivery.
        gc.collect()
        gc.freeze()
        writing = asyncio.create_task(_keep_record(record, pending))
        yield
        writing.cancel()
        await _write_record(record, pending)
        await queue.close()

    app = FastAPI(title="dockslim", docs_url=None, redoc_url=None, openapi_url=None, lifespan=hold_queue)
    app.state.bytes = 0
    known, record = Known(hosting), Record(queue.redis)
    pending: list[DeliveryEntry] = []

    @app.exception_handler(PageError)
    async def refuse_page(request: Request, error: PageError) -> Response:
        return refuse(request, error, known.hosting)

    @app.exception_handler(SettingsError)
    async def refuse_settings(request: Request, error: SettingsError) -> Response:
        log.error("settings unreadable", error=str(error))
        return refuse(request, PageError(503, "A setting is wrong", str(error)), known.hosting)

    @app.exception_handler(HTTPException)
    async def refuse_route(_: Request, error: HTTPException) -> JSONResponse:
        return JSONResponse({"error": error.detail}, error.status_code, headers=error.headers)

    async def receive(request: Request) -> JSONResponse:
        started = time.monotonic()
        delivery = _printable(request.headers.get("x-github-delivery")) or ""
        with structlog.contextvars.bound_contextvars(delivery=delivery):
            try:
                if known.settings is None:
                    raise RefusalError(503, "there is no App yet; open /setup")  # noqa: TRY301
                taken = await _take(request, known.settings, queue)
            except RefusalError as refusal:
                log.info("delivery refused", status=refusal.status, reason=refusal.reason)
                outcome = "refused" if refusal.status < 500 else "failed"
                taken = Taken(outcome, {"error": refusal.reason}, refusal.status, refusal.event, refusal.reason)
        pending.append(taken.describe(delivery, time.monotonic() - started))
        return JSONResponse(taken.body, taken.status)

    # Plain: FastAPI would look for parameters that it does not have. First, since it is asked most often.
    app.router.add_route("/webhooks", receive, ["POST"])
    app.include_router(setup.make_router(known, queue.redis))
    app.include_router(status.make_router(known, queue.redis))
    app.include_router(probes.make_router(known, queue))
    app.mount("/assets", StaticFiles(packages=[("bot.pages", "assets")]))
    return app


def run_web(hosting: Hosting, redis_url: str) -> None:
    """Serve until told to stop (SIGTERM, SIGINT)."""
    app = create_app(hosting, Queue(redis_url))
    uvicorn.run(
        app,
        host=hosting.host,
        port=hosting.port,
        # Whatever X-Forwarded-For says, the peer is who connects: a proxy on this machine is not its user.
        proxy_headers=False,
        limit_concurrency=MAX_CONNECTIONS,
        timeout_graceful_shutdown=STOP_SECONDS,
        log_config=None,
        access_log=False,
        server_header=False,
        ws="none",
    )


async def _keep_record(record: Record, pending: list[DeliveryEntry]) -> None:
    """Write what is pending down again and again: one request to Redis for many deliveries, and none waits for it."""
    while True:
        await asyncio.sleep(RECORD_SECONDS)
        await _write_record(record, pending)


async def _write_record(record: Record, pending: list[DeliveryEntry]) -> None:
    entries = pending[:]
    pending.clear()
    if entries:
        await run_in_threadpool(record.add_deliveries, entries)


async def _take(request: Request, settings: Settings, queue: Queue) -> Taken:
    """Verify, decide, enqueue; raise RefusalError where one of them fails."""
    body = await _read_verified(request, settings.webhook_secret.get_secret_value())
    name, delivery = _read_headers(request)
    # GitHub's names of events are words; what signs with our secret and is not GitHub gets no label of its own.
    event = name if _EVENT.fullmatch(name) else "other"
    try:
        decision = decide(read_event(name, body), delivery, settings.app_id)
    except EventError as error:
        raise RefusalError(400, str(error), event) from error
    if isinstance(decision, Ignored):
        log.info("delivery ignored", github_event=name, reason=decision.reason)
        return Taken("ignored", {"ignored": decision.reason}, 200, event, decision.reason)
    try:
        receipt = await _enter(queue, decision)
    except QueueError as error:
        log.warning("job not queued", error=str(error))
        # GitHub marks the delivery as failed, and it can be redelivered.
        raise RefusalError(503, f"{error}; redeliver this later", event) from error
    if receipt is None:
        return Taken("ignored", {"ignored": CLOSED}, 200, event, CLOSED)
    log.info(
        "job queued",
        github_event=name,
        repository=f"{receipt.job.owner}/{receipt.job.repository}",
        number=receipt.job.number,
        reason=receipt.job.reason,
        duplicate=receipt.duplicate,
    )
    outcome = "duplicate" if receipt.duplicate else "queued"
    return Taken(outcome, {"job": receipt.job.id}, 202, event, receipt.job.reason, receipt.job)


async def _enter(queue: Queue, decision: ReviewJob | Closed) -> Receipt | None:
    """Do what was decided; None where that is no job."""
    if isinstance(decision, ReviewJob):
        return await queue.enqueue(decision)
    await queue.supersede(decision.job)
    return None


async def _read_verified(request: Request, secret: str) -> bytearray:
    signature = request.headers.get("x-hub-signature-256")
    if signature is None:
        raise RefusalError(401, "X-Hub-Signature-256 is missing; set a webhook secret in the App's settings")
    if not is_signature(signature):
        raise RefusalError(401, "X-Hub-Signature-256 is not the signature that GitHub sends")
    try:
        async with asyncio.timeout(BODY_SECONDS):
            body = await _read_body(request)
    except TimeoutError:
        raise RefusalError(408, "the body did not arrive in time") from None
    if not verify(secret, body, signature):
        raise RefusalError(401, "X-Hub-Signature-256 does not match; the webhook secret here is not the App's")
    return body


async def _read_body(request: Request) -> bytearray:
    too_large = RefusalError(413, "the body is larger than 25 MB, more than GitHub sends")
    declared = request.headers.get("content-length", "0")
    if declared.isascii() and declared.isdigit() and int(declared) > MAX_BODY_BYTES:
        raise too_large
    body = bytearray()
    held = request.app.state
    try:
        async for chunk in request.stream():
            if len(body) + len(chunk) > MAX_BODY_BYTES:
                raise too_large
            body += chunk
            held.bytes += len(chunk)
            if held.bytes > MAX_BUFFERED:
                raise RefusalError(503, "too much is being read at once; redeliver this later")
    except ClientDisconnect:
        raise RefusalError(400, "the connection closed before the body was complete") from None
    finally:
        held.bytes -= len(body)
    return body


def _read_headers(request: Request) -> tuple[str, str]:
    name = request.headers.get("x-github-event", "")
    if not name:
        raise RefusalError(400, "X-GitHub-Event is missing")
    if request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
        raise RefusalError(400, "the body is a form; set the webhook's content type to application/json")
    try:
        return _printable(name) or "", _DELIVERY_ID.validate_python(request.headers.get("x-github-delivery", ""))
    except ValidationError:
        raise RefusalError(400, "X-GitHub-Delivery is missing or not a GUID") from None


def _printable(value: str | None) -> str | None:
    if value is None or (value.isprintable() and len(value) <= 100):
        return value
    return "".join(c for c in value[:100] if c.isprintable())
