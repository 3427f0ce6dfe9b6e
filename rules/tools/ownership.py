"""chown, chgrp and chmod: what is changed, and to what."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from rules.dockerfile import ShellCommand, Word

HINTS = ("chown ", "chmod ", "chgrp ", "chown\t", "chmod\t", '"chown"', '"chmod"')
_NAMES = frozenset({"chown", "chgrp", "chmod"})
# Options that change what is said, not what is done.
_QUIET = frozenset("vfc")
_QUIET_LONG = frozenset({"--verbose", "--silent", "--quiet", "--changes", "--preserve-root"})


class Change(NamedTuple):
    """One call: `value` is the owner or the mode, `recursion` the option that asks for the whole tree.

    `plain` says that nothing else is asked for, such as `--from` or `-h`.
    """

    command: ShellCommand
    value: Word
    paths: tuple[Word, ...]
    recursion: Word | None
    plain: bool

    @property
    def is_mode(self) -> bool:
        """Tell whether this changes modes, not owners."""
        return self.command.name == "chmod"


def read_change(command: ShellCommand) -> Change | None:
    """Return the call of chown, chgrp or chmod, None for any other command or one without operands."""
    if command.name not in _NAMES:
        return None
    operands: list[Word] = []
    recursion: Word | None = None
    plain = not command.redirects
    for word in command.arguments:
        text = word.text
        if word.literal and text == "--recursive":
            recursion = word
        elif word.literal and text.startswith("-") and len(text) > 1 and not _is_mode(command, text, operands):
            if text.startswith("--"):
                plain = plain and text in _QUIET_LONG
            else:
                recursion = word if "R" in text else recursion
                plain = plain and not set(text[1:]) - _QUIET - {"R"}
        else:
            operands.append(word)
    if len(operands) < 2:
        return None
    return Change(command, operands[0], tuple(operands[1:]), recursion, plain)


def _is_mode(command: ShellCommand, text: str, operands: list[Word]) -> bool:
    """Tell whether `-x` is a mode: `chmod -x file`."""
    return command.name == "chmod" and not operands and set(text[1:]) <= set("rwxXst")


def changes_found(command: ShellCommand) -> Iterator[Word]:
    """Yield where `find ... -exec chmod` and its like start, unless a name or a size picks single files."""
    if command.name != "find":
        return
    texts = command.texts
    if not _NAMES.intersection(texts) or any(text.startswith(("-name", "-iname", "-path", "-perm")) for text in texts):
        return
    for word in command.arguments:
        if word.text.startswith(("-", "(", "!")):
            return
        yield word
