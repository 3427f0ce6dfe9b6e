"""Colours, where a terminal shows them."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import NamedTuple, TextIO

_CODES = {"bold": "1", "dim": "2", "red": "31", "green": "32", "yellow": "33", "cyan": "36"}


class Paint(NamedTuple):
    """Puts colours around text, or leaves it as it is."""

    is_on: bool

    def __call__(self, style: str, text: str) -> str:
        """Return `text` in one of the styles."""
        return f"\x1b[{_CODES[style]}m{text}\x1b[0m" if self.is_on and text else text


PLAIN = Paint(False)


def paint_for(out: TextIO, environ: Mapping[str, str] = os.environ) -> Paint:
    """Return colours for a terminal; NO_COLOR (https://no-color.org) turns them off, FORCE_COLOR on."""
    if environ.get("NO_COLOR"):
        return PLAIN
    if environ.get("FORCE_COLOR"):
        return Paint(True)
    return Paint(out.isatty() and environ.get("TERM") != "dumb")
