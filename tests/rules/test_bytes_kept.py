"""On Dockerfiles of every style, a fix keeps each byte outside its edits, passes the gate and looks like its file."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rules.check import check, refuse
from rules.dockerfile import Dockerfile, DockerfileError, parse
from rules.finding import Finding
from rules.fix import apply
from rules.surroundings import NOTHING_KNOWN
from tests.corpus import ARCHIVE, read_corpus

FILES = 200
FRAGMENTS = (
    "RUN apt-get update && apt-get install -y cron",
    "RUN set -eux; \\\n    apt-get update; \\\n    apt-get install -y curl gcc; \\\n    make;",
    "RUN apt-get update \\\n    && apt-get install -y \\\n        # why it is here\n        git \\\n        vim",
    "RUN apt-get update && \\\n    apt-get install -y wget && \\\n    wget -q https://x.example/a",
    "RUN apt-get update      \\\n && apt-get install -y x  \\\n && true                 \\\n && echo done",
    "RUN <<EOF\napt-get update\napt-get install -y cron\nEOF",
    "RUN <<-'EOS'\n\tset -e\n\tapt-get update\n\tapt-get install -y cron\n\tEOS",
    "RUN bash -e <<EOF\napk add curl\npip install flask\nEOF\nCOPY <<x /x\n# not a comment\nx",
    "RUN pip install flask==3.0 'requests>=2' && echo \"a  b\"",
    "RUN apk add curl; npm ci",
    'RUN ["apt-get", "install", "-y", "cron"]',
    "ONBUILD RUN apt-get install -y cron",
    "RUN (apt-get update; apt-get install -y cron) || exit 1",
    "COPY . /app\nRUN chown -R app:app /app",
    "RUN curl -O https://x.example/a.tgz \\\n && tar xf a.tgz\nRUN rm a.tgz",
    "# hadolint ignore=DL3008\nRUN yum install -y gcc   \nLABEL a=b",
    "ENV A=b\n\n\nRUN   if [ -n \"$A\" ]; then apt-get update && apt-get install -y cron; fi",
    "run Apt-Get update && apt-get -qq install foo",
)  # fmt: skip


def _crlf(text: str) -> str:
    return text.replace("\n", "\r\n")


def _tabs(text: str) -> str:
    return text.replace("\n        ", "\n\t\t").replace("\n    ", "\n\t")


def _backticks(text: str) -> str:
    if text.startswith("# escape") or "`" in text:
        return text
    return "# escape=`\n" + text.replace("\\\n", "`\n")


def _open_end(text: str) -> str:
    return text.rstrip("\n")


STYLES: tuple[Callable[[str], str], ...] = (str, _crlf, _tabs, _backticks, _open_end)


@st.composite
def dockerfiles(draw: st.DrawFn) -> str:
    """Put fragments together, in a style or two."""
    images = ["debian:12", "python:3.12", "node:20-bookworm", "alpine:3.20", "debian:12 AS build"]
    lines = [
        f"FROM {draw(st.sampled_from(images))}",
        *draw(st.lists(st.sampled_from(FRAGMENTS), min_size=1, max_size=5)),
    ]
    text = "\n".join(lines) + "\n"
    styles = draw(st.lists(st.sampled_from(STYLES), max_size=3, unique=True))
    # What looks for line ends comes before what changes them.
    for style in sorted(styles, key=lambda each: each is _crlf):
        text = style(text)
    return text


def _assert_kept(text: str) -> int:
    """Hold every fix of a text against it; return how many there are."""
    try:
        dockerfile = parse(text)
    except DockerfileError:
        return 0
    report = check(dockerfile)
    fixed = [each for each in report.findings if each.fix is not None]
    for each in fixed:
        _assert_one_kept(dockerfile, each)
        assert refuse(dockerfile, [each], NOTHING_KNOWN) is None
    return len(fixed)


def _assert_one_kept(dockerfile: Dockerfile, finding: Finding) -> None:
    text = dockerfile.text
    assert finding.fix is not None
    edits = sorted(finding.fix.edits)
    result = apply(text, [finding.fix])
    at = 0
    for kept, edit in zip(_outside(text, finding), [*edits, None], strict=True):
        assert result[at : at + len(kept)] == kept
        at += len(kept) + (len(edit.replacement) if edit is not None else 0)
    assert at == len(result)
    for edit in edits:
        # What is new ends its lines and continues them as the file does.
        fresh = edit.replacement
        assert fresh.count("\r\n") == (fresh.count("\n") if dockerfile.newline == "\r\n" else 0)
        lines = fresh.split("\n")[:-1]
        other = "\\" if dockerfile.escape == "`" else "`"
        assert not any(line.rstrip("\r \t").endswith(other) for line in lines)
    assert result.endswith("\n") == text.endswith("\n") or not finding.fix.edits[-1].replacement


def _outside(text: str, finding: Finding) -> Iterator[str]:
    assert finding.fix is not None
    at = 0
    for edit in sorted(finding.fix.edits):
        yield text[at : edit.span.start]
        at = edit.span.end
    yield text[at:]


@settings(max_examples=FILES, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(dockerfiles())
@pytest.mark.slow
def test_every_byte_outside_the_edits_is_kept(text: str) -> None:
    _assert_kept(text)


@pytest.mark.slow
@pytest.mark.skipif(not ARCHIVE.is_file(), reason="the corpus is not here")
def test_every_byte_outside_the_edits_is_kept_in_real_files() -> None:
    draw = random.Random(20261124)  # noqa: S311 - the same files on every run
    files = [content.decode("utf-8", "surrogateescape") for _, content in read_corpus()]
    chosen = [text.replace("\r\n", "\n") for text in draw.sample(files, FILES)]
    count = sum(_assert_kept(style(text)) for text in chosen for style in STYLES)
    assert count > FILES
