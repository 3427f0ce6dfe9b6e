"""The edits that rules share, apart from the rules."""

from __future__ import annotations

from rules.dockerfile import parse
from rules.edits import delete_lines
from rules.fix import Applicability, Fix, apply
from tests.rules.cases import table

F = "FROM a\n"
DELETED = {
    "between": (F + "RUN x\nRUN b\n", F + "RUN b\n"),
    "last": (F + "RUN b\nRUN x\n", F + "RUN b\n"),
    "last-without-newline": (F + "RUN b\nRUN x", F + "RUN b"),
    "last-without-newline-behind-a-blank-line": (F + "RUN b\n\nRUN x", F + "RUN b"),
    "last-behind-a-blank-line": (F + "RUN b\n\nRUN x\n", F + "RUN b\n"),
    "between-blank-lines": (F + "RUN b\n\nRUN x\n\nRUN c\n", F + "RUN b\n\nRUN c\n"),
    "blank-line-above": (F + "RUN b\n\nRUN x\nRUN c\n", F + "RUN b\n\nRUN c\n"),
    "blank-line-below": (F + "RUN b\nRUN x\n\nRUN c\n", F + "RUN b\n\nRUN c\n"),
    "over-lines": (F + "RUN x \\\n  && y\n\nRUN c\n", F + "\nRUN c\n"),
    "crlf": ("FROM a\r\nRUN b\r\n\r\nRUN x\r\n\r\nRUN c\r\n", "FROM a\r\nRUN b\r\n\r\nRUN c\r\n"),
    "crlf-without-newline": ("FROM a\r\nRUN b\r\nRUN x", "FROM a\r\nRUN b"),
}


@table("case", DELETED)
def test_a_deleted_instruction_leaves_no_trace(case: tuple[str, str]) -> None:
    text, expected = case
    dockerfile = parse(text)
    (gone,) = (each for each in dockerfile.instructions if each.value.startswith("x"))
    assert apply(text, [Fix((delete_lines(dockerfile, gone),), Applicability.SAFE)]) == expected
