"""BuildKit, for real: inside two of Docker's engines, and as a daemon by itself."""

from __future__ import annotations

import os
import re
import socket
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from rules.dockerfile import parse
from tests.rules.cases import table
from tests.workers.builders.conftest import ENDS, LIMITS, Yard, build
from workers.builders.buildkit import BuildKit
from workers.builders.buildx import open_client
from workers.builders.choose import open_builder
from workers.builders.dialect import find_unsupported
from workers.builders.docker import Docker
from workers.builders.model import Build, Builder, Outcome
from workers.builders.series import Source
from workers.image import Measurement, measure, read_image

pytestmark = pytest.mark.slow

SECRET = "hush-hush-4711"


@pytest.fixture(params=ENDS)
def environ(request: pytest.FixtureRequest) -> dict[str, str]:
    found: dict[str, str] = request.getfixturevalue(request.param)
    return found


@pytest.fixture
def builder(environ: dict[str, str]) -> Docker | BuildKit:
    return opened(environ)


def opened(environ: Mapping[str, str]) -> Docker | BuildKit:
    found = open_builder(environ)
    assert isinstance(found, Docker | BuildKit)
    return found


def left_behind(builder: Docker | BuildKit) -> set[str]:
    """Return images and containers of an engine, which lists those of one second in any order; a daemon has none."""
    if isinstance(builder, BuildKit):
        return set()
    with open_client(builder.environ, builder.plugins) as client:
        return {each for kind in ("image", "container") for each in client.ask(kind, "ls", "-aq").split()}


def processes(word: str) -> Iterator[Path]:
    """Yield the processes of this machine whose command has a word in it."""
    for each in Path("/proc").glob("[0-9]*"):
        try:
            if word.encode() in (each / "cmdline").read_bytes().split(b"\0"):
                yield each
        except OSError:
            continue


def test_stopped_in_time_and_nothing_left(
    environ: dict[str, str], busybox: str, context: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its client sees nothing of the worker's environment, and ends with all that it began."""
    monkeypatch.setenv("DOCKSLIM_REDIS_URL", f"redis://:{SECRET}@127.0.0.1:6379/0")
    monkeypatch.setenv("DOCKSLIM_PRIVATE_KEY", SECRET)
    builder = opened({**os.environ, **environ})
    before = left_behind(builder)
    number = str(time.time_ns())
    line = f"(trap '' TERM HUP INT; while :; do sleep 1; done) & trap '' TERM; setsid sleep {number}; sleep {number}"
    found: list[Build] = []
    text = f"FROM {busybox}\nRUN {line}\n"
    limits = replace(LIMITS, seconds=3.0)
    started = time.monotonic()
    builds = threading.Thread(target=lambda: found.append(build(builder, text, context, limits)))
    builds.start()
    while not list(processes(number)) and builds.is_alive():
        time.sleep(0.05)
    assert list(processes(number))
    clients = [each for each in processes("--progress") if str(context).encode() in (each / "cmdline").read_bytes()]
    assert len(clients) == (1 if isinstance(builder, Docker) and not builder.has_buildx else 2)
    for each in clients:
        told = (each / "environ").read_bytes()
        assert b"DOCKER_BUILDKIT=1" in told
        assert SECRET.encode() not in told
        assert b"DOCKSLIM" not in told
    builds.join()
    assert time.monotonic() - started < limits.seconds + 5
    assert (found[0].outcome, found[0].reason) == (Outcome.LIMITED, "stopped after 3 s (line 2)")
    assert (found[0].failed_line, found[0].layout) == (2, None)
    until = time.monotonic() + 5
    while list(processes(number)) and time.monotonic() < until:
        time.sleep(0.05)
    assert list(processes(number)) == []
    assert left_behind(builder) == before
    assert build(builder, f"FROM {busybox}\nRUN echo fine > /fine\n", context).outcome is Outcome.BUILT
    assert left_behind(builder) == before


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
            "impossible", "BuildKit does not build it: dockerfile parse error .* [Uu]nknown flag: (?:--)?nope", None,
        ),
        "full": (
            "FROM BASE\nRUN dd if=/dev/zero of=/dev/shm/x bs=1M count=100",
            "limited", r"no space is left for it \(line 2\)", 2,
        ),
    },
)  # fmt: skip
def test_outcomes(
    builder: Builder, busybox: str, context: Path, lines: str, outcome: str, reason: str, line: int | None
) -> None:
    """What an instruction did is told apart from what the engine could not do."""
    found = build(builder, lines.replace("BASE", busybox) + "\n", context)
    assert (str(found.outcome), found.layout) == (outcome, None), found.log
    assert re.fullmatch(reason, found.reason), found
    assert found.failed_line == (line if outcome != "impossible" else None)


def test_too_much(builder: Builder, busybox: str, context: Path) -> None:
    """Of what it says and of what it makes, no more is kept than is allowed."""
    # Two of the ends share a cache.
    line = f"yes long | head -c 30000000; echo; echo {time.time_ns()}; head -c 9000000 /dev/urandom > /x"
    text = f"FROM {busybox}\nRUN {line}\n"
    found = build(builder, text, context, replace(LIMITS, log=2000, disk=5_000_000))
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
def test_dialect(builder: Builder, busybox: str, context: Path, name: str) -> None:
    """What is refused does not build, or not as it says; what is not refused does."""
    text = f"FROM {busybox}\n{DIALECT[name]}\n"
    refused = find_unsupported(parse(text), builder.name, builder.version)
    found = build(builder, text, context)
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


def build_as_it_is(builder: Docker | BuildKit, context: Path) -> None:
    """Build as a person would."""
    if isinstance(builder, BuildKit):
        with builder.open() as client:
            client.ask("buildx", "build", "--builder", "dockslim", str(context))
    else:
        with open_client(builder.environ, builder.plugins) as client:
            client.ask(*(("buildx", "build") if builder.has_buildx else ("build",)), str(context))


def test_no_program_is_fetched_to_read_it(builder: Docker | BuildKit, busybox: str, context: Path) -> None:
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
            found = build(builder, head.replace("IT", name) + body, context)
            # It is the last of several lines to be read only where those above are such as it is.
            wanted = (Outcome.FAILED, head.count("\n") + 3) if head in heads[:2] else None
            assert wanted in (None, (found.outcome, found.failed_line)), (head, found)
        assert taken == []
        (context / "Dockerfile").write_text(heads[0].replace("IT", name) + body)
        build_as_it_is(builder, context)
        assert taken != []


def test_no_two_repositories_share_what_a_run_leaves(builder: Builder, busybox: str, context: Path) -> None:
    said = []
    # A daemon that runs for longer than the tests remembers them.
    mine = str(time.time_ns())
    for number, store in enumerate((mine, mine, f"{mine}-other")):
        line = f"RUN --mount=type=cache,target=/kept echo found $(ls /kept) {number}; touch /kept/mine"
        said.append(build(builder, f"FROM {busybox}\n{line}\n", context, store=store).log)
    assert [f"found mine {at}\n" in log for at, log in enumerate(said)] == [False, True, False]
    assert "found 2\n" in said[2]


STUBS = {"etc/hostname": 0, "etc/hosts": 0, "etc/resolv.conf": 0}
"""What buildah's RUN leaves where something was mounted."""


def test_sizes_agree(request: pytest.FixtureRequest, yard: Yard, busybox: str, context: Path) -> None:
    """All builders' images hold the same files, at the same cost, lost in the same way."""
    (context / "app").mkdir()
    (context / "app" / "data").write_bytes(bytes(range(256)) * 8000)
    text = (
        f"FROM {busybox}\nRUN head -c 3000000 /dev/zero > /a && ln /a /b && ln -s /a /c\nRUN true\nRUN true\n"
        f"WORKDIR /app\nCOPY app file .\nRUN chown -R daemon /app && rm /a\nCOPY --from={busybox} /bin/busybox /again\n"
    )
    yards = [yard, *(replace(yard, builder=open_builder(request.getfixturevalue(each))) for each in ENDS)]
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
