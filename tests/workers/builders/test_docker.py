"""Docker's engine as a builder, for real: Debian 12's with its own client, Debian 13's with buildx."""

from __future__ import annotations

import os
import re
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from tests.rules.cases import table
from tests.workers.builders.conftest import LIMITS, Yard, build
from workers.builders.choose import open_builder
from workers.builders.docker import LACKS, Docker, open_docker
from workers.builders.model import Build, Outcome, Recipe
from workers.builders.series import Source, build_series

pytestmark = pytest.mark.slow

SECRET = "hush-hush-4711"


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


def left_behind(docker: Docker) -> set[str]:
    """Return the images and containers of the engine, which lists those of one second in any order."""
    return {each for kind in ("image", "container") for each in ask(docker, kind, "ls", "--all", "--quiet").split()}


def processes(word: str) -> Iterator[Path]:
    """Yield the processes of this machine whose command has a word in it."""
    for each in Path("/proc").glob("[0-9]*"):
        try:
            if word.encode() in (each / "cmdline").read_bytes().split(b"\0"):
                yield each
        except OSError:
            continue


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


def test_stopped_in_time_and_nothing_left(
    docker: Docker, busybox: str, context: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its client sees nothing of the worker's environment, and ends with all that it began."""
    monkeypatch.setenv("DOCKSLIM_REDIS_URL", f"redis://:{SECRET}@127.0.0.1:6379/0")
    monkeypatch.setenv("DOCKSLIM_PRIVATE_KEY", SECRET)
    before = left_behind(docker)
    number = str(time.time_ns())
    line = f"(trap '' TERM HUP INT; while :; do sleep 1; done) & trap '' TERM; setsid sleep {number}; sleep {number}"
    found: list[Build] = []
    text = f"FROM {busybox}\nRUN {line}\n"
    limits = replace(LIMITS, seconds=3.0)
    started = time.monotonic()
    worker = {**os.environ, **docker.environ, "DOCKER_CONFIG": str(docker.plugins.parent)}
    builds = threading.Thread(target=lambda: found.append(build(open_docker(worker), text, context, limits)))
    builds.start()
    while not list(processes(number)) and builds.is_alive():
        time.sleep(0.05)
    assert list(processes(number))
    clients = [each for each in processes("--progress") if str(context).encode() in (each / "cmdline").read_bytes()]
    assert len(clients) == (2 if docker.has_buildx else 1)
    for each in clients:
        environ = (each / "environ").read_bytes()
        assert b"DOCKER_BUILDKIT=1" in environ
        assert SECRET.encode() not in environ
        assert b"DOCKSLIM" not in environ
    builds.join()
    assert time.monotonic() - started < limits.seconds + 5
    assert (found[0].outcome, found[0].reason) == (Outcome.LIMITED, "stopped after 3 s (line 2)")
    assert (found[0].failed_line, found[0].layout) == (2, None)
    until = time.monotonic() + 5
    while list(processes(number)) and time.monotonic() < until:
        time.sleep(0.05)
    assert list(processes(number)) == []
    assert left_behind(docker) == before
    assert build(docker, f"FROM {busybox}\nRUN echo fine > /fine\n", context).outcome is Outcome.BUILT
    assert left_behind(docker) == before


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
