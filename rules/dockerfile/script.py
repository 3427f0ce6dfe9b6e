"""What a RUN runs, as values: simple commands, a Span for each word, and how they hang together."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import NamedTuple

from rules.dockerfile.once import once
from rules.dockerfile.source import Span
from rules.dockerfile.words import Word

# Commands that run the command behind their own options, unchanged.
_WRAPPERS = frozenset(
    {"sudo", "env", "command", "exec", "time", "nice", "ionice", "nohup", "eatmydata", "chronic", "builtin"}
)
_WRAPPER_OPTIONS_WITH_VALUE = frozenset({"-u", "-g", "-n", "-C", "-S", "--user", "--group"})
_ASSIGNMENT = re.compile(r"[A-Za-z_][A-Za-z0-9_]*=")
_PROGRAM = re.compile(r"[A-Za-z][\w.+-]*")


def _program(word: Word) -> str:
    """Return the program that a word names: of `$VENV/bin/pip` only the directory is unknown."""
    _, slash, name = word.text.rpartition("/")
    if word.literal:
        return name
    name = name.removesuffix('"')
    return name if slash and _PROGRAM.fullmatch(name) else ""


class Redirect(NamedTuple):
    """`>` and its like; `target` is None for descriptors and here-documents."""

    operator: str
    target: Word | None

    def shifted(self, by: int) -> Redirect:
        """Return the same redirection, found `by` characters further on in another text."""
        return self if self.target is None else Redirect(self.operator, self.target.shifted(by))


@dataclass(frozen=True, eq=False, init=False)
class ShellCommand:
    """One simple command; two are equal only when they are the same one, so that what is read of it can be kept.

    `words` starts at the program, behind assignments and wrappers such as sudo. `nesting` names what encloses it,
    outermost first. `before` is the operator between it and the command to its left in the same list.
    `statement` is the index of the top-level statement it is part of.
    """

    words: tuple[Word, ...]
    span: Span
    assignments: tuple[tuple[str, str | None], ...] = ()
    redirects: tuple[Redirect, ...] = ()
    nesting: tuple[str, ...] = ()
    before: str = ""
    statement: int = 0
    from_exec: bool = False
    wrappers: tuple[str, ...] = ()
    """What runs this command, such as sudo, outermost first."""

    name: str = ""
    """The program without its directory, empty when it is not written out."""

    def __init__(
        self,
        words: tuple[Word, ...],
        span: Span,
        assignments: tuple[tuple[str, str | None], ...] = (),
        redirects: tuple[Redirect, ...] = (),
        nesting: tuple[str, ...] = (),
        before: str = "",
        statement: int = 0,
        from_exec: bool = False,
        wrappers: tuple[str, ...] = (),
    ) -> None:
        first = words[0] if words else None
        # Set at once: a frozen dataclass would make a call for each field, and a file has hundreds of commands.
        self.__dict__.update(
            words=words,
            span=span,
            assignments=assignments,
            redirects=redirects,
            nesting=nesting,
            before=before,
            statement=statement,
            from_exec=from_exec,
            wrappers=wrappers,
            name=_program(first) if first is not None else "",
        )

    @property
    def arguments(self) -> tuple[Word, ...]:
        """Return the words behind the program."""
        return self.words[1:]

    @once
    def texts(self) -> tuple[str, ...]:
        """Return every word as text."""
        return tuple(word.text for word in self.words)

    def has_flag(self, *flags: str) -> bool:
        """Tell whether one of `flags` stands among the arguments, alone, with `=value`, or in a cluster (`-rf`)."""
        for word in self.arguments:
            text = word.text
            if not text.startswith("-"):
                continue
            for flag in flags:
                if text == flag or text.startswith(flag + "="):
                    return True
                if _is_short(flag) and _is_cluster(text) and flag[1] in text:
                    return True
        return False

    def shifted(self, by: int) -> ShellCommand:
        """Return the same command, found `by` characters further on in another text."""
        words = tuple([word.shifted(by) for word in self.words])
        redirects = tuple([each.shifted(by) for each in self.redirects]) if self.redirects else ()
        return self._with(words=words, span=self.span.shifted(by), redirects=redirects)

    def with_redirects(self, more: tuple[Redirect, ...]) -> ShellCommand:
        """Return the same command with further redirections."""
        return self._with(redirects=(*self.redirects, *more))

    def _with(self, **changes: object) -> ShellCommand:
        copy = object.__new__(ShellCommand)
        kept = self.__dict__.copy()
        kept.pop("texts", None)  # kept once they are asked for, and another command's then
        copy.__dict__.update(kept, **changes)
        return copy

    def assignment(self, name: str) -> str | None:
        """Return the value of `NAME=value` in front of the command, None when absent or not literal."""
        return next((value for key, value in self.assignments if key == name), None)


class Statement(NamedTuple):
    """One top-level statement: `operators` are the `&&` and `||` of its list, `kind` is that of its last part."""

    span: Span
    kind: str
    operators: tuple[str, ...]
    terminator: str


class Script(NamedTuple):
    """What one RUN runs. Where `parsed` is false nothing else may be relied on.

    `form` is `shell`, `exec` or `heredoc`; `errexit` tells that `set -e` stands at its start.
    """

    parsed: bool
    form: str
    commands: tuple[ShellCommand, ...] = ()
    statements: tuple[Statement, ...] = ()
    errexit: bool = False
    pipefail: bool = False
    has_comment: bool = False
    has_heredoc: bool = False
    errexit_changes: bool = False
    """Whether `set -e` or `set +e` stands anywhere but at the start."""
    functions: frozenset[str] = frozenset()
    own_shell: bool = False
    """Whether a here-document names the shell that reads it, so that the options of SHELL do not hold."""

    @staticmethod
    def of_exec(words: tuple[Word, ...]) -> Script:
        """Return the script of an exec form: one command, run without a shell."""
        if not words:
            return NOTHING_READ
        span = Span(words[0].span.start, words[-1].span.end)
        command = ShellCommand(words, span, from_exec=True)
        return Script(True, "exec", (command,), (Statement(span, "command", (), ""),))

    def shifted(self, by: int) -> Script:
        """Return the same script, found `by` characters further on in another text."""
        if by == 0:
            return self
        statements = tuple(each._replace(span=each.span.shifted(by)) for each in self.statements)
        return self._replace(commands=tuple(each.shifted(by) for each in self.commands), statements=statements)


NOTHING_READ = Script(False, "shell")


def skip_wrappers(words: list[Word]) -> tuple[int, tuple[str, ...], list[tuple[str, str | None]]]:
    """Return where the program stands, what wraps it, and the assignments that `env` or `sudo` make for it."""
    at = 0
    wrappers: list[str] = []
    moved: list[tuple[str, str | None]] = []
    while at < len(words) - 1 and words[at].literal and (name := words[at].text.rpartition("/")[2]) in _WRAPPERS:
        wrappers.append(name)
        at += 1
        while at < len(words):
            text = words[at].text
            if text in _WRAPPER_OPTIONS_WITH_VALUE:
                at += 2
            elif text.startswith("-"):
                at += 1
            elif _ASSIGNMENT.match(text):
                variable, _, value = text.partition("=")
                moved.append((variable, value if words[at].literal else None))
                at += 1
            else:
                break
    if at >= len(words):
        return 0, (), []
    return at, tuple(wrappers), moved


def set_options(commands: list[ShellCommand]) -> tuple[bool, bool, bool]:
    """Tell whether `set -e` and `set -o pipefail` hold from the start on, and whether `-e` changes anywhere later."""
    errexit = pipefail = unclear = turned_off = False
    leading = True
    for command in commands:
        if command.name != "set":
            leading = False
            unclear = unclear or command.name in ("eval", "source", ".")
            continue
        texts = [word.text for word in command.arguments]
        off = "+o" in texts or any(text.startswith("+") and "e" in text for text in texts)
        on = not off and ("errexit" in texts or any(_is_cluster(text) and "e" in text for text in texts))
        if leading and not command.nesting and not off:
            errexit = errexit or on
            pipefail = pipefail or "pipefail" in texts
        else:
            unclear = unclear or on or off
            turned_off = turned_off or off
    return errexit and not turned_off, pipefail, unclear


def _is_short(flag: str) -> bool:
    return len(flag) == 2 and flag[0] == "-" and flag[1] != "-"


def _is_cluster(text: str) -> bool:
    return len(text) > 1 and text[0] == "-" and text[1] != "-" and text[1:].isalnum()
