"""Set-up: create the App at GitHub from its manifest, store what GitHub hands out, lead to the installation.

docs.github.com, "Registering a GitHub App from a manifest": the form, the redirect and the exchange have one hour.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import secrets
from datetime import timedelta
from typing import Annotated
from urllib.parse import quote, urlsplit

import structlog
from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse
from redis import Redis
from redis.exceptions import RedisError

from bot.credentials import CredentialsError, store_credentials
from bot.github.apps import NewApp, create_app, web_url
from bot.github.failures import GitHubError
from bot.manifest import fill_manifest
from bot.pages.access import insist
from bot.pages.site import Known, PageError, show

STATE_LASTS = timedelta(hours=1)
_ORGANISATION = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9_-]{0,98})")
_CODE = re.compile(r"[A-Za-z0-9_-]{1,100}")

log = structlog.get_logger("dockslim.setup")


def make_router(known: Known, redis: Redis) -> APIRouter:
    """Return the two pages."""
    router = APIRouter(default_response_class=HTMLResponse)

    @router.get("/setup", summary="Create the App")
    def ask(request: Request, organization: Annotated[str, Query(max_length=100)] = "") -> HTMLResponse:
        insist(request, known.hosting)
        public_url = _insist_on_need(known)
        organization = organization.strip()
        if organization and not _ORGANISATION.fullmatch(organization):
            raise PageError(400, "No such organisation", "An organisation's name has letters, digits and hyphens.")
        site = web_url(known.hosting.github_api_url)
        place = f"organizations/{organization}/settings" if organization else "settings"
        return show(
            "setup.html",
            known.hosting,
            organization=organization,
            action=f"{site}/{place}/apps/new?state={quote(_issue_state(redis))}",
            manifest=json.dumps(fill_manifest(public_url)),
            filled=fill_manifest(public_url),
            site=urlsplit(site).netloc,
            directory=_directory(known),
            unreachable=site == "https://github.com" and _is_private(public_url),
        )

    @router.get("/setup/created", summary="Take what GitHub hands out")
    def take(
        request: Request,
        code: Annotated[str, Query(max_length=200)] = "",
        state: Annotated[str, Query(max_length=200)] = "",
    ) -> HTMLResponse:
        insist(request, known.hosting)
        _insist_on_need(known)
        if not _CODE.fullmatch(code) or not _use_state(redis, state):
            raise PageError(
                400,
                "Not our question",
                "This address is good once, for an hour, and only from the set-up page: begin again there.",
            )
        try:
            made = create_app(known.hosting.github_api_url, code)
        except GitHubError as error:
            log.warning("app not created", error=str(error))
            raise PageError(
                502, "GitHub did not hand out the App", f"{error}. Begin again on the set-up page."
            ) from None
        log.info("app created", app=made.id, name=made.name)
        stored, problem = _store(known, made)
        return show(
            "created.html",
            known.hosting,
            root="../",
            app=made,
            stored=stored,
            problem=problem,
            variables="" if stored else _write_variables(made),
            install=f"{made.url}/installations/new",
        )

    return router


def _insist_on_need(known: Known) -> str:
    """Return the public address; raise PageError where there is an App already, or no address."""
    if known.settings is not None:
        raise PageError(
            410,
            "Set-up is closed",
            f"dockslim acts as App {known.settings.app_id}. To set up anew, take its credentials away.",
        )
    if known.hosting.public_url is None:
        raise PageError(
            503,
            "One setting is missing",
            "Set DOCKSLIM_PUBLIC_URL to the address at which GitHub reaches dockslim, such as "
            "https://dockslim.example.com, and start it again.",
        )
    return known.hosting.public_url


def _issue_state(redis: Redis) -> str:
    state = secrets.token_urlsafe(32)
    try:
        redis.set(_key(state), "1", ex=STATE_LASTS)
    except RedisError:
        raise PageError(503, "The queue is unreachable", "Redis does not answer; see `dockslim doctor`.") from None
    return state


def _use_state(redis: Redis, state: str) -> bool:
    """Tell whether this state was issued and not used yet, and use it up."""
    try:
        return redis.getdel(_key(state)) is not None
    except RedisError:
        raise PageError(503, "The queue is unreachable", "Redis does not answer; see `dockslim doctor`.") from None


def _key(state: str) -> str:
    # Found by its hash: how long the look-up takes tells nothing about states that were issued.
    return f"dockslim:setup:{hashlib.sha256(state.encode()).hexdigest()}"


def _directory(known: Known) -> str:
    """Return where the credentials will be stored, "" where they cannot be."""
    directory = known.hosting.credentials_dir
    return str(directory) if directory is not None and os.access(directory, os.W_OK | os.X_OK) else ""


def _store(known: Known, made: NewApp) -> tuple[str, str]:
    """Return where the credentials were stored, or why they were not."""
    directory = known.hosting.credentials_dir
    if directory is None:
        return "", ""
    try:
        path = store_credentials(
            directory, app_id=made.id, private_key=made.private_key, webhook_secret=made.webhook_secret
        )
    except CredentialsError as error:
        log.warning("credentials not stored", error=str(error))
        return "", str(error)
    return str(path), ""


def _write_variables(made: NewApp) -> str:
    key = made.private_key.strip().replace("\n", "\\n")
    return f"DOCKSLIM_APP_ID={made.id}\nDOCKSLIM_WEBHOOK_SECRET={made.webhook_secret}\nDOCKSLIM_PRIVATE_KEY={key}\n"


def _is_private(public_url: str) -> bool:
    return urlsplit(public_url).hostname in {"localhost", "127.0.0.1", "::1"}
