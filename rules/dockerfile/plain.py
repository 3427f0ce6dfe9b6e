"""The scripts of most RUNs: lists and pipelines of plain commands, read without the grammar to what it reads."""

from __future__ import annotations

import re
from functools import partial

from rules.dockerfile.script import Redirect, Script, ShellCommand, Statement, set_options, skip_wrappers
from rules.dockerfile.source import Span, Spans
from rules.dockerfile.words import Word

_VARIABLE = r"\$(?:[A-Za-z_]\w*|\{[A-Za-z_]\w*\})"
_BARE = r"[\w./:@%+,=~*?-]++"
_PART = rf"""{_BARE}|'[^']*'|"[^"`\\$]*(?:{_VARIABLE}[^"`\\$]*)*"|{_VARIABLE}"""
_PARTS = re.compile(_PART, re.ASCII)
# A word as it stands, an operator, a word with quotes or variables, a redirection, or where it ends that plain commands
# can be read.
_TOKEN = re.compile(
    rf"[ \t]*+(?:({_BARE})(?![^ \t;&|])|(&&|\|\||;|\|(?!&))|((?:{_PART})++)(?![^ \t;&|])"
    rf"|\d?(>>?|<|&>)[ \t]*+((?:{_PART})++)(?![^ \t;&|])|\d?(>&)(\d)(?![^ \t;&|])|(.)|\Z)",
    re.ASCII | re.DOTALL,
)
# A third of what a call of the class costs, for what there is more of than of anything else.
_make_word = partial(tuple.__new__, Word)
_BARE_WORD, _OPERATOR, _WORD, _, _FILE, _, _DESCRIPTOR, _OTHER = range(1, 9)
_ASSIGNMENT = re.compile(r"[A-Za-z_]\w*=", re.ASCII)
# What makes more of a command than its words do.
_NOT_PLAIN = frozenset(
    {
        "if", "then", "elif", "else", "fi", "for", "select", "while", "until", "do", "done", "case", "esac", "function",
        "coproc", "time", "export", "declare", "typeset", "readonly", "local", "unset", "unsetenv",
    }
)  # fmt: skip


def read_plain(text: str, spans: Spans, form: str) -> Script | None:
    """Return what `text` runs, None where there is more to it than lists of plain commands and files they write to."""
    commands: list[ShellCommand] = []
    statements: list[Statement] = []
    assigned: list[Word] = []
    words: list[Word] = []
    redirects: list[Redirect] = []
    operators: list[str] = []
    before, start = "", -1
    between = spans.between
    for found in _TOKEN.finditer(text):
        kind = found.lastindex
        if kind in (_BARE_WORD, _WORD):
            raw = found[kind]
            end = found.end()
            span = between(end - len(raw), end)
            if redirects:
                return None
            if words or not ("=" in raw or raw in _NOT_PLAIN):
                words.append(_make_word((raw, span, True, False)) if kind == _BARE_WORD else _read_word(raw, span))
            elif not _ASSIGNMENT.match(raw) or raw.count("$") > 1:  # the grammar takes `A=$B$C` for two words
                return None
            else:
                assigned.append(Word(raw, span, literal=False))
            continue
        if kind in (_FILE, _DESCRIPTOR):
            raw = found[kind]
            end = found.end()
            span = between(end - len(raw), end)
            if raw.count("$") > 1:
                return None
            redirects.append(Redirect(found[kind - 1], _read_word(raw, span)))
            continue
        operator = found[_OPERATOR] or ""
        is_piped = operator == "|" or before == "|"
        if kind == _OTHER or (redirects and (not words or operator == "|")):
            return None
        if not words and not assigned:
            if operator or before:
                return None
            break  # behind a last `;`, or nothing at all
        if not words and (is_piped or len(assigned) > 1):
            return None
        command = _make_command(assigned, words, redirects, is_piped, before, len(statements))
        commands.append(command)
        start = command.span.start if start < 0 else start
        if operator in ("&&", "||"):
            operators.append(operator)
        elif operator != "|":
            kind_of_last = "pipeline" if is_piped else "command" if words else "variable_assignment"
            statements.append(Statement(Span(start, span.end), kind_of_last, tuple(reversed(operators)), operator))
            operators, start = [], -1
        assigned, words, redirects = [], [], []
        before = "" if operator == ";" else operator
    if not statements:
        return None
    errexit, pipefail, unclear = set_options(commands)
    return Script(True, form, tuple(commands), tuple(statements), errexit, pipefail, errexit_changes=unclear)


def _make_command(
    assigned: list[Word], words: list[Word], redirects: list[Redirect], is_piped: bool, before: str, statement: int
) -> ShellCommand:
    program, wrappers, moved = skip_wrappers(words)
    return ShellCommand(
        # An assignment alone is a command of its own name, so that nothing is lost.
        tuple(words[program:] or assigned),
        Span((assigned or words)[0].span.start, (words or assigned)[-1].span.end),
        (*map(_read_assignment, assigned), *moved),
        tuple(redirects),
        ("pipeline",) if is_piped else (),
        before,
        statement,
        wrappers=wrappers,
    )


def _read_assignment(word: Word) -> tuple[str, str | None]:
    name, _, raw = word.text.partition("=")
    value = _read_word(raw, word.span)
    return name, value.text if value.literal else None


def _read_word(raw: str, span: Span) -> Word:
    parts = _PARTS.findall(raw)
    quoted = any(part[0] in "'\"" for part in parts)
    if any("$" in part for part in parts if part[0] != "'"):
        return Word(raw, span, literal=False, quoted=quoted)
    return Word("".join([part[1:-1] if part[0] in "'\"" else part for part in parts]), span, quoted=quoted)
