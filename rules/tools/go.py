"""go, and where it keeps what it downloads and compiles."""

from __future__ import annotations

from functools import lru_cache

from rules.dockerfile import Instruction, Scope, ShellCommand
from rules.patterns import regex
from rules.tools.home import home
from rules.tools.options import Call, read_call

_VALUED = frozenset(
    {"-ldflags", "-gcflags", "-asmflags", "-tags", "-mod", "-p", "-o", "-buildmode", "-installsuffix", "-C"}
)
# What neither needs the caches nor fills them.
_ASIDE = frozenset({"install", "clean", "env", "version", "help", "telemetry"})
_STARTS_GO = regex(r"(?:^|[\s\"'/;&|(])(?:go|air|gopls|dlv|reflex|gin|fresh)(?:[\s\"']|$)")


@lru_cache(maxsize=256)
def read_go(command: ShellCommand) -> Call | None:
    """Return the call of go, None for any other command."""
    return read_call(command, _VALUED) if command.name == "go" else None


def fills_cache(command: ShellCommand) -> bool:
    """Tell whether the command installs a tool of another module: `go install x@v1`."""
    call = read_go(command)
    return call is not None and call.verb == "install" and any("@" in word.text for word in call.operands)


def empties_cache(command: ShellCommand) -> bool:
    """Tell whether the command empties one of the caches: whoever does so has thought of them."""
    call = read_go(command)
    return call is not None and call.verb == "clean" and call.command.has_flag("-cache", "-modcache")


def cache_directory(scope: Scope) -> str:
    """Return where go keeps what it compiles."""
    shared = scope.variable("XDG_CACHE_HOME")
    return f"{shared or home(scope) + '/.cache'}/go-build"


def uses_caches(each: Instruction) -> bool:
    """Tell whether an instruction builds with go, or starts something that does."""
    if each.keyword in ("CMD", "ENTRYPOINT"):
        return _STARTS_GO.search(each.value) is not None
    if each.keyword != "RUN" or not (each.heredocs or "go" in each.value):
        return False
    calls = [call for call in map(read_go, each.commands) if call is not None]
    if any(call.verb not in _ASIDE for call in calls):
        return True
    return any(call.verb == "install" and not fills_cache(call.command) for call in calls) or not each.script.parsed
