"""What Python packages a RUN names: on the command line, and in the requirements files that are known."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

from rules.dockerfile import Dockerfile, Instruction, ShellCommand, Stage, Word
from rules.patterns import regex
from rules.runs import Run
from rules.surroundings import Context
from rules.tools import pip, uv
from rules.tools.options import Call

# A name, extras, then a version or the end; paths, addresses and variables are none.
_REQUIREMENT = regex(r"([A-Za-z0-9][A-Za-z0-9._-]*)(?:\[[\w, .-]*\])?\s*(?:[=<>!~;@].*)?", re.DOTALL)
_SEPARATORS = regex(r"[-_.]+")
_ATTACHED = regex(r"-r[^-]")
_FILE_OPTIONS = ("-r", "--requirement", "--requirements")


_CHOOSING_OPTIONS = (
    "-i", "--index-url", "--extra-index-url", "-f", "--find-links", "--index", "--default-index", "--no-index", "-c",
    "--constraint", "--constraints", "--override", "--overrides", "--no-binary", "--only-binary",
)  # fmt: skip
_CHOOSING_VARIABLES = (
    "PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "PIP_FIND_LINKS", "PIP_NO_INDEX", "PIP_CONSTRAINT", "PIP_CONFIG_FILE",
    "UV_INDEX_URL", "UV_INDEX", "UV_EXTRA_INDEX_URL", "UV_DEFAULT_INDEX", "UV_FIND_LINKS", "UV_NO_INDEX",
    "UV_CONSTRAINT", "UV_OVERRIDE",
)  # fmt: skip


class Requirement(NamedTuple):
    """One package that a command asks for: `word` is what says so, the package itself or the file that lists it."""

    name: str
    text: str
    command: ShellCommand
    word: Word
    file: str = ""


class Required(NamedTuple):
    """What Python packages the RUNs of a stage, of those below it and of those built from it ask for.

    `is_all` tells that nothing else is installed: no command reads a file that is not known, a path or an address.
    """

    found: tuple[tuple[Instruction, Requirement], ...]
    is_all: bool

    def names(self) -> frozenset[str]:
        """Return the names of all packages."""
        return frozenset(each.name for _, each in self.found)


def required(dockerfile: Dockerfile, stage: Stage, context: Context | None) -> Required:
    """Go through all that a stage is made of and all that is built from it."""
    return _required(dockerfile, stage.index, context)


@lru_cache(maxsize=8)
def _required(dockerfile: Dockerfile, index: int, context: Context | None) -> Required:
    stage = dockerfile.stages[index]
    found: list[tuple[Instruction, Requirement]] = []
    is_all = True
    children = {child.index for child in dockerfile.children(stage)}
    above = (each for owner, each in dockerfile.after(stage, stage.start) if owner.index in children)
    for each in (*(each for _, each in dockerfile.lineage(stage)), *above):
        if each.keyword == "ONBUILD":
            is_all = False
        elif each.keyword == "RUN" and (each.heredocs or _INSTALLER.search(each.value)):
            found += ((each, one) for one in named(each, context))
            is_all = is_all and each.script.parsed and all(_is_clear(one, context) for one in each.commands)
    return Required(tuple(found), is_all)


_INSTALLER = regex(r"pip|\buv\b|poetry|pdm|conda|mamba|setup\.py|easy_install|\.sh\b|\./")
_OTHER_INSTALLERS = frozenset(
    {"poetry", "pipenv", "pdm", "conda", "mamba", "micromamba", "easy_install", "xargs", "sh", "bash", "make"}
)


def _is_clear(command: ShellCommand, context: Context | None) -> bool:
    """Tell whether a command installs nothing, or packages whose names are known."""
    if not command.words or not command.words[0].literal or command.words[0].text.startswith("./"):
        return False
    call = read_install(command)
    if call is None:
        other = uv.read_uv(command)
        return (
            command.name not in _OTHER_INSTALLERS
            and not command.name.endswith(".sh")
            and "setup.py" not in command.texts
            and (other is None or other.verb in ("venv", "python", "cache", "pip"))
        )
    if (
        call.verb == "add"
        or call.has("-e", "--editable")
        or not all(word.literal and name_of(word.text) for word in call.operands[_ahead(call) :])
    ):
        return False
    return all(_is_listed_fully(word.text, context) for word in files(command))


def _ahead(call: Call) -> int:
    """Return how many operands are words of the subcommand: `install` of `uv pip install`."""
    return 1 if call.verb == "pip" else 0


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
        for word in call.operands[_ahead(call) :]:
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


def is_chosen_elsewhere(run: Run, install: ShellCommand) -> bool:
    """Tell whether an index, wheels or constraints that nobody sees here decide which distribution is taken."""
    if install.has_flag(*_CHOOSING_OPTIONS) or any(map(run.scope.sets, _CHOOSING_VARIABLES)):
        return True
    names = {name for command in run.commands for name, _ in command.assignments}
    return not names.isdisjoint(_CHOOSING_VARIABLES) or _configures(run.instruction) or run.is_preceded_by(_configures)


def _configures(each: Instruction) -> bool:
    value = each.value
    return any(text in value for text in ("pip.conf", "pip.ini", "pip config", "pip3 config", "uv.toml"))


def name_of(requirement: str) -> str:
    """Return the normalised name of a requirement, empty where it is none."""
    match = _REQUIREMENT.fullmatch(requirement) if len(requirement) < 300 else None
    return _SEPARATORS.sub("-", match[1]).lower() if match and not match[1].endswith((".whl", ".gz", ".zip")) else ""


def _listed(path: str, context: Context | None) -> Iterator[tuple[str, str]]:
    """Yield name and text of each line of the one known file that `path` can be."""
    text = text_of(path, context)
    if text is not None:
        yield from _lines(text)


def _is_listed_fully(path: str, context: Context | None) -> bool:
    """Tell whether a requirements file is known and each line of it names a package, or a place to look."""
    text = text_of(path, context)
    return text is not None and all(
        not bare or name_of(bare) or bare.startswith(("--index-url", "--extra-index-url", "--find-links", "-i ", "-f "))
        for bare in (line.partition("#")[0].strip() for line in text.splitlines())
    )


def text_of(path: str, context: Context | None) -> str | None:
    """Return the text of the one known file that `-r path` can mean."""
    if context is None:
        return None
    base = path.rpartition("/")[2].rpartition("=")[2].removeprefix("-r")
    found = [text for name, text in context.texts.items() if name.rpartition("/")[2] == base]
    return found[0] if len(found) == 1 else None


@lru_cache(maxsize=16)
def _lines(text: str) -> tuple[tuple[str, str], ...]:
    lines = (line.partition("#")[0].strip() for line in text.splitlines()[:2000])
    return tuple((name, line) for line in lines if (name := name_of(line)))
