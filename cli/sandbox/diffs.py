"""What changed between two commits, as GitHub shows it: files, patches, hunks and the lines in them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Literal

from cli.sandbox.git import ObjectStore, Recent

Side = Literal["LEFT", "RIGHT"]

EMPTY_TREE = "4b825dc642cb6eb9a060e54bf8d69288fbee4904"

# GitHub Docs, "Repository limits": one file of a diff shows up to 20,000 lines or 500 KB; beyond, `patch` is absent.
PATCH_LINES = 20_000
PATCH_BYTES = 500_000

_HUNK = re.compile(r"@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@(.*)")
_STATUSES = {"A": "added", "D": "removed", "M": "modified", "R": "renamed", "C": "copied", "T": "changed"}


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a hunk with its number on either side."""

    sign: Literal[" ", "+", "-"]
    old: int | None
    new: int | None
    text: str

    def number(self, side: Side) -> int | None:
        """Return the line's number on that side, None where it does not exist there."""
        return self.old if side == "LEFT" else self.new


@dataclass(frozen=True)
class Hunk:
    """One hunk: its header, its rows, and its raw lines (which include "\\ No newline at end of file")."""

    header: str
    rows: tuple[Row, ...]
    lines: tuple[str, ...]

    def index(self, side: Side, line: int) -> int | None:
        """Find a line of one side among the rows."""
        for position, row in enumerate(self.rows):
            if row.number(side) == line:
                return position
        return None

    def excerpt(self, last: Row) -> str:
        """Return the hunk down to a row, as a comment's `diff_hunk` shows it."""
        wanted = self.rows.index(last) + 1
        kept = [self.header]
        for line in self.lines:
            if not line.startswith("\\"):
                if not wanted:
                    break
                wanted -= 1
            kept.append(line)
        return "\n".join(kept)


@dataclass(frozen=True)
class FileChange:
    """One file of a diff."""

    path: str
    previous_path: str | None
    status: str
    oid: str
    additions: int
    deletions: int
    patch: str | None

    @cached_property
    def hunks(self) -> tuple[Hunk, ...]:
        """The patch, parsed."""
        return tuple(parse_patch(self.patch or ""))

    def locate(self, side: Side, line: int) -> tuple[Hunk, int] | None:
        """Find the hunk that shows a line, and where in it; None when the diff does not show it."""
        for hunk in self.hunks:
            index = hunk.index(side, line)
            if index is not None:
                return hunk, index
        return None

    def position(self, hunk: Hunk, index: int) -> int:
        """Return GitHub's older coordinate: lines below the first hunk header."""
        before = self.hunks[: self.hunks.index(hunk)]
        return sum(len(earlier.lines) + 1 for earlier in before) + index + 1

    def at_position(self, position: int) -> Row | None:
        """Return the row at GitHub's older coordinate."""
        for hunk in self.hunks:
            if 1 <= position <= len(hunk.rows):
                return hunk.rows[position - 1]
            position -= len(hunk.lines) + 1
        return None


@dataclass(frozen=True)
class Diff:
    """All files that differ between two commits."""

    base: str
    head: str
    files: tuple[FileChange, ...]

    @cached_property
    def by_path(self) -> dict[str, FileChange]:
        """The files by their new path."""
        return {file.path: file for file in self.files}

    @property
    def additions(self) -> int:
        """Added lines in all files."""
        return sum(file.additions for file in self.files)

    @property
    def deletions(self) -> int:
        """Deleted lines in all files."""
        return sum(file.deletions for file in self.files)


_diffs: Recent[tuple[str, str], Diff] = Recent(512)
_moves: Recent[tuple[str, str], tuple[Hunk, ...]] = Recent(4096)


def diff(store: ObjectStore, base: str, head: str) -> Diff:
    """Compare two commits (or trees) directly, with renames and three lines of context."""
    known = _diffs.get((base, head))
    if known is not None:
        return known
    output = store.run(
        *("diff-tree", "-r", "-M", "-z", "--raw", "--numstat", "-p", "-U3", "--abbrev=40", "--no-commit-id"),
        *(base, head),
    )
    return _diffs.remember((base, head), Diff(base, head, tuple(_parse_output(output))))


def diff_text(store: ObjectStore, base: str, head: str) -> str:
    """Return the whole comparison as `git diff` prints it."""
    return store.run("diff-tree", "-r", "-M", "-p", "-U3", base, head).decode(errors="replace")


def follow(store: ObjectStore, old: str, new: str, line: int) -> int | None:
    """Say where a line of one blob is in another, None when it was changed or removed."""
    if old == new:
        return line
    hunks = _moves.get((old, new))
    if hunks is None:
        output = store.run("diff", "--no-color", "-U0", "--text", old, new).decode(errors="replace")
        start = output.find("\n@@ ")
        hunks = _moves.remember((old, new), tuple(parse_patch(output[start + 1 :] if start >= 0 else "")))
    shift = 0
    for hunk in hunks:
        if hunk.index("LEFT", line) is not None:
            return None
        found = _HUNK.match(hunk.header)
        if found is not None and int(found[1]) < line:
            shift += sum(row.sign == "+" for row in hunk.rows) - sum(row.sign == "-" for row in hunk.rows)
    return line + shift


@lru_cache(maxsize=512)
def _hunks(patch: str) -> tuple[Hunk, ...]:
    return tuple(_read_hunks(patch))


def parse_patch(patch: str) -> tuple[Hunk, ...]:
    """Read the hunks of a patch."""
    return _hunks(patch)


def _read_hunks(patch: str) -> Iterator[Hunk]:
    header, rows, lines, old, new = "", list[Row](), list[str](), 0, 0
    for line in patch.split("\n"):
        found = _HUNK.match(line)
        if found is not None:
            if header:
                yield Hunk(header, tuple(rows), tuple(lines))
            header, rows, lines, old, new = line, [], [], int(found[1]), int(found[3])
            continue
        sign, text = line[:1], line[1:]
        if sign == " ":
            rows.append(Row(" ", old, new, text))
            old, new = old + 1, new + 1
        elif sign == "-":
            rows.append(Row("-", old, None, text))
            old += 1
        elif sign == "+":
            rows.append(Row("+", None, new, text))
            new += 1
        elif sign != "\\":
            continue
        lines.append(line)
    if header:
        yield Hunk(header, tuple(rows), tuple(lines))


def _parse_output(output: bytes) -> Iterator[FileChange]:
    """Read `git diff-tree -z --raw --numstat -p`: two lists that end in NULs, then the patches as text."""
    words = iter(output.split(b"\0"))
    raw: list[tuple[str, str, str, str | None]] = []
    counts: list[tuple[bytes, bytes]] = []
    rest = b""
    for word in words:
        if word.startswith(b":"):
            _, _, was, oid, status = word.decode().split(" ")
            old = _name(next(words))
            renamed = status[0] in "RC"
            raw.append(
                (
                    status[0],
                    was if status == "D" else oid,
                    _name(next(words)) if renamed else old,
                    old if renamed else None,
                )
            )
        elif word and len(counts) < len(raw):
            added, deleted, name = word.split(b"\t", 2)
            if not name:
                next(words), next(words)
            counts.append((added, deleted))
        else:
            rest = b"\0".join([word, *words]).lstrip(b"\0")
    patches = iter(_split_patches(rest))
    for (status, oid, path, previous), (added, deleted) in zip(raw, counts, strict=True):
        patch = next(patches, b"")
        if status == "T":
            # A file that became a link (or back) is printed as a deletion and a creation.
            patch += next(patches, b"")
        binary = added == b"-"
        yield FileChange(
            path,
            previous,
            _STATUSES.get(status, "modified"),
            oid,
            0 if binary else int(added),
            0 if binary else int(deleted),
            None if binary else _shown(patch),
        )


def _name(path: bytes) -> str:
    return path.decode(errors="replace")


def _split_patches(text: bytes) -> list[bytes]:
    # Inside hunks every line starts with a sign, so this can only be a header.
    starts = [found.start() for found in re.finditer(rb"^diff --git ", text, re.MULTILINE)]
    return [text[start:end] for start, end in zip(starts, [*starts[1:], len(text)], strict=False)]


def _shown(patch: bytes) -> str | None:
    start = re.search(rb"^@@ ", patch, re.MULTILINE)
    if start is None:
        return None
    hunks = patch[start.start() :].removesuffix(b"\n")
    if len(hunks) > PATCH_BYTES or hunks.count(b"\n") > PATCH_LINES:
        return None
    return hunks.decode(errors="replace")
