"""Sizes by line as bars: how long each is, before and at the head."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bot.record import BuildEntry
from rules.sizes import format_bytes

WIDTH = 1000
"""What the longest bar is long, in units of its picture."""


@dataclass(frozen=True, slots=True)
class Bar:
    """One line: its name, two lengths, and both sizes in words."""

    place: str
    before: int
    after: int
    sizes: str


def draw(build: BuildEntry) -> Sequence[Bar]:
    """Return the bars of one image, in the order of its layers."""
    most = max((size or 0 for _, *sizes in build.lines for size in sizes), default=0)

    def length(size: int | None) -> int:
        # What is not nothing shows.
        return max(round(WIDTH * size / most), 3) if size and most else 0

    return [Bar(place, length(before), length(after), _say(before, after)) for place, before, after in build.lines]


def sum_up(build: BuildEntry) -> str:
    """Return the sizes of the whole image in words."""
    if build.after is None:
        reason = build.reason or "not measured"
        return reason[:1].upper() + reason[1:]
    said = _say(build.before, build.after)
    return f"{said}, {format_bytes(build.suggested)} with suggestions" if build.suggested is not None else said


def _say(before: int | None, after: int | None) -> str:
    sizes = ["none" if each is None else format_bytes(each) for each in (before, after)]
    return sizes[1] if before == after else " → ".join(sizes)
