"""What a Dockerfile is made of, each part with its exact place in the text it was read from."""

from __future__ import annotations

import posixpath
import re
from bisect import bisect_right
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from rules.dockerfile.once import once
from rules.dockerfile.script import NOTHING_READ, Script, ShellCommand
from rules.dockerfile.shell import parse_script
from rules.dockerfile.source import SourceMap, Span
from rules.dockerfile.words import Word, parse_exec, split_words

POSIX_SHELLS = frozenset({"sh", "bash", "dash", "ash", "zsh", "ksh", "mksh"})
_PLAIN_OPTION = re.compile(r"-[euxvlc]*o?c?|pipefail|errexit|nounset")
DEFAULT_SHELL = ("/bin/sh", "-c")
_NOTHING: Mapping[str, str | None] = {}


class DockerfileError(ValueError):
    """Say that a text is no Dockerfile: `line` is 1-based, `reason` is one sentence without a full stop."""

    def __init__(self, line: int, reason: str) -> None:
        super().__init__(f"line {line}: {reason}")
        self.line = line
        self.reason = reason


class Comment(NamedTuple):
    """One whole comment line, `text` without its hash and surrounding blanks; lines are 1-based."""

    line: int
    text: str
    span: Span

    def shifted(self, chars: int, lines: int) -> Comment:
        """Return the same comment, found further on in another text."""
        return Comment(self.line + lines, self.text, self.span.shifted(chars))


class Flag(NamedTuple):
    """`--name` or `--name=value` between the keyword and the arguments of an instruction."""

    name: str
    value: str | None
    span: Span

    def shifted(self, chars: int) -> Flag:
        """Return the same flag, found `chars` further on in another text."""
        return Flag(self.name, self.value, self.span.shifted(chars))


class Mount(NamedTuple):
    """One `RUN --mount=...`: `target` is the path in the build container, None when the type implies it."""

    type: str
    target: str | None
    options: Mapping[str, str]
    span: Span

    def covers(self, path: str) -> bool:
        """Tell whether `path` lies on this mount, so that what is written there stays out of the layer."""
        if self.target is None or self.type not in ("cache", "tmpfs"):
            return False
        target = posixpath.normpath(self.target)
        path = posixpath.normpath(path)
        return path == target or path.startswith(target.rstrip("/") + "/")


class Heredoc(NamedTuple):
    """One here-document: `body` spans the lines between the opener and its terminator."""

    name: str
    body: Span
    strips_tabs: bool
    expands: bool

    def shifted(self, chars: int) -> Heredoc:
        """Return the same here-document, found `chars` further on in another text."""
        return Heredoc(self.name, self.body.shifted(chars), self.strips_tabs, self.expands)


@dataclass(frozen=True, init=False)
class Instruction:
    """One instruction; `line` and `end_line` are 1-based and inclusive, `text[span]` is its source.

    `value` is everything behind the keyword with continuations and comments taken out; `source` maps its
    offsets back into the text. `arguments_start` is where, in `value`, the flags end.
    """

    index: int
    keyword: str
    line: int
    end_line: int
    span: Span
    keyword_span: Span
    value: str
    source: SourceMap
    flags: tuple[Flag, ...]
    arguments_start: int
    heredocs: tuple[Heredoc, ...] = ()
    trigger: Instruction | None = None
    """For ONBUILD: the instruction that it defers to the child build."""
    deferred: bool = False
    """Whether this instruction is the trigger of an ONBUILD."""
    document: str = field(default="", repr=False, compare=False)
    twin: Instruction | None = field(default=None, repr=False, compare=False)
    """The same instruction, letter for letter, in another text: what was read of it there need not be read again."""

    def __init__(
        self,
        index: int,
        keyword: str,
        line: int,
        end_line: int,
        span: Span,
        keyword_span: Span,
        value: str,
        source: SourceMap,
        flags: tuple[Flag, ...],
        arguments_start: int,
        heredocs: tuple[Heredoc, ...] = (),
        trigger: Instruction | None = None,
        deferred: bool = False,
        document: str = "",
        twin: Instruction | None = None,
    ) -> None:
        # Set at once: a frozen dataclass would make a call for each field.
        self.__dict__.update(
            index=index,
            keyword=keyword,
            line=line,
            end_line=end_line,
            span=span,
            keyword_span=keyword_span,
            value=value,
            source=source,
            flags=flags,
            arguments_start=arguments_start,
            heredocs=heredocs,
            trigger=trigger,
            deferred=deferred,
            document=document,
            twin=twin,
        )

    def shifted(self, places: int, chars: int, lines: int, document: str) -> Instruction:
        """Return the same instruction, found further on in another text by so many instructions, characters, lines."""
        if not (places or chars or lines):
            return self
        return Instruction(
            self.index + places,
            self.keyword,
            self.line + lines,
            self.end_line + lines,
            self.span.shifted(chars),
            self.keyword_span.shifted(chars),
            self.value,
            self.source.shifted(chars),
            tuple([each.shifted(chars) for each in self.flags]) if self.flags else (),
            self.arguments_start,
            tuple([each.shifted(chars) for each in self.heredocs]) if self.heredocs else (),
            self.trigger.shifted(places, chars, lines, document) if self.trigger is not None else None,
            self.deferred,
            document,
            self,
        )

    @property
    def arguments(self) -> str:
        """Return the value without its flags."""
        return self.value[self.arguments_start :]

    def flag(self, name: str) -> Flag | None:
        """Return the first flag called `name`, without its dashes."""
        return next((flag for flag in self.flags if flag.name == name), None)

    @once
    def mounts(self) -> tuple[Mount, ...]:
        """Return the mounts of a RUN."""
        return tuple(_read_mount(flag) for flag in self.flags if flag.name == "mount" and flag.value)

    @once
    def words(self) -> tuple[Word, ...]:
        """Return the arguments split as BuildKit does for COPY, ADD, FROM, WORKDIR: quotes respected."""
        return self.exec_words or split_words(self.value, self.arguments_start, self.source)

    @once
    def exec_words(self) -> tuple[Word, ...] | None:
        """Return the strings of the exec (JSON) form, or None in the shell form."""
        return parse_exec(self.value, self.arguments_start, self.source)

    @once
    def script(self) -> Script:
        """Return what a RUN runs; empty and not `parsed` where it is no shell that we read."""
        if self.keyword != "RUN":
            return NOTHING_READ
        if self.exec_words is not None:
            return Script.of_exec(self.exec_words)
        if self.twin is not None:
            return self.twin.script.shifted(self.span.start - self.twin.span.start)
        if self.heredocs:
            return _heredoc_script(self)
        return parse_script(self.arguments, self.source, self.arguments_start)

    @once
    def commands(self) -> tuple[ShellCommand, ...]:
        """Return the simple commands of a RUN in source order, nested ones included."""
        return self.script.commands


class Scope(NamedTuple):
    """What holds at one instruction; a value is None when it cannot be known from the file."""

    shell: tuple[str, ...] = DEFAULT_SHELL
    user: str | None = None
    """The last USER, None while the base image decides."""
    workdir: str | None = None
    workdir_given: bool = False
    """Whether a WORKDIR stands above; without one the base image decides."""
    env: Mapping[str, str | None] = _NOTHING
    args: Mapping[str, str | None] = _NOTHING

    @property
    def is_posix(self) -> bool:
        """Tell whether RUN lines are read by a shell of the Bourne family."""
        if self.shell is DEFAULT_SHELL:
            return True
        name = posixpath.basename(self.shell[0].replace("\\", "/")).lower() if self.shell else ""
        return name.removesuffix(".exe") in POSIX_SHELLS

    @property
    def expands_braces(self) -> bool:
        """Tell whether SHELL names a shell that is known to make two words of `{a,b}`."""
        return bool(self.shell) and posixpath.basename(self.shell[0]) in ("bash", "ksh", "zsh")

    @property
    def is_plain(self) -> bool:
        """Tell whether SHELL has only options whose effect is known: none that turns globbing off or reads a file."""
        return all(_PLAIN_OPTION.fullmatch(option) for option in self.shell[1:])

    @property
    def errexit(self) -> bool:
        """Tell whether SHELL itself passes `-e`, as in `["/bin/bash", "-eo", "pipefail", "-c"]`."""
        return any(_has_e(option) or option == "errexit" for option in self.shell[1:])

    def variable(self, name: str) -> str | None:
        """Return the value of an ENV or ARG where it is known."""
        return self.env[name] if name in self.env else self.args.get(name)

    def sets(self, name: str) -> bool:
        """Tell whether ENV or ARG sets `name`, with a value that is known or not."""
        return name in self.env or name in self.args


@dataclass(frozen=True, slots=True)
class Stage:
    """FROM to the next FROM. `parent` is the index of the stage that FROM names, None for an image."""

    index: int
    name: str | None
    base: str
    """The image or stage as written, global ARG defaults filled in."""
    start: Instruction
    instructions: tuple[Instruction, ...]
    """What follows FROM."""
    parent: int | None
    scopes: tuple[Scope, ...]
    """One for each of `instructions`: what holds when it runs."""
    end: Scope

    def runs(self) -> Iterator[Instruction]:
        """Yield the RUN instructions, not those behind ONBUILD."""
        return (each for each in self.instructions if each.keyword == "RUN")


@dataclass(frozen=True, eq=False)
class Dockerfile:
    """A parsed Dockerfile: `text` is exactly what was given, and every Span points into it.

    Two are equal only when they are the same one, so that what is found out about it can be kept.
    """

    text: str
    escape: str
    directives: Mapping[str, str]
    instructions: tuple[Instruction, ...]
    stages: tuple[Stage, ...]
    comments: tuple[Comment, ...]

    @once
    def _line_starts(self) -> list[int]:
        starts = [0]
        find = self.text.find
        at = find("\n")
        while at >= 0:
            starts.append(at + 1)
            at = find("\n", at + 1)
        return starts

    def line_start(self, line: int) -> int:
        """Return where a 1-based line starts; that behind the last one starts at the end."""
        return self._line_starts[line - 1] if line <= len(self._line_starts) else len(self.text)

    def position(self, offset: int) -> tuple[int, int]:
        """Return the 1-based line and column of a character offset."""
        line = bisect_right(self._line_starts, offset)
        return line, offset - self._line_starts[line - 1] + 1

    def line_span(self, first: int, last: int) -> Span:
        """Return the span of the 1-based lines `first` to `last`, without the last line's end."""
        starts = self._line_starts
        end = starts[last] - 1 if last < len(starts) else len(self.text)
        if end > starts[last - 1] and self.text[end - 1 : end] == "\r":
            end -= 1
        return Span(starts[first - 1], max(starts[first - 1], end))

    @once
    def newline(self) -> str:
        """Return the line end that the file uses, the commoner one when it mixes them."""
        crlf = self.text.count("\r\n")
        return "\r\n" if crlf * 2 > self.text.count("\n") else "\n"

    def shipped(self, targets: frozenset[str] = frozenset()) -> tuple[Stage, ...]:
        """Return the stages whose layers reach an image: the final one, `targets`, and their FROM-ancestors."""
        kept = self._shipped.get(targets)
        if kept is None:
            kept = tuple(self.stages[index] for index in sorted(self._shipped_indexes(targets)))
            self._shipped[targets] = kept
        return kept

    @once
    def _shipped(self) -> dict[frozenset[str], tuple[Stage, ...]]:
        return {}

    def _shipped_indexes(self, targets: frozenset[str]) -> set[int]:
        if not self.stages:
            return set()
        wanted = {len(self.stages) - 1}
        lowered = {target.lower() for target in targets}
        for stage in self.stages:
            if (stage.name and stage.name in lowered) or str(stage.index) in lowered:
                wanted.add(stage.index)
        reached: set[int] = set()
        for index in wanted:
            current: int | None = index
            while current is not None and current not in reached:
                reached.add(current)
                current = self.stages[current].parent
        return reached

    def children(self, stage: Stage) -> tuple[Stage, ...]:
        """Return the stages built FROM `stage`, directly or through others."""
        family = {stage.index}
        found = []
        for other in self.stages[stage.index + 1 :]:
            if other.parent in family:
                family.add(other.index)
                found.append(other)
        return tuple(found)

    def after(self, stage: Stage, instruction: Instruction) -> Iterator[tuple[Stage, Instruction]]:
        """Yield what runs on top of `instruction`: the rest of its stage, then every child stage."""
        for each in stage.instructions[max(instruction.index - stage.start.index, 0) :]:
            yield stage, each
        for child in self.children(stage):
            for each in child.instructions:
                yield child, each

    def lineage(self, stage: Stage) -> Iterator[tuple[Stage, Instruction]]:
        """Yield the instructions that a stage is made of: its ancestors' first, then its own."""
        line = [stage]
        while line[-1].parent is not None:
            line.append(self.stages[line[-1].parent])
        for each in reversed(line):
            for instruction in each.instructions:
                yield each, instruction

    def before(self, stage: Stage, instruction: Instruction) -> Iterator[tuple[Stage, Instruction]]:
        """Yield what ran below `instruction`: its ancestors' instructions first, then its own stage's."""
        return ((owner, each) for owner, each in self.lineage(stage) if each.index < instruction.index)

    def scope(self, stage: Stage, instruction: Instruction) -> Scope:
        """Return what holds when `instruction` of `stage` runs."""
        return stage.scopes[instruction.index - stage.start.index - 1]


def _read_mount(flag: Flag) -> Mount:
    options: dict[str, str] = {}
    for part in (flag.value or "").split(","):
        key, _, value = part.partition("=")
        options[key.strip().lower()] = value.strip()
    target = options.get("target") or options.get("dst") or options.get("destination")
    return Mount(options.get("type", "bind"), target, options, flag.span)


def _heredoc_script(instruction: Instruction) -> Script:
    """Read `RUN <<EOF` and `RUN bash <<EOF` as the shell script that the body is; other programs' input is not ours."""
    words = instruction.arguments.split()
    openers = [word for word in words if word.lstrip("0123456789").startswith("<<")]
    others = [word for word in words if word not in openers]
    if len(instruction.heredocs) != 1 or len(openers) != 1:
        return Script(False, "heredoc")
    body = instruction.heredocs[0].body
    text = body.of(instruction.document)
    program = others or _shebang(text)
    if program and posixpath.basename(program[0]) not in POSIX_SHELLS:
        return Script(False, "heredoc")
    if any(not word.startswith("-") for word in program[1:]):
        return Script(False, "heredoc")
    script = parse_script(text, SourceMap((0,), (body.start,)), 0, "heredoc")
    errexit = script.errexit or any(_has_e(word) for word in program[1:])
    return script._replace(errexit=errexit, own_shell=bool(program))


def _has_e(option: str) -> bool:
    return option.startswith("-") and not option.startswith("--") and "e" in option


def _shebang(text: str) -> list[str]:
    if not text.startswith("#!"):
        return []
    words = text[2 : text.find("\n")].split()
    return words[1:] if words and posixpath.basename(words[0]) == "env" else words
