"""YAML as plain values: mappings, lists and text. The only importer of yaml.

Hostile YAML costs no more than its length.
Every scalar is text, as written: nothing here asks whether `no` is false. An alias is the very value that it names,
so that aliases of aliases take no room; whoever reads the result looks for known keys and never walks through it all.
`read_yaml` takes what others wrote for other programs; `compose` is for a file that is written for us, and says what is
wrong with it and where.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TypeAlias

import yaml

MAX_CHARACTERS = 256 * 1024
_MAX_MERGED = 100_000
"""Keys that `<<` may bring altogether: merges of merges would make of a page what fills a memory."""
MAX_COMPOSED_BYTES = 64 * 1024
MAX_DEPTH = 8
MAX_NODES = 5000
# https://yaml.org/spec/1.1/#id868524: what is no printable character.
_UNPRINTABLE = re.compile("[^\\t\\n\\r\\x20-\\x7e\\x85\\xa0-\\ud7ff\\ue000-\\ufffd\\U00010000-\\U0010ffff]")

Value: TypeAlias = "dict[str, Value] | list[Value] | str"


def read_yaml(text: str) -> list[Value] | None:
    """Return the documents of a text, None where it is no YAML or more than is read here."""
    if len(text) > MAX_CHARACTERS:
        return None
    try:
        return list(_documents(text))
    except (yaml.YAMLError, UnicodeError, _OddError):
        return None


class _OddError(ValueError):
    """Say that a document is of a kind that nobody writes."""


def _documents(text: str) -> Iterator[Value]:
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    anchors: dict[str, Value] = {}
    # Each open collection with the key that waits for its value.
    open_: list[tuple[dict[str, Value] | list[Value], list[Value]]] = []
    room = _MAX_MERGED
    for event in yaml.parse(text, Loader=loader):
        if isinstance(event, yaml.DocumentStartEvent):
            anchors.clear()
        if isinstance(event, yaml.CollectionEndEvent):
            value: Value = open_.pop()[0]
        elif isinstance(event, yaml.AliasEvent):
            if event.anchor not in anchors:
                raise _OddError
            value = anchors[event.anchor]
        elif isinstance(event, yaml.ScalarEvent):
            value = event.value
        elif isinstance(event, (yaml.MappingStartEvent, yaml.SequenceStartEvent)):
            value = {} if isinstance(event, yaml.MappingStartEvent) else []
            if event.anchor:
                anchors[event.anchor] = value
            open_.append((value, []))
            continue
        else:
            continue
        if isinstance(event, yaml.ScalarEvent) and event.anchor:
            anchors[event.anchor] = value
        if not open_:
            yield value
            continue
        owner, waiting = open_[-1]
        if isinstance(owner, list):
            owner.append(value)
        elif not waiting:
            waiting.append(value)
        else:
            key = waiting.pop()
            if key == "<<":
                room -= _merge(owner, value)
                if room < 0:
                    raise _OddError
            elif isinstance(key, str):
                owner[key] = value


def _merge(owner: dict[str, Value], value: Value) -> int:
    """Bring what `<<` names into a mapping; its own keys win wherever they stand. Return the number of keys seen."""
    seen = 0
    for each in value if isinstance(value, list) else [value]:
        if isinstance(each, dict) and each is not owner:
            seen += len(each) + 1
            for key, inner in list(each.items()):
                owner.setdefault(key, inner)
    return seen


def entry(value: Value | None, *keys: str) -> Value | None:
    """Return what lies behind some keys, None where one of them is not there."""
    for key in keys:
        if not isinstance(value, dict):
            return None
        value = value.get(key)
    return value


def text_of(value: Value | None) -> str | None:
    """Return a value that is text."""
    return value if isinstance(value, str) else None


def entries(value: Value | None) -> list[tuple[str, Value]]:
    """Return the keys and values of a mapping, nothing of anything else."""
    return list(value.items()) if isinstance(value, dict) else []


def items(value: Value | None) -> list[Value]:
    """Return the members of a list, nothing of anything else."""
    return list(value) if isinstance(value, list) else []


@dataclass(frozen=True, slots=True)
class ScalarNode:
    """Text as written; `is_plain` tells that it stands without quotes. Lines and columns count from 1."""

    text: str
    line: int
    column: int
    is_plain: bool = True

    @property
    def is_empty(self) -> bool:
        """Tell whether nothing is written, or that it is nothing."""
        return self.is_plain and self.text in ("", "~", "null")


@dataclass(frozen=True, slots=True)
class ListNode:
    """A list and where it begins."""

    items: tuple[Node, ...]
    line: int
    column: int


@dataclass(frozen=True, slots=True)
class MapNode:
    """A mapping and where it begins; no key stands in it twice."""

    pairs: tuple[tuple[ScalarNode, Node], ...]
    line: int
    column: int


Node: TypeAlias = ScalarNode | ListNode | MapNode


@dataclass(frozen=True, slots=True)
class Flaw:
    """What is wrong with a document: where, under which key, and why."""

    line: int
    column: int
    key: str
    reason: str


@dataclass(frozen=True, slots=True)
class Composed:
    """One document with its places; `root` is None where it is empty, or so flawed that nothing can be read."""

    root: Node | None
    flaws: tuple[Flaw, ...] = ()


def compose(text: str) -> Composed:
    """Read one document of plain YAML: no aliases, tags or keys that stand twice, and no more than the limits allow.

    Bytes that are no UTF-8 are expected as surrogate escapes.
    """
    if len(text) > MAX_COMPOSED_BYTES or len(text.encode("utf-8", "surrogatepass")) > MAX_COMPOSED_BYTES:
        return _refuse(1, 1, "", f"The file is larger than {MAX_COMPOSED_BYTES // 1024} KiB.")
    text = text.removeprefix("\ufeff")
    odd = _UNPRINTABLE.search(text)
    if odd is not None:
        line = text.count("\n", 0, odd.start()) + 1
        column = odd.start() - (text.rfind("\n", 0, odd.start()) + 1) + 1
        number = ord(odd[0])
        reason = "This is not UTF-8." if 0xD800 <= number <= 0xDFFF else f"YAML allows no U+{number:04X}."
        return _refuse(line, column, "", reason)
    composer = _Composer()
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        for event in yaml.parse(text, Loader=loader):
            composer.take(event)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        problem = getattr(error, "problem", None) or "it cannot be read"
        line, column = (mark.line + 1, mark.column + 1) if mark is not None else (1, 1)
        return Composed(None, (*composer.flaws, Flaw(line, column, composer.key, f"This is no YAML: {problem}.")))
    except _OddError:
        return Composed(None, tuple(composer.flaws))
    return Composed(composer.root, tuple(composer.flaws))


def _refuse(line: int, column: int, key: str, reason: str) -> Composed:
    return Composed(None, (Flaw(line, column, key, reason),))


@dataclass(slots=True)
class _Open:
    """A collection that is still being read; `keys` is None for a list, and `name` the key that awaits its value."""

    line: int
    column: int
    key: str
    keys: dict[str, ScalarNode] | None
    values: list[Node] = field(default_factory=list)
    name: ScalarNode | None = None
    is_twice: bool = False

    def close(self) -> Node:
        if self.keys is None:
            return ListNode(tuple(self.values), self.line, self.column)
        return MapNode(tuple(zip(self.keys.values(), self.values, strict=True)), self.line, self.column)


class _Composer:
    """Makes nodes of events, without recursion; stops with _OddError where going on would not be worth it."""

    def __init__(self) -> None:
        self.root: Node | None = None
        self.flaws: list[Flaw] = []
        self._open: list[_Open] = []
        self._nodes = 0
        self._documents = 0

    @property
    def key(self) -> str:
        """Return the path of what is being read."""
        if not self._open:
            return ""
        top = self._open[-1]
        if top.keys is None:
            return f"{top.key}[{len(top.values)}]"
        if top.name is None:
            return top.key
        return f"{top.key}.{top.name.text}" if top.key else top.name.text

    def take(self, event: yaml.Event) -> None:
        mark = event.start_mark
        if mark is None:
            raise _OddError
        line, column = mark.line + 1, mark.column + 1
        if isinstance(event, yaml.DocumentStartEvent):
            self._documents += 1
            if self._documents > 1:
                self._stop(line, column, "A second document begins here; one is read.")
        elif isinstance(event, yaml.CollectionEndEvent):
            self._put(self._open.pop().close())
        elif isinstance(event, yaml.NodeEvent):
            self._nodes += 1
            if self._nodes > MAX_NODES:
                self._stop(line, column, f"There are more than {MAX_NODES:,} values.")
            self._begin(event, line, column)

    def _begin(self, event: yaml.NodeEvent, line: int, column: int) -> None:
        if isinstance(event, yaml.AliasEvent):
            self._stop(line, column, f'"*{event.anchor}" is an alias, which is not read here. Write the value again.')
        tag = getattr(event, "tag", None)
        if tag is not None:
            self._flaw(line, column, f'"{tag}" is a tag, which is not read here. Leave it out.')
        if isinstance(event, yaml.ScalarEvent):
            self._put(ScalarNode(event.value, line, column, event.style in (None, "")))
            return
        if self._awaits_key():
            self._stop(line, column, "A key has to be text.")
        if len(self._open) == MAX_DEPTH:
            self._stop(line, column, f"Values are nested more than {MAX_DEPTH} deep.")
        keys: dict[str, ScalarNode] | None = {} if isinstance(event, yaml.MappingStartEvent) else None
        self._open.append(_Open(line, column, self.key, keys))

    def _awaits_key(self) -> bool:
        return bool(self._open) and self._open[-1].keys is not None and self._open[-1].name is None

    def _put(self, node: Node) -> None:
        if not self._open:
            self.root = node
            return
        top = self._open[-1]
        if top.keys is None:
            top.values.append(node)
        elif top.name is None:
            assert isinstance(node, ScalarNode)  # noqa: S101 - `_begin` stops at any other key
            top.name = node
            top.is_twice = node.text in top.keys
            if top.is_twice:
                first = top.keys[node.text].line
                self._flaw(node.line, node.column, f"This key stands in line {first} already.")
            else:
                top.keys[node.text] = node
        else:
            if not top.is_twice:
                top.values.append(node)
            top.name = None

    def _flaw(self, line: int, column: int, reason: str) -> None:
        self.flaws.append(Flaw(line, column, self.key, reason))

    def _stop(self, line: int, column: int, reason: str) -> None:
        self._flaw(line, column, reason)
        raise _OddError
