"""The official parser, BuildKit's own in Go, asked through the `dockerfile` package."""

from __future__ import annotations

import dockerfile as official

from rules.dockerfile import DockerfileError, parse

Shape = list[tuple[str, int, int]]
"""Keyword, first line and last line of every instruction."""


def official_shape(text: str) -> Shape | None:
    """Return what BuildKit's parser reads, None where it refuses."""
    try:
        commands = official.parse_string(text)
    except official.GoParseError:
        return None
    return [((each.cmd or "").upper(), each.start_line, each.end_line) for each in commands]


def our_shape(text: str) -> Shape | None:
    """Return what dockslim reads, None where it refuses."""
    try:
        return [(each.keyword, each.line, each.end_line) for each in parse(text).instructions]
    except DockerfileError:
        return None
