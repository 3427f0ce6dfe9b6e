"""A served sandbox for each test, clients for its API, and a receiver for its webhooks."""

from __future__ import annotations

import http.server
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from cli.sandbox import PullRequestHandle, RepositoryHandle, Sandbox

LINES = "".join(f"RUN echo {number}\n" for number in range(4, 31))
BASE = f"FROM debian:12-slim\nRUN apt-get update\nRUN apt-get install -y cron\n{LINES}"
HEAD = BASE.replace("cron", "curl").replace("echo 20", "echo twenty")
"""Lines 3 and 20 of thirty change: two hunks, lines 1 to 6 and 17 to 23."""


def app_jwt(sandbox: Sandbox, **claims: Any) -> str:
    now = int(time.time())
    payload = {"iat": now - 60, "exp": now + 540, "iss": str(sandbox.app_id), **claims}
    return jwt.encode(payload, _loaded(sandbox.private_key), algorithm="RS256")


@cache
def _loaded(private_key: str) -> RSAPrivateKey:
    """Read a key once: checking its primes takes longer than most tests."""
    key = serialization.load_pem_private_key(private_key.encode(), None)
    assert isinstance(key, RSAPrivateKey)
    return key


def new_client(url: str, headers: dict[str, str]) -> httpx.Client:
    # Loading certificates for plain HTTP would take longer than most tests.
    return httpx.Client(base_url=url, headers=headers, timeout=20, verify=False)  # noqa: S501


@dataclass(frozen=True)
class World:
    """A repository with an open pull request, and someone to call the API."""

    sandbox: Sandbox
    url: str
    repository: RepositoryHandle
    pull: PullRequestHandle
    app: httpx.Client
    bot: httpx.Client

    def client(self, token: str) -> httpx.Client:
        headers = {"Authorization": f"Bearer {token}", "User-Agent": "tests"}
        return new_client(self.url, headers)

    def token(self, **scope: Any) -> str:
        installation = self.sandbox.installation(self.repository).id
        answer = self.app.post(f"/app/installations/{installation}/access_tokens", json=scope)
        assert answer.status_code == 201, answer.text
        return str(answer.json()["token"])

    @contextmanager
    def scoped(self, **scope: Any) -> Iterator[httpx.Client]:
        with self.client(self.token(**scope)) as client:
            yield client

    def path(self, rest: str = "") -> str:
        return f"/repos/{self.repository.full_name}{rest}"

    def review(self, *comments: dict[str, Any], **fields: Any) -> httpx.Response:
        body = {"event": "COMMENT", "body": "Looked at it.", "comments": list(comments), **fields}
        return self.bot.post(self.path(f"/pulls/{self.pull.number}/reviews"), json=body)

    def graphql(self, query: str, **variables: Any) -> dict[str, Any]:
        answer = self.bot.post("/graphql", json={"query": query, "variables": variables})
        assert answer.status_code == 200, answer.text
        decoded: dict[str, Any] = answer.json()
        return decoded


@pytest.fixture(scope="session")
def private_key(served: tuple[Sandbox, str]) -> str:
    return served[0].private_key


@pytest.fixture
def sandbox(private_key: str) -> Iterator[Sandbox]:
    with Sandbox(private_key=private_key) as sandbox:
        yield sandbox


@pytest.fixture(scope="session")
def served() -> Iterator[tuple[Sandbox, str]]:
    with Sandbox() as sandbox, sandbox.serving() as url:
        yield sandbox, url


@pytest.fixture
def world(served: tuple[Sandbox, str]) -> Iterator[World]:
    sandbox, url = served
    sandbox.reset()
    repository = sandbox.create_repository("acme/shop", {"Dockerfile": BASE, "src/main.py": "print()\n"})
    repository.commit("feature", {"Dockerfile": HEAD}, "Fetch with curl")
    pull = sandbox.open_pull_request(repository, "feature", title="Fetch with curl")
    agent = {"User-Agent": "tests"}
    with (
        new_client(url, {**agent, "Authorization": f"Bearer {app_jwt(sandbox)}"}) as app,
        new_client(url, agent) as bot,
    ):
        world = World(sandbox, url, repository, pull, app, bot)
        bot.headers["Authorization"] = f"Bearer {world.token()}"
        sandbox.requests.clear()
        yield world


@dataclass
class Receiver:
    """A small web server that takes webhooks down."""

    url: str
    status: int = 202
    received: list[tuple[dict[str, str], bytes]] = field(default_factory=list)

    @property
    def events(self) -> list[tuple[str, str | None]]:
        return [(headers["x-github-event"], json.loads(body).get("action")) for headers, body in self.received]

    def payloads(self, event: str, action: str | None = None) -> list[dict[str, Any]]:
        found = [json.loads(body) for headers, body in self.received if headers["x-github-event"] == event]
        return [payload for payload in found if action in (None, payload.get("action"))]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            taken.received.append(({name.lower(): value for name, value in self.headers.items()}, body))
            self.send_response(taken.status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    taken = Receiver(f"http://127.0.0.1:{server.server_address[1]}/webhooks")
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    yield taken
    server.shutdown()
    server.server_close()
    thread.join()
