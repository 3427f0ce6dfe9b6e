"""Comments by which an author silences a rule, dockslim's own and those of other linters."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from rules.dockerfile.model import Comment, Dockerfile, Instruction
from rules.patterns import regex

_LINE = (
    ("dockslim", regex(r"dockslim:?\s+ignore\s*=\s*([\w\s,.-]+)", re.IGNORECASE)),
    ("hadolint", regex(r"hadolint\s+(?:shell=\S+\s+)?ignore\s*=\s*([\w\s,]+)", re.IGNORECASE)),
    ("tally", regex(r"tally\s+ignore\s*=\s*([\w\s,/.-]+)", re.IGNORECASE)),
    ("checkov", regex(r"checkov:skip\s*=\s*([\w,]+)", re.IGNORECASE)),
    ("trivy", regex(r"trivy:ignore:\s*([\w-]+)", re.IGNORECASE)),
)
_MAY_SILENCE = regex(r"ignore|skip", re.IGNORECASE)
_FILE = (
    ("dockslim", regex(r"dockslim:?\s+global\s+ignore\s*=\s*([\w\s,.-]+)", re.IGNORECASE)),
    ("hadolint", regex(r"hadolint\s+global\s+ignore\s*=\s*([\w\s,]+)", re.IGNORECASE)),
)


class Pragmas(NamedTuple):
    """Names silenced for the whole file, and for single instructions by their index, as `tool:NAME` in lower case."""

    everywhere: frozenset[str]
    by_instruction: dict[int, frozenset[str]]

    def silence(self, instruction: int, names: frozenset[str]) -> bool:
        """Tell whether one of `names` is silenced at an instruction."""
        return not names.isdisjoint(self.everywhere) or not names.isdisjoint(
            self.by_instruction.get(instruction, frozenset())
        )


NONE = Pragmas(frozenset(), {})


def read_pragmas(dockerfile: Dockerfile) -> Pragmas:
    """Read the pragmas of a file: one counts for the instruction directly below its block of comments.

    One inside an instruction counts for that instruction.
    """
    if not any(_MAY_SILENCE.search(comment.text) for comment in dockerfile.comments):
        return NONE
    everywhere: set[str] = set()
    by_line: dict[int, set[str]] = {}
    for comment in dockerfile.comments:
        everywhere.update(_names(comment, _FILE))
        names = set(_names(comment, _LINE))
        if names:
            by_line[comment.line] = names
    if not everywhere and not by_line:
        return NONE
    comment_lines = {comment.line for comment in dockerfile.comments}
    silenced = {}
    for each in dockerfile.instructions:
        found = set().union(*(by_line.get(line, set()) for line in _lines_of(each, comment_lines)))
        if found:
            silenced[each.index] = frozenset(found)
    return Pragmas(frozenset(everywhere), silenced)


def _lines_of(each: Instruction, comment_lines: set[int]) -> Iterator[int]:
    yield from range(each.line, each.end_line + 1)
    above = each.line - 1
    while above in comment_lines:
        yield above
        above -= 1


def _names(comment: Comment, patterns: tuple[tuple[str, re.Pattern[str]], ...]) -> Iterator[str]:
    for tool, pattern in patterns:
        match = pattern.match(comment.text)
        if match:
            for name in re.split(r"[\s,]+", match[1].strip()):
                # tally names other linters' rules as `hadolint/DL3015`.
                yield name.lower().replace("/", ":") if "/" in name else f"{tool}:{name.lower()}"
