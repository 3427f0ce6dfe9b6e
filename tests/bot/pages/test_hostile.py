"""Whatever is asked of the web process, by its own description of itself: an answer, and never a defect of ours."""

from __future__ import annotations

import asyncio
import copy
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
import schemathesis
from fastapi import FastAPI
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from redis import Redis
from schemathesis.checks import not_a_server_error

from bot.app import create_app
from bot.queue import Queue
from bot.settings import Hosting, Settings
from bot.webhooks.verify import sign
from cli.sandbox import Sandbox
from tests.bot.pages.server import serving
from tests.bot.payloads import PAYLOADS, dump, payload
from tests.ports import free_port

pytestmark = pytest.mark.slow

SECRET = "hush"
SETTINGS = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
_HEADERS = {
    "X-GitHub-Event": {"type": "string"},
    "X-GitHub-Delivery": {"type": "string"},
    "X-Hub-Signature-256": {"type": "string", "pattern": "^sha256=[0-9a-f]{64}$"},
    "Content-Type": {"type": "string"},
}


def _describe(app: FastAPI) -> dict[str, Any]:
    """Return the application's own description, with what /webhooks reads by hand."""
    found = copy.deepcopy(app.openapi())
    operation = {
        "parameters": [
            {"in": "header", "name": name, "schema": schema, "required": False} for name, schema in _HEADERS.items()
        ],
        "requestBody": {"content": {"application/json": {"schema": {"type": "object"}}}},
        "responses": {"202": {"description": "queued"}},
    }
    return {**found, "paths": {**found["paths"], "/webhooks": {"post": operation}}}


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox() as sandbox, sandbox.serving():
        yield sandbox


@pytest.fixture(scope="module", params=["set-up", "running"])
def hosting(request: pytest.FixtureRequest, sandbox: Sandbox) -> Hosting:
    listen = f"127.0.0.1:{free_port()}"
    values = {"listen": listen, "github_api_url": sandbox.url, "public_url": f"http://{listen}"}
    if request.param == "set-up":
        return Hosting(**values)
    return Settings(app_id=sandbox.app_id, private_key=sandbox.private_key, webhook_secret=SECRET, **values)


@pytest.fixture(scope="module")
def url(hosting: Hosting, redis_url: str) -> Iterator[str]:
    with serving(hosting, redis_url) as url:
        yield url


def test_every_operation(hosting: Hosting, url: str, redis: Redis) -> None:
    """schemathesis: what fits the description, and what does not."""
    del redis
    queue = Queue("redis://127.0.0.1:1/0")
    raw = _describe(create_app(hosting, queue))
    asyncio.run(queue.close())
    schema = schemathesis.openapi.from_dict(raw)
    operations = [found.ok() for found in schema.get_all_operations()]
    assert {operation.path for operation in operations} == {
        *("/", "/setup", "/setup/created", "/healthz", "/readyz", "/metrics", "/webhooks"),
        "/jobs/{delivery}/retry",
    }
    for operation in operations:
        described = raw["paths"][operation.path][operation.method.lower()]
        for mode in (
            schemathesis.GenerationMode if "parameters" in described else [schemathesis.GenerationMode.POSITIVE]
        ):

            @SETTINGS
            @given(case=operation.as_strategy(generation_mode=mode))
            def ask(case: schemathesis.Case) -> None:
                response = case.call(base_url=url)
                if case.path == "/webhooks" and not isinstance(hosting, Settings):
                    # Without an App every delivery is turned away, and can be redelivered.
                    assert response.status_code == 503
                elif case.path == "/setup/created" and response.status_code == 502:
                    # GitHub does not know that code, and we say so.
                    assert "GitHub answered 404" in response.text
                else:
                    case.validate_response(response, checks=[not_a_server_error])

            ask()


_JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=8,
)


@pytest.mark.parametrize("hosting", ["running"], indirect=True)
@settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))
@given(event=st.sampled_from(sorted(PAYLOADS)), data=st.data())
def test_every_signed_body_has_an_answer(url: str, event: str, data: st.DataObject) -> None:
    """From the signature to the queue: any value in any place."""
    value = payload(event)
    for _ in range(data.draw(st.integers(1, 3))):
        place: Any = value
        while True:
            key = data.draw(st.sampled_from(sorted(place)))
            if not isinstance(place[key], dict) or not place[key] or data.draw(st.booleans()):
                break
            place = place[key]
        place[key] = data.draw(_JSON)
    body = dump(value)
    headers = {
        "X-GitHub-Event": event,
        "X-GitHub-Delivery": data.draw(st.uuids()).hex,
        "X-Hub-Signature-256": sign(SECRET, body),
        "Content-Type": "application/json",
    }
    answer = httpx.post(f"{url}/webhooks", content=body, headers=headers, trust_env=False)
    assert answer.status_code in {200, 202, 400}
    assert set(answer.json()) in ({"error"}, {"ignored"}, {"job"})
