"""The words of a command line: which is the subcommand, which are operands."""

from __future__ import annotations

from typing import NamedTuple

from rules.dockerfile import ShellCommand, Word


class Call(NamedTuple):
    """`program [options] action [options] operands`; `action` is None when no subcommand is given."""

    command: ShellCommand
    action: Word | None
    options: tuple[str, ...]
    operands: tuple[Word, ...]

    @property
    def verb(self) -> str:
        """Return the subcommand, empty when there is none or it is not written out."""
        return self.action.text if self.action is not None and self.action.literal else ""

    def has(self, *options: str) -> bool:
        """Tell whether one of `options` is given, alone, with `=value`, or in a cluster of short ones."""
        return self.command.has_flag(*options)


def read_call(command: ShellCommand, valued: frozenset[str], start: int = 1) -> Call:
    """Split `command.words[start:]`; `valued` are the options whose value is a word of its own."""
    action: Word | None = None
    options: list[str] = []
    operands: list[Word] = []
    words = command.words[start:]
    at = 0
    only_operands = False
    while at < len(words):
        word = words[at]
        at += 1
        if word.text == "--" and not word.quoted:
            only_operands = True
        elif word.text.startswith("-") and len(word.text) > 1 and not only_operands:
            options.append(word.text)
            if word.text in valued and at < len(words):
                options.append(words[at].text)
                at += 1
        elif action is None:
            action = word
        else:
            operands.append(word)
    return Call(command, action, tuple(options), tuple(operands))
