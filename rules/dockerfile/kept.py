"""What a new version of a text shares with the one before: whole instructions at its start and at its end."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from rules.dockerfile.model import Dockerfile, Instruction, Stage
from rules.dockerfile.scan import SPACE

BOM = "\ufeff"


class Kept(NamedTuple):
    """Where two versions of a file part and where they may meet again, as instructions of the earlier one.

    The first `first` instructions stand in both; the new text differs from `at` on, which is the start of a line.
    `meetings` are the offsets of lines in the new text from which on all is as it was from that instruction on.
    """

    first: int
    at: int
    lines: int
    """How many lines are before `at`."""
    meetings: Mapping[int, int]


def find_kept(text: str, old: Dockerfile) -> Kept | None:
    """Compare `text` with what `old` was read from; None where it must be read from its first line on."""
    same = _common(old.text, text, min(len(text), len(old.text)), from_end=False)
    rest = _common(old.text, text, min(len(text), len(old.text)) - same, from_end=True)
    instructions = old.instructions
    first = 0
    while first < len(instructions) - 1:  # the last one may have been cut off by the end of the file
        end = old.line_start(instructions[first].end_line + 1)
        if end > same or old.text[end - 1] != "\n":
            break
        first += 1
    lines = instructions[first - 1].end_line if first else instructions[0].line - 1
    at = old.line_start(lines + 1)
    # What comes before the first instruction may be a directive, and is read anew unless it is the same.
    if at > same:
        return None
    if first == 0 and (BOM in (old.text[:1], text[:1]) or text[at : at + 1] in ("#", *SPACE, "")):
        return None
    moved = len(text) - len(old.text)
    starts = ((old.line_start(each.line) + moved, each.index) for each in instructions[first:])
    return Kept(first, at, lines, {start: index for start, index in starts if start >= max(len(text) - rest, at)})


def _common(one: str, other: str, most: int, *, from_end: bool) -> int:
    """Return how many characters two texts share at their start or end, at most `most`."""
    low, high = 0, most
    while low < high:
        middle = (low + high + 1) // 2
        if from_end:
            same = one[len(one) - middle : len(one) - low] == other[len(other) - middle : len(other) - low]
        else:
            same = one[low:middle] == other[low:middle]
        low, high = (middle, high) if same else (low, middle - 1)
    return low


def restack(
    old: tuple[Stage, ...], instructions: tuple[Instruction, ...], first: int, gone: int, come: int
) -> tuple[Stage, ...] | None:
    """Return the stages where only RUNs differ, which change nothing of what holds below them; None elsewhere.

    From `first` on, `gone` instructions of the old version made way for `come` of the new one.
    """
    own = next((each for each in reversed(old) if each.start.index < first), None)
    if own is None or any(each.keyword != "RUN" for each in instructions[first : first + come]):
        return None
    offset = first - own.start.index - 1
    if any(each.keyword != "RUN" for each in own.instructions[offset : offset + gone]):
        return None
    if offset + gone > len(own.instructions):
        return None
    scope = own.scopes[offset] if offset < len(own.scopes) else own.end
    stages = list(old[: own.index])
    for each in old[own.index :]:
        start = each.start.index + (come - gone if each.index > own.index else 0)
        scopes = each.scopes
        if each is own:
            scopes = (*scopes[:offset], *(scope for _ in range(come)), *scopes[offset + gone :])
        body = instructions[start + 1 : start + 1 + len(scopes)]
        stages.append(Stage(each.index, each.name, each.base, instructions[start], body, each.parent, scopes, each.end))
    return tuple(stages)
