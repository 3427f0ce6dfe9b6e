"""What Python packages a RUN names: on the command line, and in the requirements files that are known."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

from rules.dockerfile import Instruction, ShellCommand, Word
from rules.surroundings import Context
from rules.tools import pip, uv
from rules.tools.options import Call

# A name, extras, then a version or the end; paths, addresses and variables are none.
_REQUIREMENT = re.compile(r"([A-Za-z0-9][A-Za-z0-9._-]*)(?:\[[\w, .-]*\])?\s*(?:[=<>!~;@].*)?", re.DOTALL)
_SEPARATORS = re.compile(r"[-_.]+")
_ATTACHED = re.compile(r"-r[^-]")
_FILE_OPTIONS = ("-r", "--requirement", "--requirements")


class Requirement(NamedTuple):
    """One package that a command asks for: `word` is what says so, the package itself or the file that lists it."""

    name: str
    text: str
    command: ShellCommand
    word: Word
    file: str = ""


def read_install(command: ShellCommand) -> Call | None:
    """Return a `pip install`, `uv pip install` or `uv add`; None for any other command."""
    call = pip.read_pip(command)
    if call is not None:
        return call if call.verb == "install" else None
    call = uv.read_uv(command)
    if call is not None and call.verb in ("pip", "add") and uv.installing_word(call) is not None:
        return call
    return None


def named(run: Instruction, context: Context | None = None) -> Iterator[Requirement]:
    """Yield the packages that a RUN names itself, then those of the requirements files that are known."""
    for command in run.commands:
        call = read_install(command)
        if call is None:
            continue
        for word in call.operands:
            name = name_of(word.text) if word.literal else ""
            if name:
                yield Requirement(name, word.text, command, word)
        for word in files(command):
            yield from (Requirement(name, text, command, word, word.text) for name, text in _listed(word.text, context))


def files(command: ShellCommand) -> Iterator[Word]:
    """Yield the requirements files that an install names: `-r x`, `-rx`, `--requirement=x`."""
    for at, word in enumerate(command.words):
        if word.text in _FILE_OPTIONS:
            yield from command.words[at + 1 : at + 2]
        elif word.text.startswith(("--requirement=", "--requirements=")) or _ATTACHED.match(word.text):
            yield word


def name_of(requirement: str) -> str:
    """Return the normalised name of a requirement, empty where it is none."""
    match = _REQUIREMENT.fullmatch(requirement) if len(requirement) < 300 else None
    return _SEPARATORS.sub("-", match[1]).lower() if match and not match[1].endswith((".whl", ".gz", ".zip")) else ""


def _listed(path: str, context: Context | None) -> Iterator[tuple[str, str]]:
    """Yield name and text of each line of the one known file that `path` can be."""
    if context is None:
        return
    base = path.rpartition("/")[2]
    found = [text for name, text in context.texts.items() if name.rpartition("/")[2] == base]
    if len(found) == 1:
        yield from _lines(found[0])


@lru_cache(maxsize=16)
def _lines(text: str) -> tuple[tuple[str, str], ...]:
    lines = (line.partition("#")[0].strip() for line in text.splitlines()[:2000])
    return tuple((name, line) for line in lines if (name := name_of(line)))
