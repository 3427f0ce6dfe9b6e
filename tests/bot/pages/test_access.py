"""Who may see the pages. The application is called in this process, with whatever peer and headers."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from bot.app import create_app
from bot.queue import Queue
from bot.settings import Hosting

TOKEN = "0123456789abcdef"
LOOPBACK, ELSEWHERE = "127.0.0.1", "192.0.2.7"
BASIC = "Basic " + base64.b64encode(f"anybody:{TOKEN}".encode()).decode()


@pytest.fixture(scope="module")
def runner() -> Iterator[asyncio.Runner]:
    with asyncio.Runner() as runner:
        yield runner


def _ask(
    runner: asyncio.Runner,
    hosting: Hosting,
    *,
    peer: str = LOOPBACK,
    path: str = "/setup",
    host: str = "127.0.0.1:8000",
    version: str = "1.1",
    **headers: str,
) -> httpx.Response:
    # Nothing listens there: whoever is let in gets as far as the queue.
    queue = Queue("redis://127.0.0.1:1/0")
    app = create_app(hosting, queue)

    async def speak(scope: Any, receive: Any, send: Any) -> None:
        await app({**scope, "http_version": version}, receive, send)

    transport = httpx.ASGITransport(speak, client=(peer, 40_000))

    async def ask() -> httpx.Response:
        async with httpx.AsyncClient(transport=transport, base_url=f"http://{host}") as client:
            return await client.get(path, headers={name.replace("_", "-"): value for name, value in headers.items()})

    try:
        return runner.run(ask())
    finally:
        runner.run(queue.close())


LOCAL = {"github_api_url": "http://127.0.0.1:9/api"}
OPEN, GUARDED = Hosting(**LOCAL), Hosting(**LOCAL, status_token=TOKEN)
PROXIED = Hosting(status_token=TOKEN, public_url="https://dockslim.example.com")


@pytest.mark.parametrize(
    ("hosting", "options", "status"),
    [
        # Whoever asks here may be a proxy that rewrites Host, speaks HTTP/1.1 and adds nothing.
        pytest.param(Hosting(), {}, 403, id="this machine, where GitHub is elsewhere"),
        pytest.param(Hosting(public_url="https://x.example"), {}, 403, id="this machine, served elsewhere"),
        pytest.param(Hosting(public_url="http://localhost:8000"), {}, 503, id="this machine, served to nobody else"),
        pytest.param(OPEN, {}, 503, id="this machine"),
        pytest.param(OPEN, {"peer": "::1", "host": "[::1]:8000"}, 503, id="this machine, IPv6"),
        pytest.param(OPEN, {"host": "localhost:8000"}, 503, id="localhost"),
        pytest.param(OPEN, {"peer": ELSEWHERE}, 403, id="elsewhere"),
        pytest.param(OPEN, {"host": "evil.example"}, 403, id="another site's name for this machine"),
        pytest.param(OPEN, {"host": "127.0.0.1.evil.example"}, 403, id="a name that begins like it"),
        pytest.param(OPEN, {"X_Forwarded_For": LOOPBACK}, 403, id="a proxy on this machine"),
        pytest.param(OPEN, {"Forwarded": "for=127.0.0.1"}, 403, id="a proxy, RFC 7239"),
        pytest.param(OPEN, {"Via": "1.1 proxy"}, 403, id="a proxy that says its name"),
        pytest.param(OPEN, {"version": "1.0"}, 403, id="a proxy that says nothing, such as nginx"),
        pytest.param(OPEN, {"peer": ELSEWHERE, "X_Forwarded_For": LOOPBACK}, 403, id="a claim"),
        pytest.param(OPEN, {"peer": ELSEWHERE, "Authorization": f"Bearer {TOKEN}"}, 403, id="a token that is not set"),
        pytest.param(GUARDED, {"peer": ELSEWHERE}, 401, id="no token"),
        pytest.param(GUARDED, {"peer": ELSEWHERE, "Authorization": f"Bearer {TOKEN}x"}, 401, id="another token"),
        pytest.param(GUARDED, {"peer": ELSEWHERE, "Authorization": TOKEN}, 401, id="no scheme"),
        pytest.param(GUARDED, {"peer": ELSEWHERE, "Authorization": "Basic ???"}, 401, id="no base64"),
        pytest.param(GUARDED, {"peer": ELSEWHERE, "Authorization": "Basic /w=="}, 401, id="no text"),
        pytest.param(GUARDED, {"peer": ELSEWHERE, "Authorization": f"bearer {TOKEN}"}, 503, id="the token"),
        pytest.param(GUARDED, {"peer": ELSEWHERE, "Authorization": BASIC}, 503, id="the token as a password"),
        pytest.param(GUARDED, {}, 503, id="this machine, though there is a token"),
        pytest.param(PROXIED, {}, 401, id="behind a proxy nobody is at this machine"),
        pytest.param(PROXIED, {"Authorization": BASIC}, 503, id="behind a proxy, with the token"),
    ],
)
@pytest.mark.parametrize("path", ["/setup", "/setup/created?code=a&state=b", "/metrics"])
def test_who_may_see_the_pages(
    runner: asyncio.Runner, hosting: Hosting, options: dict[str, str], status: int, path: str
) -> None:
    answer = _ask(runner, hosting, path=path, **options)
    assert answer.status_code == status
    assert ("www-authenticate" in answer.headers) == (status == 401)
    assert TOKEN not in answer.text


def test_the_status_page_asks_too(runner: asyncio.Runner) -> None:
    assert _ask(runner, OPEN, path="/").status_code == 303
    assert _ask(runner, OPEN, path="/", peer=ELSEWHERE).status_code == 403


def test_a_browser_gets_a_page_and_a_way_back(runner: asyncio.Runner) -> None:
    answer = _ask(runner, GUARDED, peer=ELSEWHERE, path="/setup/created", Accept="text/html")
    assert answer.status_code == 401
    assert "<h1>A token is needed</h1>" in answer.text
    assert 'href="../assets/style.css"' in answer.text
    policy = answer.headers["content-security-policy"]
    assert policy.startswith(
        "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self' http://127.0.0.1:9"
    )


@pytest.mark.parametrize(
    ("path", "status"), [("/healthz", 200), ("/readyz", 503), ("/assets/style.css", 200), ("/assets/../app.py", 404)]
)
def test_what_anybody_may_ask(runner: asyncio.Runner, path: str, status: int) -> None:
    assert _ask(runner, OPEN, peer=ELSEWHERE, host="dockslim.example", path=path).status_code == status
