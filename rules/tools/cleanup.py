"""Clean-ups that delete nothing: a path that is misspelt, a glob that quotes keep from the shell."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from rules.dockerfile import ShellCommand, Word
from rules.tools.remove import is_whole_quote, normalise, removed_words

APT_LISTS = "/var/lib/apt/lists"
_CACHES = ("/var/cache/apk", "/var/cache/yum", "/var/cache/dnf")
# What is near in letters and there all the same.
_REAL = frozenset(
    {APT_LISTS, *_CACHES, "/var/lib/apt", "/var/cache/apt", "/var/lib/apk", "/var/lib/yum", "/var/lib/dnf"}
)
_LONGEST = 64


class Ineffective(NamedTuple):
    """A word of an `rm` that deletes nothing: `directory` is what it is meant for, `text` the word that does it."""

    word: Word
    directory: str
    text: str
    quoted: bool


def ineffective(command: ShellCommand, source: str) -> Iterator[Ineffective]:
    """Yield the words of an `rm` in `source` that are meant for a package manager's files and miss them."""
    if command.name != "rm" or command.from_exec:
        return
    for word in removed_words(command):
        if not word.literal or not word.text.startswith("/") or len(word.text) > _LONGEST:
            continue
        head, tail = _split(word.text)
        if word.quoted:
            if is_whole_quote(word, source) and tail and head in _REAL:
                yield Ineffective(word, head, word.text, quoted=True)
        elif (directory := _meant(head)) is not None:
            yield Ineffective(word, directory, directory + tail, quoted=False)


def _split(text: str) -> tuple[str, str]:
    """Split `/a/b/*` into `/a/b` and `/*`."""
    for tail in ("/*", "/", "/*_*"):
        if text.endswith(tail) and len(text) > len(tail):
            return normalise(text[: -len(tail)]), tail
    return normalise(text), ""


def _meant(head: str) -> str | None:
    """Return the directory that a misspelt one is meant for."""
    if head in _REAL or any(char in head for char in "*?[{"):
        return None
    if head.count("/") == APT_LISTS.count("/") and _distance(head, APT_LISTS) <= 2:
        return APT_LISTS
    for cache in _CACHES:
        if head.endswith(cache[cache.rindex("/") :]) and head.count("/") == 3 and _distance(head, cache) <= 2:
            return cache
    return None


def _distance(left: str, right: str) -> int:
    """Return how many letters were added, left out, changed, or swapped with their neighbour."""
    if abs(len(left) - len(right)) > 2:
        return 3
    rows: list[list[int]] = [list(range(len(right) + 1))]
    for i, a in enumerate(left, 1):
        row = [i]
        for j, b in enumerate(right, 1):
            cost = min(rows[i - 1][j] + 1, row[j - 1] + 1, rows[i - 1][j - 1] + (a != b))
            if i > 1 and j > 1 and a == right[j - 2] and left[i - 2] == b:
                cost = min(cost, rows[i - 2][j - 2] + 1)
            row.append(cost)
        rows.append(row)
    return rows[-1][-1]
