"""Which packages a command installs or removes, whatever the system's package manager."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from rules.dockerfile import Scope, ShellCommand, Word
from rules.patterns import regex
from rules.tools import apk, apt, rpm, zypper
from rules.tools.options import Call

HINTS = ("apt", "apk ", "apk\t", '"apk"', "yum", "dnf", "zypper")

_INSTALLS = frozenset({"install", "add", "in", "localinstall", "groupinstall", "builddep", "build-dep"})
_REMOVES = frozenset({"remove", "purge", "autoremove", "del", "erase", "rm", "groupremove", "autopurge"})
_VARIABLE = regex(r"\$(?:\{(\w+)\}|(\w+))")
_NAME_END = regex(r"[=<>~:/@]")
_NO_NAME = ("/", "./", "http://", "https://", "@")
_LONGEST_VALUE = 8192


class Operation(NamedTuple):
    """One install or removal: `names` are the packages without version and architecture, as far as they are written."""

    command: ShellCommand
    manager: str
    removes: bool
    names: tuple[str, ...]
    virtual: str = ""
    """The name under which apk keeps the packages of this install together."""
    sweeps: bool = False
    """Whether packages that nothing needs any more go as well."""


def operations(commands: Sequence[ShellCommand], scope: Scope) -> Iterator[Operation]:
    """Yield the installs and removals of one RUN in their order; variables set in it or around it are filled in."""
    values: dict[str, str | None] = {}
    for command in commands:
        for name, value in command.assignments:
            values[name] = value
        found = _read(command)
        if found is None:
            continue
        manager, call = found
        verb, words = call.verb, call.operands
        if verb in ("group", "groups", "module") and words:
            verb, words = words[0].text, words[1:]
        if verb not in _INSTALLS and verb not in _REMOVES:
            continue
        removes = verb in _REMOVES
        virtual = _virtual(call) if manager == "apk" else ""
        names = tuple(name for word in words for name in _names(word, values, scope))
        yield Operation(command, manager, removes, names, virtual, removes and _sweeps(manager, call))


_READERS = {
    **dict.fromkeys(("apt-get", "apt", "aptitude"), ("apt", apt.read_apt)),
    "apk": ("apk", apk.read_apk),
    **dict.fromkeys(("yum", "dnf", "dnf-3", "dnf4", "dnf5", "microdnf", "tdnf"), ("rpm", rpm.read_rpm)),
    "zypper": ("zypper", zypper.read_zypper),
}


def _read(command: ShellCommand) -> tuple[str, Call] | None:
    found = _READERS.get(command.name)
    call = found[1](command) if found is not None else None
    return None if found is None or call is None else (found[0], call)


def _sweeps(manager: str, call: Call) -> bool:
    if manager == "apt":
        return call.verb in ("autoremove", "autopurge") or call.has("--auto-remove", "--autoremove")
    return manager in ("apk", "rpm") or call.has("-u", "--clean-deps")


def _virtual(call: Call) -> str:
    texts = call.command.texts
    for at, text in enumerate(texts):
        if text in ("-t", "--virtual") and at + 1 < len(texts):
            return texts[at + 1]
        if text.startswith("--virtual="):
            return text.partition("=")[2]
    return ""


def _names(word: Word, values: Mapping[str, str | None], scope: Scope) -> Iterator[str]:
    if word.literal:
        yield _bare(word.text)
        return
    match = _VARIABLE.fullmatch(word.text.strip('"'))
    if match is None:
        if "$" not in word.text[:1]:
            yield _bare(word.text.strip('"'))  # gcc-${VERSION}, curl=$CURL_VERSION
        return
    name = match[1] or match[2]
    value = values[name] if name in values else scope.variable(name)
    for part in (value or "")[:_LONGEST_VALUE].split():
        if part != "\\":
            yield _bare(part)


def _bare(text: str) -> str:
    """Return the name of a package without version, release and architecture."""
    if text.startswith(_NO_NAME):
        return text
    match = _NAME_END.search(text)
    return text if match is None else text[: match.start()]
