"""`dockslim jobs` on a real Valkey."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from redis import Redis
from typer.testing import CliRunner

from bot.deliveries import Deliveries, State
from bot.queue import connect
from cli.main import app
from tests.bot.test_jobs import JOB
from workers.valkey import embedded_valkey

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with embedded_valkey() as url:
        yield url


@pytest.fixture
def redis(url: str) -> Iterator[Redis]:
    with connect(url) as client:
        client.flushdb()
        yield client


def _run(url: str, *arguments: str) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, ["jobs", *arguments], env={"DOCKSLIM_REDIS_URL": url})
    return result.exit_code, result.stdout, result.stderr


def test_what_was_given_up_is_listed_and_retried(url: str, redis: Redis) -> None:
    assert _run(url) == (0, "0 waiting or under way, 0 given up\n", "")
    deliveries = Deliveries(redis)
    deliveries.claim(JOB)
    deliveries.finish(JOB.delivery, State.FAILED, "GitHub answered 502\n\x1b[31m")
    code, out, _ = _run(url)
    assert code == 0
    head, line, hint = out.splitlines()
    assert head == "0 waiting or under way, 1 given up"
    assert line.startswith(JOB.delivery)
    assert line.endswith(f" UTC  {JOB.owner}/{JOB.repository}#{JOB.number}  GitHub answered 502\\n\\x1b[31m")
    assert "retry" in hint
    assert _run(url, "retry", JOB.delivery) == (0, f"{JOB.delivery} runs again.\n", "")
    assert deliveries.take_due() == [JOB]
    assert _run(url)[1] == "1 waiting or under way, 0 given up\n"


def test_what_cannot_be_read_is_listed_by_its_id(url: str, redis: Redis) -> None:
    deliveries = Deliveries(redis)
    deliveries.claim(JOB)
    redis.hset(f"dockslim:delivery:{JOB.delivery}", "job", "{}")
    deliveries.take_due()
    line = _run(url)[1].splitlines()[1]
    assert line.startswith(JOB.delivery)
    assert line.endswith("  unknown  another version of dockslim wrote it; redeliver it at GitHub")


def test_an_id_that_is_not_on_the_list(url: str) -> None:
    code, _, err = _run(url, "retry", "x\ny")
    assert (code, err) == (2, "dockslim: x\\ny: no job of that ID was given up; `dockslim jobs` lists those\n")


@pytest.mark.parametrize(
    ("url", "start"),
    [
        pytest.param("", "dockslim: DOCKSLIM_REDIS_URL: is missing.", id="no address"),
        pytest.param("localhost", "dockslim: DOCKSLIM_REDIS_URL: is not a Redis address.", id="no scheme"),
        pytest.param("redis://127.0.0.1:1/0", "dockslim: DOCKSLIM_REDIS_URL: the queue is unreachable", id="nobody"),
    ],
)
def test_a_queue_that_is_not_there(url: str, start: str) -> None:
    code, _, err = _run(url)
    assert code == 2
    assert err.startswith(start)
