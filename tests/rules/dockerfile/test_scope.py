"""What holds when an instruction runs: SHELL, USER, WORKDIR, ENV, ARG."""

from __future__ import annotations

import pytest

from rules.dockerfile import Scope, parse


def scope_at_end(text: str) -> Scope:
    return parse(text).stages[-1].end


POSIX = {
    "default": ("", True),
    "bash": ('SHELL ["/bin/bash", "-o", "pipefail", "-c"]\n', True),
    "bare-name": ('SHELL ["ash", "-c"]\n', True),
    "windows-path-to-bash": ('SHELL ["C:\\\\msys\\\\bash.EXE", "-c"]\n', True),
    "powershell": ('SHELL ["powershell", "-Command"]\n', False),
    "pwsh": ('SHELL ["pwsh", "-c"]\n', False),
    "cmd": ('SHELL ["cmd", "/S", "/C"]\n', False),
    "python": ('SHELL ["python3", "-c"]\n', False),
    "back-again": ('SHELL ["cmd", "/C"]\nSHELL ["/bin/sh", "-c"]\n', True),
}
WORKDIR = {
    "none": ("", None),
    "absolute": ("WORKDIR /a\n", "/a"),
    "trailing-slash": ("WORKDIR /a/\n", "/a"),
    "root": ("WORKDIR /\n", "/"),
    "relative": ("WORKDIR /a\nWORKDIR b\n", "/a/b"),
    "relative-to-root": ("WORKDIR /\nWORKDIR b\n", "/b"),
    "relative-to-the-unknown": ("WORKDIR b\n", None),
    "environment": ("ENV H=/a\nWORKDIR $H/b\n", "/a/b"),
    "argument": ("ARG H=/a\nWORKDIR ${H}\n", "/a"),
    "unknown-variable": ("WORKDIR $H\n", None),
    "relative-behind-unknown": ("WORKDIR $H\nWORKDIR b\n", None),
    "absolute-behind-unknown": ("WORKDIR $H\nWORKDIR /b\n", "/b"),
    "quoted": ('WORKDIR "/a b"\n', "/a b"),
}
ENV = {
    "pair": ("ENV A=1\n", {"A": "1"}),
    "pairs": ('ENV A=1 B="2 3" C=4\\ 5\n', {"A": "1", "B": "2 3", "C": "4 5"}),
    "legacy": ("ENV A 1 2\n", {"A": "1 2"}),
    "legacy-with-equals-sign": ("ENV A b=c\n", {"A": "b=c"}),
    "continued": ("ENV A=1 \\\n    B=2\n", {"A": "1", "B": "2"}),
    "refers-back": ("ENV A=1\nENV B=$A$A\n", {"A": "1", "B": "11"}),
    "same-line-sees-the-old-value": ("ENV A=1\nENV A=2 B=$A\n", {"A": "2", "B": "1"}),
    "unknown": ("ENV B=$A\n", {"B": None}),
    "default": ("ENV B=${A:-x}\n", {"B": "x"}),
    "alternative": ("ENV A=1\nENV B=${A:+y} C=${D:+z}\n", {"A": "1", "B": "y", "C": ""}),
    "single-quotes-do-not-expand": ("ENV B='$A'\n", {"B": "$A"}),
    "path": ("ENV PATH=/a:$PATH\n", {"PATH": None}),
    "empty": ("ENV A=\n", {"A": ""}),
}
ARG = {
    "default": ("ARG A=1\n", {"A": "1"}),
    "without-default": ("ARG A\n", {"A": None}),
    "several": ("ARG A=1 B=2\n", {"A": "1", "B": "2"}),
    "refers-to-environment": ("ENV E=x\nARG A=$E\n", {"A": "x"}),
}


@pytest.mark.parametrize(("lines", "expected"), POSIX.values(), ids=POSIX.keys())
def test_shell(lines: str, expected: bool) -> None:
    assert scope_at_end(f"FROM a\n{lines}").is_posix is expected


def test_errexit_of_the_shell() -> None:
    assert scope_at_end('FROM a\nSHELL ["bash", "-eo", "pipefail", "-c"]\n').errexit
    assert not scope_at_end('FROM a\nSHELL ["bash", "-c"]\n').errexit


@pytest.mark.parametrize(("lines", "expected"), WORKDIR.values(), ids=WORKDIR.keys())
def test_workdir(lines: str, expected: str | None) -> None:
    assert scope_at_end(f"FROM a\n{lines}").workdir == expected


@pytest.mark.parametrize(("lines", "expected"), ENV.values(), ids=ENV.keys())
def test_environment(lines: str, expected: dict[str, str | None]) -> None:
    assert scope_at_end(f"FROM a\n{lines}").env == expected


@pytest.mark.parametrize(("lines", "expected"), ARG.values(), ids=ARG.keys())
def test_arguments(lines: str, expected: dict[str, str | None]) -> None:
    assert scope_at_end(f"FROM a\n{lines}").args == expected


def test_global_argument_counts_only_once_it_is_declared_again() -> None:
    assert scope_at_end("ARG V=1\nFROM a\n").args == {}
    assert scope_at_end("ARG V=1\nFROM a\nARG V\n").args == {"V": "1"}
    assert scope_at_end("ARG V=1 W=2\nFROM a\nARG V W\n").args == {"V": "1", "W": "2"}


def test_environment_wins_over_argument() -> None:
    scope = scope_at_end("FROM a\nENV A=env\nARG A=arg\n")
    assert scope.variable("A") == "env"
    assert scope.sets("A")
    assert not scope.sets("B")


def test_environment_that_is_unknown_hides_the_argument() -> None:
    assert scope_at_end("FROM a\nARG A=arg\nENV A=$UNKNOWN\n").variable("A") is None


def test_user() -> None:
    assert scope_at_end("FROM a\n").user is None
    assert scope_at_end("FROM a\nUSER node:node\n").user == "node:node"
    assert scope_at_end("FROM a\nARG U=app\nUSER $U\n").user == "app"
    assert scope_at_end("FROM a\nUSER $U\n").user == "$U"


def test_child_stage_inherits_all_but_arguments() -> None:
    text = 'FROM a AS x\nENV E=1\nARG A=2\nUSER u\nWORKDIR /w\nSHELL ["bash", "-c"]\nFROM x\n'
    assert scope_at_end(text) == Scope(("bash", "-c"), "u", "/w", workdir_given=True, env={"E": "1"})


def test_other_stage_inherits_nothing() -> None:
    assert scope_at_end("FROM a AS x\nENV E=1\nUSER u\nFROM b\n") == Scope()


def test_scope_is_that_before_the_instruction() -> None:
    dockerfile = parse("FROM a\nRUN 1\nUSER u\nRUN 2\n")
    stage = dockerfile.stages[0]
    assert [dockerfile.scope(stage, each).user for each in stage.instructions] == [None, None, "u"]


def test_onbuild_changes_nothing_here() -> None:
    scope = scope_at_end("FROM a\nONBUILD USER u\nONBUILD ENV A=1\n")
    assert (scope.user, scope.env) == (None, {})


def test_onbuild_trigger() -> None:
    text = "FROM a\nONBUILD RUN --mount=type=cache,target=/x apt-get update\n"
    onbuild = parse(text).instructions[1]
    trigger = onbuild.trigger
    assert trigger is not None
    assert (onbuild.keyword, trigger.keyword, trigger.deferred, trigger.index) == ("ONBUILD", "RUN", True, 1)
    assert [mount.target for mount in trigger.mounts] == ["/x"]
    assert trigger.commands[0].texts == ("apt-get", "update")
    assert trigger.commands[0].span.of(text) == "apt-get update"


MOUNTS = {
    "itself": ("type=cache,target=/var/lib/apt/lists", "/var/lib/apt/lists", True),
    "ancestor": ("type=cache,target=/var", "/var/lib/apt/lists", True),
    "root-slash": ("type=cache,target=/var/", "/var/lib/apt/lists", True),
    "tmpfs": ("type=tmpfs,target=/root/.cache", "/root/.cache/pip", True),
    "dst": ("type=cache,dst=/x", "/x/y", True),
    "destination": ("type=cache,destination=/x", "/x", True),
    "quoted": ('"type=cache,target=/x"', "/x", True),
    "order": ("target=/x,sharing=locked,type=cache", "/x", True),
    "upper-case-key": ("TYPE=cache,TARGET=/x", "/x", True),
    "sibling": ("type=cache,target=/var/lib/apt", "/var/lib/apt2", False),
    "child": ("type=cache,target=/var/lib/apt/lists/partial", "/var/lib/apt/lists", False),
    "bind": ("type=bind,target=/x", "/x", False),
    "default-type-is-bind": ("target=/x", "/x", False),
    "secret": ("type=secret,id=a,target=/x", "/x", False),
    "no-target": ("type=cache", "/x", False),
}


@pytest.mark.parametrize(("mount", "path", "expected"), MOUNTS.values(), ids=MOUNTS.keys())
def test_mounts(mount: str, path: str, expected: bool) -> None:
    run = parse(f"FROM a\nRUN --mount={mount} b\n").instructions[1]
    assert [each.covers(path) for each in run.mounts] == [expected]


def test_several_mounts() -> None:
    run = parse("FROM a\nRUN --mount=type=cache,target=/a \\\n  --mount=type=tmpfs,target=/b c\n").instructions[1]
    assert [each.target for each in run.mounts] == ["/a", "/b"]
    assert run.commands[0].texts == ("c",)
