"""composer, and where it keeps its cache."""

from __future__ import annotations

from functools import lru_cache

from rules.dockerfile import Scope, ShellCommand
from rules.tools.home import first_set, home
from rules.tools.options import Call, read_call

_VALUED = frozenset(
    {"-d", "--working-dir", "--prefer-install", "--repository", "--stability", "-s", "--ignore-platform-req"}
)
_DOWNLOADS = frozenset({"install", "i", "update", "u", "upgrade", "require", "r", "create-project"})
_NAMES = frozenset({"composer", "composer.phar"})


@lru_cache(maxsize=256)
def read_composer(command: ShellCommand) -> Call | None:
    """Return the call of composer, also of `php composer.phar`, None for any other command."""
    if command.name in _NAMES:
        return read_call(command, _VALUED)
    if command.name.startswith("php"):
        for at, word in enumerate(command.words[1:6], 2):
            if word.text.rpartition("/")[2] in _NAMES:
                return read_call(command, _VALUED, at)
    return None


def fills_cache(command: ShellCommand) -> bool:
    """Tell whether the command downloads packages."""
    call = read_composer(command)
    if call is None or call.has("--no-cache", "--dry-run", "--help", "-h"):
        return False
    if call.verb == "global":
        return bool(call.operands) and call.operands[0].text in _DOWNLOADS
    return call.verb in _DOWNLOADS


def empties_cache(command: ShellCommand) -> bool:
    """Tell whether the command empties the cache."""
    call = read_composer(command)
    return call is not None and call.verb in ("clear-cache", "clearcache", "cc") and not call.has("--gc")


def cache_directory(scope: Scope) -> str:
    """Return where composer keeps its cache."""
    own = scope.variable("COMPOSER_HOME")
    return first_set(scope, "COMPOSER_CACHE_DIR", default=f"{own}/cache" if own else f"{home(scope)}/.composer/cache")
