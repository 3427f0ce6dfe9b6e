"""What a container of an image runs: ENTRYPOINT and CMD, as far as the Dockerfile says it."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

from rules.dockerfile import Dockerfile, Instruction, SourceMap, Stage
from rules.dockerfile.shell import parse_script

_NOWHERE = SourceMap((0,), (0,))  # only the words count


class Program(NamedTuple):
    """The words of ENTRYPOINT and of CMD, each of its command where it is one simple command; None where unclear."""

    entrypoint: Instruction | None
    command: Instruction | None

    @property
    def words(self) -> tuple[str, ...] | None:
        """Return the words of what runs; None where it is more than one command, or no instruction says it."""
        found: tuple[str, ...] = ()
        for each in (self.entrypoint, self.command):
            if each is None:
                continue
            words = _words(each)
            if words is None:
                return None
            found += words
            if each is self.entrypoint and each.exec_words is None:
                break  # the shell form ignores CMD
        return found or None


def read_program(dockerfile: Dockerfile, stage: Stage) -> Program:
    """Return what a container of `stage` runs: the last ENTRYPOINT and the last CMD of its lineage."""
    return _read_program(dockerfile, stage.index)


@lru_cache(maxsize=64)
def _read_program(dockerfile: Dockerfile, index: int) -> Program:
    entrypoint: Instruction | None = None
    command: Instruction | None = None
    for _, each in dockerfile.lineage(dockerfile.stages[index]):
        if each.keyword == "ENTRYPOINT":
            entrypoint = each
        elif each.keyword == "CMD":
            command = each
    return Program(entrypoint, command)


def _words(each: Instruction) -> tuple[str, ...] | None:
    if each.exec_words is not None:
        words = tuple(word.text for word in each.exec_words)
        if (
            len(words) == 3
            and words[0].rpartition("/")[2] in ("sh", "bash", "dash", "ash")
            and words[1] in ("-c", "-lc")
        ):
            return _shell_words(words[2])
        return words
    return _shell_words(each.arguments)


def _shell_words(text: str) -> tuple[str, ...] | None:
    script = parse_script(text, _NOWHERE)
    commands = script.commands
    if not script.parsed or len(commands) != 1 or len(script.statements) != 1:
        return None
    return commands[0].texts


def leaf_of(dockerfile: Dockerfile, stage: Stage) -> Stage:
    """Return the last stage that is built from `stage`, itself where there is none."""
    children = dockerfile.children(stage)
    return children[-1] if children else stage
