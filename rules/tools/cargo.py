"""cargo, and where it keeps what it downloads."""

from __future__ import annotations

import re
from functools import lru_cache

from rules.dockerfile import Instruction, Scope, ShellCommand
from rules.patterns import regex
from rules.tools.home import first_set, home
from rules.tools.options import Call, read_call

_VALUED = frozenset(
    {
        "--version",
        "--vers",
        "--git",
        "--branch",
        "--tag",
        "--rev",
        "--path",
        "--root",
        "-F",
        "--features",
        "--target",
        "-j",
    }
)
_ASIDE = frozenset({"install", "uninstall", "search", "help", ""})
_STARTS_CARGO = regex(r"(?:^|[\s\"'/;&|(])(?:cargo|trunk|wasm-pack|cross)(?:[\s\"'-]|$)")


@lru_cache(maxsize=256)
def read_cargo(command: ShellCommand) -> Call | None:
    """Return the call of cargo, None for any other command; `+nightly` in front of the subcommand is skipped."""
    if command.name != "cargo":
        return None
    toolchain = len(command.words) > 1 and command.words[1].text.startswith("+")
    return read_call(command, _VALUED, 2 if toolchain else 1)


def fills_cache(command: ShellCommand) -> bool:
    """Tell whether the command installs a program from a registry or a repository."""
    call = read_cargo(command)
    return call is not None and call.verb == "install" and not call.has("--path", "--list", "--offline", "--help")


def cache_directory(scope: Scope, base: str = "rust") -> str | None:
    """Return cargo's registry, None where the file does not tell."""
    if scope.sets("CARGO_HOME"):
        own = first_set(scope, "CARGO_HOME", default="~")
        return f"{own}/registry" if own.startswith("/") else None
    # Source: the Dockerfiles of rust-lang/docker-rust say ENV CARGO_HOME=/usr/local/cargo.
    if re.search(r"(?:^|(?:^|/)library/|^docker\.io/)rust(?::|@|$)", base):
        return "/usr/local/cargo/registry"
    directory = home(scope)
    return f"{directory}/.cargo/registry" if directory.startswith("/") else None


def uses_cache(each: Instruction) -> bool:
    """Tell whether an instruction builds with cargo, or starts something that does."""
    if each.keyword in ("CMD", "ENTRYPOINT"):
        return _STARTS_CARGO.search(each.value) is not None
    if each.keyword != "RUN" or not (each.heredocs or "cargo" in each.value):
        return False
    calls = [call for call in map(read_cargo, each.commands) if call is not None]
    return not each.script.parsed or any(call.verb not in _ASIDE or call.has("--path") for call in calls)
