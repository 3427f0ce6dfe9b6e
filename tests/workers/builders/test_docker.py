"""Docker's engine as a builder, for real: Debian 12's with its own client, Debian 13's with buildx."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from tests.rules.cases import table
from tests.workers.builders.conftest import LIMITS, Yard, build
from tests.workers.builders.test_buildx import left_behind
from workers.builders.choose import open_builder
from workers.builders.docker import LACKS, Docker, open_docker
from workers.builders.model import Outcome, Recipe
from workers.builders.series import Source, build_series

pytestmark = pytest.mark.slow


@pytest.fixture(params=["old_engine", "new_engine"])
def engine(request: pytest.FixtureRequest) -> dict[str, str]:
    found: dict[str, str] = request.getfixturevalue(request.param)
    return found


@pytest.fixture
def docker(engine: dict[str, str]) -> Docker:
    return open_docker(engine)


def ask(docker: Docker, *arguments: str) -> str:
    """Ask the engine what a person would ask it."""
    environ = {**docker.environ, "DOCKER_BUILDKIT": "1", "DOCKER_CONFIG": str(docker.plugins.parent)}
    command = ["docker", *arguments]
    done = subprocess.run(
        command, env=environ, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    return done.stdout


def test_what_it_says_of_itself(docker: Docker, yard: Yard, busybox: str) -> None:
    before = left_behind(docker)
    able = docker.examine()
    assert able.works
    assert able.lacks == LACKS == ("memory", "processes", "disk", "network", "cpu")
    assert re.fullmatch(r"docker \d+\.\d+( with buildx)?; nothing here limits memory, .*", able.sentence)
    assert docker.has_buildx == (docker.version > (20, 10))
    assert left_behind(docker) == before
    # So what strangers propose is not built.
    bench = replace(yard, builder=docker).bench(trusted=False)
    found = build_series(bench, None, Source(yard.work, f"FROM {busybox}\n")).head
    assert (found.outcome, found.seconds) == (Outcome.IMPOSSIBLE, 0.0)
    assert found.reason == "docker cannot limit memory, processes, disk, network, cpu here"


def test_limits_that_are_taken_and_ignored(docker: Docker, busybox: str, context: Path) -> None:
    """Why it lacks what it lacks: when this fails, BuildKit has learned it."""
    (context / "Dockerfile").write_text(f"FROM {busybox}\nRUN head -c 60000000 /dev/zero | tail | wc -c\n")
    way = ("buildx", "build") if docker.has_buildx else ("build",)
    said = ask(docker, *way, "--progress=plain", "--memory=32m", "--memory-swap=32m", str(context))
    assert re.search(r" 60000000\n#\d+ DONE", said), said


@table(
    ("environ", "sentence"),
    {
        "no client": ({"PATH": "/nowhere"}, "docker is not installed"),
        "no engine": ({"DOCKER_HOST": "tcp://127.0.0.1:1"}, "no engine answers at tcp://127.0.0.1:1"),
    },
)
def test_where_there_is_none(environ: Mapping[str, str], sentence: str) -> None:
    builder = open_builder({"PATH": os.environ["PATH"], **environ, "DOCKSLIM_BUILDER": "docker"})
    assert builder is not None
    able = builder.examine()
    assert (able.works, able.sentence) == (False, sentence)


def test_a_client_without_buildx(new_engine: dict[str, str]) -> None:
    docker = open_docker({**new_engine, "DOCKER_CONFIG": "/nowhere"})
    if docker.has_buildx:
        pytest.skip("this machine has buildx for all clients")
    able = docker.examine()
    assert (able.works, able.sentence) == (
        False,
        "BuildKit does not build it: BuildKit is enabled but the buildx component is missing or broken.",
    )


def test_hosts_cannot_be_chosen() -> None:
    with pytest.raises(ValueError, match="DOCKSLIM_BUILD_HOSTS is set, and docker keeps no RUN to some hosts"):
        open_builder({"DOCKSLIM_BUILDER": "docker", "DOCKSLIM_BUILD_HOSTS": "example.org"})


def test_other_platforms(docker: Docker, context: Path) -> None:
    assert (
        build(replace(docker, platform="linux/s390x"), "FROM scratch\nCOPY file /\n", context).outcome is Outcome.BUILT
    )
    found = docker.build(Recipe(context, "FROM scratch\n", platform="linux/s390x"), LIMITS, "tests", context.parent)
    assert (found.outcome, found.reason) == (
        Outcome.IMPOSSIBLE,
        f"this builder is for {docker.platform}, not linux/s390x",
    )
