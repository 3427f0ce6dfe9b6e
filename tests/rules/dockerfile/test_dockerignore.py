"""Ignore files: BuildKit's rules, case by case and against its own regular expressions."""

from __future__ import annotations

import posixpath
import re
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rules.dockerfile.dockerignore import Ignore, IgnoreError, Pattern, read_ignore, read_patterns
from tests.rules.cases import table

# Pattern, path, whether it is left out.
MATCHES = {
    "everything": ("**", "a/b", True),
    "everything-slash": ("**/", "a/b", True),
    "everything-twice": ("**/**", "a/b", True),
    "star-is-one-name": ("*", "a", True),
    "star-covers-what-is-below": ("*", "a/b/c", True),
    "star-in-a-folder": ("a/*.txt", "a/b.txt", True),
    "star-does-not-cross": ("a/*.txt", "a/b/c.txt", False),
    "star-between": ("a*b", "axxb", True),
    "star-between-does-not-cross": ("a*b", "a/b", False),
    "star-folder": ("a*/b", "abc/b", True),
    "star-folder-too-deep": ("a*/b", "a/c/b", False),
    "stars": ("a*b?c*x", "abxbbxdbxebxczzx", True),
    "stars-miss": ("a*b?c*x", "abxbbxdbxebxczzy", False),
    "no-slash-means-the-top-only": ("node_modules", "web/node_modules/x.js", False),
    "folder": ("node_modules", "node_modules/x/y.js", True),
    "folder-with-slash": ("node_modules/", "node_modules/x.js", True),
    "leading-slash": ("/build", "build/x", True),
    "leading-dot": ("./build", "build/x", True),
    "dots-within": ("a/../b", "b", True),
    "any-depth": ("**/node_modules", "a/b/node_modules/x.js", True),
    "any-depth-top": ("**/node_modules", "node_modules", True),
    "any-depth-whole-names": ("**/.foo", "bar.foo", False),
    "any-depth-glob": ("**/*.txt", "a/b/c.txt", True),
    "any-depth-glob-top": ("**/*.txt", "c.txt", True),
    "any-depth-twice": ("**/**/*.txt", "a/b/c.txt", True),
    "any-depth-in-between": ("a/**/b", "a/x/y/b", True),
    "any-depth-in-between-none": ("a/**/b", "a/b", True),
    "any-depth-within-a-name": ("a**/*.txt", "a/d/e/f.txt", True),
    "below": ("abc/**", "abc/d/e", True),
    "below-not-itself": ("abc/**", "abc", False),
    "any-beginning": ("**file", "dir/myfile", True),
    "any-beginning-with-a-glob-needs-a-whole-name": ("**file*", "myfile", False),
    "dot-is-a-dot": ("a.b", "axb", False),
    "hidden": (".*", ".foo", True),
    "hidden-only": (".*", "foo", False),
    "question-mark": ("a?c", "abc", True),
    "question-mark-needs-one": ("a?c", "ac", False),
    "question-mark-is-no-slash": ("a?c", "a/c", False),
    "question-mark-takes-any-letter": ("a?c", "a☺c", True),
    "range": ("a[b-d]e", "ace", True),
    "range-miss": ("a[b-d]e", "aze", False),
    "range-negated": ("a[^b-d]e", "aze", True),
    "exclamation-mark-is-no-negation": ("[!a]x", "ax", True),
    "escaped-star": (r"a\*b", "a*b", True),
    "escaped-star-only": (r"a\*b", "ab", False),
    "escaped-bracket": (r"[\]a]", "]", True),
    "escaped-hyphen": (r"[x\-]", "-", True),
    "expression-characters": ("a.|)$(}+{bc", "a.|)$(}+{bc", True),
    "blanks-around": ("  build \t", "build/x", True),
    "carriage-return": ("build\r", "build/x", True),
    "hash-further-in": ("  #x", "#x", True),
    "case": ("Build", "build", False),
    "dot-alone-is-nothing": (".", "a", False),
    "slash-alone-is-nothing": ("/", "a", False),
    "parent-is-nothing": ("../a", "a", False),
}
# A whole file, path, whether it is left out.
FILES = {
    "last-match-wins": ("*.md\n!README.md\n", "README.md", False),
    "last-match-wins-again": ("*.md\n!README*.md\nREADME-secret.md\n", "README-secret.md", True),
    "exception-first-is-nothing": ("!a.go\n*.go\n", "a.go", True),
    "exception-below-an-ignored-folder": ("docs\n!docs/README.md\n", "docs/README.md", False),
    "its-neighbour": ("docs\n!docs/README.md\n", "docs/x.md", True),
    "exception-of-a-folder": ("**\n!src\n", "src/a/b.py", False),
    "and-again-below-it": ("**\n!src\nsrc/a/b.py\n", "src/a/b.py", True),
    "exception-of-a-folder-holds-after-a-pattern-for-the-folder": ("docs\n!docs\n", "docs/a", False),
    # The folder itself was never ignored, so the exception was not tried on it: moby's own short cut.
    "exception-of-a-folder-that-was-not-ignored": ("**/*.md\n!docs\n", "docs/a.md", True),
    "comment": ("#a\n", "a", False),
    "blank-lines": ("\n\n  \na\n", "a", True),
    "byte-order-mark": ("\ufeffa\n", "a", True),
    "exception-with-blanks": ("*\n!  /src/ \n", "src/x", False),
    "crlf": ("*\r\n!src\r\n", "src/x", False),
    "empty": ("", "a", False),
}
REFUSED = {
    "exclamation-mark-alone": "!",
    "open-bracket": "a[",
    "open-range": "[^bc",
    "empty-class": "[]a]",
    "hyphen-first": "[-x]",
    "hyphen-last": "[x-]",
    "two-hyphens": "[a-b-c]",
    "backwards": "[z-a]",
    "trailing-backslash": "a\\",
    "wildcard-in-a-class": "[*]",
    "too-long": "a" * 40_000,
    "too-many-classes": "[a]" * 300,
}


def _read(text: str) -> Ignore:
    found = read_ignore(text)
    assert isinstance(found, Ignore)
    return found


@table(("pattern", "path", "is_ignored"), MATCHES)
def test_pattern(pattern: str, path: str, is_ignored: bool) -> None:
    assert _read(pattern).ignores(path) is is_ignored
    assert _read(f"**\n!{pattern}").ignores(path) is not is_ignored


@table(("text", "path", "is_ignored"), FILES)
def test_file(text: str, path: str, is_ignored: bool) -> None:
    assert _read(text).ignores(path) is is_ignored


@table("text", REFUSED)
def test_what_the_builder_refuses_is_a_value(text: str) -> None:
    found = read_ignore(text)
    assert isinstance(found, IgnoreError)
    assert found.reason


def test_the_root_is_never_ignored() -> None:
    assert [_read("**").ignores(path) for path in ("", ".", "./", "/")] == [False] * 4


_NAMES = st.text(st.sampled_from("ab."), min_size=1, max_size=3).filter(lambda name: name.strip("."))
_PATHS = st.lists(_NAMES, min_size=1, max_size=4).map("/".join)
_PATTERNS = st.text(st.sampled_from("ab./*?!"), min_size=1, max_size=8)


@given(st.lists(_PATTERNS, max_size=5), st.lists(_PATHS, max_size=6))
@settings(max_examples=600)
def test_as_moby_decides(lines: list[str], paths: list[str]) -> None:
    text = "\n".join(lines)
    patterns = read_patterns(text)
    if isinstance(patterns, IgnoreError):
        return
    found = _read(text).ignored(paths)
    assert found == {path for path in paths if _moby(patterns, path)}


def _moby(patterns: tuple[Pattern, ...], path: str) -> bool:
    """Decide as a builder does that walks down to `path`, each pattern one expression."""
    names = path.split("/")
    held = [False] * len(patterns)
    ignored = False
    for depth in range(1, len(names) + 1):
        here = "/".join(names[:depth])
        ignored = False
        matched = [False] * len(patterns)
        for at, pattern in enumerate(patterns):
            match = held[at]
            if not match:
                if pattern.is_exception != ignored:
                    continue
                match = re.fullmatch(_expression(pattern.text), here) is not None
            matched[at] = match
            if match:
                ignored = not pattern.is_exception
        held = matched
    return ignored


def _expression(pattern: str) -> str:
    rest = pattern.removeprefix("**")
    if rest != pattern and not rest.startswith("/") and not set(rest) & set("*?"):
        return ".*" + re.escape(rest)
    parts = re.findall(r"\*\*/?|\*|\?|[^*?]+", pattern)
    last = len(parts) - 1
    return "".join(
        (".*" if at == last else "(.*/)?") if part.startswith("**")
        else "[^/]*" if part == "*"
        else "[^/]" if part == "?"
        else re.escape(part)
        for at, part in enumerate(parts)
    )  # fmt: skip


@given(st.text(max_size=30), _PATHS)
def test_any_text_is_read(text: str, path: str) -> None:
    found = read_ignore(text)
    assert isinstance(found, IgnoreError) or found.ignores(path) in (True, False)


@given(st.lists(_NAMES, max_size=5), _PATHS)
def test_plain_names_cover_what_is_below(names: list[str], path: str) -> None:
    ignored = _read("\n".join(names)).ignores(path)
    assert ignored == any(posixpath.normpath(name) == path.split("/", maxsplit=1)[0] for name in names)


HOSTILE = {
    "stars": ("\n".join("a" + "*a" * 40 + str(n) for n in range(100)), ["a" * 250 + str(n) for n in range(2000)]),
    "depths": ("**/a/" * 5000 + "b", ["a/" * 100 + str(n) for n in range(2000)]),
    "letters": ("**/" + "*a?b" * 7000, ["".join("ab"[n >> k & 1] for k in range(14)) * 15 for n in range(2000)]),
}


@pytest.mark.parametrize(("text", "paths"), HOSTILE.values(), ids=HOSTILE)
def test_no_pattern_takes_long(text: str, paths: list[str]) -> None:
    started = time.process_time()
    ignore = _read(text)
    assert isinstance(ignore.ignored(paths), (frozenset, IgnoreError))
    assert time.process_time() - started < 6


def test_fifty_thousand_files_against_a_hundred_patterns() -> None:
    text = "\n".join(f"**/*.{n}\ndocs/{n}\n!src/{n}/**\n*/foo*{n}*" for n in range(25))
    paths = [f"pkg{n % 40}/{'abcdef'[n % 6]}/module{n}/file{n % 7}.py" for n in range(50_000)]
    started = time.process_time()
    assert _read(text).ignored(paths) == frozenset()
    assert time.process_time() - started < 1
