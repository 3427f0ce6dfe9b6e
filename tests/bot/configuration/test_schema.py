"""The published schema: what it lets through is what the reader takes. It is checked with the few keywords it uses."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from bot.configuration.model import DEFAULT
from bot.configuration.read import merge, read_configuration
from bot.configuration.write import FIRST_LINE, SCHEMA_FILE, write_sample, write_schema
from cli.document import DOCS
from tests.bot.configuration.test_read import BAD, GOOD, TREES

SCHEMA = json.loads(write_schema())
TYPES: dict[str, Any] = {
    "object": dict,
    "array": list,
    "string": str,
    "boolean": bool,
    "null": type(None),
    "integer": int,
    "number": (int, float),
}
# What a schema of this kind cannot say: two names of one rule, a path twice, and what YAML itself refuses.
_BEYOND = ("one-rule-by-two-names", "pattern-that-ends-early")
_NO_YAML_FOR_US = ("twice", "alias", "tag", "no-yaml", "tab", "two-documents", "list-as-key", "deep", "nul", "escape")
_NO_YAML_FOR_US += ("latin-1", "long", "twice-within", "merge-key", "long-in-bytes")


def complaints(value: Any, schema: dict[str, Any], at: str = "") -> Iterator[str]:
    """Yield where a value breaks a schema; fail at a keyword that is not known here."""
    for keyword, wanted in schema.items():
        match keyword:
            case "$schema" | "title" | "description" | "patternProperties" | "additionalProperties":
                pass
            case "type":
                if not any(_is_a(value, each) for each in ([wanted] if isinstance(wanted, str) else wanted)):
                    yield f"{at}: no {wanted}"
            case "enum":
                if not any(value == each and type(value) is type(each) for each in wanted):
                    yield f"{at}: not in {wanted}"
            case "anyOf":
                if all(any(complaints(value, each, at)) for each in wanted):
                    yield f"{at}: none of them"
            case "pattern":
                if isinstance(value, str) and not re.search(wanted, value):
                    yield f"{at}: no match"
            case "minimum" | "maximum":
                low = keyword == "minimum"
                if isinstance(value, int) and (value < wanted if low else value > wanted):
                    yield f"{at}: out of range"
            case "maxItems" | "maxProperties":
                if isinstance(value, list | dict) and len(value) > wanted:
                    yield f"{at}: too many"
            case "items":
                for number, each in enumerate(value if isinstance(value, list) else ()):
                    yield from complaints(each, wanted, f"{at}[{number}]")
            case "required":
                if isinstance(value, dict):
                    yield from (f"{at}: {each} is missing" for each in wanted if each not in value)
            case "propertyNames":
                for name in value if isinstance(value, dict) else ():
                    yield from complaints(name, wanted, f"{at}.{name}")
            case "properties":
                for name, inner in wanted.items():
                    if isinstance(value, dict) and name in value:
                        yield from complaints(value[name], inner, f"{at}.{name}")
            case _:
                raise AssertionError(keyword)
    yield from _additional(value, schema, at)


def _additional(value: Any, schema: dict[str, Any], at: str) -> Iterator[str]:
    for name, inner in value.items() if isinstance(value, dict) else ():
        patterns = [each for form, each in schema.get("patternProperties", {}).items() if re.search(form, name)]
        for each in patterns:
            yield from complaints(inner, each, f"{at}.{name}")
        rest = schema.get("additionalProperties", True)
        if name in schema.get("properties", {}) or patterns or rest is True:
            continue
        if rest is False:
            yield f"{at}: {name} is not known"
        else:
            yield from complaints(inner, rest, f"{at}.{name}")


def _is_a(value: Any, name: str) -> bool:
    return isinstance(value, TYPES[name]) and (name == "boolean" or not isinstance(value, bool))


@pytest.mark.parametrize("name", [name for name in GOOD if name != "any-case"])
def test_the_schema_lets_good_files_through(name: str) -> None:
    assert list(complaints(yaml.safe_load(GOOD[name][0]), SCHEMA)) == []


@pytest.mark.parametrize("name", [name for name in BAD if name not in (*_BEYOND, *_NO_YAML_FOR_US)])
def test_the_schema_stops_bad_files(name: str) -> None:
    assert list(complaints(yaml.safe_load(BAD[name][0]), SCHEMA))


WORDS = st.sampled_from(
    [
        "on",
        "off",
        "info",
        "never",
        "1 MB",
        "1 PB",
        "5",
        5,
        -1,
        60,
        1.5,
        True,
        False,
        None,
        "a",
        "a/b",
        "../a",
        "!a",
        "",
        "A",
    ]
)
LIKELY = st.fixed_dictionaries(
    {},
    optional={
        "rules": st.dictionaries(st.sampled_from(["DS201", "apt-recommended-packages", "DS2", "all", "ds2"]), WORDS),
        "floor": WORDS,
        "fail": WORDS,
        "paths": st.none() | st.dictionaries(st.sampled_from(["include", "exclude"]), st.none() | st.lists(WORDS)),
        "images": st.lists(
            st.fixed_dictionaries(
                {},
                optional={
                    "dockerfile": WORDS,
                    "context": WORDS,
                    "target": WORDS,
                    "build_args": st.none() | st.dictionaries(st.sampled_from(["A", "_b2", "a-b"]), WORDS),
                    "max_size": WORDS,
                    "platforms": st.lists(st.sampled_from(["linux/amd64", "linux/arm/v7", "linux", 5])),
                },
            )
        ),
        "review": st.dictionaries(st.sampled_from(["comments", "drafts", "bots", "summary", "resolve"]), WORDS),
        "builds": WORDS | st.sampled_from(["always", "on-request", "never"]),
        "max_growth": WORDS,
    },
)


@given(TREES | LIKELY)
def test_what_the_schema_lets_through_is_read(tree: object) -> None:
    if not any(complaints(tree, SCHEMA)):
        problems = read_configuration(yaml.safe_dump(tree, allow_unicode=True), "f").problems
        assert [each for each in problems if "already" not in each.sentence and "patterns" not in each.sentence] == []


def test_the_sample_has_every_key_and_changes_nothing() -> None:
    reading = read_configuration(write_sample(), "f")
    assert reading.problems == ()
    assert merge([reading.layer]) == DEFAULT
    assert list(complaints(yaml.safe_load(write_sample()), SCHEMA)) == []
    assert set(reading.layer.values) == set(DEFAULT.__dataclass_fields__)


def test_the_first_line_leads_to_the_schema() -> None:
    assert write_sample().startswith(f"{FIRST_LINE}\n")
    assert json.loads((DOCS / SCHEMA_FILE).read_text()) == SCHEMA
    assert (DOCS / "dockslim.yml").read_text() == write_sample()
