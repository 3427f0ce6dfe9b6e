"""Deliveries that GitHub could not hand over: the sandbox's log, a web process that was away, a Redis that forgot."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from redis import Redis

from bot.deliveries import Deliveries, State
from bot.github.failures import GitHubError, RefusedError
from bot.github.hook import list_attempts
from bot.settings import Settings
from cli.sandbox import Sandbox, drop, server_error
from cli.sandbox.faults import RequestFault
from cli.sandbox.webhooks import page
from tests.workers.stage import CLEAN, Stage
from tests.workers.web import Web
from workers import sweep as sweep_module
from workers.sweep import MOST_AT_ONCE, MOST_TIMES, Swept, sweep

pytestmark = pytest.mark.slow

NOWHERE = "http://127.0.0.1:9/webhooks"


@pytest.fixture
def web(stage: Stage, scratch_url: str) -> Iterator[str]:
    """The address of a web process that hears of everything from now on."""
    settings = Settings(
        app_id=stage.sandbox.app_id,
        private_key=stage.sandbox.private_key,
        webhook_secret=stage.sandbox.webhook_secret,
    )
    with Web(settings, scratch_url) as url:
        stage.sandbox.webhook_url = f"{url}/webhooks"
        yield f"{url}/webhooks"
        stage.sandbox.webhook_url = None


def _sweep(stage: Stage) -> Swept:
    # A database that is new may have lost jobs whose last writes are still on their way.
    stage.redis.set("dockslim:began", 1)
    stage.sandbox.wait_until_delivered()
    swept = sweep(stage.performer.github, stage.redis)
    stage.sandbox.wait_until_delivered()
    return swept


def _open(stage: Stage, count: int, start: int = 0) -> list[str]:
    """Open pull requests; return the GUIDs of their deliveries that ask for a review."""
    for number in range(start, start + count):
        stage.open({"Dockerfile": CLEAN}, branch=f"b{number}")
    stage.sandbox.wait_until_delivered()
    asked = [each.guid for each in stage.sandbox.deliveries if each.event == "pull_request"]
    return list(dict.fromkeys(asked))[-count:]


def _states(redis: Redis, guids: list[str]) -> set[State | None]:
    return set(Deliveries(redis).states(guids))


def test_what_came_while_nobody_listened_is_delivered_once_more(stage: Stage, web: str) -> None:
    stage.sandbox.webhook_url = NOWHERE
    guids = _open(stage, 3)
    stage.sandbox.webhook_url = web
    assert _states(stage.redis, guids) == {None}
    assert _sweep(stage).redelivered == 3
    assert _states(stage.redis, guids) == {State.QUEUED}
    again = [each for each in stage.sandbox.deliveries if each.redelivery]
    assert [(each.event, each.status_code) for each in again] == [("pull_request", 202)] * 3
    assert _sweep(stage).redelivered == 0


@pytest.mark.usefixtures("web")
def test_what_arrived_or_asks_for_nothing_is_left_alone(stage: Stage) -> None:
    guids = _open(stage, 1)
    stage.open({"Dockerfile": CLEAN}, branch="draft", draft=True)
    stage.sandbox.faults.add(drop("push|check_suite|issue_comment", times=99))
    stage.repository.commit("elsewhere", {"x": "y"})
    Deliveries(stage.redis).finish(guids[0], State.FAILED, "it failed on its own")
    swept = _sweep(stage)
    assert (swept.redelivered, swept.more) == (0, False)
    assert swept.seen > 4


@pytest.mark.usefixtures("web")
def test_what_redis_forgot_is_delivered_again(stage: Stage) -> None:
    guids = _open(stage, 2)
    stage.redis.flushdb()
    assert _sweep(stage).redelivered == 2
    assert _states(stage.redis, guids) == {State.QUEUED}


def test_what_was_refused_for_what_it_is_would_be_again(stage: Stage, web: str) -> None:
    stage.sandbox.webhook_url = f"{web}?x="
    secret, stage.sandbox.site.world.app.webhook_secret = stage.sandbox.webhook_secret, "another"
    _open(stage, 1)
    stage.sandbox.site.world.app.webhook_secret = secret
    assert [each.status_code for each in stage.sandbox.deliveries if each.event == "pull_request"] == [401]
    assert _sweep(stage).redelivered == 0


@pytest.mark.usefixtures("web")
def test_only_so_many_at_once(stage: Stage) -> None:
    stage.sandbox.faults.add(drop("pull_request", times=MOST_AT_ONCE + 3))
    guids = _open(stage, MOST_AT_ONCE + 3)
    first, second, third = _sweep(stage), _sweep(stage), _sweep(stage)
    assert [(each.redelivered, each.more) for each in (first, second, third)] == [
        (MOST_AT_ONCE, True),
        (3, False),
        (0, False),
    ]
    assert _states(stage.redis, guids) == {State.QUEUED}


def test_only_so_often(stage: Stage) -> None:
    stage.sandbox.webhook_url = NOWHERE
    _open(stage, 1)
    assert [_sweep(stage).redelivered for _ in range(MOST_TIMES + 2)] == [1] * MOST_TIMES + [0, 0]


@pytest.mark.usefixtures("web")
def test_the_log_is_read_by_pages_and_no_further_than_needed(stage: Stage) -> None:
    stage.sandbox.faults.add(drop("pull_request"))
    _open(stage, 1)
    for number in range(70):
        stage.repository.commit("busy", {"n": str(number)})
    stage.sandbox.requests.clear()
    assert _sweep(stage).redelivered == 1
    listed = [each for each in stage.say_requests() if each.startswith("GET /app/hook/deliveries")]
    assert len(listed) == 2
    assert "cursor=" in listed[1]
    late = datetime.now(UTC).timestamp() + 3600
    stage.redis.set("dockslim:swept", late)
    assert _sweep(stage).seen == 0
    assert sweep_module._since(stage.redis, datetime.fromtimestamp(late, UTC) + timedelta(days=9)).timestamp() > late


@pytest.mark.usefixtures("web")
def test_a_log_too_long_for_one_look_is_read_on(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(list_attempts, "__defaults__", ("", 1))
    stage.sandbox.faults.add(drop("pull_request"))
    guids = _open(stage, 1)
    for number in range(120):
        stage.repository.commit("busy", {"n": str(number)})
    first = _sweep(stage)
    assert (first.seen, first.redelivered, first.more) == (100, 0, True)
    assert stage.redis.get("dockslim:swept") is None
    looks = [_sweep(stage)]
    while looks[-1].more:
        looks.append(_sweep(stage))
    assert sum(each.redelivered for each in looks) == 1
    assert _states(stage.redis, guids) == {State.QUEUED}
    # What came meanwhile is not passed over: the next one begins where this one began.
    assert stage.redis.get("dockslim:sweeping") is None
    assert _sweep(stage).more


@pytest.mark.usefixtures("web")
def test_a_place_in_the_log_that_github_no_longer_knows(stage: Stage) -> None:
    stage.sandbox.faults.add(drop("pull_request"))
    guids = _open(stage, 1)
    stage.redis.set("dockslim:sweeping", "1000.0 v1_0")
    stage.sandbox.faults.add(RequestFault("error", status=422, path="/app/hook/deliveries"))
    with pytest.raises(RefusedError):
        _sweep(stage)
    assert _sweep(stage).redelivered == 1
    assert _states(stage.redis, guids) == {State.QUEUED}


@pytest.mark.usefixtures("web")
def test_nothing_is_missing_from_a_database_that_has_just_begun(stage: Stage) -> None:
    _open(stage, 1)
    stage.redis.flushdb()
    assert sweep(stage.performer.github, stage.redis) == Swept(0, 0, more=True)
    seconds, _ = stage.redis.time()
    stage.redis.set("dockslim:began", seconds - 60)
    assert sweep(stage.performer.github, stage.redis).redelivered == 1


def test_a_sweep_that_fails_is_no_sweep(stage: Stage, web: str) -> None:
    stage.sandbox.webhook_url = NOWHERE
    guids = _open(stage, 1)
    stage.sandbox.webhook_url = web
    stage.sandbox.faults.add(server_error(502, path="/attempts$"))
    with pytest.raises(GitHubError):
        _sweep(stage)
    assert stage.redis.get("dockslim:swept") is None
    assert _sweep(stage).redelivered == 1
    assert _states(stage.redis, guids) == {State.QUEUED}


def test_deliveries_that_are_under_way_or_unsent_are_not_in_the_log(private_key: str) -> None:
    with Sandbox(private_key=private_key) as sandbox, sandbox.serving():
        sandbox.create_repository("acme/shop", {"Dockerfile": CLEAN})
        assert len(list(sandbox.deliveries)) > 0
        assert page(sandbox.site.webhooks, None, 100) == ([], None)
