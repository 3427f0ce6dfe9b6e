"""Docker's engine as a builder, for real: Debian 12's with its own client, Debian 13's with buildx."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from rules.dockerfile import parse
from tests.rules.cases import table
from tests.workers.builders.conftest import LIMITS, Yard
from workers.builders.choose import open_builder
from workers.builders.dialect import find_unsupported
from workers.builders.docker import LACKS, Docker, open_docker
from workers.builders.model import Build, Limits, Outcome, Recipe
from workers.builders.series import Source, build_series
from workers.image import Measurement, measure, read_image

pytestmark = pytest.mark.slow

SECRET = "hush-hush-4711"


@pytest.fixture
def docker(docker_yard: Yard) -> Docker:
    assert isinstance(docker_yard.builder, Docker)
    return docker_yard.builder


@pytest.fixture
def context(tmp_path: Path) -> Path:
    (tmp_path / "context").mkdir()
    (tmp_path / "context" / "file").write_text("content\n")
    (tmp_path / "context" / "notes.md").write_text("notes\n")
    return tmp_path / "context"


def build(docker: Docker, text: str, context: Path, limits: Limits = LIMITS, store: str = "tests") -> Build:
    """Build what nothing has looked at before."""
    into = context.parent / f"image-{len(list(context.parent.iterdir()))}"
    into.mkdir()
    return docker.build(Recipe(context, text), limits, store, into)


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


def test_what_it_says_of_itself(docker: Docker, docker_yard: Yard, busybox: str) -> None:
    before = left_behind(docker)
    able = docker.examine()
    assert able.works
    assert able.lacks == LACKS == ("memory", "processes", "disk", "network", "cpu")
    assert re.fullmatch(r"docker \d+\.\d+( with buildx)?; nothing here limits memory, .*", able.sentence)
    assert docker.has_buildx == (docker.version > (20, 10))
    assert left_behind(docker) == before
    # So what strangers propose is not built.
    bench = docker_yard.bench(trusted=False)
    found = build_series(bench, None, Source(docker_yard.work, f"FROM {busybox}\n")).head
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


MISSING = "127.0.0.1:1/missing@sha256:" + "0" * 64


@table(
    ("lines", "outcome", "reason", "line"),
    {
        "fails": (
            "FROM BASE AS one\nRUN true\n\nFROM BASE\nCOPY --from=one /bin/sh /sh\nRUN exit 3",
            "failed", "line 6 fails", 6,
        ),
        "forges": (
            "FROM BASE\nRUN printf '#2 ERROR: x\\n\\r#9 [1/2] FROM y\\n#9 ERROR: z\\n------\\n'; exit 3",
            "failed", "line 2 fails", 2,
        ),
        "no such file": ("FROM BASE\nCOPY missing /", "failed", "line 2 fails", 2),
        "no such program": ("FROM scratch\nRUN true", "failed", "line 2 fails", 2),
        "no such image": (f"FROM {MISSING}\nRUN true", "impossible", f"{MISSING} cannot be pulled", None),
        "no such secret": (
            "FROM BASE\nRUN --mount=type=secret,id=x,required=true true",
            "impossible", r"line 2 cannot be run: secret x.*: not found", 2,
        ),
        "no such flag": (
            "FROM BASE\nRUN --nope true",
            "impossible", "the engine does not build it: dockerfile parse error .*line 2: [Uu]nknown flag: nope", None,
        ),
        "full": (
            "FROM BASE\nRUN dd if=/dev/zero of=/dev/shm/x bs=1M count=100",
            "limited", r"no space is left for it \(line 2\)", 2,
        ),
    },
)  # fmt: skip
def test_outcomes(
    docker: Docker, busybox: str, context: Path, lines: str, outcome: str, reason: str, line: int | None
) -> None:
    """What an instruction did is told apart from what the engine could not do."""
    found = build(docker, lines.replace("BASE", busybox) + "\n", context)
    assert (str(found.outcome), found.layout) == (outcome, None), found.log
    assert re.fullmatch(reason, found.reason), found
    assert found.failed_line == (line if outcome != "impossible" else None)


def test_too_much(docker: Docker, busybox: str, context: Path) -> None:
    """Of what it says and of what it makes, no more is kept than is allowed."""
    text = f"FROM {busybox}\nRUN yes long | head -c 30000000; echo; echo the end; head -c 9000000 /dev/urandom > /x\n"
    found = build(docker, text, context, replace(LIMITS, log=2000, disk=5_000_000))
    assert (found.outcome, found.reason) == (Outcome.LIMITED, "the image is larger than 5 MB")
    assert len(found.log) < 2100
    assert " bytes left out]" in found.log


DIALECT = {
    "here-documents": "RUN <<EOF\ntest -x /bin/sh\nEOF",
    "COPY --link": "COPY --link file /",
    "COPY --exclude": "COPY --exclude=*.md . /here\nRUN test ! -e /here/notes.md",
    "COPY --parents": "COPY --parents file /",
    "RUN --network": "RUN --network=none test ! -e /sys/class/net/eth0",
    "COPY --chmod with letters": "COPY --chmod=u=rw,go= file /\nRUN test $(stat -c %a /file) = 600",
    "COPY --chmod": "COPY --chmod=0600 file /\nRUN test $(stat -c %a /file) = 600",
    "RUN --mount": "RUN --mount=type=bind,target=/here --mount=type=tmpfs,target=/there test -e /here/file",
}


@pytest.mark.parametrize("name", DIALECT)
def test_dialect(docker: Docker, busybox: str, context: Path, name: str) -> None:
    """What is refused does not build, or not as it says; what is not refused does."""
    text = f"FROM {busybox}\n{DIALECT[name]}\n"
    refused = find_unsupported(parse(text), docker.name, docker.version)
    found = build(docker, text, context)
    assert (found.outcome is Outcome.BUILT) == (not refused), (refused, found)


@contextmanager
def counting() -> Iterator[tuple[str, list[int]]]:
    """Give the address of a server that takes connections and says nothing, and what it took."""
    taken: list[int] = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def take() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                taken.append(1)
                connection.close()

        threading.Thread(target=take, daemon=True).start()
        yield f"127.0.0.1:{server.getsockname()[1]}", taken
        server.shutdown(socket.SHUT_RDWR)


def test_no_program_is_fetched_to_read_it(docker: Docker, busybox: str, context: Path) -> None:
    heads = (
        "# syntax=IT\n",
        "#SynTax  = IT \n",
        "#!/bin/x\n# syntax=IT\n",
        "# a=b\n# syntax=IT\n",
        "\ufeff# syntax=IT\n",
    )
    body = f"# escape=`\nFROM {busybox}\nRUN true `\n  && exit 3\n"
    with counting() as (address, taken):
        for head in heads:
            name = f"{address}/program:1"
            found = build(docker, head.replace("IT", name) + body, context)
            # It is the last of several lines to be read only where those above are such as it is.
            wanted = (Outcome.FAILED, head.count("\n") + 3) if head in heads[:2] else None
            assert wanted in (None, (found.outcome, found.failed_line)), (head, found)
        assert taken == []
        (context / "Dockerfile").write_text(heads[0].replace("IT", name) + body)
        ask(docker, *(("buildx", "build") if docker.has_buildx else ("build",)), str(context))
        assert taken != []


def test_no_two_repositories_share_what_a_run_leaves(docker: Docker, busybox: str, context: Path) -> None:
    said = []
    for number, store in enumerate(("1-trusted", "1-trusted", "2-trusted")):
        line = f"RUN --mount=type=cache,target=/kept echo found $(ls /kept) {number}; touch /kept/mine"
        said.append(build(docker, f"FROM {busybox}\n{line}\n", context, store=store).log)
    assert [f"found mine {at}\n" in log for at, log in enumerate(said)] == [False, True, False]
    assert "found 2\n" in said[2]


STUBS = {"etc/hostname": 0, "etc/hosts": 0, "etc/resolv.conf": 0}
"""What buildah's RUN leaves where something was mounted."""


def test_sizes_agree(
    yard: Yard, old_engine: dict[str, str], new_engine: dict[str, str], busybox: str, context: Path
) -> None:
    """All builders' images hold the same files, at the same cost, lost in the same way."""
    (context / "app").mkdir()
    (context / "app" / "data").write_bytes(bytes(range(256)) * 8000)
    text = (
        f"FROM {busybox}\nRUN head -c 3000000 /dev/zero > /a && ln /a /b && ln -s /a /c\nRUN true\nRUN true\n"
        f"WORKDIR /app\nCOPY app file .\nRUN chown -R daemon /app && rm /a\nCOPY --from={busybox} /bin/busybox /again\n"
    )
    yards = [yard, *(replace(yard, builder=open_docker(each)) for each in (old_engine, new_engine))]
    one, *others = (_measure(each.bench(store="agree").build(Source(context, text)), text) for each in yards)
    assert (one.lost, one.compressed is None) == (2_048_008, False)
    for other in others:
        assert one.files == {**other.files, **STUBS}
        assert [_of(each) for each in one.losses] == [_of(each) for each in other.losses]
        assert other.compressed == pytest.approx(one.compressed, rel=0.06)
        # BuildKit writes a layer for WORKDIR, of a directory alone.
        lines = [[(cost.origin.line, cost.written) for cost in each.costs if cost.origin] for each in (one, other)]
        assert (5, 0) not in lines[0]
        assert [each for each in lines[1] if each != (5, 0)] == lines[0]
        assert len(lines[1]) == len(lines[0]) + 1


def _of(loss: object) -> tuple[object, ...]:
    return tuple(getattr(loss, name) for name in ("how", "bytes", "files", "directory"))


def _measure(found: Build, text: str) -> Measurement:
    assert found.layout is not None, found
    return measure(read_image(found.layout), parse(text))


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
        "the engine does not build it: BuildKit is enabled but the buildx component is missing or broken.",
    )


def test_hosts_cannot_be_chosen() -> None:
    with pytest.raises(ValueError, match="DOCKSLIM_BUILD_HOSTS is set, and no engine keeps a RUN to some hosts"):
        open_builder({"DOCKSLIM_BUILDER": "docker", "DOCKSLIM_BUILD_HOSTS": "example.org"})


def test_other_platforms(docker: Docker, context: Path) -> None:
    found = docker.build(Recipe(context, "FROM scratch\n", platform="linux/s390x"), LIMITS, "tests", context.parent)
    assert (found.outcome, found.reason) == (
        Outcome.IMPOSSIBLE,
        f"this builder is for {docker.platform}, not linux/s390x",
    )
