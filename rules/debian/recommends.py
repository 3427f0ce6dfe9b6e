"""Which packages recommend next to nothing, so that it makes no difference whether apt takes recommends along."""

from __future__ import annotations

import re
from functools import lru_cache

_NUMBER = re.compile(r"\d+(?:\.\d+)*")


def recommends_little(name: str, *, certificates: bool = False, compiler: bool = False) -> bool:
    """Tell whether a package is known to bring less than 1 MB that is only recommended, whatever the release.

    `certificates` where ca-certificates is there already, `compiler` where g++ and libc6-dev are.
    """
    marks = (
        "",
        *(["~"] if certificates else []),
        *(["+"] if compiler else []),
        *(["*"] if certificates and compiler else []),
    )
    return any(mark + read_key(name) in _known() for mark in marks)


def needs_headers_of_libc(name: str) -> bool:
    """Tell whether a package is known to bring libc6-dev along."""
    return f"+{read_key(name)}" in _known()


def read_key(name: str) -> str:
    """Return a name as the list has it: `libreadline6` and `libreadline8` are one package of two releases."""
    return _NUMBER.sub("#", name)


@lru_cache(maxsize=1)
def _known() -> frozenset[str]:
    from importlib.resources import files  # noqa: PLC0415 - only where something is installed with recommends

    lines = files("rules.debian").joinpath("recommend_little.txt").read_text("utf-8").splitlines()
    return frozenset(line for line in lines if not line.startswith("//"))
