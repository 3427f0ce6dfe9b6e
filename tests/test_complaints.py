"""Every complaint in docs/complaints.md is answered by a test, or a section of a page, that exists."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ROWS = [line for line in (ROOT / "docs/complaints.md").read_text().splitlines() if re.match(r"\| \d+ \|", line)]
TEST = re.compile(r"`(tests/[\w/]+\.py)::([\w:]+)`")
SECTION = re.compile(r"\[([\w.-]+): (.+?)\]\(\1\)")


def _names(path: Path) -> set[str]:
    """Return the names of the tests in a file, those in classes as Class::name."""
    found = set()
    for node in ast.parse(path.read_text()).body:
        members = node.body if isinstance(node, ast.ClassDef) else [node]
        prefix = f"{node.name}::" if isinstance(node, ast.ClassDef) else ""
        found |= {f"{prefix}{each.name}" for each in members if isinstance(each, ast.FunctionDef)}
    return found


def test_none_is_left_out() -> None:
    assert [int(row.split("|")[1]) for row in ROWS] == list(range(1, 38))


@pytest.mark.parametrize("row", ROWS, ids=[row.split("|")[1].strip() for row in ROWS])
def test_what_answers_it_exists(row: str) -> None:
    answers = row.split(" | ")[3].removesuffix(" |").split("<br>")
    for answer in answers:
        if (test := TEST.fullmatch(answer)) is not None:
            assert test[2] in _names(ROOT / test[1])
            assert test[2].rpartition("::")[2].startswith("test_")
        else:
            section = SECTION.fullmatch(answer)
            assert section is not None, answer
            titles = re.findall(r"^##+ (?:\d{4}-\d\d-\d\d · )?(.*)$", (ROOT / "docs" / section[1]).read_text(), re.M)
            assert section[2] in titles
