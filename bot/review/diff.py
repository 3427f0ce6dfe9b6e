"""GitHub's `patch` of one file -> the lines on its right side that a comment may stand on."""

from __future__ import annotations

import re
from typing import NamedTuple

_HEADER = re.compile(r"@@ -\d{1,9}(?:,\d{1,9})? \+(\d{1,9})(?:,(\d{1,9}))? @@")

_SIGNS = frozenset({"+", "-", "\\", " ", "", "\r"})


class Hunk(NamedTuple):
    """Lines `start` to `end` of the new file, all of them shown; `added` are those that the old one did not have."""

    start: int
    end: int
    added: frozenset[int]


class Diff(NamedTuple):
    """The hunks of one file, without those that only delete."""

    hunks: tuple[Hunk, ...] = ()

    def shows(self, start: int, end: int) -> bool:
        """Tell whether one hunk shows all lines from `start` to `end`: GitHub takes no comment across two."""
        return start <= end and any(hunk.start <= start and end <= hunk.end for hunk in self.hunks)

    def adds(self, start: int, end: int) -> bool:
        """Tell whether a line from `start` to `end` was added or changed."""
        return self.first_added(start, end) is not None

    def first_added(self, start: int, end: int) -> int | None:
        """Return the first added line from `start` to `end`."""
        return min((line for hunk in self.hunks for line in hunk.added if start <= line <= end), default=None)

    def first_shown(self, start: int, end: int) -> int | None:
        """Return the first line from `start` to `end` that a hunk shows."""
        shown = (max(start, hunk.start) for hunk in self.hunks if hunk.start <= end and start <= hunk.end)
        return min(shown, default=None)


def parse_patch(patch: str | None) -> Diff:
    """Read a unified diff without file headers; what is no hunk is passed over, and None has no hunks."""
    hunks: list[Hunk] = []
    lines = (patch or "").split("\n")
    at = 0
    while at < len(lines):
        header = _HEADER.match(lines[at])
        at += 1
        if header is None:
            continue
        wanted = int(header[2]) if header[2] is not None else 1
        at, hunk = _read_hunk(lines, at, int(header[1]), wanted)
        if hunk is not None:
            hunks.append(hunk)
    return Diff(tuple(hunks))


def _read_hunk(lines: list[str], at: int, start: int, wanted: int) -> tuple[int, Hunk | None]:
    """Read `wanted` right-side lines from `at`; a hunk that is cut short counts as far as it goes."""
    added: set[int] = set()
    line = start
    while at < len(lines) and line < start + wanted:
        sign = lines[at][:1]
        # An empty context line may have lost its blank on the way; the empty piece behind the last newline is no line.
        if sign not in _SIGNS or (not sign and at == len(lines) - 1):
            break
        at += 1
        if sign == "+":
            added.add(line)
        if sign not in ("-", "\\"):
            line += 1
    return at, Hunk(start, line - 1, frozenset(added)) if start > 0 and line > start else None
