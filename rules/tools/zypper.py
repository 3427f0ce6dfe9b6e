"""zypper, the package manager of openSUSE and SUSE."""

from __future__ import annotations

from functools import lru_cache

from rules.dockerfile import ShellCommand
from rules.patterns import regex
from rules.tools.options import Call, read_call
from rules.tools.remove import deletes

CACHE = "/var/cache/zypp"

_VALUED = frozenset(
    {
        "-c", "--config", "-R", "--root", "--installroot", "-C", "--cache-dir", "--raw-cache-dir", "--solv-cache-dir",
        "--pkg-cache-dir", "-D", "--reposd-dir", "-p", "--plus-repo", "--plus-content", "--userdata", "--releasever",
        "-r", "--repo", "--from", "-t", "--type", "--download",
    }
)  # fmt: skip
_FETCHES = frozenset(
    {
        "install", "in", "update", "up", "dist-upgrade", "dup", "patch", "source-install", "si",
        "install-new-recommends", "inr",
    }
)  # fmt: skip
# Their makers set `solver.onlyRequires` in zypp.conf: recommended packages are left out without being asked.
_LEAVES_RECOMMENDS_OUT = regex(r"^(?:docker\.io/|registry\.(?:open)?suse\.(?:org|com)/)?(?:opensuse|suse|bci)/|/bci-")


@lru_cache(maxsize=256)
def read_zypper(command: ShellCommand) -> Call | None:
    """Return the call of zypper, None for any other command."""
    return read_call(command, _VALUED) if command.name == "zypper" else None


def fetches(call: Call) -> bool:
    """Tell whether the call fetches metadata to install or upgrade packages."""
    return call.verb in _FETCHES


def is_clean(call: Call) -> bool:
    """Tell whether the call cleans something."""
    return call.verb in ("clean", "cc")


def cleans_cache(command: ShellCommand) -> bool:
    """Tell whether the command empties the whole cache; without `--all` zypper deletes packages only."""
    call = read_zypper(command)
    if call is not None:
        return is_clean(call) and call.has("-a", "--all")
    return deletes(command, CACHE)


def leaves_recommends_out(base: str) -> bool:
    """Tell whether a base image is configured to install no recommended packages."""
    return _LEAVES_RECOMMENDS_OUT.search(base) is not None
