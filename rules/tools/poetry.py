"""poetry and pipenv, and where they keep what they download."""

from __future__ import annotations

from functools import lru_cache

from rules.dockerfile import Scope, ShellCommand
from rules.tools.home import home
from rules.tools.options import Call, read_call
from rules.tools.pip import is_python
from rules.tools.remove import removed_words

_POETRY_VALUED = frozenset(
    {"-C", "--directory", "-P", "--project", "-E", "--extras", "--with", "--without", "--only", "-G", "--group"}
)
_PIPENV_VALUED = frozenset(
    {
        "--python", "--categories", "-r", "--requirements", "-i", "--index", "--pypi-mirror", "--extra-pip-args", "-e",
        "--editable", "--extras",
    }
)  # fmt: skip


@lru_cache(maxsize=256)
def read_poetry(command: ShellCommand) -> Call | None:
    """Return the call of poetry, also as `python -m poetry` or below any directory."""
    return _read(command, "poetry", _POETRY_VALUED)


@lru_cache(maxsize=256)
def read_pipenv(command: ShellCommand) -> Call | None:
    """Return the call of pipenv, also as `python -m pipenv` or below any directory."""
    return _read(command, "pipenv", _PIPENV_VALUED)


def _read(command: ShellCommand, program: str, valued: frozenset[str]) -> Call | None:
    if not command.words:
        return None
    if command.words[0].text.rpartition("/")[2].strip("\"'") == program:
        return read_call(command, valued)
    if is_python(command.name) and command.texts[1:3] == ("-m", program):
        return read_call(command, valued, 3)
    return None


def poetry_cache(scope: Scope) -> str:
    """Return where poetry keeps its cache."""
    own = scope.variable("POETRY_CACHE_DIR")
    if own:
        return own
    shared = scope.variable("XDG_CACHE_HOME")
    return f"{shared}/pypoetry" if shared else f"{home(scope)}/.cache/pypoetry"


def deletes_cache(command: ShellCommand, *names: str) -> bool:
    """Tell whether a command deletes a cache that one of `names` is part of, or may."""
    return any(
        not word.literal
        or ".cache" in word.text
        or any(name in word.text for name in names)
        or word.text.rstrip("/*") in ("/root", "~", "/tmp")  # noqa: S108 - a path in an image
        for word in removed_words(command)
    )
