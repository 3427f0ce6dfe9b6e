"""uv, and where it keeps its cache."""

from __future__ import annotations

from functools import lru_cache

from rules.dockerfile import Scope, ShellCommand, Word
from rules.tools.home import first_set, home
from rules.tools.options import Call, read_call
from rules.tools.pip import is_python

_VALUED = frozenset(
    {
        "-p", "--python", "-r", "--requirement", "--requirements", "-c", "--constraint", "--constraints", "--group",
        "--extra", "--project", "--directory", "--cache-dir", "--config-file", "--index", "--default-index", "-i",
        "--index-url", "--extra-index-url", "-f", "--find-links", "--index-strategy", "--link-mode", "--package",
        "--with", "--from", "-e", "--editable", "--target", "--prefix", "--no-binary", "--only-binary",
        "--no-install-package", "--no-group", "--only-group", "--resolution", "--prerelease", "--torch-backend",
        "--override", "--overrides", "--exclude-newer", "--python-version", "--python-platform", "-P", "-w", "-b",
    }
)  # fmt: skip
_PIP_VERBS = frozenset({"install", "sync"})


@lru_cache(maxsize=256)
def read_uv(command: ShellCommand) -> Call | None:
    """Return the call of uv or `python -m uv`, None for any other command."""
    if command.name == "uv":
        return read_call(command, _VALUED)
    if is_python(command.name) and command.texts[1:3] == ("-m", "uv"):
        return read_call(command, _VALUED, 3)
    return None


def installing_word(call: Call) -> Word | None:
    """Return the last word of the subcommand when it installs: `install` of `uv pip install`, `sync` of `uv sync`."""
    if call.has("-h", "--help", "--dry-run", "--offline"):
        return None
    if call.verb in ("sync", "add"):
        return call.action
    second = call.operands[0] if call.operands else None
    if second is None:
        return None
    if (call.verb == "pip" and second.text in _PIP_VERBS) or (call.verb == "tool" and second.text == "install"):
        return second
    return None


def fills_cache(command: ShellCommand) -> bool:
    """Tell whether a command downloads or builds packages and keeps them."""
    call = read_uv(command)
    if call is None or call.has("--no-cache", "-n", "--cache-dir", "--no-cache-dir") or "symlink" in command.texts:
        return False
    # Linked symbolically, the cache is what is installed.
    return installing_word(call) is not None and "--link-mode=symlink" not in command.texts


def empties_cache(command: ShellCommand) -> bool:
    """Tell whether a command is uv's own way to delete its cache."""
    call = read_uv(command)
    return (
        call is not None
        and call.verb == "cache"
        and bool(call.operands)
        and call.operands[0].text in ("clean", "prune")
    )


def cache_directory(scope: Scope) -> str:
    """Return where uv keeps its cache."""
    shared = scope.variable("XDG_CACHE_HOME")
    return first_set(scope, "UV_CACHE_DIR", default=f"{shared}/uv" if shared else f"{home(scope)}/.cache/uv")
