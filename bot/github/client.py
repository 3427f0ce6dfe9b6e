"""The client: one App on one host, and a session for each job.

Requests are raw, their answers plain JSON: the typed models of githubkit cost a worker seconds and 73 MiB when first
used, and they refuse the answers of GitHub-compatible servers over fields that dockslim never reads.
"""

from __future__ import annotations

import re
import ssl
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any, TypeVar

import httpx
import structlog
from githubkit import AppAuthStrategy, GitHub, TokenAuthStrategy
from githubkit.cache import MemCacheStrategy
from githubkit.exception import (
    GitHubException,
    GraphQLFailed,
    PrimaryRateLimitExceeded,
    RateLimitExceeded,
    RequestError,
    RequestFailed,
    RequestTimeout,
)
from githubkit.retry import RetryOption
from redis import Redis

from bot.github.failures import (
    UNTOLD_WAIT,
    BrokenError,
    GitHubError,
    LimitedError,
    RefusedError,
    UnreachableError,
    interpret,
    is_forbidden,
)
from bot.github.limits import Allowance, Meter
from bot.github.paths import join
from bot.github.tokens import Token, TokenStore

# docs.github.com, "API Versions": 2026-03-10, githubkit's default, is unknown to GHES before 3.21.
API_VERSION = "2022-11-28"
TIMEOUT = httpx.Timeout(20.0, connect=5.0)
HASTY_TIMEOUT = httpx.Timeout(10.0, connect=3.0)
READ_RETRIES = 1
# The least that reviewing takes; metadata:read comes with any of them.
PERMISSIONS: Mapping[str, str] = {
    "checks": "write",
    "contents": "read",
    "metadata": "read",
    "pull_requests": "write",
}
# What an owner may grant besides: without it, GitHub resolves no thread for an App (github/gh-aw#35726).
STRONG_PERMISSIONS: Mapping[str, str] = {"contents": "write", "metadata": "read", "pull_requests": "write"}
_STRONG = "strong"
_STRONG_REFUSED_LASTS = timedelta(minutes=10)
_LEVELS = ("read", "write", "admin")
_MUTATION = re.compile(rb'\{\s*"query":\s*"\s*mutation\b')
_Answer = TypeVar("_Answer")

log = structlog.get_logger("dockslim.github")


@dataclass(frozen=True, slots=True)
class RepositoryRef:
    """Which repository, and as which installation; `id` is 0 where only its name is known."""

    installation_id: int
    id: int
    owner: str
    name: str


class GitHubHost(ABC):
    """One host, and what speaks to it there. Make one for each process; open a session for each job."""

    app_id: int

    def __init__(self, api_url: str, transport: httpx.BaseTransport | None = None) -> None:
        self.host = httpx.URL(api_url).netloc.decode("ascii")
        self._api_url = api_url
        self._transport = transport

    @contextmanager
    def open(
        self,
        repository: RepositoryRef,
        meter: Meter | None = None,
        allowance: Allowance | None = None,
        *,
        hasty: bool = False,
        permissions: Mapping[str, str] = PERMISSIONS,
    ) -> Iterator[Session]:
        """Open the connections that one job uses, and close them behind it.

        A hasty session waits less for each answer, and asks nothing twice. Without an allowance nobody counts writes.
        """
        with ExitStack() as stack:
            yield Session(self, repository, meter or Meter(), allowance, stack, hasty=hasty, wanted=permissions)

    @abstractmethod
    def token(
        self,
        repository: RepositoryRef,
        meter: Meter,
        *,
        hasty: bool = False,
        wanted: Mapping[str, str] = PERMISSIONS,
    ) -> Token:
        """Return a token for one repository with the least permissions."""

    @abstractmethod
    def strong_token(self, repository: RepositoryRef, meter: Meter, otherwise: Token) -> Token:
        """Return a token that may also write contents, and `otherwise` where the owner has not granted that."""

    @abstractmethod
    def forget_token(self, repository: RepositoryRef) -> None:
        """Drop the tokens of a repository: GitHub no longer accepts one of them."""

    def connect(self, auth: Any, meter: Meter, *, hasty: bool = False) -> GitHub[Any]:
        """Return a githubkit client set up so that each of its defaults that would hurt is another one."""
        # The App itself has another allowance than its installations.
        read = [] if isinstance(auth, AppAuthStrategy) else [meter.read]
        return GitHub(
            auth,
            base_url=self._api_url,
            user_agent="dockslim",
            timeout=HASTY_TIMEOUT if hasty else TIMEOUT,
            ssl_verify=_trust(),
            transport=self._transport,
            event_hooks={"request": [meter.count], "response": read},
            # The default is one store for the whole process; ours dies with the client. Tokens are kept elsewhere.
            cache_strategy=MemCacheStrategy(),
            # A job reads nothing twice, and the memory cache of responses never forgets.
            http_cache=False,
            auto_retry=False if hasty else retry_reads,
        )


class GitHubApp(GitHubHost):
    """The App on one host."""

    def __init__(
        self,
        *,
        app_id: int,
        private_key: str,
        api_url: str,
        redis: Redis | None = None,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        super().__init__(api_url, transport)
        self.app_id = app_id
        self._private_key = private_key
        self._tokens = TokenStore(redis, self.host, app_id, private_key)

    @contextmanager
    def open_app(self, meter: Meter | None = None) -> Iterator[GitHub[Any]]:
        """Open a connection as the App itself, which no installation's limits are about."""
        with self.connect(AppAuthStrategy(self.app_id, self._private_key), meter or Meter()) as app:
            yield app

    def token(
        self,
        repository: RepositoryRef,
        meter: Meter,
        *,
        hasty: bool = False,
        wanted: Mapping[str, str] = PERMISSIONS,
    ) -> Token:
        """Return a token for one repository with the least permissions, from the store or from GitHub."""
        return self._tokens.get(
            repository.installation_id, repository.id, wanted, lambda: self._mint(repository, meter, hasty, wanted)
        )

    def strong_token(self, repository: RepositoryRef, meter: Meter, otherwise: Token) -> Token:
        """Return a token that may also write contents, and `otherwise` where the owner has not granted that."""

        def mint() -> Token:
            with self.connect(AppAuthStrategy(self.app_id, self._private_key), meter) as app:
                try:
                    return _mint(app, repository, STRONG_PERMISSIONS)
                except RefusedError as error:
                    if error.status != 422:
                        raise
                    return otherwise

        return self._tokens.get(
            repository.installation_id, repository.id, STRONG_PERMISSIONS, mint, _STRONG, _STRONG_REFUSED_LASTS
        )

    def forget_token(self, repository: RepositoryRef) -> None:
        """Drop the tokens of a repository: GitHub no longer accepts one of them."""
        for name in ("", _STRONG):
            self._tokens.forget(repository.installation_id, repository.id, name)

    def _mint(self, repository: RepositoryRef, meter: Meter, hasty: bool, wanted: Mapping[str, str]) -> Token:
        with self.connect(AppAuthStrategy(self.app_id, self._private_key), meter, hasty=hasty) as app:
            try:
                return _mint(app, repository, wanted)
            except RefusedError as error:
                if error.status != 422 or "repository" in error.message:
                    raise
                # An owner has not accepted a permission yet: take what there is, and say later what is missing.
                installation = call(app, "GET", join("app", "installations", repository.installation_id)).json()
                granted = _intersect(wanted, dict(installation.get("permissions") or {}))
                log.warning("permissions missing", granted=granted, wanted=dict(wanted))
                return _mint(app, repository, granted)


class GitHubWorkflow(GitHubHost):
    """A job of a workflow on one host: it has the one token that GitHub made for it, and no check run of its own."""

    # That of GitHub Actions, by whose number nobody asks without "checks".
    app_id = 0

    def __init__(self, token: str, api_url: str) -> None:
        super().__init__(api_url)
        held = {name: level for name, level in PERMISSIONS.items() if name != "checks"}
        self._token = Token(token, held, datetime.max.replace(tzinfo=UTC))

    def token(
        self,
        repository: RepositoryRef,
        meter: Meter,
        *,
        hasty: bool = False,
        wanted: Mapping[str, str] = PERMISSIONS,
    ) -> Token:
        """Return the one token."""
        del repository, meter, hasty, wanted
        return self._token

    def strong_token(self, repository: RepositoryRef, meter: Meter, otherwise: Token) -> Token:
        """Return the one token."""
        del repository, meter
        return otherwise

    def forget_token(self, repository: RepositoryRef) -> None:
        """Keep the token: there is no other."""


class Session:
    """One job's conversation with GitHub, as one installation, about one repository."""

    def __init__(
        self,
        app: GitHubHost,
        repository: RepositoryRef,
        meter: Meter,
        allowance: Allowance | None,
        stack: ExitStack,
        *,
        hasty: bool = False,
        wanted: Mapping[str, str] = PERMISSIONS,
    ) -> None:
        self.repository = repository
        self.meter = meter
        self._app = app
        self._allowance = allowance
        self._stack = stack
        self._hasty = hasty
        self._wanted = wanted
        self._token: Token | None = None
        self._client: GitHub[Any] | None = None

    @property
    def app_id(self) -> int:
        """The App's number."""
        return self._app.app_id

    @property
    def permissions(self) -> Mapping[str, str]:
        """What this installation granted of what dockslim asks for."""
        self._connect()
        return self._token.permissions if self._token else {}

    def path(self, *segments: str | int) -> str:
        """Return a path below this repository."""
        return join("repos", self.repository.owner, self.repository.name, *segments)

    def read(self, path: str, params: Mapping[str, str | int] | None = None, accept: str | None = None) -> Any:
        """GET, and return JSON."""
        return _json(self._request("GET", path, params=params, accept=accept))

    def read_bytes(self, path: str, params: Mapping[str, str | int], accept: str) -> bytes:
        """GET, and return the body."""
        return self._request("GET", path, params=params, accept=accept).content

    @contextmanager
    def stream(self, path: str) -> Iterator[Iterator[bytes]]:
        """GET, follow GitHub to where the content lies, and hand it over piece by piece as it was sent."""
        self._spare()
        try:
            # httpx sends the authorization to no other host than the one it was meant for.
            with (
                self._connect().get_sync_client() as client,
                client.stream("GET", path, follow_redirects=True) as response,
            ):
                if response.status_code != 200:
                    response.read()
                    raise _translate_answer(response)
                yield response.iter_raw(1 << 16)
        except httpx.HTTPError as error:
            raise UnreachableError(type(error).__name__, sent=True) from error

    def read_pages(self, path: str, most: int, params: Mapping[str, str] | None = None) -> Iterator[Any]:
        """GET a list page by page, until GitHub names no next one."""
        for page in range(1, most // 100 + 1):
            response = self._request("GET", path, params={"per_page": 100, "page": page, **(params or {})})
            yield from _json(response)
            if 'rel="next"' not in response.headers.get("link", ""):
                return

    def write(self, method: str, path: str, body: Mapping[str, Any]) -> Any:
        """POST or PATCH, once and when it is time for it, and return JSON."""
        if self._allowance is not None:
            self._allowance.take()
        return _json(self._request(method, path, json=body))

    def query(self, document: str, variables: Mapping[str, Any]) -> dict[str, Any]:
        """Ask a GraphQL query, again when GitHub fails."""
        self._spare()
        return self._with_token(lambda client: _graphql(client, document, dict(variables)))

    def mutate(self, document: str, variables: Mapping[str, Any]) -> dict[str, str]:
        """Make changes by GraphQL, once; return those that GitHub refused, by alias, with the reason."""
        if self._allowance is not None:
            self._allowance.take()
        return self._with_token(lambda client: _mutate(client, document, dict(variables)))

    def change(self, document: str, variables: Mapping[str, Any]) -> dict[str, Any]:
        """Make one change by GraphQL, once, and return what it says."""
        if self._allowance is not None:
            self._allowance.take()
        return self._with_token(lambda client: _graphql(client, document, dict(variables)))

    def strengthen(self) -> Session | None:
        """Return a session that may also write contents, None where the owner has not granted that."""
        self._connect()
        token = self._token and self._app.strong_token(self.repository, self.meter, self._token)
        if token is None or token.permissions.get("contents") != "write":
            return None
        strong = Session(self._app, self.repository, self.meter, self._allowance, self._stack)
        strong._token = token
        strong._client = self._stack.enter_context(self._app.connect(TokenAuthStrategy(token.value), self.meter))
        return strong

    def _request(self, method: str, path: str, **options: Any) -> httpx.Response:
        if method == "GET":
            self._spare()
        return self._with_token(lambda client: call(client, method, path, **options))

    def _spare(self) -> None:
        """Read no more when what is left of the hour is for those who have read already."""
        if wait := self.meter.spent():
            raise LimitedError(wait)

    def _with_token(self, act: Callable[[GitHub[Any]], _Answer]) -> _Answer:
        try:
            return act(self._connect())
        except RefusedError as error:
            if is_forbidden(error):
                # The next one may do more, when an owner has granted it meanwhile.
                self._app.forget_token(self.repository)
            # Revoked before its time, as when the App was reinstalled: a new one, once.
            if error.status != 401:
                raise
        except LimitedError as error:
            # Of GraphQL's limit the text tells nothing but that it is reached; the headers tell until when.
            if not error.told and (wait := self.meter.spent()):
                raise LimitedError(wait) from error
            raise
        self._app.forget_token(self.repository)
        self._token = self._client = None
        return act(self._connect())

    def _connect(self) -> GitHub[Any]:
        if self._client is None:
            self._token = self._app.token(self.repository, self.meter, hasty=self._hasty, wanted=self._wanted)
            # Entered once for the job: without that, githubkit makes a client for each request (30 ms, no keep-alive).
            client = self._app.connect(TokenAuthStrategy(self._token.value), self.meter, hasty=self._hasty)
            self._client = self._stack.enter_context(client)
        return self._client


@cache
def _trust() -> ssl.SSLContext:
    """Read the certificates once for the process: it takes longer than a request."""
    return httpx.create_ssl_context()


def retry_reads(error: GitHubException, count: int) -> RetryOption:
    """Decide for githubkit: reads only, on 5xx and lost connections, once more and at once.

    What fails again is for the job to try later: a worker that sleeps keeps others waiting. githubkit's own policy
    sends a POST up to four times when it is answered with 502, and sleeps through rate limits.
    """
    request = _request_of(error)
    if request is None or count >= READ_RETRIES or not _is_read(request):
        return RetryOption(do_retry=False)
    if isinstance(error, RequestFailed) and error.response.status_code < 500:
        return RetryOption(do_retry=False)
    # githubkit takes no time at all for a minute.
    return RetryOption(do_retry=True, retry_after=timedelta(milliseconds=1))


def call(client: GitHub[Any], method: str, path: str, accept: str | None = None, **options: Any) -> httpx.Response:
    """Send one request and return the answer, or raise a GitHubError."""
    headers = {"X-GitHub-Api-Version": API_VERSION, "Accept": accept or "application/vnd.github+json"}
    try:
        return client.request(method, path, headers=headers, **options).raw_response
    except GitHubException as error:
        raise translate(error) from error


def translate(error: GitHubException) -> GitHubError:
    """Return githubkit's exception as one of ours."""
    if isinstance(error, RateLimitExceeded):
        # Without the header, githubkit makes up a minute.
        header = "x-ratelimit-reset" if isinstance(error, PrimaryRateLimitExceeded) else "retry-after"
        return LimitedError(error.retry_after, told=header in error.response.headers)
    if isinstance(error, RequestFailed):
        return _translate_answer(error.response.raw_response)
    if isinstance(error, GraphQLFailed):
        return _translate_graphql(error)
    if isinstance(error, RequestError):
        cause = error.exc
        if isinstance(cause, httpx.HTTPError):
            sent = not isinstance(cause, (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout))
            return UnreachableError("timeout" if isinstance(error, RequestTimeout) else type(cause).__name__, sent=sent)
        # githubkit wraps whatever is raised below it, the signal of a task's time limit too.
        raise cause
    raise error


def _translate_answer(response: httpx.Response) -> GitHubError:
    if response.status_code >= 500:
        return BrokenError(response.status_code)
    try:
        body = response.json()
    except ValueError:
        body = {}
    body = body if isinstance(body, dict) else {}
    message = str(body.get("message") or response.reason_phrase)[:500]
    # The entries are objects or bare strings, or missing with everything in `message`.
    entries = body.get("errors")
    errors = tuple(_describe(entry) for entry in entries[:20]) if isinstance(entries, list) else ()
    if interpret(response.status_code, " ".join((message, *errors))) == "limited":
        return LimitedError(UNTOLD_WAIT, told=False)
    return RefusedError(response.status_code, message, errors)


def _describe(entry: object) -> str:
    if isinstance(entry, dict):
        return " ".join(str(entry[name]) for name in ("resource", "field", "code", "message") if entry.get(name))[:500]
    return str(entry)[:500]


def _translate_graphql(error: GraphQLFailed) -> GitHubError:
    problems = error.response.errors or []
    kinds = {problem.type for problem in problems}
    message = "; ".join(problem.message for problem in problems)[:500]
    if "NOT_FOUND" in kinds:
        return RefusedError(404, message)
    if kinds & {"FORBIDDEN", "INSUFFICIENT_SCOPES"}:
        return RefusedError(403, message)
    if interpret(403, message) == "limited":
        return LimitedError(UNTOLD_WAIT, told=False)
    # "Something went wrong while executing your query" and timeouts come as errors without a type.
    return BrokenError(200) if kinds <= {None, "SERVICE_UNAVAILABLE"} else RefusedError(422, message)


def _graphql(client: GitHub[Any], document: str, variables: dict[str, Any]) -> dict[str, Any]:
    try:
        return client.graphql.request(document, variables)
    except GitHubException as error:
        raise translate(error) from error
    except ValueError as error:
        raise BrokenError(200) from error


def _mutate(client: GitHub[Any], document: str, variables: dict[str, Any]) -> dict[str, str]:
    try:
        client.graphql.request(document, variables)
    except GraphQLFailed as error:
        problems = error.response.errors or []
        # Each change has an alias; what has none is about the request as a whole.
        if error.response.data is None or not all(problem.path for problem in problems):
            raise translate(error) from error
        if any(interpret(status, problem.message) == "limited" for problem in problems for status in (403, 422)):
            raise LimitedError(UNTOLD_WAIT, told=False) from error
        return {str(problem.path[0]): problem.message for problem in problems if problem.path}
    except GitHubException as error:
        raise translate(error) from error
    except ValueError as error:
        raise BrokenError(200) from error
    return {}


def _mint(app: GitHub[Any], repository: RepositoryRef, permissions: Mapping[str, str]) -> Token:
    path = join("app", "installations", repository.installation_id, "access_tokens")
    which = {"repository_ids": [repository.id]} if repository.id else {"repositories": [repository.name]}
    body = {**which, "permissions": dict(permissions)}
    try:
        return Token.from_json(_json(call(app, "POST", path, json=body)))
    except (KeyError, ValueError, TypeError) as error:
        raise BrokenError(201) from error


def _intersect(wanted: Mapping[str, str], granted: Mapping[str, Any]) -> dict[str, str]:
    return {
        name: min(level, str(granted[name]), key=_LEVELS.index)
        for name, level in wanted.items()
        if granted.get(name) in _LEVELS
    }


def _json(response: httpx.Response) -> Any:
    try:
        return response.json()
    except ValueError as error:
        raise BrokenError(response.status_code) from error


def _request_of(error: GitHubException) -> httpx.Request | None:
    if isinstance(error, RequestFailed):
        return error.request
    cause = getattr(error, "exc", None)
    try:
        return cause.request if isinstance(cause, httpx.RequestError) else None
    except RuntimeError:
        return None


def _is_read(request: httpx.Request) -> bool:
    if request.url.path.endswith("/graphql"):
        return _MUTATION.match(request.content) is None
    return request.method == "GET"
