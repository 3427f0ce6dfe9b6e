"""What the builder gets of a context: its files without those that the ignore file leaves out."""

from __future__ import annotations

import posixpath
from collections.abc import Collection, Mapping
from functools import lru_cache

from rules.context.copies import Copy
from rules.dockerfile.dockerignore import Ignore, IgnoreError, Pattern, read_ignore
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


def copied_files(context: Context, copy: Copy) -> Collection[str]:
    """Return the files that a COPY takes of those that the builder gets; none where that cannot be told."""
    sent = sent_files(context)
    if sent is None:
        return ()
    if copy.broad is not None:
        return sent
    if copy.instruction.flag("exclude") is not None or any("$" in word.text for word in copy.sources):
        return ()
    try:
        # COPY reads a source by the same rules as an ignore file reads a pattern, `**` left aside.
        sources = Ignore(Pattern(clean(word.text)) for word in copy.sources if "**" not in word.text)
    except ValueError:
        return ()
    found = sources.ignored(sent)
    return () if isinstance(found, IgnoreError) else found


def clean(source: str) -> str:
    """Return the source of a COPY as a path from the context's root: nothing leads out of it."""
    return posixpath.normpath("/" + source).lstrip("/") or "."
