"""conda, mamba and micromamba, and where they keep packages."""

from __future__ import annotations

from functools import lru_cache

from rules.dockerfile import ShellCommand
from rules.tools.options import Call, read_call
from rules.tools.remove import removed_words

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


@lru_cache(maxsize=512)
def read_conda(command: ShellCommand) -> Call | None:
    """Return the call of conda or one of its likes, also of one below a directory that a variable names."""
    if not command.words or program(command) not in PROGRAMS:
        return None
    return read_call(command, _VALUED)


def program(command: ShellCommand) -> str:
    """Return the name of the program, whatever stands before its last slash."""
    return command.words[0].text.rpartition("/")[2].strip("\"'")


def installs(call: Call) -> bool:
    """Tell whether a call fetches packages."""
    if call.has(*_HARMLESS):
        return False
    if call.verb == "env":
        return bool(call.operands) and call.operands[0].text in ("create", "update")
    return call.verb in _INSTALLS


def cleans(command: ShellCommand) -> bool:
    """Tell whether a command empties the package cache, or may."""
    call = read_conda(command)
    if call is not None:
        return call.verb == "clean" and call.has(*_TARGETS)
    return any(
        not word.literal or "pkgs" in word.text or "conda" in word.text or "mamba" in word.text
        for word in removed_words(command)
    )
