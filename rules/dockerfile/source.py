"""Places in a text, and the way back to them from text that was joined over continuations."""

from __future__ import annotations

import sys
from bisect import bisect_right
from functools import partial
from typing import NamedTuple


class Span(NamedTuple):
    """Half-open character offsets into the original text. A tuple, since each file makes thousands of them."""

    start: int
    end: int

    def of(self, text: str) -> str:
        """Return the source that this span covers."""
        return text[self.start : self.end]

    def shifted(self, by: int) -> Span:
        """Return this span, `by` characters further on."""
        return Span(self.start + by, self.end + by)

    def contains(self, other: Span) -> bool:
        """Tell whether `other` lies wholly inside."""
        return self.start <= other.start and other.end <= self.end

    def overlaps(self, other: Span) -> bool:
        """Tell whether the two share a character, or one is an insertion inside the other."""
        if self == other:
            return True
        return self.start < other.end and other.start < self.end


# For the words of commands, of which there are more than of anything else: a third of what a call of the class costs.
_make_span = partial(tuple.__new__, Span)


class SourceMap(NamedTuple):
    """Offsets of a joined text -> offsets of the source it was joined from.

    `joined[i]` is where piece `i` starts in the joined text, `original[i]` where it starts in the source.
    """

    joined: tuple[int, ...]
    original: tuple[int, ...]

    def shifted(self, by: int) -> SourceMap:
        """Return the map into another text, where the source stands `by` characters further on."""
        return SourceMap(self.joined, tuple([each + by for each in self.original]))

    def offset(self, at: int) -> int:
        """Return the source offset of one character of the joined text."""
        if len(self.joined) == 1:
            return self.original[0] + at - self.joined[0]
        piece = max(bisect_right(self.joined, at) - 1, 0)
        return self.original[piece] + at - self.joined[piece]

    def piece(self, at: int) -> tuple[int, int] | None:
        """Return where the piece that holds `at` ends, and what to add to get from it into the source."""
        index = bisect_right(self.joined, at) - 1
        if index < 0:
            return None
        end = self.joined[index + 1] if index + 1 < len(self.joined) else sys.maxsize
        return end, self.original[index] - self.joined[index]

    def span(self, start: int, end: int) -> Span:
        """Return the source span of `joined[start:end]`, continuations in its middle included."""
        joined = self.joined
        piece = 0 if len(joined) == 1 else max(bisect_right(joined, start) - 1, 0)
        if end > start and (piece + 1 == len(joined) or end <= joined[piece + 1]):
            by = self.original[piece] - joined[piece]
            return Span(start + by, end + by)
        if end <= start:
            at = self.offset(start) if start == 0 else self.offset(start - 1) + 1
            return Span(at, at)
        return Span(self.offset(start), self.offset(end - 1) + 1)


class Spans:
    """SourceMap.span for places that are asked for in their order: the next is nearly always in the same piece."""

    __slots__ = ("_base", "_high", "_low", "_shift", "_source")

    def __init__(self, source: SourceMap, base: int) -> None:
        """Take places as offsets from `base` in the joined text."""
        self._source, self._base = source, base
        self._low = self._high = self._shift = 0

    def between(self, start: int, end: int) -> Span:
        """Return the source span of what stands from `start` to `end`."""
        if not (self._low <= start and end <= self._high):
            piece = self._source.piece(self._base + start)
            if piece is None or end > piece[0] - self._base:
                return self._source.span(self._base + start, self._base + end)
            self._low, self._high, self._shift = start, piece[0] - self._base, self._base + piece[1]
        return _make_span((start + self._shift, end + self._shift))
