"""What is refused before anything is built, and what this builder cannot build."""

from __future__ import annotations

import pytest

from rules.dockerfile import parse
from tests.corpus import read_corpus
from tests.rules.cases import table
from workers.builders.buildah import _read_steps
from workers.builders.dialect import find_unsupported
from workers.builders.preflight import find_refusals
from workers.builders.references import find_references, pin

HUB = {"docker.io"}
ELSEWHERE = "is not one of the registries that dockslim may use"
ADDRESS = "ADD would have the builder fetch an address"
UNKNOWN = "which image it names is not known before it is built"


@table(
    ("text", "reasons"),
    {
        "plain": ("FROM debian:12\nCOPY . /\nADD a.tar.gz /\nRUN --network=none true\n", []),
        "scratch": ("FROM scratch\nCOPY x /\n", []),
        "registry": ("FROM evil.example/x:1\n", [f"1: evil.example {ELSEWHERE}"]),
        "registry by port": ("FROM localhost:5000/x\n", [f"1: localhost:5000 {ELSEWHERE}"]),
        "copied": ("FROM debian\nCOPY --from=ghcr.io/a/b:1 /x /\n", [f"2: ghcr.io {ELSEWHERE}"]),
        "stage": ("FROM debian AS One\nFROM debian\nCOPY --from=one /x /\nCOPY --from=0 /y /\n", []),
        "mounted": (
            "FROM debian\nRUN --mount=type=bind,from=ghcr.io/a/b,target=/x true\n",
            [f"2: ghcr.io {ELSEWHERE}"],
        ),
        "mounted stage": ("FROM debian AS one\nRUN --mount=from=one,target=/x true\n", []),
        "quoted mount": ('FROM debian\nRUN --mount="from=ghcr.io/a/b,target=/x" true\n', [f"2: {UNKNOWN}"]),
        "triggered": ("FROM debian\nONBUILD ADD https://x.example/a /\n", [f"2: {ADDRESS}"]),
        "argument": ("ARG BASE=ghcr.io/a/b\nFROM ${BASE}:1\n", [f"2: ghcr.io {ELSEWHERE}"]),
        "argument without a value": ("ARG BASE\nFROM $BASE\n", [f"2: {UNKNOWN}"]),
        "address": ("FROM debian\nADD https://x.example/a /\n", [f"2: {ADDRESS}"]),
        "address in JSON": ('FROM debian\nADD ["HTTP://127.0.0.1/a", "/"]\n', [f"2: {ADDRESS}"]),
        "git": ("FROM debian\nADD git@github.com:a/b.git /\n", [f"2: {ADDRESS}"]),
        "variable": ("FROM debian\nARG U\nADD $U /\n", [f"3: {ADDRESS}"]),
        "half an address": ("FROM debian\nARG U\nADD htt${U} /\n", [f"3: {ADDRESS}"]),
        "variable in a path": ("FROM debian\nARG V\nADD target/app-$V.jar /\n", []),
        "frontend": ("# syntax=evil/frontend\nFROM debian\n", ["1: `# syntax=evil/frontend` is a program that the"]),
        "Docker's frontend": ("# syntax=docker/dockerfile:1.7\nFROM debian\n", []),
        "frontend in another comment": (
            "//syntax=evil/frontend\nFROM debian\n",
            ["1: `//syntax=evil/frontend` may be a program that the builder would run"],
        ),
        "frontend in JSON": ('{"syntax": "evil/frontend"}\n', ['1: `{"syntax":` may be a program that the builder']),
        "host network": ("FROM debian\nRUN --network=host true\n", ["2: RUN --network asks for more than a build"]),
        "insecure": ("FROM debian\nRUN --security=insecure true\n", ["2: RUN --security asks for more than a build"]),
        "device": ("FROM debian\nRUN --device=vendor/gpu true\n", ["2: RUN --device asks for more than a build gets"]),
    },
)
def test_refusals(text: str, reasons: list[str]) -> None:
    found = [f"{each.line}: {each.reason}" for each in find_refusals(parse(text), HUB)]
    assert len(found) == len(reasons)
    assert all(one.startswith(other) for one, other in zip(found, reasons, strict=True)), found


def test_build_arguments() -> None:
    text = "ARG BASE=debian\nFROM $BASE\n"
    assert [each.reason for each in find_refusals(parse(text), HUB, [("BASE", "ghcr.io/a/b")])] == [
        f"ghcr.io {ELSEWHERE}"
    ]
    found = find_refusals(parse(text), HUB, [("BUILDKIT_SYNTAX", "evil/frontend")])
    assert [each.reason for each in found] == ["the build argument BUILDKIT_SYNTAX is one of the builder's own"]


def test_pin() -> None:
    text = (
        "ARG V=12\nFROM debian:$V AS build\nRUN --mount=type=bind,from=alpine,target=/x \\\n  true\n"
        "FROM --platform=linux/amd64 debian:${V}\nCOPY --from=build /a /\nCOPY --from=alpine /b /\n"
    )
    pins = {"debian:12": "docker.io/library/debian@sha256:1", "alpine": "docker.io/library/alpine@sha256:2"}
    assert [each.image for each in find_references(parse(text))] == ["debian:12", "alpine", "debian:12", "alpine"]
    assert pin(parse(text), pins) == (
        "ARG V=12\nFROM docker.io/library/debian@sha256:1 AS build\n"
        "RUN --mount=type=bind,from=docker.io/library/alpine@sha256:2,target=/x \\\n  true\n"
        "FROM --platform=linux/amd64 docker.io/library/debian@sha256:1\nCOPY --from=build /a /\n"
        "COPY --from=docker.io/library/alpine@sha256:2 /b /\n"
    )


@table(
    ("line", "says"),
    {
        "here-document": ("RUN <<EOF\ntrue\nEOF", "line 2: buildah 1.28 does not know here-documents"),
        "link": ("COPY --link a /", "line 2: buildah 1.28 does not know COPY --link"),
        "exclude": ("COPY --exclude=*.md . /", "line 2: buildah 1.28 does not know COPY --exclude"),
        "network": ("RUN --network=none true", "line 2: buildah 1.28 does not know RUN --network"),
        "letters": ("COPY --chmod=u=rw a /", "line 2: buildah 1.28 does not know COPY --chmod with letters"),
        "number": ("COPY --chmod=0644 a /", ""),
        "mount": ("RUN --mount=type=cache,target=/c true", ""),
    },
)
def test_dialect(line: str, says: str) -> None:
    found = find_unsupported(parse(f"FROM x\n{line}\n"), "buildah", (1, 28))
    assert [f"line {each.line}: {each.reason}" for each in found] == ([says] if says else [])


@pytest.mark.slow
def test_corpus() -> None:
    """Pinning moves no line of a real Dockerfile and leaves nothing to pin."""
    seen = 0
    for _, content in read_corpus()[::5]:
        try:
            dockerfile = parse(content.decode())
        except ValueError:
            continue
        find_refusals(dockerfile, HUB)
        references = find_references(dockerfile)
        pins = {each.image: f"localhost/{n}@sha256:{n:064}" for n, each in enumerate(references) if each.image}
        pinned = parse(pin(dockerfile, pins))
        assert [each.line for each in pinned.instructions] == [each.line for each in dockerfile.instructions]
        assert {each.image for each in find_references(pinned) if each.image} <= set(pins.values())
        seen += 1
    assert seen > 800


def test_steps_that_a_build_made_up() -> None:
    """What a RUN prints is in the log as well: more digits than Python reads are no step."""
    dockerfile = parse("FROM scratch\nRUN x\n")
    log = f"STEP 1/2: FROM scratch\nSTEP 2/2: RUN x\nSTEP {'9' * 5000}/1: RUN x\n[{'9' * 5000}/1] STEP 1/1: RUN x\n"
    assert [each.line for each in _read_steps(log, dockerfile)] == [1, 2]
