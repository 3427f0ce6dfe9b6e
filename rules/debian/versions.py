"""The order of Debian's version numbers: https://www.debian.org/doc/debian-policy/ch-controlfields.html#version."""

from __future__ import annotations

from functools import lru_cache

from rules.patterns import regex

_PARTS = regex(r"(\D*)(\d*)")
_LONGEST = 200

Key = tuple[int, tuple[tuple[tuple[int, ...], int], ...], tuple[tuple[tuple[int, ...], int], ...]]


@lru_cache(maxsize=4096)
def version_key(version: str) -> Key:
    """Return a key that sorts versions as dpkg does."""
    version = version[:_LONGEST]
    epoch, colon, rest = version.partition(":")
    if not colon:
        epoch, rest = "0", version
    upstream, _, revision = rest.rpartition("-") if "-" in rest else (rest, "", "0")
    return (int(epoch) if epoch.isascii() and epoch.isdigit() else 0), _key(upstream), _key(revision)


def compares(left: str, relation: str, right: str) -> bool:
    """Tell whether `left` stands in a relation of a dependency, such as `>=`, to `right`."""
    a, b = version_key(left), version_key(right)
    match relation:
        case ">=" | ">":
            return a >= b
        case "<=" | "<":
            return a <= b
        case ">>":
            return a > b
        case "<<":
            return a < b
        case _:
            return a == b


def _key(text: str) -> tuple[tuple[tuple[int, ...], int], ...]:
    # The end of a part sorts behind a tilde and before everything else: each run of characters ends in its 0.
    return tuple(
        ((*map(_rank, letters), 0), int(digits) if digits.isascii() and digits else 0)
        for letters, digits in _PARTS.findall(text)
    )


def _rank(char: str) -> int:
    if char == "~":
        return -1
    return ord(char) if char.isascii() and char.isalpha() else ord(char) + 256
