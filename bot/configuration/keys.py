"""ROOT: every key there is, with what may stand behind it. Reader, schema, sample and page are made of it."""

from __future__ import annotations

import json
import posixpath
import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from bot.configuration.model import ALL, ALWAYS, NEVER, OFF, ON, ON_REQUEST, Budget, Image, Threshold, read_globs
from rules.dockerfile.dockerignore import IgnoreError
from rules.documents import ListNode, MapNode, Node, ScalarNode
from rules.finding import Severity
from rules.registry import FAMILIES, RULES

MAX_PROBLEMS = 20
_SHOWN = 60
_TRUTHS = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}
_UNITS = {"b": 1, "byte": 1, "bytes": 1, "kb": 10**3, "mb": 10**6, "gb": 10**9}
_UNITS |= {"kib": 2**10, "mib": 2**20, "gib": 2**30}
_NUMBER = re.compile(r"[0-9]{1,12}")
_SIZE = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,6})?) ?([Bb]|[Bb]ytes?|[KkMmGg][Ii]?[Bb])")
_PATH = re.compile(r"(?!/)(?!(?:[^\x00-\x1f]*/)?\.\.(?:/|$))[^\x00-\x1f\x7f\\]{1,255}")
_FILE = re.compile(rf"(?!(?:\./*)+$){_PATH.pattern}")
# A path that is no pattern to git, such as `/`, `./a` or `..`, would here be one for everything.
_PATTERN = re.compile(r"!?(?!/+$)(?!(?:[^\x00-\x1f]*/)?\.\.?(?:/|$))[^\x00-\x1f\x7f! ][^\x00-\x1f\x7f]{0,254}")
_STAGE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,127}")
_PLATFORM = re.compile(r"[a-z0-9]{1,20}/[a-z0-9_]{1,20}(?:/[a-z0-9]{1,20})?")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}")
_VALUE = re.compile(r"[^\x00-\x1f\x7f]{0,4096}")
_CODE = re.compile(r"(?:DS|ds)[0-9]{0,4}")
_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9_./-]*")

Schema = dict[str, Any]


class Problems(list[tuple[Node, str, str]]):
    """What is wrong, each with its place, its key and a sentence."""

    @property
    def is_full(self) -> bool:
        """Tell whether nobody would read more."""
        return len(self) >= MAX_PROBLEMS

    def add(self, node: Node, key: str, sentence: str) -> None:
        """Add one."""
        self.append((node, key, sentence))


class Kind(ABC):
    """What may stand behind a key; `expected` says it in words."""

    expected: str

    @abstractmethod
    def read(self, node: Node, key: str, problems: Problems) -> Any:
        """Return the value; where there is none, add a problem and return None."""

    @abstractmethod
    def schema(self) -> Schema:
        """Return it as JSON Schema, for YAML 1.2's idea of numbers and truth."""

    @abstractmethod
    def write(self, value: Any) -> str:
        """Return a value as YAML on one line."""


class Word(Kind):
    """What one scalar says."""

    @abstractmethod
    def take(self, text: str) -> Any:
        """Return the value of a text, None where it is none."""

    def read(self, node: Node, key: str, problems: Problems) -> Any:
        found = self.take(node.text) if isinstance(node, ScalarNode) and not node.is_empty else None
        if found is None:
            problems.add(node, key, _expect(self.expected, node))
        return found


@dataclass(frozen=True, slots=True)
class Flag(Word):
    """Yes or no."""

    expected = "true or false"

    def take(self, text: str) -> bool | None:
        return _TRUTHS.get(text.lower())

    def schema(self) -> Schema:
        return {"enum": [True, False, "yes", "no", "on", "off"]}

    def write(self, value: Any) -> str:
        return "true" if value else "false"


@dataclass(frozen=True, slots=True)
class Number(Word):
    """A whole number in a range."""

    low: int
    high: int

    @property
    def expected(self) -> str:  # type: ignore[override]
        return f"a whole number from {self.low} to {self.high}"

    def take(self, text: str) -> int | None:
        return int(text) if _NUMBER.fullmatch(text) and self.low <= int(text) <= self.high else None

    def schema(self) -> Schema:
        return {"type": "integer", "minimum": self.low, "maximum": self.high}

    def write(self, value: Any) -> str:
        return str(value)


@dataclass(frozen=True, slots=True)
class Size(Word):
    """Bytes."""

    expected = "a size such as 500 kB or 1 MB"

    def take(self, text: str) -> int | None:
        if _NUMBER.fullmatch(text):
            return int(text)
        found = _SIZE.fullmatch(text)
        return int(Decimal(found[1]) * _UNITS[found[2].lower()]) if found else None

    def schema(self) -> Schema:
        number = {"type": "integer", "minimum": 0, "maximum": 10**12 - 1}
        return {"anyOf": [number, {"type": "string", "pattern": _anchor(_SIZE)}]}

    def write(self, value: Any) -> str:
        for unit, scale in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
            if value and value % scale == 0:
                return f"{value // scale} {unit}"
        return str(value)


@dataclass(frozen=True, slots=True)
class Choice(Word):
    """One of some words."""

    options: tuple[str, ...]

    @property
    def expected(self) -> str:  # type: ignore[override]
        return _either(self.options)

    def take(self, text: str) -> str | None:
        return text.lower() if text.lower() in self.options else None

    def schema(self) -> Schema:
        return {"enum": list(self.options)}

    def write(self, value: Any) -> str:
        return str(value)


class RuleChoice(Choice):
    """Whether a rule counts, and how much."""

    __slots__ = ()

    def take(self, text: str) -> str | None:
        truth = _TRUTHS.get(text.lower())
        return Choice.take(self, text) if truth is None else ON if truth else OFF

    def schema(self) -> Schema:
        return {"enum": [True, False, *self.options]}


class Failing(Word):
    """When a check run fails."""

    _size = Size()
    expected = f"never, {', '.join(Severity)}, or {_size.expected}"

    def take(self, text: str) -> Threshold | None:
        word = text.lower()
        if word == "never":
            return Threshold()
        if word in tuple(Severity):
            return Threshold(severity=Severity(word))
        count = self._size.take(text)
        return Threshold(bytes=count) if count is not None else None

    def schema(self) -> Schema:
        return {"anyOf": [{"enum": ["never", *Severity]}, *self._size.schema()["anyOf"]]}

    def write(self, value: Any) -> str:
        return self._size.write(value.bytes) if value.bytes is not None else value.severity or "never"


class Limit(Word):
    """Bytes that may not be exceeded, or none."""

    _size = Size()
    expected = f"none, or {_size.expected}"

    def take(self, text: str) -> Budget | None:
        if text.lower() == "none":
            return Budget()
        count = self._size.take(text)
        return Budget(count) if count is not None else None

    def schema(self) -> Schema:
        return {"anyOf": [{"enum": ["none"]}, *self._size.schema()["anyOf"]]}

    def write(self, value: Any) -> str:
        return self._size.write(value.bytes) if value.bytes is not None else "none"


@dataclass(frozen=True, slots=True)
class Text(Word):
    """Text of a certain form; `clean` brings it into the one that is compared."""

    expected: str
    form: re.Pattern[str]
    types: tuple[str, ...] = ("string",)
    clean: Callable[[str], str] = str

    def take(self, text: str) -> str | None:
        return self.clean(text) if self.form.fullmatch(text) else None

    def schema(self) -> Schema:
        types: Any = self.types[0] if len(self.types) == 1 else list(self.types)
        return {"type": types, "pattern": _anchor(self.form)}

    def write(self, value: Any) -> str:
        return (
            value
            if _PLAIN.fullmatch(value) and value.lower() not in ("null", *_TRUTHS)
            else json.dumps(value, ensure_ascii=False)
        )


class Folder(Text):
    """The path of a folder; the repository's top is "" to us and a dot to people."""

    __slots__ = ()

    def write(self, value: Any) -> str:
        return Text.write(self, value) if value else "."


@dataclass(frozen=True, slots=True)
class ListOf(Kind):
    """A list of one kind; nothing behind the key says nothing."""

    kind: Kind
    most: int

    @property
    def expected(self) -> str:  # type: ignore[override]
        return "a list"

    def read(self, node: Node, key: str, problems: Problems) -> tuple[Any, ...] | None:
        if isinstance(node, ScalarNode) and node.is_empty:
            return None
        if not isinstance(node, ListNode):
            problems.add(node, key, _expect(f"a list (each member: {self.kind.expected})", node))
            return None
        if len(node.items) > self.most:
            problems.add(node, key, f"Expected at most {self.most} members, not {len(node.items):,}.")
            return None
        found = []
        for at, each in enumerate(node.items):
            if problems.is_full:
                break
            found.append(self.kind.read(each, f"{key}[{at}]", problems))
        return tuple(found)

    def schema(self) -> Schema:
        return {"type": ["array", "null"], "items": self.kind.schema(), "maxItems": self.most}

    def write(self, value: Any) -> str:
        return f"[{', '.join(map(self.kind.write, value))}]"


class Globs(ListOf):
    """Patterns as in .gitignore."""

    __slots__ = ()

    def read(self, node: Node, key: str, problems: Problems) -> tuple[Any, ...] | None:
        before = len(problems)
        found = ListOf.read(self, node, key, problems)
        if found is None or len(problems) > before:
            return None
        flaw = read_globs(found)
        if isinstance(flaw, IgnoreError):
            problems.add(node, key, f"These patterns cannot be read: {flaw.reason}.")
        return found


@dataclass(frozen=True, slots=True)
class Variables(Kind):
    """Names with a text each."""

    value: Text
    most: int

    @property
    def expected(self) -> str:  # type: ignore[override]
        return "a mapping of names to values"

    def read(self, node: Node, key: str, problems: Problems) -> tuple[tuple[str, str], ...] | None:
        if isinstance(node, ScalarNode) and node.is_empty:
            return None
        if not isinstance(node, MapNode):
            problems.add(node, key, _expect(self.expected, node))
            return None
        if len(node.pairs) > self.most:
            problems.add(node, key, f"Expected at most {self.most} names, not {len(node.pairs):,}.")
            return None
        found = []
        for name, inner in node.pairs:
            if problems.is_full:
                break
            if not _VARIABLE.fullmatch(name.text):
                problems.add(name, f"{key}.{shown(name.text)}", _expect("the name of an ARG", name))
                continue
            found.append((name.text, self.value.read(inner, f"{key}.{name.text}", problems)))
        return tuple(found)

    def schema(self) -> Schema:
        return {
            "type": ["object", "null"],
            "patternProperties": {_anchor(_VARIABLE): self.value.schema()},
            "additionalProperties": False,
            "maxProperties": self.most,
        }

    def write(self, value: Any) -> str:
        return f"{{{', '.join(f'{name}: {json.dumps(text, ensure_ascii=False)}' for name, text in value)}}}"


class RuleTable(Kind):
    """Rules and families, each with what is wanted of it."""

    expected = "a mapping of rules to on, off or a severity"
    choice = RuleChoice((ON, OFF, *Severity))

    def read(self, node: Node, key: str, problems: Problems) -> dict[str, str] | None:
        if isinstance(node, ScalarNode) and node.is_empty:
            return None
        if not isinstance(node, MapNode):
            problems.add(node, key, _expect(self.expected, node))
            return None
        found: dict[str, str] = {}
        lines: dict[str, int] = {}
        for name, inner in node.pairs:
            if problems.is_full:
                break
            place = f"{key}.{shown(name.text)}"
            rule = _RULE_KEYS.get(name.text.lower())
            if rule is None:
                problems.add(name, place, _refuse_rule(name.text))
                continue
            if rule in lines:
                problems.add(name, place, f"Line {lines[rule]} speaks of {rule} already.")
            lines[rule] = name.line
            found[rule] = self.choice.read(inner, place, problems)
        return found

    def schema(self) -> Schema:
        return {
            "type": ["object", "null"],
            "propertyNames": {"enum": list(rule_names())},
            "additionalProperties": self.choice.schema(),
        }

    def write(self, value: Any) -> str:
        return f"{{{', '.join(f'{rule}: {choice}' for rule, choice in value.items())}}}"


@dataclass(frozen=True, slots=True)
class Key:
    """A key: its name, what may stand behind it, and what that means, in Markdown."""

    name: str
    kind: Kind
    meaning: str
    unset: Any = None
    """In a member of a list: the value that stands for none."""


@dataclass(frozen=True, slots=True)
class Section(Kind):
    """A mapping with keys of its own; nothing behind its key says nothing."""

    keys: tuple[Key, ...]
    required: tuple[str, ...] = ()
    make: Callable[..., Any] = dict

    @property
    def expected(self) -> str:  # type: ignore[override]
        return f"a mapping with {_some(each.name for each in self.keys)}"

    def read(self, node: Node, key: str, problems: Problems) -> Any:
        before = len(problems)
        if isinstance(node, ScalarNode) and node.is_empty and not self.required:
            return None
        if not isinstance(node, MapNode):
            problems.add(node, key, _expect(self.expected, node))
            return None
        kinds = {each.name: each.kind for each in self.keys}
        found: dict[str, Any] = {}
        for name, inner in node.pairs:
            if problems.is_full:
                break
            place = f"{key}.{shown(name.text)}" if key else shown(name.text)
            if name.text not in kinds:
                hint = _close(name.text, kinds)
                said = f'Did you mean "{hint}"?' if hint else f"Known here: {', '.join(kinds)}."
                problems.add(name, place, f"There is no such key. {said}")
                continue
            value = kinds[name.text].read(inner, place, problems)
            if value is not None:
                found[name.text] = value
        missing = [each for each in self.required if each not in {name.text for name, _ in node.pairs}]
        for each in missing:
            problems.add(node, key, f'"{each}" is missing.')
        return None if len(problems) > before else self.make(**found)

    def schema(self) -> Schema:
        described = {each.name: {"description": each.meaning, **each.kind.schema()} for each in self.keys}
        found: Schema = {"type": "object" if self.required else ["object", "null"], "properties": described}
        if self.required:
            found["required"] = list(self.required)
        return {**found, "additionalProperties": False}

    def write(self, value: Any) -> str:
        written = (
            f"{each.name}: {each.kind.write(inner)}"
            for each in self.keys
            if (inner := getattr(value, each.name)) != each.unset
        )
        return f"{{{', '.join(written)}}}"


def rule_names() -> Iterable[str]:
    """Return the names by which rules can be configured: `all`, families and rules, each by code and by name."""
    families = (name for code, title in FAMILIES.items() for name in (code, _dashed(title)))
    return (ALL, *families, *(name for rule in RULES for name in (rule.code, rule.name)))


def shown(text: str) -> str:
    """Return what somebody wrote, short enough to be quoted."""
    return text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"


def _dashed(title: str) -> str:
    return title.lower().replace(" ", "-")


_RULE_KEYS: Mapping[str, str] = {
    ALL: ALL,
    **{name: code for code, title in FAMILIES.items() for name in (code.lower(), _dashed(title))},
    **{name: rule.code for rule in RULES for name in (rule.code.lower(), rule.name)},
}


def _refuse_rule(text: str) -> str:
    for rule in RULES:
        if any(text.lower() in (alias.lower(), alias.lower().rpartition(":")[2]) for alias in rule.aliases):
            return f"That is another tool's name; here it is {rule.code} {rule.name}."
    # One number is as close to another as any: only words can be misspelt.
    hint = None if _CODE.fullmatch(text) else _close(text.lower(), _RULE_KEYS)
    if hint is None:
        return "There is no such rule. `dockslim rules` lists them."
    meant = next((f"{rule.code} {rule.name}" for rule in RULES if hint in (rule.code.lower(), rule.name)), None)
    return f"There is no such rule. Did you mean {meant or hint}?"


def _close(text: str, names: Iterable[str]) -> str | None:
    # Comparing takes the product of the lengths.
    if len(text) > _SHOWN:
        return None
    from difflib import get_close_matches  # noqa: PLC0415 - only a misspelt name waits for it

    return next(iter(get_close_matches(text, names, n=1, cutoff=0.7)), None)


def _expect(expected: str, node: Node) -> str:
    if isinstance(node, ScalarNode):
        found = "an empty value" if node.is_empty else f'"{shown(node.text)}"'
    else:
        found = "a list" if isinstance(node, ListNode) else "a mapping"
    return f"Expected {expected}, not {found}."


def _either(words: Iterable[str]) -> str:
    *others, last = words
    return f"{', '.join(others)} or {last}"


def _some(words: Iterable[str]) -> str:
    *others, last = words
    return f"{', '.join(others)} and {last}" if others else last


def _anchor(form: re.Pattern[str]) -> str:
    return f"^(?:{form.pattern})$"


def _clean_path(text: str) -> str:
    path = posixpath.normpath(text)
    return "" if path == "." else path


_PATH_OF_FILE = Text("a path from the repository's top", _FILE, clean=_clean_path)
_PATH_OF_FOLDER = Folder("a folder, as a path from the repository's top", _PATH, clean=_clean_path)
_GLOBS = Globs(Text("a pattern as in .gitignore", _PATTERN), 100)
_IMAGE = Section(
    (
        Key("dockerfile", _PATH_OF_FILE, "Its Dockerfile, as a path from the repository's top, whatever its name."),
        Key("context", _PATH_OF_FOLDER, "The folder that it is built from, `.` for the repository's top."),
        Key(
            "target",
            Text("the name of a stage", _STAGE, ("string", "integer")),
            "The stage to build; else the last.",
            "",
        ),
        Key(
            "build_args",
            Variables(Text("one line of text", _VALUE, ("string", "number", "boolean")), 50),
            "Values of its ARGs. Everybody can read them: no place for secrets.",
            (),
        ),
        Key(
            "platforms",
            ListOf(Text("a platform such as linux/amd64", _PLATFORM), 10),
            "The platforms that it is built for, such as `linux/amd64`.",
            (),
        ),
        Key(
            "max_size",
            Size(),
            "The check run fails where it is measured to be larger: the bytes of its layers, uncompressed.",
        ),
    ),
    required=("dockerfile",),
    make=Image,
)
ROOT = Section(
    (
        Key(
            "rules",
            RuleTable(),
            "Rules on and off, or with another severity: `on`, `off`, `info`, `warning` or `error`, by code (`DS201`), "
            "name (`apt-recommended-packages`) or family (`DS2` or `packages`), or for `all`. A rule's own entry "
            "counts more than its family's, and that more than `all`. A rule that is off by default counts only by its "
            "own entry.",
        ),
        Key(
            "floor",
            Size(),
            "What is known to save less is not commented on: bytes, or a size such as `500 kB`, `1 MB` or `1 MiB`.",
        ),
        Key(
            "fail",
            Failing(),
            "When the check run fails: `never`, from a severity on (`info`, `warning`, `error`), or when what the pull "
            "request brought is known to cost as many bytes (`10 MB`). What lies below `floor` does not count.",
        ),
        Key(
            "paths",
            Section(
                (
                    Key("include", _GLOBS, "Only these Dockerfiles: patterns as in `.gitignore`. None: all of them."),
                    Key("exclude", _GLOBS, "Not these, even where `include` or `images` names them."),
                )
            ),
            "Which Dockerfiles are looked at.",
        ),
        Key(
            "images",
            ListOf(_IMAGE, 50),
            "The images that the repository builds. A target that is named here is shipped, so rules look at its stage "
            "as they do at the last one; a context that is named here is the one, whatever compose files say.",
        ),
        Key(
            "review",
            Section(
                (
                    Key(
                        "comments",
                        Number(0, 50),
                        "Comments on lines of one pull request; what is more is in the summary.",
                    ),
                    Key("drafts", Flag(), "Whether drafts are reviewed."),
                    Key("bots", Flag(), "Whether pull requests by bots are reviewed."),
                    Key("summary", Flag(), "Whether a comment sums up what was found."),
                    Key("resolve", Flag(), "Whether threads about what is gone are resolved."),
                )
            ),
            "What is said on pull requests.",
        ),
        Key(
            "builds",
            Choice((ALWAYS, ON_REQUEST, NEVER)),
            "When images are built to be measured, where the operator has a builder: at every push (`always`), or when "
            "somebody who can write asks by `/dockslim build` or the button of the check run (`on-request`). Pull "
            "requests from forks wait for that in either case, at each new head.",
        ),
        Key(
            "max_growth",
            Limit(),
            "The check run fails where an image is measured to grow by more, uncompressed.",
        ),
    )
)
