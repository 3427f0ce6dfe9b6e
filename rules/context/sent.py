"""What the builder gets of a context: its files without those that the ignore file leaves out."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

from rules.dockerfile.dockerignore import Ignore, IgnoreError, read_ignore
from rules.surroundings import Context


@lru_cache(maxsize=16)
def _read(context: Context) -> Ignore | IgnoreError:
    return read_ignore(context.ignore or "")


def ignore_of(context: Context) -> Ignore | None:
    """Return the ignore file of a context, an empty one where there is none; None where it cannot be read."""
    found = _read(context)
    return found if isinstance(found, Ignore) else None


@lru_cache(maxsize=16)
def sent_files(context: Context) -> Mapping[str, int] | None:
    """Return the files that the builder gets, with their bytes; None where the ignore file cannot be read."""
    ignore = ignore_of(context)
    ignored = ignore.ignored(context.files) if ignore is not None else None
    if ignored is None or isinstance(ignored, IgnoreError):
        return None
    return {path: size for path, size in context.files.items() if path not in ignored}
