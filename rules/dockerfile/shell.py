"""What a RUN runs: simple commands, a Span for each word, and how they hang together.

The grammar is tree-sitter-bash. Whatever it cannot parse without an error is left alone by every rule.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import ClassVar, NamedTuple

import tree_sitter_bash
from tree_sitter import Language, Node, Parser

from rules.dockerfile.source import SourceMap, Span
from rules.dockerfile.words import Word

_PARSER = Parser(Language(tree_sitter_bash.language()))

# No RUN of 100,000 real ones comes near; tree-sitter's error recovery is not linear in bad input.
MAX_SCRIPT_BYTES = 64 * 1024

# Commands that run the command behind their own options, unchanged.
_WRAPPERS = frozenset(
    {"sudo", "env", "command", "exec", "time", "nice", "ionice", "nohup", "eatmydata", "chronic", "builtin"}
)
_WRAPPER_OPTIONS_WITH_VALUE = frozenset({"-u", "-g", "-n", "-C", "-S", "--user", "--group"})
_ASSIGNMENT = re.compile(r"[A-Za-z_][A-Za-z0-9_]*=")
_NESTED = {
    "if_statement": "if",
    "elif_clause": "if",
    "else_clause": "if",
    "for_statement": "loop",
    "c_style_for_statement": "loop",
    "while_statement": "loop",
    "case_statement": "case",
    "subshell": "subshell",
    "compound_statement": "group",
    "function_definition": "function",
    "pipeline": "pipeline",
    "negated_command": "negation",
    "command_substitution": "substitution",
    "process_substitution": "substitution",
}
_SPINE = frozenset({"list", "redirected_statement"})
_OPERATORS = frozenset({"&&", "||"})
_REDIRECTS = frozenset({"file_redirect", "heredoc_redirect", "herestring_redirect"})
_PROGRAM = re.compile(r"[A-Za-z][\w.+-]*")
_UNESCAPE = re.compile(r"\\(.)", re.DOTALL)
_UNESCAPE_DOUBLE = re.compile(r'\\([$`"\\\n])')


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

    @cached_property
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


@dataclass(frozen=True, slots=True)
class Script:
    """What one RUN runs. Where `parsed` is false nothing else may be relied on.

    `form` is `shell`, `exec` or `heredoc`; `errexit` tells that `set -e` stands at its start.
    """

    EMPTY: ClassVar[Script]

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
            return Script.EMPTY
        span = Span(words[0].span.start, words[-1].span.end)
        command = ShellCommand(words, span, from_exec=True)
        return Script(True, "exec", (command,), (Statement(span, "command", (), ""),))

    def shifted(self, by: int) -> Script:
        """Return the same script, found `by` characters further on in another text."""
        if by == 0:
            return self
        statements = tuple(each._replace(span=each.span.shifted(by)) for each in self.statements)
        return replace(self, commands=tuple(each.shifted(by) for each in self.commands), statements=statements)


Script.EMPTY = Script(False, "shell")


def parse_script(text: str, source: SourceMap, base: int = 0, form: str = "shell") -> Script:
    """Parse shell `text`; `base` is where it starts in the joined text that `source` maps."""
    # The grammar's scanner asks the C library's isdigit() about any character, which reads beyond its table: `{` and
    # one of a high plane end the process. To a shell, all beyond ASCII is a letter like any other.
    data = text.encode("ascii", "replace")
    if len(data) > MAX_SCRIPT_BYTES:
        return Script(False, form)
    root = _PARSER.parse(data).root_node
    if root.has_error:
        return Script(False, form)
    try:
        script = _Reader(text, source, base).read(root, form)
    except RecursionError:
        return Script(False, form)
    # The grammar takes `! { a; }` for two commands, `{ a` and `}`.
    misread = any(each.words and each.words[0].text in ("{", "}") for each in script.commands)
    return Script(False, form) if misread else script


@dataclass(slots=True)
class _Context:
    nesting: tuple[str, ...]
    statement: int


class _Reader:
    """Walk one syntax tree; holds only what every step needs."""

    def __init__(self, text: str, source: SourceMap, base: int) -> None:
        self.text = text
        self.source = source
        self.base = base
        self.commands: list[ShellCommand] = []
        self.has_comment = False
        self.has_heredoc = False
        self.functions: list[str] = []
        # The piece of the source that was asked for last: the next word is nearly always in it as well.
        self.low = self.high = self.shift = 0

    def read(self, root: Node, form: str) -> Script:
        statements: list[Statement] = []
        for node in root.children:
            kind = node.type
            if kind == "comment":
                self.has_comment = True
            elif node.is_named:
                self.visit(node, _Context((), len(statements)), "")
                operators: list[str] = []
                last = _last_part(node, operators)
                statements.append(Statement(self.span(node), last, tuple(operators), ""))
            elif statements:
                previous = statements[-1]
                statements[-1] = Statement(previous.span, previous.kind, previous.operators, kind)
        errexit, pipefail, unclear = _set_options(self.commands)
        return Script(
            True,
            form,
            tuple(self.commands),
            tuple(statements),
            errexit,
            pipefail,
            self.has_comment,
            self.has_heredoc,
            errexit_changes=unclear,
            functions=frozenset(self.functions),
        )

    def span(self, node: Node) -> Span:
        return self.span_between(node.start_byte, node.end_byte)

    def span_between(self, start: int, end: int) -> Span:
        if not (self.low <= start and end <= self.high):
            piece = self.source.piece(self.base + start)
            if piece is None or end > piece[0] - self.base:
                return self.source.span(self.base + start, self.base + end)
            self.low, self.high, self.shift = start, piece[0] - self.base, self.base + piece[1]
        return Span(start + self.shift, end + self.shift)

    def raw(self, node: Node) -> str:
        return self.text[node.start_byte : node.end_byte]

    def visit(self, node: Node, context: _Context, before: str) -> None:
        kind = node.type
        if kind == "command":
            self.visit_command(node, context, before)
        elif kind in _SPINE:
            self.visit_spine(node, context, before)
        elif kind in ("declaration_command", "unset_command", "test_command", "variable_assignment"):
            self.visit_declaration(node, context, before)
        elif kind == "comment":
            self.has_comment = True
        elif kind in _NESTED:
            if kind == "function_definition":
                self.functions += [self.raw(child) for child in node.children if child.type == "word"][:1]
            self.visit_children(node, _Context((*context.nesting, _NESTED[kind]), context.statement), before)
        elif node.child_count:
            self.visit_children(node, context, before)

    def visit_children(self, node: Node, context: _Context, before: str) -> None:
        for child in node.children:
            if child.is_named:
                self.visit(child, context, before)
                before = ""
            else:
                before = child.type

    def visit_spine(self, node: Node, context: _Context, before: str) -> None:
        """Visit `a && b > x || c`, which nests to the left, without recursing once for each of its parts."""
        steps: list[Node] = []
        while node.type in _SPINE:
            steps.append(node)
            inner = next((child for child in node.children if child.type not in _REDIRECTS), None)
            if inner is None:
                break
            node = inner
        if node.type not in _SPINE:
            self.visit(node, context, before)
        for step in reversed(steps):
            if step.type == "list":
                operator = next((child.type for child in step.children if child.type in _OPERATORS), "&&")
                self.visit(step.children[-1], context, operator)
                self.has_comment = self.has_comment or any(each.type == "comment" for each in step.children)
            else:
                self.add_redirects(step, context)

    def add_redirects(self, node: Node, context: _Context) -> None:
        owner = len(self.commands) - 1
        redirects = [
            each for child in node.children if child.type in _REDIRECTS for each in self.redirects(child, context)
        ]
        if redirects and owner >= 0:
            self.commands[owner] = self.commands[owner].with_redirects(tuple(redirects))

    def redirects(self, node: Node, context: _Context) -> Iterator[Redirect]:
        if node.type == "heredoc_redirect":
            self.has_heredoc = True
            yield Redirect("<<", None)
            for child in node.children:
                if child.type in _REDIRECTS:
                    yield from self.redirects(child, context)
                elif child.type not in ("heredoc_start", "heredoc_body", "heredoc_end") and child.is_named:
                    self.visit(child, context, "&&")
            return
        operator = next((child.type for child in node.children if not child.is_named), ">")
        target = node.children[-1] if node.children and node.children[-1].is_named else None
        if target is not None:
            self.visit_substitutions(target, context)
        yield Redirect(operator, self.word(target) if target is not None else None)

    def visit_declaration(self, node: Node, context: _Context, before: str) -> None:
        """Read `export A=1`, `A=1`, `[ -f x ]` as commands of that name, so that nothing is lost."""
        words = []
        assignments = []
        for child in [node] if node.type == "variable_assignment" else node.children:
            if child.type == "variable_assignment":
                assignments.append(self.assignment(child))
            words.append(self.word(child))
            self.visit_substitutions(child, context)
        self.commands.append(
            ShellCommand(
                tuple(words), self.span(node), tuple(assignments), (), context.nesting, before, context.statement
            )
        )

    def visit_command(self, node: Node, context: _Context, before: str) -> None:
        words: list[Word] = []
        assignments: list[tuple[str, str | None]] = []
        redirects: list[Redirect] = []
        for child in node.children:
            kind = child.type
            if kind == "word":
                words.append(self.word(child, kind))
                continue
            if kind == "command_name":
                inner = child.children[0] if child.child_count else child
                words.append(self.word(inner, inner.type))
            elif kind == "variable_assignment":
                assignments.append(self.assignment(child))
            elif kind in _REDIRECTS:
                redirects.extend(self.redirects(child, context))
            else:
                words.append(self.word(child, kind))
            if child.child_count:
                self.visit_substitutions(child, context)
        program, wrappers, moved = _skip_wrappers(words)
        self.commands.append(
            ShellCommand(
                tuple(words[program:]),
                self.span(node),
                (*assignments, *moved),
                tuple(redirects),
                context.nesting,
                before,
                context.statement,
                wrappers=wrappers,
            )
        )

    def visit_substitutions(self, node: Node, context: _Context) -> None:
        for child in node.children:
            if child.type in ("command_substitution", "process_substitution"):
                self.visit(child, context, "")
            elif child.child_count:
                self.visit_substitutions(child, context)
        if node.type in ("command_substitution", "process_substitution"):
            self.visit_children(node, _Context((*context.nesting, "substitution"), context.statement), "")

    def assignment(self, node: Node) -> tuple[str, str | None]:
        name, _, _ = self.raw(node).partition("=")
        value = node.children[-1]
        if value.type == "=":
            return name, ""
        word = self.word(value)
        return name, word.text if word.literal else None

    def word(self, node: Node, kind: str = "") -> Word:
        start, end = node.start_byte, node.end_byte
        span = self.span_between(start, end)
        raw = self.text[start:end]
        if kind == "word" and "\\" not in raw:
            return Word(raw, span)
        text, literal, quoted = self.evaluate(node, raw)
        return Word(text, span, literal, quoted)

    def evaluate(self, node: Node, raw: str) -> tuple[str, bool, bool]:
        """Return the text without quotes, whether it is literal, and whether any of it was quoted."""
        kind = node.type
        if kind in ("word", "number", "variable_name"):
            if "\\" in raw:
                return _UNESCAPE.sub(r"\1", raw), True, True
            return raw, True, False
        if kind == "raw_string":
            return raw[1:-1], True, True
        if kind == "string":
            if all(child.type in ('"', "string_content") for child in node.children):
                return _UNESCAPE_DOUBLE.sub(r"\1", raw[1:-1]), True, True
            return raw, False, True
        if kind == "concatenation":
            parts = [self.evaluate(child, self.raw(child)) for child in node.children]
            if all(literal for _, literal, _ in parts):
                return "".join(text for text, _, _ in parts), True, any(quoted for _, _, quoted in parts)
            return raw, False, any(quoted for _, _, quoted in parts)
        return raw, not node.is_named, False


def _skip_wrappers(words: list[Word]) -> tuple[int, tuple[str, ...], list[tuple[str, str | None]]]:
    """Return where the program stands, what wraps it, and the assignments that `env` or `sudo` make for it."""
    at = 0
    wrappers: list[str] = []
    moved: list[tuple[str, str | None]] = []
    while at < len(words) - 1 and words[at].literal and posixpath.basename(words[at].text) in _WRAPPERS:
        wrappers.append(posixpath.basename(words[at].text))
        at += 1
        while at < len(words):
            text = words[at].text
            if text in _WRAPPER_OPTIONS_WITH_VALUE:
                at += 2
            elif text.startswith("-"):
                at += 1
            elif _ASSIGNMENT.match(text):
                name, _, value = text.partition("=")
                moved.append((name, value if words[at].literal else None))
                at += 1
            else:
                break
    if at >= len(words):
        return 0, (), []
    return at, tuple(wrappers), moved


def _last_part(node: Node, operators: list[str]) -> str:
    """Return the type of the last part of a statement, and collect the operators of its list."""
    last = ""
    while node.type in _SPINE:
        children = node.children
        if node.type == "list":
            operators.append(next((child.type for child in children if child.type in _OPERATORS), "&&"))
            last = last or (children[-1].type if children[-1].type not in _SPINE else _last_part(children[-1], []))
        elif any(child.type == "heredoc_redirect" for child in children):
            last = last or "heredoc"
        node = children[0]
    return last or node.type


def _set_options(commands: list[ShellCommand]) -> tuple[bool, bool, bool]:
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
