"""Which packages recommend next to nothing, so that it makes no difference whether apt takes recommends along."""

from __future__ import annotations

import re
from functools import lru_cache

_NUMBER = re.compile(r"\d+(?:\.\d+)*")


def recommends_little(name: str, *, beside_compiler: bool = False) -> bool:
    """Tell whether a package is known to bring less than 1 MB that is only recommended, whatever the release.

    `beside_compiler` where g++ and libc6-dev are there already: most headers bring what libc6-dev recommends.
    """
    key = read_key(name)
    return key in _known() or (beside_compiler and f"+{key}" in _known())


def read_key(name: str) -> str:
    """Return a name as the list has it: `libreadline6` and `libreadline8` are one package of two releases."""
    return _NUMBER.sub("#", name)


@lru_cache(maxsize=1)
def _known() -> frozenset[str]:
    from importlib.resources import files  # noqa: PLC0415 - only where something is installed with recommends

    lines = files("rules.debian").joinpath("recommend_little.txt").read_text("utf-8").splitlines()
    return frozenset(line for line in lines if not line.startswith("//"))
