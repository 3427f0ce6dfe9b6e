"""The status page: who dockslim is at GitHub, what it lacks, and what it did lately."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from datetime import timedelta
from typing import Annotated, Any
from urllib.parse import urlsplit

import structlog
from fastapi import APIRouter, Path, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from redis import Redis
from redis.exceptions import RedisError

from bot.deliveries import Deliveries
from bot.github.apps import AppFacts, InstallationFacts, read_app
from bot.github.failures import GitHubError
from bot.github.limits import Meter
from bot.manifest import missing_permissions
from bot.pages.access import insist
from bot.pages.site import Known, PageError, show
from bot.record import Facts, Record
from bot.settings import Hosting, Settings
from bot.tasks import Task, find_tasks

APP_LASTS = timedelta(minutes=1)
"""How long what GitHub said about the App is shown before it is asked again."""
SHOWN = 10

log = structlog.get_logger("dockslim.web")


def make_router(known: Known, redis: Redis) -> APIRouter:
    """Return the page."""
    router = APIRouter(default_response_class=HTMLResponse)

    @router.get("/", summary="Status")
    def look(request: Request) -> Response:
        insist(request, known.hosting)
        settings = known.settings
        if settings is None:
            return RedirectResponse("setup", 303)
        try:
            deliveries = Deliveries(redis)
            facts, waiting, given_up = Record(redis).read(), deliveries.count_waiting(), deliveries.list_failed(SHOWN)
        except RedisError:
            raise PageError(503, "The queue is unreachable", "Redis does not answer; see `dockslim doctor`.") from None
        app, problem = _look_up(settings, redis)
        return show(
            "status.html",
            settings,
            app=app,
            app_id=settings.app_id,
            problem=problem,
            tasks=_find_tasks(settings, app, facts),
            facts=facts,
            waiting=waiting,
            given_up=given_up,
            shown=SHOWN,
            lacks=_lacks,
        )

    @router.post("/jobs/{delivery}/retry", summary="Run a job again that was given up")
    def retry(request: Request, delivery: Annotated[str, Path(max_length=100)]) -> Response:
        insist(request, known.hosting)
        _insist_on_our_form(request, known.hosting)
        try:
            again = Deliveries(redis).retry(delivery)
        except RedisError:
            raise PageError(503, "The queue is unreachable", "Redis does not answer; see `dockslim doctor`.") from None
        if not again:
            raise PageError(404, "No such job", "No job of that delivery was given up; it may run again already.")
        log.info("job retried", delivery=delivery)
        return RedirectResponse("../../", 303)

    return router


def _insist_on_our_form(request: Request, hosting: Hosting) -> None:
    """Raise PageError for a form of another site: the browser would send the password along with it."""
    origin = request.headers.get("origin")
    ours = {f"{scheme}://{request.headers.get('host', '')}" for scheme in ("http", "https")}
    if hosting.public_url is not None:
        parts = urlsplit(hosting.public_url)
        ours.add(f"{parts.scheme}://{parts.netloc}")
    if origin is not None and origin not in ours:
        raise PageError(403, "Not our form", "This was sent from another site.")


def _look_up(settings: Settings, redis: Redis) -> tuple[AppFacts | None, str]:
    """Return what GitHub says about the App, at most a minute old, or why it says nothing."""
    key = f"dockslim:record:app:{settings.app_id}"
    try:
        kept = redis.get(key)
        if isinstance(kept, bytes):
            return _load(json.loads(kept)), ""
        meter = Meter()
        try:
            app = read_app(settings.app_id, settings.private_key.get_secret_value(), settings.github_api_url, meter)
        finally:
            Record(redis).add_requests(meter.requests)
        redis.set(key, json.dumps(asdict(app)), ex=APP_LASTS)
    except GitHubError as error:
        return None, str(error)
    except (RedisError, ValueError, TypeError, KeyError) as error:
        log.warning("app not looked up", error=type(error).__name__)
        return None, "what GitHub says about the App could not be read"
    return app, ""


def _load(kept: dict[str, Any]) -> AppFacts:
    installations = tuple(
        InstallationFacts(**{**each, "events": tuple(each["events"])}) for each in kept["installations"]
    )
    return AppFacts(**{**kept, "events": tuple(kept["events"]), "installations": installations})


def _lacks(installation: InstallationFacts) -> tuple[str, ...]:
    return missing_permissions(installation.permissions)


def _find_tasks(settings: Settings, app: AppFacts | None, facts: Facts) -> Sequence[Task]:
    tasks = [] if app is None else find_tasks(app, settings.public_url)
    last = facts.refused[0] if facts.refused else None
    # What came before a delivery that was good is a stranger's, or mended.
    if last is not None and not (facts.deliveries and facts.deliveries[0].at >= last.at):
        tasks.append(Task("webhook", f"A delivery was refused: {last.reason}."))
    return tasks
