"""Edits to a text, and how safe they are."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterable
from enum import StrEnum
from itertools import pairwise
from typing import NamedTuple

from rules.dockerfile import Span

Command = tuple[str, ...]
"""The words of one shell command, as they would be run; a flag of RUN is `("RUN", "--mount=...")`."""

Statement = tuple[str, str]
"""One instruction that is no RUN: its keyword and its value, flags included, as `Instruction` holds them."""


class Applicability(StrEnum):
    """How far a fix may go by itself."""

    SAFE = "safe"
    """The image holds the same at run time, caches that a package manager makes anew left aside."""
    UNSAFE = "unsafe"
    """The image may lack something; the fix says what."""
    DISPLAY = "display"
    """To be read, never to be applied by a click."""


class Edit(NamedTuple):
    """Replace `text[span]` with `replacement`; an empty span inserts."""

    span: Span
    replacement: str


class Fix(NamedTuple):
    """Edits that are made together or not at all.

    `removed` and `added` are the shell commands that vanish and appear with them, `removed_instructions` and
    `added_instructions` the instructions other than RUN: the gate in `rules.check` holds the result against this
    promise. `caution` says, before the click, what may behave differently afterwards.
    """

    edits: tuple[Edit, ...]
    applicability: Applicability
    removed: tuple[Command, ...] = ()
    added: tuple[Command, ...] = ()
    caution: str = ""
    removed_instructions: tuple[Statement, ...] = ()
    added_instructions: tuple[Statement, ...] = ()


class OverlapError(ValueError):
    """Say that two edits touch the same characters."""


def apply(text: str, fixes: Iterable[Fix]) -> str:
    """Return `text` with every edit of every fix made; equal edits count once.

    Raise OverlapError when two different edits overlap.
    """
    edits = sorted({edit for fix in fixes for edit in fix.edits})
    clash = _first_clash(edits)
    if clash is not None:
        raise OverlapError(f"two edits touch the same characters: {clash[0]} and {clash[1]}")
    parts: list[str] = []
    at = 0
    for edit in edits:
        parts += (text[at : edit.span.start], edit.replacement)
        at = edit.span.end
    parts.append(text[at:])
    return "".join(parts)


def insert_edits(taken: list[Edit], edits: Iterable[Edit]) -> bool:
    """Add `edits` to `taken`, which stays sorted, unless one of them clashes with it; tell whether they were added."""
    fresh = [edit for edit in sorted(edits) if not _is_taken(taken, edit)]
    for edit in fresh:
        at = bisect_left(taken, edit)
        if _first_clash([*taken[max(at - 1, 0) : at], edit, *taken[at : at + 1]]) is not None:
            return False
    for edit in fresh:
        insort(taken, edit)
    return True


def _is_taken(taken: list[Edit], edit: Edit) -> bool:
    at = bisect_left(taken, edit)
    return at < len(taken) and taken[at] == edit


def overlap(left: Fix, right: Fix) -> bool:
    """Tell whether the two fixes cannot be applied together."""
    return _first_clash(sorted({*left.edits, *right.edits})) is not None


def _first_clash(edits: list[Edit]) -> tuple[Edit, Edit] | None:
    for left, right in pairwise(edits):
        if left.span.end > right.span.start or left.span == right.span:
            return left, right
    return None
