"""Text of a configuration file -> what it says, or what is wrong with it; and files over files."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields, is_dataclass, replace
from typing import Any

from bot.configuration.keys import MAX_PROBLEMS, ROOT, Problems
from bot.configuration.model import DEFAULT, Configuration
from rules.documents import compose

_LONGEST = 400


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong in a file: where, under which key, and a sentence. Words of strangers stand in both."""

    file: str
    line: int
    column: int
    key: str
    sentence: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {f'{self.key}: ' if self.key else ''}{self.sentence}"


@dataclass(frozen=True, slots=True)
class Layer:
    """What one file says, by key; sections are mappings. What it does not mention is not there."""

    values: Mapping[str, Any]


NOTHING_SAID = Layer({})


@dataclass(frozen=True, slots=True)
class Reading:
    """A file that was read: what it says, or, where it has problems, nothing at all and the problems by line."""

    layer: Layer
    problems: tuple[Problem, ...] = ()


def read_configuration(text: str, name: str) -> Reading:
    """Read the text of a file called `name`; it may hold anything, bytes that are no UTF-8 as surrogate escapes."""
    composed = compose(text)
    found = [(each.line, each.column, each.key, each.reason) for each in composed.flaws]
    problems = Problems()
    values = ROOT.read(composed.root, "", problems) if composed.root is not None else None
    found += [(node.line, node.column, key, sentence) for node, key, sentence in problems]
    if not found:
        return Reading(Layer(values or {}))
    listed = [Problem(name, line, column, _short(key), _short(said)) for line, column, key, said in sorted(found)]
    if len(listed) > MAX_PROBLEMS:
        last = listed[MAX_PROBLEMS - 1]
        more = Problem(name, last.line, last.column, "", "There are more problems from here on.")
        listed = [*listed[: MAX_PROBLEMS - 1], more]
    return Reading(NOTHING_SAID, tuple(listed))


def over(upper: Layer, lower: Layer) -> Layer:
    """Return both, key by key; where both say something, `upper` counts. Lists are replaced as a whole."""
    values = dict(lower.values)
    for key, value in upper.values.items():
        below = values.get(key)
        both = isinstance(value, Mapping) and isinstance(below, Mapping)
        values[key] = {**(below or {}), **value} if both else value
    return Layer(values)


def merge(layers: Iterable[Layer]) -> Configuration:
    """Return the configuration that layers make over the built-in defaults, the most general first."""
    joined = NOTHING_SAID
    for layer in layers:
        joined = over(layer, joined)
    changes: dict[str, Any] = {}
    for each in fields(DEFAULT):
        if each.name in joined.values:
            value, default = joined.values[each.name], getattr(DEFAULT, each.name)
            inside = is_dataclass(default) and isinstance(value, Mapping)
            changes[each.name] = replace(default, **value) if inside else value
    return replace(DEFAULT, **changes)


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"
