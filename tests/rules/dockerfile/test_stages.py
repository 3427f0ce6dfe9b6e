"""Stages: what FROM names, and which of them ship."""

from __future__ import annotations

import pytest

from rules.dockerfile import parse

CHAIN = "FROM a AS One\nFROM b AS two\nFROM ONE AS three\nFROM c AS test\nFROM three\nCOPY --from=two /x /y\n"
SHIPPED = {
    "single": ("FROM a\n", frozenset(), [0]),
    "final-and-its-ancestors": (CHAIN, frozenset(), [0, 2, 4]),
    "target-by-name": (CHAIN, frozenset({"two"}), [0, 1, 2, 4]),
    "target-in-another-case": (CHAIN, frozenset({"TWO"}), [0, 1, 2, 4]),
    "target-by-number": (CHAIN, frozenset({"3"}), [0, 2, 3, 4]),
    "unknown-target": (CHAIN, frozenset({"none"}), [0, 2, 4]),
    "child-of-a-stage-that-is-not-shipped": ("FROM a AS x\nFROM x AS test\nFROM b\n", frozenset(), [2]),
    "name-used-before-it-is-defined": ("FROM late\nFROM a AS late\nFROM b\n", frozenset(), [2]),
    "name-that-is-also-an-image": ("FROM debian AS debian\nFROM debian\n", frozenset(), [0, 1]),
    "redefined-name": ("FROM a AS x\nFROM b AS x\nFROM x\n", frozenset(), [1, 2]),
    "no-stage": ("RUN a\n", frozenset(), []),
}
FROM = {
    "plain": ("FROM debian:12\n", "debian:12", None),
    "lower-case": ("from debian:12 as Build\n", "debian:12", "build"),
    "platform": ("FROM --platform=$BUILDPLATFORM golang:1 AS b\n", "golang:1", "b"),
    "digest": ("FROM debian:12@sha256:abc AS b\n", "debian:12@sha256:abc", "b"),
    "registry": ("FROM host:5000/a/b:c\n", "host:5000/a/b:c", None),
    "argument": ("ARG V=12\nFROM debian:$V\n", "debian:12", None),
    "argument-in-braces": ("ARG V=12\nFROM debian:${V}-slim\n", "debian:12-slim", None),
    "argument-default": ("FROM debian:${V:-12}\n", "debian:12", None),
    "argument-of-an-argument": ("ARG A=12\nARG B=debian:$A\nFROM $B\n", "debian:12", None),
    "argument-quoted": ('ARG V="12"\nFROM debian:$V\n', "debian:12", None),
    "argument-without-default": ("ARG V\nFROM debian:$V\n", "debian:$V", None),
    "argument-not-declared": ("FROM debian:$V\n", "debian:$V", None),
    "several-on-one-line": ("ARG A=debian B=12\nFROM $A:$B\n", "debian:12", None),
    "continued": ("FROM \\\n  debian:12 \\\n  AS b\n", "debian:12", "b"),
    "scratch": ("FROM scratch\n", "scratch", None),
}


@pytest.mark.parametrize(("text", "targets", "expected"), SHIPPED.values(), ids=SHIPPED.keys())
def test_shipped(text: str, targets: frozenset[str], expected: list[int]) -> None:
    assert [stage.index for stage in parse(text).shipped(targets)] == expected


@pytest.mark.parametrize(("text", "base", "name"), FROM.values(), ids=FROM.keys())
def test_from(text: str, base: str, name: str | None) -> None:
    stage = parse(text).stages[0]
    assert (stage.base, stage.name) == (base, name)


def test_argument_inside_a_stage_does_not_reach_the_next_from() -> None:
    assert parse("ARG V=1\nFROM a:$V\nARG V=2\nFROM b:$V\n").stages[1].base == "b:1"


def test_stage_named_by_an_argument() -> None:
    assert parse("ARG B=build\nFROM a AS build\nFROM $B\n").stages[1].parent == 0


def test_before_and_after_follow_the_lineage() -> None:
    text = "FROM a AS x\nRUN 1\nFROM b\nRUN 2\nFROM x AS y\nRUN 3\nRUN 4\nFROM y\nRUN 5\n"
    dockerfile = parse(text)
    three = dockerfile.stages[2].instructions[0]
    before = [each.arguments for _, each in dockerfile.before(dockerfile.stages[2], three)]
    after = [each.arguments for _, each in dockerfile.after(dockerfile.stages[2], three)]
    assert before == ["1"]
    assert after == ["4", "5"]
    assert [stage.index for stage in dockerfile.children(dockerfile.stages[0])] == [2, 3]


def test_runs_of_a_stage_leave_onbuild_out() -> None:
    stage = parse("FROM a\nRUN 1\nONBUILD RUN 2\nCMD 3\n").stages[0]
    assert [each.arguments for each in stage.runs()] == ["1"]
