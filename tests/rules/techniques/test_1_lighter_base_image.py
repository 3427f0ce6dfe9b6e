"""The article's first technique: `FROM python:3.8.10` (883 MB) becomes its slim sibling (114 MB)."""

from __future__ import annotations

from rules.check import check
from rules.dockerfile import parse
from rules.fix import apply
from tests.rules.cases import assert_silent, findings

APP = 'WORKDIR /app\nCOPY app.py .\nCMD ["python", "app.py"]\n'


def test_the_full_image_is_found_and_the_slim_one_named() -> None:
    text = "FROM python:3.8.10\n" + APP
    (found,) = findings("DS301", text)
    assert found.fix is not None
    assert apply(text, [found.fix]) == "FROM python:3.8.10-slim\n" + APP


def test_the_slim_image_of_the_article_is_left_alone() -> None:
    assert_silent("DS301", "FROM python:3.8.10-slim-buster\n" + APP)


def test_what_the_slim_image_lacks_comes_with_the_advice() -> None:
    (found,) = findings("DS301", "FROM python:3.8.10\nRUN git clone https://a/b /b\n" + APP)
    assert found.snippet is not None
    assert "        git \\\n" in found.snippet.text
    assert "--no-install-recommends" in found.snippet.text


def test_alpine_is_never_proposed() -> None:
    report = check(parse("FROM python:3.8.10\n" + APP))
    assert not any("alpine" in edit.replacement for each in report.findings if each.fix for edit in each.fix.edits)
