"""Archives, packages and installers: which commands take something out of a file that is of no use afterwards."""

from __future__ import annotations

import re
from collections.abc import Iterator

from rules.dockerfile import ShellCommand, Word
from rules.patterns import regex
from rules.tools.pip import read_pip

SUFFIX = regex(
    r"\.(?:tar|tgz|tbz2?|txz|tlz|tzst|tar\.(?:gz|bz2|xz|zst|lz|lzma|Z)|zip|7z|rar|deb|rpm|whl|gem|apk|run|bin|bsx|cab)[\"']?$",
    re.IGNORECASE,
)
_BIG_INSTALLER = regex(r"(?:mini|ana|mamba)(?:conda|forge)\S*\.sh|\.(?:run|bin|bsx)[\"']?$|cuda_?\d", re.IGNORECASE)
_UNPACKERS = frozenset({"unzip", "7z", "7za", "7zr", "unrar", "bsdtar"})
_PACKAGERS = {
    "dpkg": ("-i", "--install", "--unpack", "-x", "--extract"),
    "rpm": ("-i", "-U", "-F", "--install", "--upgrade"),
}
_INSTALLERS = frozenset({"apt-get", "apt", "yum", "dnf", "microdnf", "zypper", "gdebi", "alien", "gem", "apk"})
_SHELLS = frozenset({"sh", "bash", "dash", "ash"})


def unpacked(command: ShellCommand) -> Iterator[Word]:
    """Yield the files, as they are written, that a command unpacks, installs or runs as an installer."""
    name = command.name
    words = command.arguments
    if name == "tar":
        if _extracts(command):
            yield from (word for word in words[1:] if _is_file(word) and word is not _after(words, "-C", "--directory"))
    elif name in _UNPACKERS:
        yield from (word for word in words if _is_file(word))
    elif name in _PACKAGERS:
        if command.has_flag(*_PACKAGERS[name]):
            yield from (word for word in words if _is_file(word))
    elif name in _INSTALLERS or read_pip(command) is not None:
        if any(word.text in ("install", "localinstall", "reinstall", "add", "in") for word in words) or name == "gdebi":
            yield from (word for word in words if _is_file(word) and not word.text.startswith("-"))
    elif name in _SHELLS:
        if words and not command.has_flag("-c"):
            file = next((word for word in words if not word.text.startswith("-")), None)
            if file is not None and _BIG_INSTALLER.search(file.text):
                yield file
    elif (
        command.words and command.words[0].text.startswith(("./", "/")) and _BIG_INSTALLER.search(command.words[0].text)
    ):
        yield command.words[0]


def _extracts(command: ShellCommand) -> bool:
    first = command.arguments[0].text if command.arguments else ""
    if not first.startswith("--") and re.fullmatch(r"-?[a-zA-Z]*x[a-zA-Z]*", first):
        return True
    return command.has_flag("-x", "--extract", "--get")


def _is_file(word: Word) -> bool:
    text = word.text.partition("=")[2] if word.text.startswith("--file=") else word.text
    return not text.startswith("-") and SUFFIX.search(text) is not None and "://" not in text


def _after(words: tuple[Word, ...], *options: str) -> Word | None:
    for at, word in enumerate(words[:-1]):
        if word.text in options:
            return words[at + 1]
    return None
