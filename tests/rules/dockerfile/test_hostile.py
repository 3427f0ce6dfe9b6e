"""Hostile and broken input: a DockerfileError or a parse, and never another exception."""

from __future__ import annotations

import time

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from rules.check import check
from rules.dockerfile import Dockerfile, DockerfileError, parse

_APT = "apt-get update && apt-get install -y curl"
INPUTS = {
    "empty": "",
    "blank": " \n",
    "nul": "FROM a\nRUN b\0c\n",
    "utf-16": "FROM a\nRUN b\n".encode("utf-16").decode("utf-8", "surrogateescape"),
    "latin-1": "FROM a\n# caf\udce9\nRUN echo caf\udce9 && apt-get install caf\udce9\n",
    "five-megabytes": "FROM a\n" + "RUN apt-get update\n" * 280_000,
    "jinja": "{% if x %}\nFROM {{ base }}\n{% endif %}\nRUN {{ run }} && {% for p in q %}pip {{ p }}{% endfor %}\n",
    "jinja-only": "{{ x }}",
    "long-line": "FROM a\nRUN " + "x" * 200_000 + "\n",
    "line-at-the-limit": "FROM a\nRUN echo " + "x " * 32_000 + "\n",
    "parentheses": "FROM a\nRUN " + "(" * 100_000 + "\n",
    "parentheses-below-the-limit": "FROM a\nRUN " + "(" * 60_000 + "\n",
    "balanced-parentheses": "FROM a\nRUN " + "(" * 10_000 + "apt-get update" + ")" * 10_000 + "\n",
    "substitutions": "FROM a\nRUN echo " + "$(echo " * 5_000 + ")" * 5_000 + "\n",
    "open-substitutions": "FROM a\nRUN echo " + "$(" * 30_000 + "\n",
    "braces": "FROM a\nRUN rm " + "{a,b}" * 10_000 + "\n",
    "nested-braces": "FROM a\nCOPY a.b /x\nRUN rm -rf " + "{a," * 3_000 + "}" * 3_000 + "\n",
    "quotes": "FROM a\nRUN " + "'\"`" * 20_000 + "\n",
    "backticks": "FROM a\nRUN " + "`" * 60_001 + "\n",
    "escapes": "FROM a\nRUN " + "\\" * 60_001 + "\n",
    "long-continuation": "FROM a\nRUN apt-get install \\\n" + "  package-name \\\n" * 20_000 + "  last\n",
    "long-chain": "FROM a\nRUN a" + " && b" * 12_000 + "\n",
    "long-chain-over-lines": f"FROM a\nRUN {_APT}" + (" && \\\n  pip install x && rm -rf /y" * 500) + "\n",
    "long-or-chain": "FROM a\nRUN a" + " || b" * 12_000 + "\n",
    "long-pipeline": "FROM a\nRUN a" + " | b" * 12_000 + "\n",
    "many-statements": "FROM a\nRUN a" + "; pip install b" * 500 + "\n",
    "nested-ifs": "FROM a\nRUN " + "if a; then " * 2_000 + "b" + "; fi" * 2_000 + "\n",
    "many-stages": "".join(f"FROM s{i} AS s{i + 1}\nRUN a\n" for i in range(10_000)),
    "many-stages-that-install": "".join(f"FROM s{i} AS s{i + 1}\nRUN apk add curl\n" for i in range(400)),
    "many-runs": "FROM debian:12-slim\n" + f"RUN {_APT}\n" * 200,
    "many-copies-and-deletes": "FROM a\n" + "".join(f"COPY f{i}.tgz /t/\nRUN rm /t/f{i}.tgz\n" for i in range(200)),
    "many-pips": "FROM python:3\n" + "RUN pip install x\n" * 300,
    "many-apks": "FROM alpine\n" + "RUN apk update\nRUN apk add x\n" * 60,
    "many-comments": "# hadolint ignore=DL3015\n" * 30_000 + f"FROM a\nRUN {_APT}\n",
    "many-heredocs": "FROM a\nRUN cat " + " ".join(f"<<E{i}" for i in range(2_000)) + "\n"
    + "".join(f"E{i}\n" for i in range(2_000)),
    "unterminated-heredocs": "FROM a\n" + "RUN <<EOF\n" * 10_000,
    "many-env": "FROM a\n" + "".join(f"ENV A{i}=$A{i - 1}x\n" for i in range(2_000)) + f"RUN {_APT}\n",
    "doubling-env": "FROM a\nENV A=xxxxxxxx\n" + "ENV A=$A$A\n" * 20 + f"RUN {_APT}\n",
    "doubling-arg": "ARG A=xxxxxxxx\n" + "ARG A=$A$A\n" * 20 + "FROM $A\n",
    "doubling-workdir": "FROM a\nENV A=/xxxxxxx\n" + "WORKDIR $A$A\nENV A=$A$A\n" * 20 + f"RUN {_APT} && rm x\n",
    "long-env-value": "FROM a\nENV A=" + "x\\" * 30_000 + "\n",
    "env-of-quotes": "FROM a\nENV " + "A='" * 3_000 + "\n",
    "flags": "FROM a\nRUN " + "--mount=type=cache " * 3_000 + "a\n",
    "flags-only": "FROM a\nRUN --mount=type=cache\nCOPY --from\nFROM --platform\n",
    "keywords-only": "FROM\nRUN\nCOPY\nADD\nENV\nARG\nUSER\nSHELL\nWORKDIR\nONBUILD\nCMD\n",
    "onbuild-of-onbuild": "FROM a\n" + "ONBUILD " * 5_000 + "RUN a\n",
    "from-itself": "FROM a AS a\nFROM a AS a\nFROM a AS a\nRUN apt-get update\n",
    "deep-json": "FROM a\nRUN " + "[" * 30_000 + "\n",
    "json-surrogate": 'FROM a\nRUN ["\\ud800", "apt-get", "install"]\n',
    "json-numbers": "FROM a\nRUN [1, 1e999, NaN]\nSHELL []\nRUN []\n",
    "json-huge-number": "FROM a\nRUN [" + "9" * 5_000 + "]\n",
    "shell-empty-string": 'FROM a\nSHELL [""]\nRUN apt-get install curl\n',
    "carriage-returns": "FROM a\rRUN b\r\r\r\nRUN c\r",
    "form-feeds": "\fFROM\va\n\x85RUN\x1fb\n",
    "control-one": "FROM a\nRUN apt-get install \x01\nENV A=\x01\nRUN x\x01\n",
    "instruction-called-comment": "FROM a\nCOMMENT x\n",
    "separator-before-a-hash": "\x1c#\nFROM a\n",
    "lone-escape": "\\",
    "only-bom": "\ufeff",
    "bom-twice": "\ufeff\ufeffFROM a\n",
    "comment-like-values": "FROM a\nENV #\nRUN #x\nRUN # pip install x\n",
}  # fmt: skip
REFUSED = {
    "nul": (2, "NUL"),
    "utf-16": (1, "NUL"),
    "empty": (1, "no instruction"),
    "five-megabytes": (1, "1,048,576"),
    "long-line": (2, "65,535"),
    "parentheses": (2, "65,535"),
    "unterminated-heredocs": (2, "not terminated"),
}


def read_whole(text: str) -> None:
    """Parse, touch everything that is computed late, and check; only a DockerfileError may come out."""
    try:
        dockerfile = parse(text)
    except DockerfileError as error:
        refusal = error
    else:
        _touch_everything(dockerfile)
        return
    assert refusal.line >= 1
    assert refusal.reason
    assert not refusal.reason.endswith(".")


def _touch_everything(dockerfile: Dockerfile) -> None:
    for each in dockerfile.instructions:
        for part in (each, each.trigger):
            if part is not None:
                assert part.script is not None
                assert part.words is not None
                assert part.mounts is not None
    check(dockerfile)


@pytest.mark.parametrize("name", INPUTS)
def test_hostile_input(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    start = time.process_time()
    read_whole(INPUTS[name])
    seconds = time.process_time() - start
    if seconds > 1:
        with capsys.disabled():
            print(f"\nhostile input {name}: {seconds:.1f} s")


@pytest.mark.parametrize("name", REFUSED)
def test_refusals_name_line_and_reason(name: str) -> None:
    line, reason = REFUSED[name]
    with pytest.raises(DockerfileError) as caught:
        parse(INPUTS[name])
    assert caught.value.line == line
    assert reason in caught.value.reason


def test_characters_beyond_ascii_do_not_end_the_process() -> None:
    for code in range(0x80, 0x110000, 0x1F3):
        char = chr(code)
        read_whole(f"FROM a\nRUN {{{char}\nRUN ${{{char}}} ${char} {char}=1\n")


def test_values_that_double_stay_small() -> None:
    text = "ARG A=xxxxxxxx\n" + "ARG A=$A$A\n" * 16 + "FROM $A\nENV B=/xxxxxxx\n" + "ENV B=$B$B\n" * 16 + "WORKDIR $B\n"
    stage = parse(text).stages[0]
    assert len(stage.base) < 100_000
    assert len(stage.end.env["B"] or "") < 100_000
    assert len(stage.end.workdir or "") < 100_000


@settings(max_examples=300, deadline=None)
@given(st.one_of(st.text(), st.text().map("FROM a\nRUN {}\n".format)))
@example("RUN\x1c")
@example("\x1d\x1e")
def test_any_text(text: str) -> None:
    read_whole(text)


@settings(max_examples=300, deadline=None)
@given(st.binary())
def test_any_bytes(data: bytes) -> None:
    read_whole(data.decode("utf-8", "surrogateescape"))


_SHELL = st.lists(
    st.sampled_from(
        ["apt-get update", "apt-get install", "pip install", "apk add", "rm -rf /x", "curl", "&&", "||", "|", ";", "&",
         "(", ")", "{", "}", "if", "then", "fi", "for i in", "do", "done", "case", "esac", "<<EOF", "EOF", "\n",
         "\\\n", "$(", "`", '"', "'", "#", "$x", "${x", ">", "2>&1", "!", "é", "\udce9", "[", "]", "-y", "set -e",
         "sudo", "env"]
    ),
    max_size=20,
).map(" ".join)  # fmt: skip


@settings(max_examples=500, deadline=None)
@given(
    _SHELL, st.sampled_from(["RUN ", "ONBUILD RUN ", "RUN <<EOF\n", "COPY a.tgz /x/\nRUN ", "RUN apt-get update\nRUN "])
)
def test_any_shell(shell: str, lead: str) -> None:
    read_whole(f"FROM debian:12-slim\n{lead}{shell}\n")
