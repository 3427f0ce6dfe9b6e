"""Playwright's own command, however it is run."""

from __future__ import annotations

from functools import lru_cache

from rules.dockerfile import ShellCommand
from rules.tools.options import Call, read_call
from rules.tools.pip import is_python

# What runs the program behind it, and the words between both.
_RUNNERS = {
    "npx": (), "bunx": (), "pnpx": (), "yarn": ("exec", "dlx", "run"), "pnpm": ("exec", "dlx"), "npm": ("exec",),
    "bun": ("x", "run"), "poetry": ("run",), "uv": ("run",), "uvx": (), "pipenv": ("run",), "pdm": ("run",),
    "rye": ("run",), "pipx": ("run",),
}  # fmt: skip
_VALUED = frozenset(
    {"--prefix", "-C", "--dir", "--filter", "--cwd", "--project", "--directory", "--package", "-p", "--with", "--from"}
)


@lru_cache(maxsize=256)
def read_playwright(command: ShellCommand) -> Call | None:
    """Return the call of `playwright`, also behind npx, `python -m`, `poetry run`, `uv run` and their like."""
    texts = command.texts
    at = _program_at(texts, 0)
    return None if at is None else read_call(command, frozenset(), at + 1)


def _program_at(texts: tuple[str, ...], at: int) -> int | None:
    """Return which word is the program `playwright`, None where the command is none of it."""
    if at >= len(texts):
        return None
    name = texts[at].rpartition("/")[2]
    if _is_program(name):
        return at
    if is_python(name):
        return at + 2 if texts[at + 1 : at + 2] == ("-m",) and _is_program("".join(texts[at + 2 : at + 3])) else None
    if name not in _RUNNERS:
        return None
    at += 1
    while at < len(texts) and texts[at].startswith("-"):
        at += 2 if texts[at] in _VALUED else 1
    if at < len(texts) and texts[at] in _RUNNERS[name]:
        at += 1
        while at < len(texts) and texts[at].startswith("-"):
            at += 2 if texts[at] in _VALUED else 1
    elif name in ("poetry", "uv", "pipenv", "pdm", "npm", "bun"):
        return None
    return _program_at(texts, at)


def _is_program(name: str) -> bool:
    """Tell whether a word is `playwright` or `playwright-core`, with or without a version."""
    return name.partition("@")[0] in ("playwright", "playwright-core")


def installs_dependencies(command: ShellCommand) -> bool:
    """Tell whether Playwright runs `apt-get update` and installs what its browsers need."""
    call = read_playwright(command)
    if call is None or call.has("--dry-run", "--help", "-h", "--list"):
        return False
    return call.verb == "install-deps" or (call.verb == "install" and call.has("--with-deps"))
