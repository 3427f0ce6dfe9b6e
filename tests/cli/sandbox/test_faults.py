"""Failures on demand, rate limits, ETags, and the log of requests."""

from __future__ import annotations

import time

import pytest

from cli.sandbox import primary_limit, secondary_limit, server_error, slow
from tests.cli.sandbox.conftest import World

pytestmark = pytest.mark.slow


def test_server_error_before_and_after_the_write(world: World) -> None:
    path = world.path("/issues/1/comments")
    world.sandbox.faults.add(server_error(502, method="POST"))
    assert world.bot.post(path, json={"body": "x"}).status_code == 502
    assert world.pull.issue_comments == []

    world.sandbox.faults.add(server_error(502, after=True, method="POST", path="/issues/"))
    assert world.bot.get(path).status_code == 200
    assert world.bot.post(path, json={"body": "x"}).status_code == 502
    assert len(world.pull.issue_comments) == 1
    assert world.bot.post(path, json={"body": "y"}).status_code == 201
    assert world.sandbox.faults.remaining == {}


def test_secondary_limits(world: World) -> None:
    world.sandbox.faults.add(secondary_limit(7), secondary_limit(None), secondary_limit(3, status=429))

    known, only_text, other = (world.bot.get(world.path()) for _ in range(3))

    assert (known.status_code, known.headers["retry-after"]) == (403, "7")
    assert (only_text.status_code, "retry-after" in only_text.headers) == (403, False)
    assert "secondary rate limit" in only_text.json()["message"]
    assert int(only_text.headers["x-ratelimit-remaining"]) > 0
    assert (other.status_code, other.headers["retry-after"]) == (429, "3")


def test_primary_limit(world: World) -> None:
    world.sandbox.faults.add(primary_limit(30, times=2))

    answer = world.bot.get(world.path())
    assert (answer.status_code, answer.headers["x-ratelimit-remaining"]) == (403, "0")
    assert 0 < int(answer.headers["x-ratelimit-reset"]) - time.time() <= 30
    assert answer.json()["message"].startswith("API rate limit exceeded")
    # GraphQL says so with 200.
    shown = world.graphql("{ viewer { login } }")
    assert shown["errors"][0]["type"] == "RATE_LIMITED"


def test_allowance_runs_out(world: World) -> None:
    used = int(world.bot.get(world.path()).headers["x-ratelimit-used"])
    world.sandbox.set_rate_limit(used + 1)

    assert world.bot.get(world.path()).headers["x-ratelimit-remaining"] == "0"
    refused = world.bot.get(world.path())
    assert (refused.status_code, refused.headers["x-ratelimit-remaining"]) == (403, "0")
    assert world.bot.get("/rate_limit").json()["resources"]["core"]["remaining"] == 0


def test_slow(world: World) -> None:
    world.sandbox.faults.add(slow(0.3, path="/pulls/1$"))
    started = time.monotonic()

    assert world.bot.get(world.path("/pulls/1")).status_code == 200
    assert time.monotonic() - started >= 0.3


def test_faults_by_graphql_operation(world: World) -> None:
    world.sandbox.faults.add(server_error(503, operation="Snapshot"))
    other = world.bot.post("/graphql", json={"query": "query Other { viewer { login } }"})
    struck = world.bot.post("/graphql", json={"query": "query Snapshot { viewer { login } }"})

    assert (other.status_code, struck.status_code) == (200, 503)


def test_faults_by_the_control_endpoint(world: World) -> None:
    fault = {"failure": "error", "method": "GET", "path": "/pulls", "status": 504, "times": 2}
    assert world.bot.post("/_sandbox/faults", json=fault).status_code == 204
    assert world.bot.get("/_sandbox/faults").json()[0]["left"] == 2
    assert world.bot.get(world.path("/pulls")).status_code == 504
    assert world.bot.delete("/_sandbox/faults").status_code == 204
    assert world.bot.get(world.path("/pulls")).status_code == 200
    assert world.bot.post("/_sandbox/faults", json={"failure": "error", "nonsense": 1}).status_code == 422
    assert world.bot.post("/_sandbox/faults", json={"mischief": "drop"}).status_code == 204


def test_etags_are_free(world: World) -> None:
    first = world.bot.get(world.path("/pulls/1/files"))
    again = world.bot.get(world.path("/pulls/1/files"), headers={"If-None-Match": first.headers["etag"]})

    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["x-ratelimit-used"] == first.headers["x-ratelimit-used"]
    world.repository.commit("feature", {"Dockerfile": "FROM scratch\n"})
    fresh = world.bot.get(world.path("/pulls/1/files"), headers={"If-None-Match": first.headers["etag"]})
    assert fresh.status_code == 200


def test_headers_of_every_answer(world: World) -> None:
    for path in (world.path(), world.path("/nowhere"), "/nowhere"):
        headers = world.bot.get(path).headers
        assert headers["x-github-request-id"]
        assert int(headers["x-ratelimit-limit"]) == 5000
        assert headers["x-ratelimit-resource"] == "core"
    graphql = world.bot.post("/graphql", json={"query": "{ viewer { login } }"})
    assert graphql.headers["x-ratelimit-resource"] == "graphql"


def test_the_log(world: World) -> None:
    version = {"X-GitHub-Api-Version": "2022-11-28"}
    first = world.bot.get(world.path(), headers=version)
    world.bot.get(world.path(), headers={"If-None-Match": first.headers["etag"]})
    world.bot.get("/rate_limit")
    world.bot.get(world.path("/nowhere"))

    log = world.sandbox.requests
    assert [(one.method, one.status, one.api_version, one.counted) for one in log] == [
        ("GET", 200, "2022-11-28", True),
        ("GET", 304, None, False),
        ("GET", 200, None, False),
        ("GET", 404, None, False),
    ]
    assert str(log[0]) == "GET /repos/acme/shop -> 200"
    assert len(log.counted) == 1
    assert len(world.bot.get("/_sandbox/requests").json()) == 4
