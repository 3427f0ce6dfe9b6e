"""apk, the package manager of Alpine."""

from __future__ import annotations

from functools import lru_cache

from rules.dockerfile import ShellCommand
from rules.patterns import regex
from rules.tools.options import Call, read_call
from rules.tools.remove import deletes

CACHE = "/var/cache/apk"

_VALUED = frozenset(
    {
        "-X",
        "--repository",
        "-p",
        "--root",
        "-t",
        "--virtual",
        "--keys-dir",
        "--repositories-file",
        "--wait",
        "--arch",
        "--cache-dir",
        "--cache-max-age",
        "--progress-fd",
    }
)
# apk-tools got --no-cache in 2.6.4, which Alpine has from 3.3 on.
_TOO_OLD = regex(r"(?:^|/)alpine:(?:v?2\.|v?3\.[0-2](?:\.\d+)?(?:[-_]|$))")


@lru_cache(maxsize=256)
def read_apk(command: ShellCommand) -> Call | None:
    """Return the call of apk, None for any other command."""
    return read_call(command, _VALUED) if command.name == "apk" else None


def knows_no_cache(base: str) -> bool:
    """Tell whether the apk of a base image knows `--no-cache`."""
    return _TOO_OLD.search(base) is None


def fetches_index(call: Call) -> bool:
    """Tell whether the call writes a new index into the cache."""
    if call.has("--no-cache"):
        return False
    return call.verb == "update" or (
        call.verb in ("add", "upgrade", "fix") and call.has("-U", "--update-cache", "--update")
    )


def installs(call: Call) -> bool:
    """Tell whether the call installs or upgrades packages."""
    return call.verb in ("add", "upgrade")


def cleans_cache(command: ShellCommand) -> bool:
    """Tell whether the command empties the cache."""
    call = read_apk(command)
    if call is not None:
        return call.verb == "cache" and bool(call.operands) and call.operands[0].text in ("clean", "purge")
    return deletes(command, CACHE)
