"""Words of instructions: split as BuildKit splits them, and the exec (JSON) form."""

from __future__ import annotations

import json
import re
from typing import NamedTuple

from rules.dockerfile.source import SourceMap, Span

QUOTED_WORD = re.compile(r"""(?:[^\s'"\\]|'[^']*'|"(?:[^"\\]|\\.)*"|\\.|['"\\])+""", re.DOTALL)
_QUOTED = re.compile(r"""'([^']*)'|"((?:[^"\\]|\\.)*)"|\\(.)|['"]""", re.DOTALL)
_ESCAPED = re.compile(r'\\(["\\`])')
_JSON_STRING = re.compile(r'"(?:[^"\\]|\\.)*"', re.DOTALL)


class Word(NamedTuple):
    """One word; `text` has its quotes and escapes removed, `literal` says that nothing in it is expanded.

    The quoting of `text` is lost: `quoted` tells whether any was there, so that a glob or `~` is plain text.
    """

    text: str
    span: Span
    literal: bool = True
    quoted: bool = False

    def shifted(self, by: int) -> Word:
        """Return the same word, found `by` characters further on in another text."""
        return Word(self.text, self.span.shifted(by), self.literal, self.quoted)

    @property
    def has_glob(self) -> bool:
        """Tell whether the shell would expand this word to file names."""
        return not self.quoted and any(char in self.text for char in "*?[")


def dequote(text: str) -> str:
    """Return a word without quotes and escapes; a quote that is never closed is left out.

    `\\$` in double quotes stays, for whoever expands variables.
    """
    return _QUOTED.sub(_unquoted, text)


def _unquoted(match: re.Match[str]) -> str:
    single, double, escaped = match.groups()
    return _ESCAPED.sub(r"\1", double) if double is not None else single or escaped or ""


def split_words(value: str, start: int, source: SourceMap) -> tuple[Word, ...]:
    """Split `value[start:]` at blanks outside quotes."""
    words = []
    for match in QUOTED_WORD.finditer(value, start):
        raw = match[0]
        quoted = "'" in raw or '"' in raw or "\\" in raw
        text = dequote(raw) if quoted else raw
        words.append(Word(text, source.span(*match.span()), "$" not in raw, quoted))
    return tuple(words)


def parse_exec(value: str, start: int, source: SourceMap) -> tuple[Word, ...] | None:
    """Read `value[start:]` as a JSON array of strings; None when it is anything else.

    Source: BuildKit falls back to the shell form whenever the array is not one of strings.
    """
    if not value.startswith("[", start):
        return None
    try:
        items = json.loads(value[start:])
    except (ValueError, RecursionError):
        return None
    if not isinstance(items, list) or not all(isinstance(item, str) for item in items):
        return None
    spans = [source.span(m.start() + 1, m.end() - 1) for m in _JSON_STRING.finditer(value, start)]
    return tuple(Word(item, span, quoted=True) for item, span in zip(items, spans, strict=True))
