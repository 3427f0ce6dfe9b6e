"""Text that others wrote stays text."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.review.markdown import cell, code, escape, fence, fit, is_plain, prose, shorten, size, visible
from tests.bot.review.patches import MARKDOWN, inline_tokens

HOSTILE = st.text(
    st.one_of(
        st.sampled_from(list("@#<>&`*_[]()!|~$\\\n\r\t -+=1.:/\"'x")),
        st.characters(),
        st.sampled_from(["\u202e", "\u2066", "\u200d", "\udc80", "\ufeff", "\0", "\x1b", "\u2028"]),
    ),
    max_size=60,
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("a\x1b[31mb", "a\\x1b[31mb", id="escape sequences"),
        pytest.param("a\u202eb", "a\\u202eb", id="right-to-left override"),
        pytest.param("a\u2067b\u200bc", "a\\u2067b\\u200bc", id="isolates and zero width"),
        pytest.param("caf\udce9", "caf\\xe9", id="a byte that is no UTF-8"),
        pytest.param("a\U000e0041b", "a\\U000e0041b", id="tag characters"),
        pytest.param("a\u2028b", "a\\u2028b", id="line separator"),
        pytest.param("a\tb\nc", "a\tb\nc", id="tab and newline stay"),
        pytest.param("naïve 漢字", "naïve 漢字", id="other scripts stay"),
    ],
)
def test_visible(text, expected):
    assert visible(text) == expected
    assert is_plain(text) is (text == expected)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("ping @octocat", "ping @\u200boctocat", id="mention"),
        pytest.param("see #12", "see #\u200b12", id="reference"),
        pytest.param("see GH-12", "see GH\u200b-12", id="old reference"),
        pytest.param("https://evil.example", "https:\u200b//evil.example", id="address"),
        pytest.param("www.evil.example", "www\u200b.evil.example", id="address without scheme"),
        pytest.param("<img src=x>", "&lt;img src=x&gt;", id="HTML"),
        pytest.param("a && b", "a &amp;&amp; b", id="ampersands"),
        pytest.param("*a* _b_ [c](d) ~e~", "\\*a\\* \\_b\\_ \\[c\\](d) \\~e\\~", id="emphasis and links"),
        pytest.param("a | b", "a \\| b", id="pipe"),
        pytest.param("a\n\n# b", "a # b", id="newlines"),
        pytest.param("- a", "\\- a", id="list"),
        pytest.param("# a", "\\# a", id="heading"),
        pytest.param("12. a", "12\\. a", id="numbered list"),
        pytest.param("19.8 MB stay", "19.8 MB stay", id="a figure is no list"),
    ],
)
def test_escape(text, expected):
    assert escape(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("`apt-get` writes <lists>", "`apt-get` writes &lt;lists&gt;", id="a span"),
        pytest.param("in `a` and `b`.", "in `a` and `b`.", id="two spans"),
        pytest.param("a ` b", "a \\` b", id="an odd backtick"),
        pytest.param("`@octocat` and @octocat", "`@octocat` and @\u200boctocat", id="mention in and out of a span"),
        pytest.param("a `` b", "a \\`\\` b", id="an empty span"),
        pytest.param("", "", id="nothing"),
    ],
)
def test_prose(text, expected):
    assert prose(text) == expected


def _shown_text(tokens):
    return "".join(" " if token.type == "softbreak" else token.content for token in tokens if token.type != "inline")


@given(HOSTILE)
def test_escaped_text_reads_as_it_is_and_does_nothing(text):
    tokens = list(inline_tokens(f"**x** {escape(text)}"))
    assert {token.type for token in tokens} <= {"paragraph_open", "paragraph_close", "inline", "strong_open",
                                                "strong_close", "text", "text_special"}  # fmt: skip
    shown = _shown_text(tokens)
    assert shown.replace("\u200b", "") == f"x {visible(' '.join(text.split()))}".rstrip()
    assert not re.search(r"@\w|#\d|://|www\.", shown, re.IGNORECASE)


@given(HOSTILE)
def test_escaped_text_starts_no_block(text):
    kinds = {token.type for token in inline_tokens(escape(text))}
    assert kinds <= {"paragraph_open", "paragraph_close", "inline", "text", "text_special"}


@given(HOSTILE)
def test_prose_has_only_text_and_code(text):
    tokens = list(inline_tokens(prose(text)))
    assert {token.type for token in tokens} <= {"paragraph_open", "paragraph_close", "inline", "text", "text_special",
                                                "code_inline"}  # fmt: skip
    outside = " ".join(token.content for token in tokens if token.type in ("text", "text_special"))
    assert not re.search(r"@\w|#\d", outside)


@given(HOSTILE)
def test_a_code_span_shows_its_text(text):
    spans = [token.content for token in inline_tokens(f"a {code(text)} b") if token.type == "code_inline"]
    expected = visible(re.sub(r"[\t\r\n]+", " ", text))
    assert len(spans) == 1
    assert spans[0] == expected if expected.strip() else not spans[0].strip()


@given(st.lists(HOSTILE, min_size=1, max_size=3))
def test_cells_stay_apart(texts):
    row = " | ".join(cell(f"{escape(text)} {code(text)}") for text in texts)
    table = f"|{' h |' * len(texts)}\n|{'---|' * len(texts)}\n| {row} |\n"
    kinds = [token.type for token in MARKDOWN.parse(table)]
    assert kinds.count("td_open") == len(texts)
    assert kinds[-1] == "table_close"


@given(st.lists(st.text(st.sampled_from("`~ab \t>-"), max_size=12), max_size=6))
def test_no_line_closes_a_fence(lines):
    tokens = MARKDOWN.parse(f"before\n\n{fence(lines, 'suggestion')}\n\nafter")
    assert [token.content for token in tokens if token.type == "fence"] == ["".join(f"{line}\n" for line in lines)]
    assert tokens[-2].content == "after"


def test_a_fence_is_longer_than_any_run():
    assert fence(["echo ````"], "diff").splitlines()[0] == "`````diff"
    assert fence([], "suggestion") == "```suggestion\n```"
    assert fence([""], "suggestion") == "```suggestion\n\n```"


@given(st.lists(st.text("aé漢", min_size=1, max_size=9), max_size=20), st.integers(30, 200))
def test_a_body_fits_and_counts_what_it_left_out(items, limit):
    body = fit("H", items, lambda left: f"(+{left})" if left else "", "T", limit)
    assert size(body) <= limit
    kept = 0
    while not body.startswith("H" + "".join(items[: len(items) - kept])):
        kept += 1
    assert body.endswith(f"(+{kept})T" if kept else "T")


def test_shorten():
    assert shorten("abcdef", 6) == "abcdef"
    assert shorten("abcdefg", 6) == "abcde…"
