"""YAML as plain values, and YAML that was made to hurt."""

from __future__ import annotations

import time

from hypothesis import given
from hypothesis import strategies as st

from rules.documents import entry, read_yaml
from tests.rules.cases import table

READ = {
    "mapping": ("a: 1\nb: [x, 'y']\n", [{"a": "1", "b": ["x", "y"]}]),
    "text-stays-text": ("on: no\n", [{"on": "no"}]),
    "alias": ("a: &x {b: c}\nd: *x\n", [{"a": {"b": "c"}, "d": {"b": "c"}}]),
    "scalar-alias": ("a: &x y\nb: *x\n", [{"a": "y", "b": "y"}]),
    "merge": ("a: &x {b: c, d: e}\nf: {<<: *x, b: own}\n", [{"a": {"b": "c", "d": "e"}, "f": {"b": "own", "d": "e"}}]),
    "merge-after": ("a: &x {b: c}\nf: {b: own, <<: *x}\n", [{"a": {"b": "c"}, "f": {"b": "own"}}]),
    "merge-of-several": (
        "a: &x {b: c}\nd: &y {e: f}\ng: {<<: [*x, *y]}\n",
        [{"a": {"b": "c"}, "d": {"e": "f"}, "g": {"b": "c", "e": "f"}}],
    ),
    "two-documents": ("a: b\n---\nc\n", [{"a": "b"}, "c"]),
    "empty": ("", []),
    "no-text-for-a-key": ("? [a]\n: b\nc: d\n", [{"c": "d"}]),
    "tag": ("a: !!python/object:os.system x\n", [{"a": "x"}]),
}
UNREAD = {
    "broken": "a: [",
    "unknown-alias": "a: *x",
    "alias-of-another-document": "a: &x b\n---\nc: *x\n",
    "too-long": "a" * 300_000,
    "surrogate": "a: \udcff",
    "nul": "a: \0",
}
MEAN = {
    "aliases-of-aliases": "a0: &a0 [x,x]\n" + "".join(f"a{n}: &a{n} [*a{n - 1},*a{n - 1}]\n" for n in range(1, 900)),
    "merges-of-merges": "a0: &a0 {x: y}\n"
    + "".join(f"a{n}: &a{n} {{k{n}: v, <<: [*a{n - 1},*a{n - 1}]}}\n" for n in range(1, 3000)),
    "deep": "[" * 100_000,
    "deep-mapping": "{a: " * 50_000,
    "itself": "a: &a {b: *a, <<: *a}\n",
    "quotes": "'" * 200_000,
    "keys": "? " * 60_000,
}


@table(("text", "expected"), READ)
def test_read(text: str, expected: object) -> None:
    assert read_yaml(text) == expected


@table("text", UNREAD)
def test_what_cannot_be_read_is_a_value(text: str) -> None:
    assert read_yaml(text) is None


@table("text", MEAN)
def test_hostile_text_takes_no_time(text: str) -> None:
    started = time.process_time()
    read_yaml(text)
    assert time.process_time() - started < 3


@given(st.text(st.sampled_from("ab:-*&<!{}[],\n '\"|>?#"), max_size=40))
def test_any_text_is_a_value(text: str) -> None:
    found = read_yaml(text)
    assert found is None or isinstance(found, list)


def test_entry_looks_for_nothing_where_there_is_none() -> None:
    assert entry("text", "a") is None
    assert entry({"a": {"b": "c"}}, "a", "b") == "c"
