"""What COPY and ADD take from the build context."""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from typing import NamedTuple

from rules.dockerfile import Dockerfile, Instruction, Stage, Word
from rules.patterns import regex

_REMOTE = regex(r"(?:https?|ftp|git|ssh)://|git@")
_KEYWORDS = ("COPY", "ADD", "copy", "add", "Copy", "Add")


class Copy(NamedTuple):
    """One COPY or ADD whose sources lie in the context."""

    stage: Stage
    instruction: Instruction
    sources: tuple[Word, ...]
    target: Word

    @property
    def broad(self) -> Word | None:
        """Return the source that takes the whole context, None where there is none or something is left out of it."""
        if self.instruction.flag("exclude") is not None:
            return None
        return next((each for each in self.sources if is_broad(each.text)), None)


def is_broad(source: str) -> bool:
    """Tell whether a source is the root of the context, or all that lies in it."""
    return posixpath.normpath("./" + source) in (".", "*")


def copies(stages: Iterable[Stage]) -> Iterator[Copy]:
    """Yield each COPY and ADD of `stages` that takes from the context, in the order of the text."""
    for stage in stages:
        for each in stage.instructions:
            copy = read_copy(stage, each) if each.keyword in ("COPY", "ADD") else None
            if copy is not None:
                yield copy


def read_copy(stage: Stage, instruction: Instruction) -> Copy | None:
    """Return a COPY or ADD as what it takes from the context, None where it takes nothing from it."""
    if instruction.heredocs or instruction.flag("from") is not None:
        return None
    words = instruction.words
    if len(words) < 2:
        return None
    sources = tuple(word for word in words[:-1] if not _REMOTE.match(word.text))
    return Copy(stage, instruction, sources, words[-1]) if sources else None


def first_broad(dockerfile: Dockerfile, stage: Stage) -> Copy | None:
    """Return the first COPY or ADD of a stage that takes the whole context."""
    return _broad(dockerfile).get(stage.index)


@lru_cache(maxsize=8)
def _broad(dockerfile: Dockerfile) -> Mapping[int, Copy]:
    """Find the first such COPY of each stage: several rules ask for it."""
    found: dict[int, Copy] = {}
    if says_copy(dockerfile):
        for copy in copies(dockerfile.stages):
            if copy.stage.index not in found and copy.broad is not None:
                found[copy.stage.index] = copy
    return found


def says_copy(dockerfile: Dockerfile) -> bool:
    """Tell whether a Dockerfile may have a COPY or ADD at all."""
    return any(map(dockerfile.text.__contains__, _KEYWORDS))


def takes_all(dockerfile: Dockerfile) -> bool:
    """Tell whether some stage takes the whole context."""
    return bool(_broad(dockerfile))
