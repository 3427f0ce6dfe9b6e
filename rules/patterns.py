"""Regular expressions that are compiled when they are asked for the first time.

All rules together hold hundreds, and one file needs few of them: to compile them all takes a fifth of a cold start.
"""

from __future__ import annotations

import re
from typing import cast


def regex(text: str, flags: int = 0) -> re.Pattern[str]:
    """Return what `re.compile` does, compiled when it is used."""
    return cast("re.Pattern[str]", _Pattern(text, flags))


class _Pattern:
    def __init__(self, text: str, flags: int) -> None:
        self._text, self._flags = text, flags

    def __getattr__(self, name: str) -> object:
        found = self.__dict__[name] = getattr(re.compile(self._text, self._flags), name)
        return found
