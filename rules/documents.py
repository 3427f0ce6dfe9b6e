"""YAML as plain values: mappings, lists and text. The only importer of yaml.

Hostile YAML costs no more than its length.
Every scalar is text, as written: nothing here asks whether `no` is false. An alias is the very value that it names,
so that aliases of aliases take no room; whoever reads the result looks for known keys and never walks through it all.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeAlias

import yaml

MAX_CHARACTERS = 256 * 1024
_MAX_MERGED = 100_000
"""Keys that `<<` may bring altogether: merges of merges would make of a page what fills a memory."""

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
