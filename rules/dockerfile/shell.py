"""What a RUN runs: simple commands, a Span for each word, and how they hang together.

The grammar is tree-sitter-bash. Whatever it cannot parse without an error is left alone by every rule.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from rules.dockerfile.plain import read_plain
from rules.dockerfile.script import Redirect, Script, ShellCommand, Statement, set_options, skip_wrappers
from rules.dockerfile.source import SourceMap, Span, Spans
from rules.dockerfile.words import Word

if TYPE_CHECKING:
    from tree_sitter import Node, Parser

# No RUN of 100,000 real ones comes near; tree-sitter's error recovery is not linear in bad input.
MAX_SCRIPT_BYTES = 64 * 1024

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
_UNESCAPE = re.compile(r"\\(.)", re.DOTALL)
_UNESCAPE_DOUBLE = re.compile(r'\\([$`"\\\n])')


def parse_script(text: str, source: SourceMap, base: int = 0, form: str = "shell") -> Script:
    """Parse shell `text`; `base` is where it starts in the joined text that `source` maps."""
    if len(text) > MAX_SCRIPT_BYTES:
        return Script(False, form)
    return read_plain(text, Spans(source, base), form) or read_by_grammar(text, source, base, form)


def read_by_grammar(text: str, source: SourceMap, base: int, form: str) -> Script:
    """Parse shell `text` with tree-sitter's grammar of bash."""
    # The grammar's scanner asks the C library's isdigit() about any character, which reads beyond its table: `{` and
    # one of a high plane end the process. To a shell, all beyond ASCII is a letter like any other.
    data = text.encode("ascii", "replace")
    root = _parser().parse(data).root_node
    if root.has_error:
        return Script(False, form)
    try:
        script = _Reader(text, source, base).read(root, form)
    except RecursionError:
        return Script(False, form)
    # The grammar takes `! { a; }` for two commands, `{ a` and `}`.
    misread = any(each.words and each.words[0].text in ("{", "}") for each in script.commands)
    return Script(False, form) if misread else script


@cache
def _parser() -> Parser:
    # Loaded with the first script that needs it: it takes a tenth of the time in which one small file is checked.
    import tree_sitter  # noqa: PLC0415
    import tree_sitter_bash  # noqa: PLC0415

    return tree_sitter.Parser(tree_sitter.Language(tree_sitter_bash.language()))


@dataclass(slots=True)
class _Context:
    nesting: tuple[str, ...]
    statement: int


class _Reader:
    """Walk one syntax tree; holds only what every step needs."""

    def __init__(self, text: str, source: SourceMap, base: int) -> None:
        self.text = text
        self.spans = Spans(source, base)
        self.commands: list[ShellCommand] = []
        self.has_comment = False
        self.has_heredoc = False
        self.functions: list[str] = []

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
        errexit, pipefail, unclear = set_options(self.commands)
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
        return self.spans.between(node.start_byte, node.end_byte)

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
        start = node.start_byte
        for child in node.children:
            kind = child.type
            if kind in _REDIRECTS:
                redirects.extend(self.redirects(child, context))
            elif kind == "variable_assignment":
                assignments.append(self.assignment(child))
            else:
                inner = child.children[0] if kind == "command_name" and child.child_count else child
                word = self.word(inner, inner.type)
                # The grammar takes `$A-$B.tgz` for two words.
                if words and words[-1].span.end == word.span.start and words[-1].span.end > words[-1].span.start:
                    word = _joined(words.pop(), word, self.text[start : inner.end_byte])
                else:
                    start = inner.start_byte
                words.append(word)
            if kind != "word" and child.child_count:
                self.visit_substitutions(child, context)
        program, wrappers, moved = skip_wrappers(words)
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
        span = self.spans.between(start, end)
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
        # It takes the `$` of `'a'$B-c` for a character.
        return raw, raw != "$" and not node.is_named, False


def _joined(first: Word, second: Word, raw: str) -> Word:
    literal = first.literal and second.literal
    return Word(
        first.text + second.text if literal else raw,
        Span(first.span.start, second.span.end),
        literal,
        first.quoted or second.quoted,
    )


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
