"""What one file came to."""

from __future__ import annotations

from typing import NamedTuple

from rules.dockerfile import Dockerfile, Span
from rules.finding import Finding


class Checked(NamedTuple):
    """One Dockerfile that was read, and what there is to say about it."""

    path: str
    dockerfile: Dockerfile
    findings: tuple[Finding, ...]


class Region(NamedTuple):
    """A span as lines and columns: 1-based, in characters, the end column one behind the last character."""

    start_line: int
    start_column: int
    end_line: int
    end_column: int


def locate(dockerfile: Dockerfile, span: Span) -> Region:
    """Return where a span lies."""
    return Region(*dockerfile.position(span.start), *dockerfile.position(span.end))


def as_unicode(text: str) -> str:
    """Return `text` with a replacement character for every byte that was no UTF-8."""
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
