"""Text -> Dockerfile. The only importer of dockerfile_parse.

dockerfile_parse reads one line at a time and is misled by here-documents, blank lines inside a continuation, a
trailing escape, a byte order mark and its own `# escape=`. So the text is healed first: every instruction is joined
into one line as BuildKit's parser joins it (frontend/dockerfile/parser/parser.go), and only then handed over.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator, Mapping
from dataclasses import replace
from io import BytesIO
from itertools import islice

from dockerfile_parse import DockerfileParser
from dockerfile_parse.parser import image_from

from rules.dockerfile.kept import Kept, find_kept, restack
from rules.dockerfile.model import DEFAULT_SHELL, Dockerfile, DockerfileError, Flag, Instruction, Scope, Stage
from rules.dockerfile.scan import SPACE, Joined, Scanner, split_keyword
from rules.dockerfile.source import SourceMap, Span
from rules.dockerfile.words import QUOTED_WORD, dequote

MAX_BYTES = 1024 * 1024
MAX_INSTRUCTIONS = 20_000
MAX_STAGES = 256
_MAX_VALUE = 10_000  # dockerfile_parse's word splitter is quadratic; longer values count as unknown.

_VARIABLE = re.compile(r"\\?\$(?:\{([A-Za-z_][A-Za-z0-9_]*)(?:(:?[-+])([^}]*))?\}|([A-Za-z_][A-Za-z0-9_]*))")
_END = "\x01"  # keeps dockerfile_parse from taking the end of a value for a continuation


def parse(text: str, like: Dockerfile | None = None) -> Dockerfile:
    """Parse the text of a Dockerfile.

    Bytes that are no UTF-8 may be passed as surrogate escapes; spans then still count characters of `text`.
    `like` is an earlier version of the file: what stands in both is not parsed as shell twice.
    Raise DockerfileError for what BuildKit's parser refuses and for what is no Dockerfile at all.
    """
    _refuse_what_is_no_text(text)
    kept = find_kept(text, like) if like is not None else None
    if like is not None and kept is not None:
        return _parse_difference(text, like, kept)
    scanner = Scanner(text)
    joined = list(islice(scanner.scan(), MAX_INSTRUCTIONS + 1))
    _refuse_number(len(joined), joined)
    instructions = tuple(_read_instructions(joined, scanner.escape, text))
    return Dockerfile(
        text=text,
        escape=scanner.escape,
        directives=scanner.directives,
        instructions=instructions,
        stages=tuple(_read_stages(instructions)),
        comments=tuple(scanner.comments),
    )


def _parse_difference(text: str, like: Dockerfile, kept: Kept) -> Dockerfile:
    """Parse what lies between the instructions that two versions share."""
    old = like.instructions
    scanner = Scanner(text)
    scanner.resume(kept.at, kept.lines, like.escape)
    joined = list(islice(scanner.scan(kept.meetings), MAX_INSTRUCTIONS + 1))
    last = kept.meetings.get(scanner.at, len(old))
    added = len(joined) - (last - kept.first)
    _refuse_number(len(old) + added, joined)
    known = {each.span.of(like.text): each for each in old[kept.first : last]}
    changed = tuple(_read_changed(joined, like.escape, text, known, kept.first))
    comments = (*(each for each in like.comments if each.line <= kept.lines), *scanner.comments)
    instructions = (*old[: kept.first], *changed)
    if last < len(old):
        chars, lines = len(text) - len(like.text), scanner.line + 1 - old[last].line
        instructions += tuple([each.shifted(added, chars, lines, text) for each in old[last:]])
        comments += tuple(each.shifted(chars, lines) for each in like.comments if each.line > old[last].line)
    stages = restack(like.stages, instructions, kept.first, last - kept.first, len(changed))
    return Dockerfile(
        text=text,
        escape=like.escape,
        directives=like.directives,
        instructions=instructions,
        stages=tuple(_read_stages(instructions)) if stages is None else stages,
        comments=comments,
    )


def _refuse_number(count: int, joined: list[Joined]) -> None:
    if not count:
        raise DockerfileError(1, "no instruction in it")
    if count > MAX_INSTRUCTIONS:
        raise DockerfileError(joined[-1].line if joined else 1, f"more than {MAX_INSTRUCTIONS:,} instructions")


def _refuse_what_is_no_text(text: str) -> None:
    if len(text) > MAX_BYTES:
        raise DockerfileError(1, f"{len(text):,} characters; dockslim reads Dockerfiles of up to {MAX_BYTES:,}")
    nul = text.find("\0")
    if nul >= 0:
        raise DockerfileError(text.count("\n", 0, nul) + 1, "a NUL byte; the file is binary or UTF-16")


def _read_instructions(joined: list[Joined], escape: str, text: str) -> Iterator[Instruction]:
    split = [split_keyword(each.text) for each in joined]
    read = _hand_over(split, escape)
    for index, (each, (_, at, _), (keyword, value)) in enumerate(zip(joined, split, read, strict=True)):
        yield _build_instruction(index, keyword, value, at, each, escape, text)


def _read_changed(
    joined: list[Joined], escape: str, text: str, known: Mapping[str, Instruction], first: int
) -> Iterator[Instruction]:
    """Read a few instructions as `_read_instructions` would: to hand them over costs more than to read them."""
    for index, each in enumerate(joined, first):
        keyword, at, value = split_keyword(each.text)
        twin = known.get(text[each.start : each.end])
        yield _build_instruction(index, keyword.upper(), value, at, each, escape, text, twin)


def _hand_over(split: list[tuple[str, int, str]], escape: str) -> Iterator[tuple[str, str]]:
    """Have dockerfile_parse read the healed lines: one (KEYWORD, value) for each.

    Where its idea of a blank or of a comment is not Go's, the words as they are written count.
    """
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
    joined: Joined,
    escape: str,
    text: str,
    twin: Instruction | None = None,
) -> Instruction:
    lead = len(joined.text) - len(joined.text.lstrip(SPACE)) if joined.text[:1] in SPACE else 0
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
    inner_keyword, inner_at, inner_value = split_keyword(value)
    if inner_keyword.upper() == "ONBUILD":  # which BuildKit does not allow
        return instruction
    inner = joined._replace(text=value, source=source, start=source.offset(0))
    trigger = _build_instruction(index, inner_keyword.upper(), inner_value, inner_at, inner, escape, text)
    return replace(instruction, trigger=replace(trigger, deferred=True))


def _shift(source: SourceMap, by: int) -> SourceMap:
    """Return the map for the text that starts `by` characters later."""
    if by == 0:
        return source
    if len(source.joined) == 1:
        return SourceMap((0,), (source.offset(by),))
    rest = bisect_right(source.joined, by)
    joined = [start - by for start in source.joined[rest:]]
    return SourceMap((0, *joined), (source.offset(by), *source.original[rest:]))


def _read_flags(value: str, escape: str, source: SourceMap) -> tuple[tuple[Flag, ...], int]:
    """Read leading `--flags` as BuildKit's extractBuilderFlags does: quotes and escapes inside a word count."""
    if value and value[0] != "-" and value[0] not in SPACE:
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
    while at < len(value) and value[at] in SPACE:
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
        elif char in SPACE:
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
        scopes, end = _fold_scopes(body, inherited._replace(args={}), global_args)
        ends.append(end)
        yield Stage(index, name, base, instructions[start], body, parent, scopes, end)
        if name:
            names[name] = index


def _read_from(instruction: Instruction, global_args: Mapping[str, str | None]) -> tuple[str, str | None]:
    """Return the image with global ARGs filled in, and the stage name in lower case."""
    words = instruction.arguments.split()
    image, name = image_from(instruction.arguments) if len(words) > 1 else (None, None)
    if image is None:
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
            env = {**scope.env, **dict(_read_pairs(each, known))}
            return Scope(scope.shell, scope.user, scope.workdir, scope.workdir_given, env, scope.args)
        case "ARG":
            known = {**scope.args, **scope.env}
            pairs: dict[str, str | None] = {}
            for name, value in _read_pairs(each, known):
                pairs[name] = global_args.get(name) if value is None else value
            return Scope(
                scope.shell, scope.user, scope.workdir, scope.workdir_given, scope.env, {**scope.args, **pairs}
            )
        case "USER":
            user = expand(each.arguments, {**scope.args, **scope.env})
            return scope._replace(user=user if user is not None else each.arguments)
        case "SHELL":
            words = each.exec_words
            return scope._replace(shell=tuple(word.text for word in words) if words else DEFAULT_SHELL)
        case "WORKDIR":
            workdir = _join_workdir(scope, each, {**scope.args, **scope.env})
            return Scope(scope.shell, scope.user, workdir, True, scope.env, scope.args)
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
    words = [match[0] for match in QUOTED_WORD.finditer(text)]
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
    return dequote(value) if any(char in value for char in "'\"\\") else value


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
