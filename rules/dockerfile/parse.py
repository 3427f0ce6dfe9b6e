"""Text -> Dockerfile. The only importer of dockerfile_parse.

dockerfile_parse reads one line at a time and is misled by here-documents, blank lines inside a continuation, a
trailing escape, a byte order mark and its own `# escape=`. So the text is healed first: every instruction is joined
into one line as BuildKit's parser joins it (frontend/dockerfile/parser/parser.go), and only then handed over.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from io import BytesIO
from itertools import islice

from dockerfile_parse import DockerfileParser
from dockerfile_parse.parser import image_from
from dockerfile_parse.util import WordSplitter

from rules.dockerfile.model import (
    DEFAULT_SHELL,
    Comment,
    Dockerfile,
    DockerfileError,
    Flag,
    Heredoc,
    Instruction,
    Scope,
    Stage,
)
from rules.dockerfile.source import SourceMap, Span

MAX_BYTES = 1024 * 1024
MAX_INSTRUCTIONS = 20_000
MAX_STAGES = 256
MAX_LINE_BYTES = 65535  # BuildKit reads lines with bufio.Scanner and refuses longer ones.
_MAX_VALUE = 10_000  # dockerfile_parse's word splitter is quadratic; longer values count as unknown.

# What Go's unicode.IsSpace calls a space.
_SPACE = "\t\n\v\f\r \x85\xa0\u1680" + "".join(map(chr, range(0x2000, 0x200B))) + "\u2028\u2029\u202f\u205f\u3000"
_DIRECTIVE = re.compile(r"([a-zA-Z][a-zA-Z0-9]*)\s*=\s*(.+?)\s*$")
_DIRECTIVES = frozenset({"syntax", "escape", "check"})
_HEREDOC_INSTRUCTIONS = frozenset({"RUN", "COPY", "ADD"})
_HEREDOC = re.compile(r"(\d*)<<(-?)\s*([^<]*)$")
_HEREDOC_WORD = re.compile(r"""(?:[^\s'"\\]|'[^']*'|"(?:[^"\\]|\\.)*"|\\.)+""", re.DOTALL)
_QUOTES = re.compile(r"""'([^']*)'|"((?:[^"\\]|\\.)*)"|\\(.)""", re.DOTALL)
_QUOTE = frozenset("'\"")
_KEYWORD_END = re.compile(r"[\t\v\f\r ]+")
_VARIABLE = re.compile(r"\\?\$(?:\{([A-Za-z_][A-Za-z0-9_]*)(?:(:?[-+])([^}]*))?\}|([A-Za-z_][A-Za-z0-9_]*))")
_END = "\x01"  # keeps dockerfile_parse from taking the end of a value for a continuation


@dataclass(slots=True)
class _Joined:
    """One instruction before it is read: its lines joined, and where they came from."""

    text: str
    source: SourceMap
    line: int
    end_line: int
    start: int
    end: int
    heredocs: tuple[Heredoc, ...] = ()


def parse(text: str, like: Dockerfile | None = None) -> Dockerfile:
    """Parse the text of a Dockerfile.

    Bytes that are no UTF-8 may be passed as surrogate escapes; spans then still count characters of `text`.
    `like` is an earlier version of the file: what stands in both is not parsed as shell twice.
    Raise DockerfileError for what BuildKit's parser refuses and for what is no Dockerfile at all.
    """
    _refuse_what_is_no_text(text)
    scanner = _Scanner(text)
    joined = list(islice(scanner.scan(), MAX_INSTRUCTIONS + 1))
    if not joined:
        raise DockerfileError(1, "no instruction in it")
    if len(joined) > MAX_INSTRUCTIONS:
        raise DockerfileError(joined[-1].line, f"more than {MAX_INSTRUCTIONS:,} instructions")
    previous = like if like is not None and like.escape == scanner.escape else None
    instructions = tuple(_read_instructions(joined, scanner.escape, text, previous))
    return Dockerfile(
        text=text,
        escape=scanner.escape,
        directives=scanner.directives,
        instructions=instructions,
        stages=tuple(_read_stages(instructions)),
        comments=tuple(scanner.comments),
    )


def _refuse_what_is_no_text(text: str) -> None:
    if len(text) > MAX_BYTES:
        raise DockerfileError(1, f"{len(text):,} characters; dockslim reads Dockerfiles of up to {MAX_BYTES:,}")
    nul = text.find("\0")
    if nul >= 0:
        raise DockerfileError(text.count("\n", 0, nul) + 1, "a NUL byte; the file is binary or UTF-16")


class _Scanner:
    """Split a text into joined instructions, comments and directives, as BuildKit's parser does."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.escape = "\\"
        self.directives: dict[str, str] = {}
        self.comments: list[Comment] = []
        self.at = 1 if text.startswith("\ufeff") else 0
        self.line = 0
        self.directives_possible = True

    def scan(self) -> Iterator[_Joined]:
        while (bounds := self.next_line()) is not None:
            start, end = bounds
            content = self.text[start:end].lstrip(_SPACE)
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
        match = _DIRECTIVE.match(content[1:].lstrip(_SPACE)) if content.startswith("#") else None
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
        text = self.text[start:end].lstrip(_SPACE).lstrip("#").strip()
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

    def join(self, start: int, end: int) -> _Joined:
        first_line, first = self.line, start
        if self.continues(start, end) is None:
            text = self.text[start:end]
            heredocs = tuple(self.read_heredocs(text, first_line)) if "<<" in text else ()
            source = SourceMap((0,), (start,))
            return _Joined(
                text, source, first_line, self.line, start, self.end_of_line() if heredocs else end, heredocs
            )
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
        return _Joined(text, source, first_line, self.line, first, max(self.end_of_line(), first), heredocs)

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
            content = self.text[start:end].lstrip(_SPACE)
            if content.startswith("#"):
                self.add_comment(start, end)
            elif content:
                return bounds
        return None

    def read_heredocs(self, text: str, first_line: int) -> Iterator[Heredoc]:
        keyword, _, rest = _split_keyword(text)
        if keyword.upper() == "ONBUILD":
            keyword = _split_keyword(rest.lstrip(_SPACE))[0]
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


def _split_keyword(text: str) -> tuple[str, int, str]:
    """Return the keyword of a joined instruction, where its value starts, and the value."""
    stripped = text.strip(_SPACE)
    start = len(text) - len(text.lstrip(_SPACE))
    match = _KEYWORD_END.search(stripped)
    if match is None:
        return stripped, start + len(stripped), ""
    return stripped[: match.start()], start + match.end(), stripped[match.end() :]


def _read_instructions(joined: list[_Joined], escape: str, text: str, like: Dockerfile | None) -> Iterator[Instruction]:
    known = {} if like is None else {each.span.of(like.text): each for each in like.instructions}
    old = [known.get(text[each.start : each.end]) for each in joined] if known else [None] * len(joined)
    split = [_split_keyword(each.text) for each in joined]
    read = _hand_over([part for part, twin in zip(split, old, strict=True) if twin is None], escape)
    for index, (each, (_, at, _), twin) in enumerate(zip(joined, split, old, strict=True)):
        if twin is None:
            keyword, value = next(read)
            yield _build_instruction(index, keyword, value, at, each, escape, text)
        elif (twin.index, twin.span, twin.line) == (index, (each.start, each.end), each.line):
            yield twin
        else:
            yield _build_instruction(index, twin.keyword, twin.value, at, each, escape, text, twin)


def _hand_over(split: list[tuple[str, int, str]], escape: str) -> Iterator[tuple[str, str]]:
    """Have dockerfile_parse read the healed lines: one (KEYWORD, value) for each.

    Where its idea of a blank or of a comment is not Go's, the words as they are written count.
    """
    if not split:
        return
    lines = [f"# escape={escape}\n"] if escape != "\\" else []
    first = len(lines)
    lines += [f"{keyword} {value}{_END}\n" for keyword, _, value in split]
    # It decodes strictly: a byte that is no UTF-8 goes in as "?".
    content = "".join(lines).encode("utf-8", "replace")
    structure = DockerfileParser(fileobj=BytesIO(content), env_replace=False).structure
    for (keyword, _, value), each in zip(split, structure[first:], strict=True):
        read = each["value"].removesuffix(_END)
        same = each["instruction"] == keyword.upper() and len(read) == len(value) and value.isascii()
        yield (each["instruction"], read) if same else (keyword.upper(), value)


def _build_instruction(
    index: int,
    keyword: str,
    value: str,
    at: int,
    joined: _Joined,
    escape: str,
    text: str,
    twin: Instruction | None = None,
) -> Instruction:
    lead = len(joined.text) - len(joined.text.lstrip(_SPACE))
    source = _shift(joined.source, at)
    flags, arguments_start = _read_flags(value, escape, source)
    instruction = Instruction(
        index=index,
        keyword=keyword,
        line=joined.line,
        end_line=joined.end_line,
        span=Span(joined.start, joined.end),
        keyword_span=joined.source.span(lead, lead + len(keyword)),
        value=value,
        source=source,
        flags=flags,
        arguments_start=arguments_start,
        heredocs=joined.heredocs,
        document=text,
        twin=twin,
    )
    if keyword != "ONBUILD" or not value:
        return instruction
    inner_keyword, inner_at, inner_value = _split_keyword(value)
    if inner_keyword.upper() == "ONBUILD":  # which BuildKit does not allow
        return instruction
    inner = replace(joined, text=value, source=source, start=source.offset(0))
    trigger = _build_instruction(index, inner_keyword.upper(), inner_value, inner_at, inner, escape, text)
    return replace(instruction, trigger=replace(trigger, deferred=True))


def _shift(source: SourceMap, by: int) -> SourceMap:
    """Return the map for the text that starts `by` characters later."""
    if by == 0:
        return source
    if len(source.joined) == 1:
        return SourceMap((0,), (source.offset(by),))
    keep = [i for i, start in enumerate(source.joined) if start > by]
    first = source.offset(by)
    return SourceMap((0, *(source.joined[i] - by for i in keep)), (first, *(source.original[i] for i in keep)))


def _read_flags(value: str, escape: str, source: SourceMap) -> tuple[tuple[Flag, ...], int]:
    """Read leading `--flags` as BuildKit's extractBuilderFlags does: quotes and escapes inside a word count."""
    if value and value[0] != "-" and value[0] not in _SPACE:
        return (), 0
    flags: list[Flag] = []
    at = _skip_space(value, 0)
    while value.startswith("--", at):
        start = at
        word, at = _read_flag_word(value, at, escape)
        if word == "--":
            return tuple(flags), _skip_space(value, at)
        name, equals, rest = word[2:].partition("=")
        flags.append(Flag(name, rest if equals else None, source.span(start, at)))
        at = _skip_space(value, at)
    return tuple(flags), at


def _skip_space(value: str, at: int) -> int:
    while at < len(value) and value[at] in _SPACE:
        at += 1
    return at


def _read_flag_word(value: str, at: int, escape: str) -> tuple[str, int]:
    word: list[str] = []
    quote = ""
    while at < len(value):
        char = value[at]
        if char == escape and at + 1 < len(value):
            at += 1
            word.append(value[at])
        elif quote:
            if char == quote:
                quote = ""
            else:
                word.append(char)
        elif char in _SPACE:
            break
        elif char in "'\"":
            quote = char
        else:
            word.append(char)
        at += 1
    return "".join(word), at


def _read_stages(instructions: tuple[Instruction, ...]) -> Iterator[Stage]:
    starts = [i for i, each in enumerate(instructions) if each.keyword == "FROM"]
    if len(starts) > MAX_STAGES:
        raise DockerfileError(instructions[starts[MAX_STAGES]].line, f"more than {MAX_STAGES} stages")
    preamble = instructions[: starts[0]] if starts else ()
    global_args: dict[str, str | None] = {}
    for each in preamble:
        if each.keyword == "ARG":
            global_args.update(_read_pairs(each, global_args))
    names: dict[str, int] = {}
    ends: list[Scope] = []
    for index, start in enumerate(starts):
        stop = starts[index + 1] if index + 1 < len(starts) else len(instructions)
        base, name = _read_from(instructions[start], global_args)
        parent = names.get(base.lower())
        inherited = ends[parent] if parent is not None else Scope()
        body = instructions[start + 1 : stop]
        scopes, end = _fold_scopes(body, replace(inherited, args={}), global_args)
        ends.append(end)
        yield Stage(index, name, base, instructions[start], body, parent, scopes, end)
        if name:
            names[name] = index


def _read_from(instruction: Instruction, global_args: Mapping[str, str | None]) -> tuple[str, str | None]:
    """Return the image with global ARGs filled in, and the stage name in lower case."""
    image, name = image_from(instruction.arguments) if instruction.arguments else (None, None)
    if image is None:
        words = instruction.arguments.split()
        image = words[0] if words else ""
        name = words[2] if len(words) >= 3 and words[1].lower() == "as" else None
    expanded = expand(str(image).strip("\"'"), global_args)
    return expanded if expanded is not None else str(image), str(name).lower() if name else None


def _fold_scopes(
    body: tuple[Instruction, ...], scope: Scope, global_args: Mapping[str, str | None]
) -> tuple[tuple[Scope, ...], Scope]:
    scopes: list[Scope] = []
    for each in body:
        scopes.append(scope)
        scope = _next_scope(scope, each, global_args)
    return tuple(scopes), scope


def _next_scope(scope: Scope, each: Instruction, global_args: Mapping[str, str | None]) -> Scope:
    match each.keyword:
        case "ENV":
            known = {**scope.args, **scope.env}
            return replace(scope, env={**scope.env, **dict(_read_pairs(each, known))})
        case "ARG":
            known = {**scope.args, **scope.env}
            pairs: dict[str, str | None] = {}
            for name, value in _read_pairs(each, known):
                pairs[name] = global_args.get(name) if value is None else value
            return replace(scope, args={**scope.args, **pairs})
        case "USER":
            user = expand(each.arguments, {**scope.args, **scope.env})
            return replace(scope, user=user if user is not None else each.arguments)
        case "SHELL":
            words = each.exec_words
            return replace(scope, shell=tuple(word.text for word in words) if words else DEFAULT_SHELL)
        case "WORKDIR":
            workdir = _join_workdir(scope, each, {**scope.args, **scope.env})
            return replace(scope, workdir=workdir, workdir_given=True)
        case _:
            return scope


def _join_workdir(scope: Scope, each: Instruction, known: Mapping[str, str | None]) -> str | None:
    words = each.words
    current = scope.workdir
    path = expand(words[0].text, known) if words else None
    if path is None:
        return None
    if path.startswith("/"):
        return path.rstrip("/") or "/"
    return f"{current.rstrip('/')}/{path}".rstrip("/")[:_MAX_VALUE] if current is not None else None


def _read_pairs(each: Instruction, known: Mapping[str, str | None]) -> Iterator[tuple[str, str | None]]:
    """Yield name and value of ENV and ARG; the value is None where it cannot be known."""
    text = each.arguments
    if not text or len(text) > _MAX_VALUE:
        return
    plain = "'" not in text and '"' not in text and "\\" not in text
    words = text.split() if plain else list(WordSplitter(text).split(dequote=False))
    if not words:
        return
    if "=" not in words[0] and each.keyword == "ENV":
        name, _, rest = text.partition(" ")
        yield name, _evaluate(rest.strip(), known)
        return
    for word in words:
        name, equals, value = word.partition("=")
        yield _dequote(name), _evaluate(value, known) if equals else None


def _evaluate(value: str, known: Mapping[str, str | None]) -> str | None:
    if value.startswith("'") and value.endswith("'"):
        return _dequote(value)
    return expand(_dequote(value), known) if "$" in value else _dequote(value)


def _dequote(value: str) -> str:
    return str(WordSplitter(value).dequote()) if any(char in value for char in "'\"\\") else value


def expand(text: str, known: Mapping[str, str | None]) -> str | None:
    """Fill in `$NAME`, `${NAME}`, `${NAME:-default}`, `${NAME:+other}`; None when a value is not known."""
    unknown = False

    def fill(match: re.Match[str]) -> str:
        nonlocal unknown
        if match[0].startswith("\\"):
            return match[0][1:]
        name = match[1] or match[4]
        value = known.get(name)
        operator, word = match[2], match[3] or ""
        if operator in (":-", "-") and not value:
            return word
        if operator in (":+", "+"):
            return word if value else ""
        if value is None:
            unknown = True
            return ""
        return value

    filled = _VARIABLE.sub(fill, text) if "$" in text else text
    return None if unknown or "$" in filled or len(filled) > _MAX_VALUE else filled
