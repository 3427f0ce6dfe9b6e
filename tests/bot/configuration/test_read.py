"""Configuration files, good, bad and hostile: what is read, and which problems are named where."""

from __future__ import annotations

import time

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from bot.configuration.keys import MAX_PROBLEMS
from bot.configuration.model import DEFAULT, Budget, Configuration, Image, Paths, Reviews, Threshold
from bot.configuration.read import NOTHING_SAID, merge, read_configuration
from rules.finding import Severity
from tests.rules.cases import table

GOOD = {
    "empty": ("", DEFAULT),
    "comments": ("# nothing yet\n", DEFAULT),
    "null": ("---\n", DEFAULT),
    "byte-order-mark": ("\ufefffloor: 2 MB\n", Configuration(floor=2_000_000)),
    "crlf": ("floor: 2 MB\r\nfail: error\r\n", Configuration(floor=2_000_000, fail=Threshold(Severity.ERROR))),
    "json": ('{"floor": 5, "review": {"drafts": true}}', Configuration(floor=5, review=Reviews(drafts=True))),
    "empty-sections": ("rules:\npaths:\n  include:\nimages:\nreview:\n", DEFAULT),
    "rules": (
        "rules: {DS201: off, apt-lists-left-behind: error, DS3: false, build-context: on, all: info}",
        Configuration(rules={"DS201": "off", "DS202": "error", "DS3": "off", "DS5": "on", "all": "info"}),
    ),
    "any-case": ("rules: {ds201: OFF, Packages: Warning}", Configuration(rules={"DS201": "off", "DS2": "warning"})),
    "bytes": ("floor: 500000", Configuration(floor=500_000)),
    "fraction": ("floor: 0.5 MB", Configuration(floor=500_000)),
    "no-space": ("floor: 500kB", Configuration(floor=500_000)),
    "binary": ("floor: 1 MiB", Configuration(floor=1 << 20)),
    "zero": ("floor: 0", Configuration(floor=0)),
    "fail-never": ("fail: never", DEFAULT),
    "fail-at-a-severity": ("fail: info", Configuration(fail=Threshold(Severity.INFO))),
    "fail-at-bytes": ("fail: 10 MB", Configuration(fail=Threshold(bytes=10_000_000))),
    "paths": (
        'paths:\n  include: [docker/, "**/*.Dockerfile"]\n  exclude: ["!a", /b]\n',
        Configuration(paths=Paths(("docker/", "**/*.Dockerfile"), ("!a", "/b"))),
    ),
    "images": (
        "images:\n"
        "  - {dockerfile: ./api//app.docker, context: .}\n"
        "  - dockerfile: web/Dockerfile\n"
        "    context: web/\n"
        "    target: 1\n"
        '    build_args: {VERSION: 3.10, EMPTY: "", FLAG: yes}\n'
        "    platforms: [linux/amd64, linux/arm/v7]\n",
        Configuration(
            images=(
                Image("api/app.docker", ""),
                Image(
                    "web/Dockerfile",
                    "web",
                    "1",
                    (("VERSION", "3.10"), ("EMPTY", ""), ("FLAG", "yes")),
                    ("linux/amd64", "linux/arm/v7"),
                ),
            )
        ),
    ),
    "review": (
        "review: {comments: 0, drafts: yes, bots: no, summary: off, resolve: false}",
        Configuration(review=Reviews(0, drafts=True, bots=False, summary=False, resolve=False)),
    ),
    "builds": (
        "builds: on-request\nmax_growth: 10MB\n",
        Configuration(builds="on-request", max_growth=Budget(10_000_000)),
    ),
    "no-limit": ("max_growth: none\n", DEFAULT),
    "max-size": (
        "images: [{dockerfile: a, max_size: 1.5 GB}]",
        Configuration(images=(Image("a", max_size=1_500_000_000),)),
    ),
}

KNOWN = "rules, floor, fail, paths, images, review, builds, max_growth"
BAD = {
    "list-at-top": (
        "- a\n",
        ["f:1: Expected a mapping with rules, floor, fail, paths, images, review, builds and max_growth, not a list."],
    ),
    "text-at-top": (
        "hello\n",
        ['f:1: Expected a mapping with rules, floor, fail, paths, images, review, builds and max_growth, not "hello".'],
    ),
    "unknown-key": ("\nflor: 1 MB\n", ['f:2: flor: There is no such key. Did you mean "floor"?']),
    "unknown-key-like-none": ("zzz: 1\n", [f"f:1: zzz: There is no such key. Known here: {KNOWN}."]),
    "unknown-key-within": (
        "review:\n  coments: 3\n",
        ['f:2: review.coments: There is no such key. Did you mean "comments"?'],
    ),
    "merge-key": ("<<: {floor: 1}\n", [f"f:1: <<: There is no such key. Known here: {KNOWN}."]),
    "twice": ("floor: 1\nfloor: 2\n", ["f:2: floor: This key stands in line 1 already."]),
    "twice-within": (
        "images:\n- dockerfile: a\n  dockerfile: b\n",
        ["f:3: images[0].dockerfile: This key stands in line 2 already."],
    ),
    "one-rule-by-two-names": (
        "rules:\n  DS202: off\n  apt-lists-left-behind: on\n",
        ["f:3: rules.apt-lists-left-behind: Line 2 speaks of DS202 already."],
    ),
    "unknown-rule": (
        "rules: {apt-list-left-behind: off}\n",
        ["f:1: rules.apt-list-left-behind: There is no such rule. Did you mean DS202 apt-lists-left-behind?"],
    ),
    "unknown-family": (
        "rules: {package: off}\n",
        ["f:1: rules.package: There is no such rule. Did you mean packages?"],
    ),
    "unknown-code": (
        "rules: {DS299: off}\n",
        ["f:1: rules.DS299: There is no such rule. `dockslim rules` lists them."],
    ),
    "part-of-a-code": (
        "rules: {DS20: off}\n",
        ["f:1: rules.DS20: There is no such rule. `dockslim rules` lists them."],
    ),
    "code-of-hadolint": (
        "rules: {DL3015: off}\n",
        ["f:1: rules.DL3015: That is another tool's name; here it is DS201 apt-recommended-packages."],
    ),
    "odd-severity": (
        "rules: {DS201: fatal}\n",
        ['f:1: rules.DS201: Expected on, off, info, warning or error, not "fatal".'],
    ),
    "rule-without-value": (
        "rules:\n  DS201:\n",
        ["f:2: rules.DS201: Expected on, off, info, warning or error, not an empty value."],
    ),
    "rules-as-list": (
        "rules: [DS201]\n",
        ["f:1: rules: Expected a mapping of rules to on, off or a severity, not a list."],
    ),
    "odd-size": ("floor: much\n", ['f:1: floor: Expected a size such as 500 kB or 1 MB, not "much".']),
    "negative-size": ("floor: -1\n", ['f:1: floor: Expected a size such as 500 kB or 1 MB, not "-1".']),
    "size-without-unit": ("floor: 0.5\n", ['f:1: floor: Expected a size such as 500 kB or 1 MB, not "0.5".']),
    "huge-size": (f"floor: {'9' * 50}\n", [f'f:1: floor: Expected a size such as 500 kB or 1 MB, not "{"9" * 50}".']),
    "size-as-list": ("floor: [1]\n", ["f:1: floor: Expected a size such as 500 kB or 1 MB, not a list."]),
    "no-size": ("floor:\n", ["f:1: floor: Expected a size such as 500 kB or 1 MB, not an empty value."]),
    "odd-threshold": (
        "fail: always\n",
        ['f:1: fail: Expected never, info, warning, error, or a size such as 500 kB or 1 MB, not "always".'],
    ),
    "pattern-for-list": (
        "paths: {exclude: vendor/}\n",
        ['f:1: paths.exclude: Expected a list (each member: a pattern as in .gitignore), not "vendor/".'],
    ),
    "pattern-that-ends-early": (
        'paths:\n  exclude: ["[a"]\n',
        ["f:2: paths.exclude: These patterns cannot be read: a character class in it does not end."],
    ),
    "pattern-that-is-empty": (
        'paths:\n  exclude:\n    - ""\n',
        ['f:3: paths.exclude[0]: Expected a pattern as in .gitignore, not "".'],
    ),
    "patterns-that-git-has-none-of": (
        "paths: {include: [/, '!/', ., ./a, a/.., '!!a', ' a']}\n",
        [
            f'f:1: paths.include[{at}]: Expected a pattern as in .gitignore, not "{each}".'
            for at, each in enumerate(["/", "!/", ".", "./a", "a/..", "!!a", " a"])
        ],
    ),
    "image-of-a-folder": (
        "images: [{dockerfile: .}, {dockerfile: .//./}]\n",
        [
            'f:1: images[0].dockerfile: Expected a path from the repository\'s top, not ".".',
            'f:1: images[1].dockerfile: Expected a path from the repository\'s top, not ".//./".',
        ],
    ),
    "too-many-patterns": (
        f"paths: {{include: [{'a, ' * 101}]}}\n",
        ["f:1: paths.include: Expected at most 100 members, not 101."],
    ),
    "image-without-dockerfile": ("images:\n  - target: a\n", ['f:2: images[0]: "dockerfile" is missing.']),
    "image-as-text": (
        "images: [Dockerfile]\n",
        [
            "f:1: images[0]: Expected a mapping with dockerfile, context, target, build_args, platforms and max_size, "
            'not "Dockerfile".'
        ],
    ),
    "paths-that-leave": (
        "images:\n- dockerfile: /etc/passwd\n  context: a/../../b\n",
        [
            'f:2: images[0].dockerfile: Expected a path from the repository\'s top, not "/etc/passwd".',
            'f:3: images[0].context: Expected a folder, as a path from the repository\'s top, not "a/../../b".',
        ],
    ),
    "image-that-is-odd": (
        "images:\n- dockerfile: a\n  target: -x\n  build_args: {a b: 1, C: , D: [1]}\n  platforms: [amd64]\n",
        [
            'f:3: images[0].target: Expected the name of a stage, not "-x".',
            'f:4: images[0].build_args.a b: Expected the name of an ARG, not "a b".',
            "f:4: images[0].build_args.C: Expected one line of text, not an empty value.",
            "f:4: images[0].build_args.D: Expected one line of text, not a list.",
            'f:5: images[0].platforms[0]: Expected a platform such as linux/amd64, not "amd64".',
        ],
    ),
    "review-that-is-odd": (
        "review:\n  comments: 51\n  drafts: maybe\n",
        [
            'f:2: review.comments: Expected a whole number from 0 to 50, not "51".',
            'f:3: review.drafts: Expected true or false, not "maybe".',
        ],
    ),
    "builds-that-are-odd": (
        "builds: {enabled: true}\nmax_growth: much\n",
        [
            "f:1: builds: Expected always, on-request or never, not a mapping.",
            'f:2: max_growth: Expected none, or a size such as 500 kB or 1 MB, not "much".',
        ],
    ),
    "alias": (
        "floor: &a 1\nfail: *a\n",
        ['f:2: fail: "*a" is an alias, which is not read here. Write the value again.'],
    ),
    "tag": (
        "floor: !!python/object:os.system 1\n",
        ['f:1: floor: "tag:yaml.org,2002:python/object:os.system" is a tag, which is not read here. Leave it out.'],
    ),
    "no-yaml": ("floor: [1\nfail: x\n", ["f:2: floor[1]: This is no YAML: did not find expected ',' or ']'."]),
    "tab": ("review:\n\tdrafts: yes\n", None),
    "two-documents": ("floor: 1\n---\nfloor: 2\n", ["f:2: A second document begins here; one is read."]),
    "list-as-key": ("? [a]\n: b\n", ["f:1: A key has to be text."]),
    "deep": ("[" * 9, ["f:1: [0][0][0][0][0][0][0][0]: Values are nested more than 8 deep."]),
    "nul": ("floor: 1\nfail: \0\n", ["f:2: YAML allows no U+0000."]),
    "escape": ("floor: \x1b[31m\n", ["f:1: YAML allows no U+001B."]),
    "latin-1": ("# caf\udce9\n", ["f:1: This is not UTF-8."]),
    "long": ("#" * 65537, ["f:1: The file is larger than 64 KiB."]),
    "long-in-bytes": ("#" + "é" * 32768, ["f:1: The file is larger than 64 KiB."]),
    "many-values": (f"rules: [{'1,' * 5000}]", ["f:1: rules[4997]: There are more than 5,000 values."]),
}

HOSTILE = {
    "megabyte": "a" * 1_000_000,
    "laughs": "a0: &a0 [x,x]\n" + "".join(f"a{n}: &a{n} [*a{n - 1},*a{n - 1}]\n" for n in range(1, 900)),
    "deep": "[" * 65_000,
    "deep-mapping": "{a: " * 16_000,
    "questions": "? " * 32_000,
    "dashes": "- " * 32_000,
    "quotes": "'" * 65_000,
    "long-key": "a" * 60_000 + ": 1\n",
    "long-value": "floor: " + "1" * 60_000,
    "long-rule": "rules:\n  " + "apt-" * 15_000 + ": off\n",
    "many-keys": "".join(f"revie{n}: 1\n" for n in range(2400)),
    "many-rules": "rules:\n" + "".join(f"  apt-list-left-behin{n}: 1\n" for n in range(1800)),
    "one-key-often": "floor: 1\n" * 2400,
    "many-tags": "a: [" + "!x a, " * 4000 + "]",
    "stars": f"paths: {{exclude: [{', '.join(['**/' * 80 + 'a'] * 100)}]}}",
    "classes": f"paths: {{exclude: [{', '.join([repr('[a-z]' * 50)] * 100)}]}}",
    "dots": "images: [{dockerfile: " + "../" * 20_000 + "}]",
    "slashes": "images: [{dockerfile: a" + "/" * 60_000 + "}]",
    "platform": "images: [{dockerfile: a, platforms: [" + "a/" * 30_000 + "]}]",
    "anchor": "&" + "a" * 60_000 + " b",
    "folded": "a: >\n" + " \n" * 30_000,
}


@table(("text", "expected"), GOOD)
def test_a_good_file_is_read(text: str, expected: Configuration) -> None:
    reading = read_configuration(text, "f")
    assert list(map(str, reading.problems)) == []
    assert merge([reading.layer]) == expected


@table(("text", "expected"), BAD)
def test_a_bad_file_says_nothing_but_what_is_wrong(text: str, expected: list[str] | None) -> None:
    reading = read_configuration(text, "f")
    if expected is None:  # the YAML parser's own words, which differ
        assert [(each.line, each.key) for each in reading.problems] == [(2, "review")]
    else:
        assert list(map(str, reading.problems)) == expected
    assert reading.layer == NOTHING_SAID


@table("text", HOSTILE)
def test_a_hostile_file_is_a_few_problems_at_once(text: str) -> None:
    started = time.process_time()
    problems = read_configuration(text, "f").problems
    assert time.process_time() - started < 1
    assert 0 < len(problems) <= MAX_PROBLEMS
    assert all(len(str(each)) < 1000 and each.line > 0 and each.column > 0 for each in problems)


@pytest.mark.parametrize("pattern", ["a*" * 120, "**/a/" * 48, "?" * 250, "[a-b]" * 2])
def test_patterns_that_were_made_to_hurt_take_no_time(pattern: str) -> None:
    configuration = merge([read_configuration(f"paths: {{exclude: [{', '.join([repr(pattern)] * 100)}]}}", "f").layer])
    assert configuration.paths.exclude == (pattern,) * 100
    started = time.process_time()
    configuration.covers(f"{'a/' * 500}{'a' * 3000}/Dockerfile")
    assert time.process_time() - started < 1


def test_what_is_left_out_is_said() -> None:
    problems = read_configuration("floor: 1\n" * 100, "f").problems
    assert len(problems) == MAX_PROBLEMS
    assert str(problems[-1]) == f"f:{MAX_PROBLEMS + 1}: There are more problems from here on."


def test_columns_point_at_the_word() -> None:
    (problem,) = read_configuration("review: {drafts: 3}\n", "f").problems
    assert (problem.line, problem.column, problem.key) == (1, 18, "review.drafts")


WORDS = [
    *(
        "rules",
        "floor",
        "fail",
        "paths",
        "include",
        "exclude",
        "images",
        "dockerfile",
        "context",
        "target",
        "build_args",
    ),
    *(
        "platforms",
        "review",
        "comments",
        "drafts",
        "builds",
        "max_growth",
        "max_size",
        "all",
        "DS201",
        "DS2",
        "packages",
        "A",
    ),
    *(
        "on",
        "off",
        "1",
        "1 MB",
        "",
        "a/b",
        "..",
        "[a",
        "!",
        "#",
        "linux/amd64",
        "writers",
        "never",
        "error",
        "null",
        "~",
    ),
]
TREES = st.recursive(
    st.sampled_from(WORDS) | st.text(max_size=5) | st.integers(-3, 99) | st.booleans() | st.none(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(WORDS), inner, max_size=5),
    max_leaves=12,
)


def _holds(text: str) -> None:
    started = time.process_time()
    reading = read_configuration(text, "f")
    assert time.process_time() - started < 1
    if reading.problems:
        assert reading.layer == NOTHING_SAID
    configuration = merge([reading.layer])
    configuration.covers("a/Dockerfile")
    configuration.config_for("a/Dockerfile")


@given(st.binary(max_size=200))
def test_any_bytes_are_a_reading(data: bytes) -> None:
    _holds(data.decode("utf-8", "surrogateescape"))


@given(st.text(st.sampled_from("ab:-*&<!{}[],\n '\"|>?#%@`\t\r\x85\u2028"), max_size=60))
def test_any_text_is_a_reading(text: str) -> None:
    _holds(text)


@given(TREES)
def test_any_yaml_is_a_reading(tree: object) -> None:
    _holds(yaml.safe_dump(tree, allow_unicode=True))


@given(st.sampled_from([text for text, _ in GOOD.values()]), st.integers(0, 400), st.text(max_size=3))
def test_a_good_file_with_a_slip_is_a_reading(text: str, at: int, slip: str) -> None:
    _holds(text[:at] + slip + text[at + 1 :])


@pytest.mark.parametrize("text", ["floor: 1 MB", "floor: 1 mb", "floor: 1MB", "floor: 1000 kB", 'floor: "1 MB"'])
def test_one_size_has_many_spellings(text: str) -> None:
    assert read_configuration(text, "f").layer.values == {"floor": 1_000_000}
