"""Check runs: limits, annotations, re-runs and buttons."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from tests.cli.sandbox.conftest import World

pytestmark = pytest.mark.slow

ANNOTATION = {
    "path": "Dockerfile",
    "start_line": 3,
    "end_line": 3,
    "annotation_level": "notice",
    "message": "smaller",
}


def create(world: World, **fields: Any) -> httpx.Response:
    body = {"name": "dockslim", "head_sha": world.pull.head_sha, **fields}
    return world.bot.post(world.path("/check-runs"), json=body)


def output(**fields: Any) -> dict[str, Any]:
    return {"output": {"title": "Two findings", "summary": "words", **fields}}


def test_life_of_a_check_run(world: World) -> None:
    created = create(world, status="in_progress", external_id="1:abc").json()
    path = world.path(f"/check-runs/{created['id']}")

    assert (created["status"], created["conclusion"], created["external_id"]) == ("in_progress", None, "1:abc")
    assert [one["number"] for one in created["pull_requests"]] == [1]
    done = world.bot.patch(path, json={"conclusion": "neutral", **output()}).json()
    assert (done["status"], done["conclusion"]) == ("completed", "neutral")
    assert done["completed_at"]
    assert done["output"]["title"] == "Two findings"
    assert done["external_id"] == "1:abc"
    listed = world.bot.get(world.path("/commits/feature/check-runs"), params={"check_name": "dockslim"}).json()
    assert (listed["total_count"], listed["check_runs"][0]["id"]) == (1, created["id"])
    assert world.bot.get(path).json()["app"]["slug"] == "dockslim"


def test_annotations_are_at_most_50_and_add_up(world: World) -> None:
    run = create(world, **output(annotations=[ANNOTATION] * 50)).json()
    path = world.path(f"/check-runs/{run['id']}")

    assert create(world, **output(annotations=[ANNOTATION] * 51)).status_code == 422
    more = world.bot.patch(path, json=output(annotations=[ANNOTATION] * 10)).json()
    assert more["output"]["annotations_count"] == 60
    first = world.bot.get(f"{path}/annotations")
    assert isinstance(first.json(), list)
    assert len(first.json()) == 30
    assert "next" in first.links


@pytest.mark.parametrize(
    "fields",
    [
        pytest.param({"status": "completed"}, id="completed without a conclusion"),
        pytest.param({"conclusion": "great"}, id="no such conclusion"),
        pytest.param({"head_sha": "0" * 40}, id="unknown commit"),
        pytest.param({"head_sha": "feature"}, id="a branch is no commit"),
        pytest.param({"output": {"title": "x"}}, id="output without a summary"),
        pytest.param(output(summary="x" * 65_536), id="summary too long"),
        pytest.param(output(annotations=[{**ANNOTATION, "end_line": 1}]), id="ends before it starts"),
        pytest.param(
            output(annotations=[{**ANNOTATION, "end_line": 4, "start_column": 1}]), id="columns on several lines"
        ),
        pytest.param(output(annotations=[{**ANNOTATION, "annotation_level": "info"}]), id="no such level"),
        pytest.param({"actions": [{"label": "x" * 21, "description": "", "identifier": "i"}]}, id="label"),
        pytest.param({"actions": [{"label": "x", "description": "x" * 41, "identifier": "i"}]}, id="description"),
        pytest.param({"actions": [{"label": "x", "description": "", "identifier": "x" * 21}]}, id="identifier"),
        pytest.param({"actions": [{"label": "x", "description": "", "identifier": "i"}] * 4}, id="four actions"),
        pytest.param({"colour": "red"}, id="no such key"),
    ],
)
def test_refused(world: World, fields: dict[str, Any]) -> None:
    assert create(world, **fields).status_code == 422
    assert world.pull.check_runs == []


def test_latest_of_each_name(world: World) -> None:
    create(world)
    newer = create(world).json()
    path = world.path("/commits/feature/check-runs")

    assert [one["id"] for one in world.bot.get(path).json()["check_runs"]] == [newer["id"]]
    assert world.bot.get(path, params={"filter": "all"}).json()["total_count"] == 2


def test_rerequest_leaves_the_run_alone(world: World) -> None:
    run = create(world, conclusion="success").json()

    assert world.bot.post(world.path(f"/check-runs/{run['id']}/rerequest")).status_code == 201

    assert world.bot.get(world.path(f"/check-runs/{run['id']}")).json()["status"] == "completed"
    suites = world.bot.get(world.path("/commits/feature/check-suites")).json()
    assert suites["check_suites"][0]["status"] == "queued"
    [told] = [one for one in world.sandbox.deliveries if one.action == "rerequested"]
    assert told.payload["check_run"]["id"] == run["id"]


def test_buttons(world: World) -> None:
    create(world, conclusion="neutral", actions=[{"label": "Build", "description": "d", "identifier": "build"}])
    [run] = world.pull.check_runs

    world.pull.press(run, "build", author="bob")

    [told] = [one for one in world.sandbox.deliveries if one.action == "requested_action"]
    assert told.payload["requested_action"] == {"identifier": "build"}
    assert told.payload["sender"]["login"] == "bob"


def test_no_pull_requests_for_forks(world: World) -> None:
    fork = world.sandbox.fork(world.repository, "mallory")
    sha = fork.commit("patch", {"Dockerfile": "FROM scratch\n"}, author="mallory")
    world.sandbox.open_pull_request(world.repository, (fork, "patch"), author="mallory")

    assert create(world, head_sha=sha).json()["pull_requests"] == []
