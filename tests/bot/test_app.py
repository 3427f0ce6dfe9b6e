"""The web process without a server: everything it does before the queue."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.app import MAX_BODY_BYTES, create_app, run_web
from bot.queue import Queue
from bot.settings import Settings
from bot.webhooks.verify import sign
from tests.bot.payloads import PAYLOADS, dump, payload

SECRET = "hush"
# Nothing listens on port 1: what needs the queue fails at once.
NOWHERE = "redis://127.0.0.1:1/0"


class Client:
    """Calls the application in this process; whatever it raises, the test raises."""

    def __init__(self, app: FastAPI, runner: asyncio.Runner) -> None:
        self._http = httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://dockslim")
        self._runner = runner

    def get(self, path: str) -> httpx.Response:
        return self._runner.run(self._http.get(path))

    def post(self, path: str, content: Any, headers: dict[str, str]) -> httpx.Response:
        return self._runner.run(self._http.post(path, content=content, headers=headers))


@pytest.fixture(scope="module")
def client() -> Iterator[Client]:
    known = Settings(app_id=1, private_key="unused", webhook_secret=SECRET)
    queue = Queue(NOWHERE)
    with asyncio.Runner() as runner:
        yield Client(create_app(known, queue), runner)
        runner.run(queue.close())


def _headers(body: bytes, **changes: str | None) -> dict[str, str]:
    values: dict[str, str | None] = {
        "X-GitHub-Event": "pull_request",
        "X-GitHub-Delivery": "72d3162e-cc78-11e3-81ab-4c9367dc0958",
        "X-Hub-Signature-256": sign(SECRET, body),
        "Content-Type": "application/json",
    }
    values |= {name.replace("_", "-"): value for name, value in changes.items()}
    return {name: value for name, value in values.items() if value is not None}


def _post(client: Client, body: bytes, **changes: str | None) -> Any:
    return client.post("/webhooks", content=body, headers=_headers(body, **changes))


@pytest.mark.parametrize(
    ("body", "changes", "status", "reason"),
    [
        pytest.param(b"{}", {"X_Hub_Signature_256": None}, 401, "is missing", id="no signature"),
        pytest.param(b"{}", {"X_Hub_Signature_256": sign("other", b"{}")}, 401, "does not match", id="wrong secret"),
        pytest.param(
            b"{}", {"X_Hub_Signature_256": None, "X_Hub_Signature": "sha1=00"}, 401, "is missing", id="SHA-1 only"
        ),
        pytest.param(b"{}", {"X_Hub_Signature_256": "sha256=x"}, 401, "is not the signature", id="no such signature"),
        pytest.param(b"{}", {"X_GitHub_Event": None}, 400, "X-GitHub-Event is missing", id="no event"),
        pytest.param(b"{}", {"X_GitHub_Delivery": None}, 400, "X-GitHub-Delivery is missing", id="no delivery"),
        pytest.param(b"{}", {"X_GitHub_Delivery": "a b"}, 400, "X-GitHub-Delivery is missing or not", id="no GUID"),
        pytest.param(b"{", {}, 400, "not JSON", id="not JSON"),
        pytest.param(b"[1]", {}, 400, "not a JSON object", id="a list"),
        pytest.param(b"{}", {}, 400, "pull_request: action", id="nothing of a pull request"),
        pytest.param(
            b"payload=%7B%7D", {"Content_Type": "application/x-www-form-urlencoded"}, 400, "content type", id="form"
        ),
    ],
)
def test_refused_with_a_reason(
    client: Client, body: bytes, changes: dict[str, str | None], status: int, reason: str
) -> None:
    answer = _post(client, body, **changes)
    assert answer.status_code == status
    assert reason in answer.json()["error"]


def test_a_body_above_githubs_cap_is_refused_by_its_announced_length(client: Client) -> None:
    answer = client.post("/webhooks", content=b"x", headers=_headers(b"x") | {"Content-Length": str(2**40)})
    assert answer.status_code == 413
    assert "25 MB" in answer.json()["error"]


def test_a_body_above_githubs_cap_is_refused_while_it_streams(client: Client) -> None:
    sent = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        while sent < 4 * MAX_BODY_BYTES:
            sent += 1024 * 1024
            yield b" " * 1024 * 1024

    answer = client.post("/webhooks", content=endless(), headers=_headers(b""))
    assert answer.status_code == 413


def test_bodies_together_take_only_so_much(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bot.app.MAX_BUFFERED", 10)
    for _ in range(2):
        answer = _post(client, b" " * 11)
        assert (answer.status_code, answer.json()["error"][:8]) == (503, "too much")
    # What was refused is not held against the next one.
    assert _post(client, b"{}").status_code == 400


@pytest.mark.parametrize("signature", [None, "x", "sha1=" + "0" * 40, "sha256=" + "g" * 64])
def test_a_body_without_a_signature_is_not_read(client: Client, signature: str | None) -> None:
    async def untouched() -> AsyncIterator[bytes]:
        yield b""
        raise AssertionError

    headers = _headers(b"", X_Hub_Signature_256=signature)
    assert client.post("/webhooks", content=untouched(), headers=headers).status_code == 401


def test_a_body_that_does_not_end_is_given_up(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    async def slow() -> AsyncIterator[bytes]:
        while True:
            yield b" "
            await asyncio.sleep(0.01)

    monkeypatch.setattr("bot.app.BODY_SECONDS", 0.1)
    answer = client.post("/webhooks", content=slow(), headers=_headers(b""))
    assert answer.status_code == 408
    assert "in time" in answer.json()["error"]


def test_the_server_takes_a_limited_number_and_stops_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    told: dict[str, Any] = {}
    monkeypatch.setattr("uvicorn.run", lambda _, **options: told.update(options))
    run_web(Settings(app_id=1, private_key="unused", webhook_secret=SECRET), NOWHERE)
    assert (told["limit_concurrency"], told["timeout_graceful_shutdown"]) == (500, 5)


def test_the_largest_body_is_read(client: Client) -> None:
    value = payload("pull_request", {"action": "labeled"})
    body = dump(value | {"padding": "x" * (MAX_BODY_BYTES - 5000)})
    assert _post(client, body).status_code == 200


def test_what_leads_to_no_job_says_why(client: Client) -> None:
    answer = _post(client, b'{"zen": "x"}', X_GitHub_Event="ping")
    assert (answer.status_code, answer.json()) == (200, {"ignored": "ping: dockslim is listening"})


def test_without_a_queue_the_delivery_fails_so_that_it_can_be_redelivered(client: Client) -> None:
    started = time.monotonic()
    answer = _post(client, dump(PAYLOADS["pull_request"]))
    assert answer.status_code == 503
    assert "redeliver" in answer.json()["error"]
    # GitHub gives up after 10 s.
    assert time.monotonic() - started < 5


def test_health_without_a_queue(client: Client) -> None:
    assert client.get("/healthz").status_code == 200
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json()) == (503, {"status": "the queue is unreachable (ConnectionError)"})


@pytest.mark.parametrize("path", ["/docs", "/openapi.json", "/redoc", "/webhook"])
def test_nothing_else_is_served(client: Client, path: str) -> None:
    answer = client.get(path)
    assert (answer.status_code, answer.json()) == (404, {"error": "Not Found"})


_JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=150, deadline=None)
@given(event=st.sampled_from(sorted(PAYLOADS)), data=st.data())
def test_no_payload_is_an_error_of_ours(client: Client, event: str, data: st.DataObject) -> None:
    """Whatever stands in a field that is read, the answer says what is wrong with it."""
    value = payload(event)
    place = value
    while True:
        key = data.draw(st.sampled_from(sorted(place)))
        if not isinstance(place[key], dict) or not place[key] or data.draw(st.booleans()):
            break
        place = place[key]
    place[key] = data.draw(_JSON)
    answer = _post(client, dump(value), X_GitHub_Event=event)
    assert answer.status_code in {200, 400, 503}
    assert set(answer.json()) in ({"error"}, {"ignored"})


@settings(max_examples=100, deadline=None)
@given(body=st.binary(max_size=200), event=st.sampled_from(sorted(PAYLOADS)))
def test_no_bytes_are_an_error_of_ours(client: Client, body: bytes, event: str) -> None:
    assert _post(client, body, X_GitHub_Event=event).status_code == 400
