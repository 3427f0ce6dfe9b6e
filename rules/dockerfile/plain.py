"""The scripts of most RUNs: lists and pipelines of plain commands, read without the grammar to what it reads."""

from __future__ import annotations

import re

from rules.dockerfile.script import Script, ShellCommand, Statement, set_options, skip_wrappers
from rules.dockerfile.source import Span, Spans
from rules.dockerfile.words import Word

_VARIABLE = r"\$(?:[A-Za-z_]\w*|\{[A-Za-z_]\w*\})"
_BARE = r"[\w./:@%+,=~*?-]++"
_PART = rf"""{_BARE}|'[^']*'|"[^"`\\$]*(?:{_VARIABLE}[^"`\\$]*)*"|{_VARIABLE}"""
_PARTS = re.compile(_PART, re.ASCII)
# A word as it stands, an operator, a word with quotes or variables, or where it ends that plain commands can be read.
_TOKEN = re.compile(
    rf"[ \t]*+(?:({_BARE})(?![^ \t;&|])|(&&|\|\||;|\|(?!&))|((?:{_PART})++)(?![^ \t;&|])|(.)|\Z)",
    re.ASCII | re.DOTALL,
)
_BARE_WORD, _OPERATOR, _WORD, _OTHER = 1, 2, 3, 4
# What makes more of a command than its words do.
_NOT_PLAIN = frozenset(
    {
        "if", "then", "elif", "else", "fi", "for", "select", "while", "until", "do", "done", "case", "esac", "function",
        "coproc", "time", "export", "declare", "typeset", "readonly", "local", "unset", "unsetenv",
    }
)  # fmt: skip


def read_plain(text: str, spans: Spans, form: str) -> Script | None:
    """Return what `text` runs, None where there is more to it than plain commands, `&&`, `||`, `;` and `|`."""
    commands: list[ShellCommand] = []
    statements: list[Statement] = []
    words: list[Word] = []
    operators: list[str] = []
    before, start = "", -1
    between = spans.between
    for found in _TOKEN.finditer(text):
        kind = found.lastindex
        if kind in (_BARE_WORD, _WORD):
            raw = found[kind]
            if not words and (raw in _NOT_PLAIN or "=" in raw):
                return None
            end = found.end()
            span = between(end - len(raw), end)
            words.append(Word(raw, span) if kind == _BARE_WORD else _read_word(raw, span))
            continue
        if kind == _OTHER or (not words and (kind == _OPERATOR or before)):
            return None
        if not words:  # behind a last `;`, or nothing at all
            break
        operator = found[_OPERATOR] or ""
        is_piped = operator == "|" or before == "|"
        program, wrappers, assignments = skip_wrappers(words)
        span = Span(words[0].span.start, words[-1].span.end)
        commands.append(
            ShellCommand(
                tuple(words[program:]),
                span,
                tuple(assignments),
                nesting=("pipeline",) if is_piped else (),
                before=before,
                statement=len(statements),
                wrappers=wrappers,
            )
        )
        words = []
        start = span.start if start < 0 else start
        if operator in ("&&", "||"):
            operators.append(operator)
        elif operator != "|":
            kind_of_last = "pipeline" if is_piped else "command"
            statements.append(Statement(Span(start, span.end), kind_of_last, tuple(reversed(operators)), operator))
            operators, start = [], -1
        before = "" if operator == ";" else operator
    if not statements:
        return None
    errexit, pipefail, unclear = set_options(commands)
    return Script(True, form, tuple(commands), tuple(statements), errexit, pipefail, errexit_changes=unclear)


def _read_word(raw: str, span: Span) -> Word:
    parts = _PARTS.findall(raw)
    quoted = any(part[0] in "'\"" for part in parts)
    if any("$" in part for part in parts if part[0] != "'"):
        return Word(raw, span, literal=False, quoted=quoted)
    return Word("".join([part[1:-1] if part[0] in "'\"" else part for part in parts]), span, quoted=quoted)
