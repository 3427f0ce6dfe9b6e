"""Text -> joined instructions: lines, continuations, comments, directives and here-documents as BuildKit reads them.

Source: frontend/dockerfile/parser/parser.go.
"""

from __future__ import annotations

import re
from collections.abc import Container, Iterator
from typing import NamedTuple

from rules.dockerfile.model import Comment, DockerfileError, Heredoc
from rules.dockerfile.source import SourceMap, Span

MAX_LINE_BYTES = 65535  # BuildKit reads lines with bufio.Scanner and refuses longer ones.
# What Go's unicode.IsSpace calls a space.
SPACE = "\t\n\v\f\r \x85\xa0\u1680" + "".join(map(chr, range(0x2000, 0x200B))) + "\u2028\u2029\u202f\u205f\u3000"
_DIRECTIVE = re.compile(r"([a-zA-Z][a-zA-Z0-9]*)\s*=\s*(.+?)\s*$")
_DIRECTIVES = frozenset({"syntax", "escape", "check"})
_HEREDOC_INSTRUCTIONS = frozenset({"RUN", "COPY", "ADD"})
_HEREDOC = re.compile(r"(\d*)<<(-?)\s*([^<]*)$")
_HEREDOC_WORD = re.compile(r"""(?:[^\s'"\\]|'[^']*'|"(?:[^"\\]|\\.)*"|\\.)+""", re.DOTALL)
_QUOTES = re.compile(r"""'([^']*)'|"((?:[^"\\]|\\.)*)"|\\(.)""", re.DOTALL)
_QUOTE = frozenset("'\"")
_KEYWORD_END = re.compile(r"[\t\v\f\r ]+")


class Joined(NamedTuple):
    """One instruction before it is read: its lines joined, and where they came from."""

    text: str
    source: SourceMap
    line: int
    end_line: int
    start: int
    end: int
    heredocs: tuple[Heredoc, ...] = ()


class Scanner:
    """Split a text into joined instructions, comments and directives, as BuildKit's parser does."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.escape = "\\"
        self.directives: dict[str, str] = {}
        self.comments: list[Comment] = []
        self.at = 1 if text.startswith("\ufeff") else 0
        self.line = 0
        self.directives_possible = True

    def resume(self, at: int, lines: int, escape: str) -> None:
        """Go on from the start of a line, `lines` of them before it, where no directive can stand any more."""
        self.at, self.line, self.escape = max(at, self.at), lines, escape
        self.directives_possible = False

    def scan(self, until: Container[int] = ()) -> Iterator[Joined]:
        """Yield the instructions from here to the end, or to where a line of `until` starts."""
        while self.at not in until and (bounds := self.next_line()) is not None:
            start, end = bounds
            content = self.text[start:end].lstrip(SPACE)
            start = end - len(content)
            if self.directives_possible:
                self.read_directive(content)
            if content.startswith("#"):
                self.add_comment(start, end)
                continue
            if not content:
                continue
            yield self.join(start, end)

    def next_line(self) -> tuple[int, int] | None:
        """Return the offsets of the next line without its end, and step over it."""
        if self.at >= len(self.text):
            return None
        start = self.at
        newline = self.text.find("\n", start)
        end = len(self.text) if newline < 0 else newline
        self.at = len(self.text) if newline < 0 else newline + 1
        self.line += 1
        if end - start > MAX_LINE_BYTES:
            raise DockerfileError(self.line, f"a line of more than {MAX_LINE_BYTES:,} bytes, which BuildKit refuses")
        while end > start and self.text[end - 1] == "\r":
            end -= 1
        return start, end

    def read_directive(self, content: str) -> None:
        match = _DIRECTIVE.match(content[1:].lstrip(SPACE)) if content.startswith("#") else None
        name = match[1].lower() if match else ""
        if match is None or name not in _DIRECTIVES:
            self.directives_possible = False
            return
        if name in self.directives:
            raise DockerfileError(self.line, f"a second `# {name}=` directive")
        if name == "escape":
            if match[2] not in ("\\", "`"):
                raise DockerfileError(self.line, "`# escape=` must be a backslash or a backtick")
            self.escape = match[2]
        self.directives[name] = match[2]

    def add_comment(self, start: int, end: int) -> None:
        text = self.text[start:end].lstrip(SPACE).lstrip("#").strip()
        self.comments.append(Comment(self.line, text, Span(start, end)))

    def continues(self, start: int, end: int) -> int | None:
        """Return where the escape that continues this line stands, or None."""
        stripped = end
        last = self.text[end - 1] if end > start else ""
        if last != self.escape and last not in (" ", "\t"):
            return None
        while stripped > start and self.text[stripped - 1] in " \t":
            stripped -= 1
        at = stripped - 1
        if at < start or self.text[at] != self.escape:
            return None
        if at > start and self.text[at - 1] == self.escape:
            return None
        return at

    def join(self, start: int, end: int) -> Joined:
        first_line, first = self.line, start
        if self.continues(start, end) is None:
            text = self.text[start:end]
            heredocs = tuple(self.read_heredocs(text, first_line)) if "<<" in text else ()
            source = SourceMap((0,), (start,))
            return Joined(text, source, first_line, self.line, start, self.end_of_line() if heredocs else end, heredocs)
        parts: list[str] = []
        joined_at: list[int] = []
        original_at: list[int] = []
        length = 0
        while True:
            escape = self.continues(start, end)
            stop = end if escape is None else escape
            if stop > start:
                parts.append(self.text[start:stop])
                joined_at.append(length)
                original_at.append(start)
                length += stop - start
            if escape is None:
                break
            bounds = self.next_continuation()
            if bounds is None:
                break
            start, end = bounds
        text = "".join(parts)
        source = SourceMap(tuple(joined_at) or (0,), tuple(original_at) or (first,))
        heredocs = tuple(self.read_heredocs(text, first_line)) if "<<" in text else ()
        return Joined(text, source, first_line, self.line, first, max(self.end_of_line(), first), heredocs)

    def end_of_line(self) -> int:
        """Return where the line that was read last ends, its line end left out."""
        last = self.at - 1 if self.text[self.at - 1 : self.at] == "\n" else self.at
        while last > 0 and self.text[last - 1] == "\r":
            last -= 1
        return last

    def next_continuation(self) -> tuple[int, int] | None:
        """Return the next line that is neither comment nor blank; both are dropped inside a continuation."""
        while (bounds := self.next_line()) is not None:
            start, end = bounds
            content = self.text[start:end].lstrip(SPACE)
            if content.startswith("#"):
                self.add_comment(start, end)
            elif content:
                return bounds
        return None

    def read_heredocs(self, text: str, first_line: int) -> Iterator[Heredoc]:
        keyword, _, rest = split_keyword(text)
        if keyword.upper() == "ONBUILD":
            keyword = split_keyword(rest.lstrip(SPACE))[0]
        if keyword.upper() not in _HEREDOC_INSTRUCTIONS:
            return
        # BuildKit's lexer gives up on a quote that is never closed, and then finds no here-document.
        if not _QUOTE.isdisjoint(_HEREDOC_WORD.sub("", text)):
            return
        for match in _HEREDOC_WORD.finditer(text):
            opener = _HEREDOC.match(match[0])
            if opener is None or not opener[3]:
                continue
            name = _QUOTES.sub(lambda m: m[1] or m[2] or m[3] or "", opener[3])
            yield self.read_body(name, opener[2] == "-", name == opener[3], first_line)

    def read_body(self, name: str, strips_tabs: bool, expands: bool, first_line: int) -> Heredoc:
        body = self.at
        while (bounds := self.next_line()) is not None:
            start, end = bounds
            line = self.text[start:end]
            if (line.lstrip("\t") if strips_tabs else line) == name:
                return Heredoc(name, Span(body, start), strips_tabs, expands)
        raise DockerfileError(first_line, f"the here-document {name!r} is not terminated")


def split_keyword(text: str) -> tuple[str, int, str]:
    """Return the keyword of a joined instruction, where its value starts, and the value."""
    stripped = text.strip(SPACE) if text[:1] in SPACE or text[-1] in SPACE else text
    start = len(text) - len(text.lstrip(SPACE)) if stripped is not text else 0
    match = _KEYWORD_END.search(stripped)
    if match is None:
        return stripped, start + len(stripped), ""
    return stripped[: match.start()], start + match.end(), stripped[match.end() :]
