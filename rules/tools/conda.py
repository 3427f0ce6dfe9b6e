"""conda, mamba and micromamba, and where they keep packages."""

from __future__ import annotations

from functools import lru_cache

from rules.dockerfile import Scope, ShellCommand
from rules.tools.options import Call, read_call

PROGRAMS = frozenset({"conda", "mamba", "micromamba"})
_VALUED = frozenset(
    {
        "-n", "--name", "-p", "--prefix", "-c", "--channel", "-f", "--file", "--solver", "--platform", "--subdir",
        "--repodata-fn", "--revision", "--rc-file", "-r", "--root-prefix", "--log-level", "--experimental-solver",
        "--category", "--clone",
    }
)  # fmt: skip
_INSTALLS = frozenset({"install", "create", "update", "upgrade"})
_HARMLESS = ("-h", "--help", "-d", "--dry-run", "--offline")
# What `conda clean` must be told for it to delete packages; `-tipsy` is a cluster that old manuals name.
_TARGETS = ("-a", "--all", "-t", "--tarballs", "-p", "--packages", "-f", "--force-pkgs-dirs")


@lru_cache(maxsize=256)
def read_conda(command: ShellCommand) -> Call | None:
    """Return the call of conda or one of its likes, also of one below a directory that a variable names."""
    if not command.words or program(command) not in PROGRAMS:
        return None
    return read_call(command, _VALUED)


def program(command: ShellCommand) -> str:
    """Return the name of the program, whatever stands before its last slash."""
    return command.words[0].text.rpartition("/")[2].strip("\"'")


def fills_cache(command: ShellCommand) -> bool:
    """Tell whether a command fetches packages."""
    call = read_conda(command)
    if call is None or call.has(*_HARMLESS):
        return False
    if call.verb == "env":
        return bool(call.operands) and call.operands[0].text in ("create", "update")
    return call.verb in _INSTALLS


def empties_cache(command: ShellCommand) -> bool:
    """Tell whether a command is conda's own way to delete packages."""
    call = read_conda(command)
    return call is not None and call.verb == "clean" and call.has(*_TARGETS)


def cache_directory(scope: Scope) -> str:
    """Return where conda keeps packages, as far as images agree on it."""
    return scope.variable("CONDA_PKGS_DIRS") or "/opt/conda/pkgs"
