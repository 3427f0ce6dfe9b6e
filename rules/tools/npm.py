"""npm, and where it keeps its cache."""

from __future__ import annotations

from functools import lru_cache

from rules.dockerfile import Scope, ShellCommand
from rules.tools.home import first_set, home
from rules.tools.options import Call, read_call

# Source: npm's documentation of its configuration; every other option takes `=` or is a switch.
_VALUED = frozenset(
    {
        "--registry", "--prefix", "-C", "--loglevel", "--cache", "--userconfig", "--globalconfig", "--tag", "--omit",
        "--include", "-w", "--workspace", "--only", "--fetch-timeout", "--fetch-retries", "--maxsockets", "--cafile",
        "--proxy", "--https-proxy", "--noproxy", "--install-strategy", "--arch", "--target", "--target_arch",
        "--network-timeout", "--python", "--before", "--script-shell", "--scope", "--node-gyp",
    }
)  # fmt: skip
# Source: the list of commands and aliases in npm's lib/utils/cmd-list.js.
INSTALLS = frozenset({"install", "i", "in", "ins", "inst", "isntall", "add", "ci", "clean-install", "update", "up"})


@lru_cache(maxsize=256)
def read_npm(command: ShellCommand) -> Call | None:
    """Return the call of npm, None for any other command."""
    return read_call(command, _VALUED) if command.name == "npm" else None


def fills_cache(command: ShellCommand) -> bool:
    """Tell whether the command downloads packages."""
    call = read_npm(command)
    if call is None or call.verb not in INSTALLS:
        return False
    return not call.has("--cache", "--offline", "--dry-run", "--package-lock-only", "--help", "-h")


def empties_cache(command: ShellCommand) -> bool:
    """Tell whether the command empties the cache."""
    call = read_npm(command)
    if call is None or call.verb != "cache" or not call.operands:
        return False
    return call.operands[0].text in ("clean", "clear", "rm", "remove")


def cache_directory(scope: Scope) -> str:
    """Return where npm keeps its cache."""
    return first_set(scope, "npm_config_cache", "NPM_CONFIG_CACHE", default=f"{home(scope)}/.npm")
