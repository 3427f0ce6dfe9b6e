"""The gate every API request passes: faults, versions, authentication, limits, ETags, the log."""

from __future__ import annotations

import asyncio
import hashlib
import json
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import parse_qsl

import anyio.to_thread
from starlette.requests import Request as HttpRequest
from starlette.responses import Response

from cli.sandbox import graphql
from cli.sandbox.answers import Answer, RefusedError, not_found
from cli.sandbox.auth import Caller, authenticate
from cli.sandbox.faults import RequestFault
from cli.sandbox.requests import Request
from cli.sandbox.rest import ENDPOINTS, Router
from cli.sandbox.rest.routing import NEWEST_VERSION, Call, Endpoint
from cli.sandbox.site import Site

DEFAULT_VERSION = "2022-11-28"
VERSIONS = (DEFAULT_VERSION, NEWEST_VERSION)
# GitHub Docs, "Breaking changes": what version 2026-03-10 no longer sends.
RETIRED = frozenset(
    ("merge_commit_sha", "assignee", "has_downloads", "master_branch", "use_squash_pr_title_as_default")
)
# Apps may work without a token on these (GitHub Docs, "Meta").
OPEN = frozenset(("/meta", "/versions", "/rate_limit"))
SECONDARY = (
    "You have exceeded a secondary rate limit. Please wait a few minutes before you try again. "
    "For more on scraping GitHub and how it may affect your rights, please review our Terms of Service."
)
GRAPHQL_PATHS = ("/graphql", "/api/graphql")


@dataclass(slots=True)
class Visit:
    """One request on its way through the gate."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    raw: bytes
    started: float = field(default_factory=time.monotonic)
    operation: str | None = None
    caller: Caller | None = None
    resource: str = "core"
    counted: bool = False

    @property
    def version(self) -> str:
        """The API version that was asked for."""
        return self.headers.get("x-github-api-version", DEFAULT_VERSION)

    @property
    def is_graphql(self) -> bool:
        """Whether this is the GraphQL endpoint."""
        return self.path in GRAPHQL_PATHS


class Api:
    """Answers API requests, REST and GraphQL."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._router = Router((*ENDPOINTS, *(_graphql_endpoint(path) for path in GRAPHQL_PATHS)))

    async def __call__(self, request: HttpRequest) -> Response:
        """Answer one HTTP request."""
        visit = Visit(
            request.method,
            request.scope["path"],
            request.scope["query_string"].decode("latin-1"),
            request.headers,
            await request.body(),
        )
        # GitHub Enterprise Server serves the same REST API under /api/v3.
        if visit.path.startswith("/api/v3/"):
            visit.path = visit.path.removeprefix("/api/v3")
        if visit.is_graphql:
            visit.operation = graphql.operation_name(visit.raw)
        fault = self._site.faults.strike_request(visit.method, visit.path, visit.operation)
        if fault is not None and fault.seconds:
            await asyncio.sleep(fault.seconds)
        return await anyio.to_thread.run_sync(self._answer, visit, fault)

    def _answer(self, visit: Visit, fault: RequestFault | None) -> Response:
        failing = fault is not None and fault.failure != "slow"
        try:
            if failing and fault is not None and not fault.after:
                answer = self._fail(visit, fault)
            else:
                answer = self._perform(visit)
                if failing and fault is not None:
                    answer = self._fail(visit, fault)
        except RefusedError as refusal:
            answer = Answer(refusal.body, refusal.status, headers=refusal.headers)
        response = self._respond(visit, answer)
        self._log(visit, response.status_code)
        return response

    def _perform(self, visit: Visit) -> Answer:
        if visit.version not in VERSIONS:
            message = f"Unsupported 'X-GitHub-Api-Version' header: '{visit.version}'"
            raise RefusedError(400, message)
        if not visit.headers.get("user-agent"):
            raise RefusedError(
                403, "Request forbidden by administrative rules. Please make sure your request has a User-Agent header"
            )
        with self._site.world.lock:
            if not _is_open(visit.path) or "authorization" in visit.headers:
                visit.caller = authenticate(self._site.world, self._site.tokens, visit.headers.get("authorization"))
            found = self._router.find(visit.method, visit.path)
            if found is None:
                raise not_found()
            endpoint, parameters = found
            self._count(visit, endpoint)
            call = Call(
                self._site,
                visit.caller,
                visit.path,
                parameters,
                dict(parse_qsl(visit.query)),
                visit.headers,
                visit.raw,
                visit.version,
            )
            return _naming_permissions(endpoint, call)

    def _count(self, visit: Visit, endpoint: Endpoint) -> None:
        visit.resource = endpoint.resource
        if visit.caller is None or not endpoint.counted:
            return
        if not self._site.limits.take(visit.caller.label, visit.resource):
            raise _exhausted(visit)
        visit.counted = True

    def _fail(self, visit: Visit, fault: RequestFault) -> Answer:
        wait = {} if fault.retry_after is None else {"Retry-After": str(fault.retry_after)}
        if fault.failure == "secondary":
            raise RefusedError(fault.status, SECONDARY, headers=wait)
        if fault.failure == "primary":
            reset = int(time.time()) + (fault.retry_after or 60)
            spent = {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": str(reset)}
            refusal = _exhausted(visit)
            refusal.headers.update(spent)
            raise refusal
        if fault.status >= 500:
            # GitHub's proxies answer with a page of HTML, not with JSON.
            page = f"<html><body><h1>{fault.status} Server Error</h1></body></html>".encode()
            return Answer(page, fault.status, "text/html", wait)
        raise RefusedError(fault.status, "Server Error", headers=wait)

    def _respond(self, visit: Visit, answer: Answer) -> Response:
        body, status = self._encode(visit, answer), answer.status
        headers = {
            "X-GitHub-Media-Type": "github.v3; format=json",
            "X-GitHub-Request-Id": secrets.token_hex(10).upper(),
            "X-GitHub-Api-Version-Selected": visit.version,
            "Vary": "Accept, Authorization, Cookie, X-GitHub-OTP",
        }
        if visit.method in {"GET", "HEAD"} and status == 200:
            etag = f'W/"{hashlib.sha256(body).hexdigest()}"'
            headers.update({"ETag": etag, "Cache-Control": "private, max-age=60, s-maxage=60"})
            if _matches(visit.headers.get("if-none-match"), etag):
                body, status = b"", 304
                if visit.counted and visit.caller is not None:
                    visit.counted = False
                    self._site.limits.give_back(visit.caller.label, visit.resource)
        label = visit.caller.label if visit.caller else "nobody"
        headers.update(self._site.limits.headers(label, visit.resource))
        headers.update(answer.headers)
        media_type = None if status in {204, 304} else answer.media_type
        return Response(body, status, headers, media_type)

    def _encode(self, visit: Visit, answer: Answer) -> bytes:
        if isinstance(answer.body, bytes):
            return answer.body
        body = _modern(answer.body) if visit.version == NEWEST_VERSION else answer.body
        return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode(errors="replace")

    def _log(self, visit: Visit, status: int) -> None:
        self._site.requests.add(
            Request(
                visit.method,
                visit.path,
                visit.query,
                status,
                visit.headers.get("x-github-api-version"),
                visit.counted,
                visit.caller.label if visit.caller else None,
                visit.operation,
                time.monotonic() - visit.started,
            )
        )


def _naming_permissions(endpoint: Endpoint, call: Call) -> Answer:
    """Answer, or refuse, with the header that says which permissions are accepted."""
    needed = "; ".join(map(str, endpoint.needs)) or "metadata=read"
    accepted = {"X-Accepted-GitHub-Permissions": needed}
    try:
        answer = endpoint.answer(call)
    except RefusedError as refusal:
        refusal.headers.update(accepted)
        raise
    return replace(answer, headers={**accepted, **answer.headers})


def _is_open(path: str) -> bool:
    # The code of a manifest is its own credential.
    return path in OPEN or path.startswith("/app-manifests/")


def _graphql_endpoint(path: str) -> Endpoint:
    return Endpoint("POST", path, graphql.answer, audience="anyone", resource="graphql")


def _exhausted(visit: Visit) -> RefusedError:
    who = visit.caller.label if visit.caller else "this installation"
    message = (
        f"API rate limit exceeded for {who}. If you reach out to GitHub Support for help, "
        "please include the request ID."
    )
    if visit.is_graphql:
        # GitHub Docs, "Rate limits and query limits for the GraphQL API": the status is still 200.
        return _GraphqlExhaustedError(message)
    return RefusedError(403, message)


class _GraphqlExhaustedError(RefusedError):
    def __init__(self, message: str) -> None:
        super().__init__(200, message)

    @property
    def body(self) -> dict[str, Any]:
        return {"errors": [{"type": "RATE_LIMITED", "message": self.message}]}


def _matches(header: str | None, etag: str) -> bool:
    def weak(tag: str) -> str:
        return tag.strip().removeprefix("W/")

    return header is not None and weak(etag) in map(weak, header.split(","))


def _modern(value: Any) -> Any:
    """Drop what the newest API version no longer sends."""
    if isinstance(value, dict):
        return {name: _modern(part) for name, part in value.items() if name not in RETIRED}
    if isinstance(value, list):
        return [_modern(part) for part in value]
    return value
