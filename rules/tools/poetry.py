"""poetry and pipenv, and where they keep what they download."""

from __future__ import annotations

from functools import lru_cache

from rules.dockerfile import Scope, ShellCommand
from rules.tools.home import first_set, home
from rules.tools.options import Call, read_call
from rules.tools.pip import is_python

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


def fills_poetry_cache(command: ShellCommand) -> bool:
    """Tell whether a call of poetry downloads packages."""
    call = read_poetry(command)
    if call is None or call.has("-h", "--help", "--dry-run", "--lock", "--only-root"):
        return False
    return call.verb in ("install", "sync", "add", "update")


def fills_pipenv_cache(command: ShellCommand) -> bool:
    """Tell whether a call of pipenv downloads packages and lets pip keep them."""
    call = read_pipenv(command)
    if call is None or call.has("-h", "--help", "--extra-pip-args"):
        return False
    return call.verb in ("install", "sync", "update")


def fills_virtualenv_cache(command: ShellCommand) -> bool:
    """Tell whether a call of pipenv makes an environment, and lets virtualenv keep what it makes it from."""
    return fills_pipenv_cache(command) and not command.has_flag("--system")


def empties_pipenv_cache(command: ShellCommand) -> bool:
    """Tell whether a command is `pipenv --clear`; `pipenv install --clear` clears first and installs then."""
    call = read_pipenv(command)
    return call is not None and not call.verb and call.has("--clear")


def poetry_cache(scope: Scope) -> str:
    """Return where poetry keeps its cache."""
    return _place(scope, "POETRY_CACHE_DIR", "pypoetry")


def pipenv_cache(scope: Scope) -> str:
    """Return where pipenv keeps its cache."""
    return _place(scope, "PIPENV_CACHE_DIR", "pipenv")


def virtualenv_cache(scope: Scope) -> str:
    """Return where virtualenv keeps what it makes environments from."""
    return _place(scope, "VIRTUALENV_OVERRIDE_APP_DATA", "virtualenv")


def _place(scope: Scope, variable: str, name: str) -> str:
    shared = scope.variable("XDG_CACHE_HOME")
    return first_set(scope, variable, default=f"{shared}/{name}" if shared else f"{home(scope)}/.cache/{name}")
