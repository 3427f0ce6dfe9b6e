"""Paths of requests. githubkit puts values into them as they are: `../../../app` would ask for another resource."""

from __future__ import annotations

from urllib.parse import quote


class PathError(ValueError):
    """A name that may not be part of a request's path."""


def join(*segments: str | int) -> str:
    """Return the path of these segments, each of them quoted as a whole."""
    return "".join(f"/{_quote(str(segment))}" for segment in segments)


def join_file(path: str) -> str:
    """Return a file's path inside a repository as the end of a request's path."""
    return join(*path.split("/"))


def _quote(segment: str) -> str:
    if segment in {"", ".", ".."}:
        raise PathError(f"not part of a path: {segment!r}")
    # git names files in bytes; those that are no UTF-8 arrive as surrogate escapes.
    return quote(segment, safe="", errors="surrogateescape")
