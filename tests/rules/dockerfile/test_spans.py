"""Spans: exact places in the original text, through continuations, comments and any encoding."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rules.dockerfile import DockerfileError, parse
from tests.corpus import corpus_texts
from tests.rules.dockerfile.fragments import unended
from tests.rules.dockerfile.spans import assert_spans, rejoin
from tests.rules.dockerfile.test_oracle import ACCEPTED

# A character of one, two, three and four bytes each, and a byte that is no UTF-8.
_WORDS = st.text(alphabet="ab/-_.é漢🐳\udce9", min_size=1, max_size=5)
_GAPS = st.sampled_from([" ", "  ", "\t", " \\\n", " \\\r\n    ", " \\  \n\t", " \\\n# é\n  ", " \\\n\n ", "\\\n"])
_OPERATORS = st.sampled_from(["", "&& ", "; ", "| "])


@st.composite
def _runs(draw: st.DrawFn) -> str:
    parts = ["RUN", draw(st.sampled_from([" ", "\t", " --mount=type=cache,target=/é ", " --network=none "])), "cmd"]
    for _ in range(draw(st.integers(0, 6))):
        parts += [draw(_GAPS), draw(_OPERATORS), draw(_WORDS)]
    return "".join(parts)


_FILES = st.lists(
    st.one_of(
        _runs(),
        st.builds("COPY {}{}{}".format, _WORDS, _GAPS, _WORDS),
        st.builds('RUN ["{}",{} "{}"]'.format, _WORDS, _GAPS, _WORDS),
        st.builds("RUN <<EOF\n{}{}{}\nEOF".format, _WORDS, _GAPS, _WORDS),
        st.builds("ONBUILD{}RUN {}".format, _GAPS, _WORDS),
    ),
    max_size=5,
).map(lambda parts: "FROM a\n" + "\n".join(parts))


@pytest.mark.parametrize("text", ACCEPTED.values(), ids=ACCEPTED.keys())
def test_spans_of_every_construct(text: str) -> None:
    assert_spans(parse(text))


@settings(max_examples=300, deadline=None)
@given(st.one_of(_FILES, unended))
def test_spans_of_generated_files(text: str) -> None:
    try:
        dockerfile = parse(text)
    except DockerfileError:
        return
    assert_spans(dockerfile)


@pytest.mark.slow
def test_spans_over_the_corpus() -> None:
    checked = 0
    for _, text in corpus_texts()[::10]:
        try:
            dockerfile = parse(text)
        except DockerfileError:
            continue
        assert_spans(dockerfile)
        checked += 1
    assert checked > 400


def test_words_of_a_run_map_through_continuations_and_comments() -> None:
    text = "FROM a\nRUN é install \\\n  # why\n  --no-cache \\\n\n  ca\\\nrl && rm x\n"
    run = parse(text).instructions[1]
    first, second = run.commands
    assert [word.text for word in first.words] == ["é", "install", "--no-cache", "carl"]
    assert [word.span.of(text) for word in first.words] == ["é", "install", "--no-cache", "ca\\\nrl"]
    assert rejoin(run, first.words[3].span) == "carl"
    assert second.span.of(text) == "rm x"


def test_spans_of_an_instruction() -> None:
    text = "# escape=`\r\nFROM a\r\n  Copy --from=b --chown=1:1 `\r\n  /x /y\r\n"
    copy = parse(text).instructions[1]
    assert copy.span.of(text) == "Copy --from=b --chown=1:1 `\r\n  /x /y"
    assert copy.keyword_span.of(text) == "Copy"
    assert [flag.span.of(text) for flag in copy.flags] == ["--from=b", "--chown=1:1"]
    assert [word.span.of(text) for word in copy.words] == ["/x", "/y"]


def test_exec_words_are_the_strings_without_their_quotes() -> None:
    text = 'FROM a\nRUN ["apt-get", \\\n  "in\\u0073tall", "a b"]\n'
    run = parse(text).instructions[1]
    assert run.exec_words is not None
    assert [word.text for word in run.exec_words] == ["apt-get", "install", "a b"]
    assert [word.span.of(text) for word in run.exec_words] == ["apt-get", "in\\u0073tall", "a b"]


def test_heredoc_bodies() -> None:
    text = "FROM a\nCOPY <<-'A' <<B /d/\n\tone\n\tA\ntwo\nB\nRUN c\n"
    first, second = parse(text).instructions[1].heredocs
    assert first.body.of(text) == "\tone\n"
    assert (first.strips_tabs, first.expands) == (True, False)
    assert second.body.of(text) == "two\n"
    assert (second.strips_tabs, second.expands) == (False, True)


def test_words_of_a_heredoc_script_stand_in_the_body() -> None:
    text = "FROM a\nRUN <<EOF\nset -e\nÄ install \\\n  b\nEOF\n"
    run = parse(text).instructions[1]
    assert [word.span.of(text) for word in run.commands[1].words] == ["Ä", "install", "b"]


def test_line_span_and_position() -> None:
    text = "FROM a\r\nRUN b\r\n"
    dockerfile = parse(text)
    assert dockerfile.line_span(1, 2).of(text) == "FROM a\r\nRUN b"
    assert dockerfile.position(text.index("b")) == (2, 5)
    assert dockerfile.newline == "\r\n"
