"""What package managers put in and take out again, by name."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from rules.dockerfile import ShellCommand
from rules.patterns import regex
from rules.tools import apk, apt, pip
from rules.tools.options import Call, read_call

REMOVERS = ("purge", "remove", " del ", "erase", "uninstall", "prune")
_RPM = frozenset({"yum", "dnf", "dnf5", "microdnf", "zypper"})
_RPM_VALUED = frozenset(
    {"-c", "--config", "-x", "--exclude", "--enablerepo", "--disablerepo", "--setopt", "--releasever"}
)
_NPM_VALUED = frozenset({"--prefix", "-C", "--registry", "--cache", "--loglevel"})
_VERSION = regex(r"[=<>~@:/\[].*", re.DOTALL)
_NODE = frozenset({"npm", "pnpm"})


class Names(NamedTuple):
    """Packages of one family that a command installs or removes; `names` may hold globs where it removes."""

    family: str
    names: tuple[str, ...]


def installed(command: ShellCommand) -> Iterator[Names]:
    """Yield what a command installs, names of apk's virtual packages among it."""
    found = _call(command)
    if found is None:
        return
    family, call = found
    operands = tuple(_name(word.text) for word in call.operands)
    if family == "apk" and call.verb == "add":
        yield Names(family, (*operands, *_virtual(call)))
    elif family == "npm" and call.verb in ("install", "i", "ci", "add"):
        if not call.operands and not call.has("--production", "--omit", "--only", "-g", "--global", "--prod"):
            yield Names(family, ("development dependencies",))
    elif family in ("apt", "rpm", "pip") and call.verb in ("install", "in", "groupinstall", "build-dep"):
        yield Names(family, operands)


def removed(command: ShellCommand) -> Iterator[Names]:
    """Yield what a command removes."""
    found = _call(command)
    if found is None:
        return
    family, call = found
    operands = tuple(_name(word.text) for word in call.operands)
    if family == "npm":
        if call.verb == "prune" and not call.operands:
            yield Names(family, ("development dependencies",))
    elif call.verb in _REMOVE[family]:
        yield Names(family, operands)


_REMOVE = {
    "apt": ("purge", "remove", "autoremove", "autopurge"),
    "apk": ("del",),
    "rpm": ("remove", "erase", "autoremove", "rm", "groupremove"),
    "pip": ("uninstall",),
}


def _call(command: ShellCommand) -> tuple[str, Call] | None:
    call = apt.read_apt(command)
    if call is not None:
        return "apt", call
    call = apk.read_apk(command)
    if call is not None:
        return "apk", call
    if command.name in _RPM:
        return "rpm", read_call(command, _RPM_VALUED)
    if command.name in _NODE:
        return "npm", read_call(command, _NPM_VALUED)
    call = pip.read_pip(command)
    return ("pip", call) if call is not None else None


def _virtual(call: Call) -> Iterator[str]:
    words = call.command.arguments
    for at, word in enumerate(words):
        if word.text in ("--virtual", "-t") and at + 1 < len(words):
            yield words[at + 1].text
        elif word.text.startswith("--virtual="):
            yield word.text.partition("=")[2]


def _name(text: str) -> str:
    return text if "$" in text else _VERSION.sub("", text)
