"""A finding is known again after a push."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.review.fingerprint import REVIEW_MARKER, digest, fingerprints, read_fingerprints, write_marker
from rules.check import check
from rules.dockerfile import parse

PLAIN = "FROM debian:12-slim\nRUN apt-get update && apt-get install -y cron\n"


def prints(text, path="Dockerfile"):
    dockerfile = parse(text)
    return fingerprints(path, dockerfile, check(dockerfile).findings)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(f"# hello\n\n{PLAIN}", id="moved down"),
        pytest.param(
            "FROM debian:12-slim\nRUN apt-get update \\\n    && apt-get install -y \\\n    cron\n", id="continued"
        ),
        pytest.param(
            "FROM debian:12-slim\nRUN apt-get update && \\\n# why\n  apt-get   install -y cron", id="commented"
        ),
        pytest.param("FROM debian:12-slim\nrun apt-get update && apt-get install -y cron\n", id="lower case"),
        pytest.param(PLAIN.replace("\n", "\r\n"), id="carriage returns"),
        pytest.param(PLAIN.replace("debian:12-slim", "debian:12-slim"), id="another instruction changed"),
        pytest.param(f"{PLAIN}RUN true\n", id="more below"),
    ],
)
def test_reformatting_keeps_it(text):
    assert len(prints(PLAIN)) == 2
    assert set(prints(text)) == set(prints(PLAIN))


@pytest.mark.parametrize(
    ("text", "path"),
    [
        pytest.param(PLAIN, "api/Dockerfile", id="another path"),
        pytest.param(PLAIN.replace("cron", "vim"), "Dockerfile", id="another package"),
    ],
)
def test_another_finding_has_another(text, path):
    assert set(prints(text, path)).isdisjoint(prints(PLAIN))


def test_equal_instructions_are_numbered():
    twice = prints(PLAIN + PLAIN.split("\n")[1] + "\n")
    assert len(set(twice)) == len(twice) > len(prints(PLAIN))
    assert set(prints(PLAIN)) < set(twice)


def test_the_body_of_a_heredoc_counts():
    text = "FROM debian:12-slim\nRUN <<EOF\nset -e\napt-get update\napt-get install -y {}\nEOF\n"
    assert len(prints(text.format("cron"))) == 2
    assert set(prints(text.format("cron"))).isdisjoint(prints(text.format("vim")))


def test_bytes_that_are_no_utf_8_do_not_matter():
    assert len(prints("FROM debian:12-slim\nRUN echo caf\udce9 && pip install flask\n")) == 1


ONE, TWO = "0123456789abcdef", "fedcba9876543210"


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        pytest.param(f"text\n\n<!-- dockslim:fp={ONE} -->", {ONE}, id="one"),
        pytest.param(f"text\n<!-- dockslim:fp={ONE},{TWO} -->\r\n", {ONE, TWO}, id="two, and a line end of GitHub's"),
        pytest.param(f"{REVIEW_MARKER}\n<!-- dockslim:fp={ONE} -->", {ONE}, id="behind the marker of a review"),
        pytest.param(f"x\n\n{REVIEW_MARKER}", set(), id="a review without any"),
        pytest.param(f"<!-- dockslim:fp={ONE} -->\nmore", set(), id="not at the end: from a Dockerfile"),
        pytest.param(f"<!-- dockslim:fp={ONE} -->\n<!-- dockslim:fp={TWO} -->", {TWO}, id="two markers: the last"),
        pytest.param(f"<!-- dockslim:fp={ONE.upper()} -->", set(), id="upper case"),
        pytest.param(f"<!-- dockslim:fp={ONE[:4]} -->", set(), id="too short"),
        pytest.param("<!-- dockslim:fp= -->", set(), id="empty"),
        pytest.param(f"<!-- dockslim:fp={ONE}", set(), id="unfinished"),
        pytest.param("", set(), id="nothing"),
    ],
)
def test_markers(body, expected):
    assert read_fingerprints(body) == expected


@given(st.text(), st.sets(st.text(st.sampled_from("0123456789abcdef"), min_size=16, max_size=16), min_size=1))
def test_what_is_written_is_read(text, marks):
    assert read_fingerprints(f"{text}\n\n{write_marker(marks)}") == marks


@pytest.mark.parametrize("piece", ["<!-- ", "<!-- dockslim:fp=", f"{ONE},", " "], ids=repr)
def test_a_hostile_body_takes_no_time(piece):
    assert read_fingerprints(piece * 100_000) == frozenset()


def test_a_digest_keeps_parts_apart():
    assert digest(["a", "bc"]) != digest(["ab", "c"])
    assert len(digest([])) == 16
