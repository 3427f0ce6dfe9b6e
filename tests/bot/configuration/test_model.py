"""Files over files, and what a configuration says about one Dockerfile."""

from __future__ import annotations

from functools import partial

from hypothesis import given
from hypothesis import strategies as st

from bot.configuration.keys import rule_names
from bot.configuration.model import DEFAULT, Budget, Configuration, Image, Paths, Threshold
from bot.configuration.read import NOTHING_SAID, Layer, merge, over, read_configuration
from bot.configuration.write import Change, compare, write_configuration
from rules.config import Config
from rules.finding import Finding, Saving, Severity
from rules.registry import FAMILIES, RULES
from tests.rules.cases import table

FLAGS = st.booleans()
CHOICES = st.sampled_from(["on", "off", "info", "warning", "error"])
CODES = st.sampled_from(["all", "DS2", "DS3", "DS201", "DS202", "DS301"])
THRESHOLDS = st.builds(Threshold, severity=st.none() | st.sampled_from(Severity)) | st.builds(
    Threshold, bytes=st.integers(0, 10**9)
)
PATTERNS = st.lists(st.sampled_from(["a/", "*.old", "!b", "/c", "**/d", "e f", "#g", "é"]), max_size=3).map(tuple)
PATHS = st.sampled_from(["Dockerfile", "a/Dockerfile", "b c.docker", "true", "null", "é/x"])
IMAGES = st.builds(
    Image,
    dockerfile=PATHS,
    context=st.none() | st.just("") | PATHS,
    target=st.sampled_from(["", "run", "1", "on", "null"]),
    build_args=st.dictionaries(st.sampled_from(["A", "B_1"]), st.sampled_from(["", "1", "yes", '"', "ü: #", "~"])).map(
        lambda found: tuple(found.items())
    ),
    platforms=st.lists(st.just("linux/amd64"), max_size=1).map(tuple),
    max_size=st.none() | st.integers(0, 10**10),
)
SECTION = partial(st.fixed_dictionaries, {})
LAYERS = SECTION(
    optional={
        "rules": st.dictionaries(CODES, CHOICES, max_size=3),
        "floor": st.integers(0, 10**10),
        "fail": THRESHOLDS,
        "paths": SECTION(optional={"include": PATTERNS, "exclude": PATTERNS}),
        "images": st.lists(IMAGES, max_size=2).map(tuple),
        "review": SECTION(optional={"comments": st.integers(0, 50), "drafts": FLAGS, "bots": FLAGS, "resolve": FLAGS}),
        "builds": st.sampled_from(["always", "on-request", "never"]),
        "max_growth": st.builds(Budget, st.none() | st.integers(0, 10**9)),
    }
).map(Layer)


@given(LAYERS, LAYERS, LAYERS)
def test_in_which_order_layers_are_joined_does_not_matter(a: Layer, b: Layer, c: Layer) -> None:
    assert over(over(a, b), c) == over(a, over(b, c))
    assert merge([c, b, a]) == merge([over(a, over(b, c))])


@given(LAYERS)
def test_nothing_changes_nothing(layer: Layer) -> None:
    assert over(layer, NOTHING_SAID) == over(NOTHING_SAID, layer) == over(layer, layer) == layer
    assert merge([]) == merge([NOTHING_SAID]) == DEFAULT


@given(LAYERS, LAYERS)
def test_each_key_comes_from_the_last_that_has_it(lower: Layer, upper: Layer) -> None:
    merged = merge([lower, upper])
    for name in ("floor", "fail", "images", "builds", "max_growth"):
        expected = upper.values.get(name, lower.values.get(name, getattr(DEFAULT, name)))
        assert getattr(merged, name) == expected
    for section in ("paths", "review"):
        for name in getattr(DEFAULT, section).__dataclass_fields__:
            default = getattr(getattr(DEFAULT, section), name)
            below = lower.values.get(section, {}).get(name, default)
            assert getattr(getattr(merged, section), name) == upper.values.get(section, {}).get(name, below)


@given(LAYERS)
def test_what_is_written_reads_as_it_was(layer: Layer) -> None:
    configuration = merge([layer])
    reading = read_configuration(write_configuration(configuration, "A test."), "f")
    assert reading.problems == ()
    assert merge([reading.layer]) == configuration


@given(LAYERS, LAYERS)
def test_configurations_differ_by_what_is_told(a: Layer, b: Layer) -> None:
    before, after = merge([a]), merge([b])
    found = list(compare(before, after))
    assert (found == []) == (before == after)
    assert all(each.before != each.after for each in found)
    assert [Change(each.key, each.after, each.before) for each in found if "rules" not in each.key] == [
        each for each in compare(after, before) if "rules" not in each.key
    ]


def test_what_differs_is_told_by_key() -> None:
    before = merge([read_configuration("rules: {DS201: off}\nfloor: 1 GB\nreview: {drafts: yes}", "f").layer])
    after = merge([read_configuration("rules: {DS2: error}\nfail: 5 MB\npaths: {exclude: [a/]}", "f").layer])
    assert list(compare(before, after)) == [
        Change("rules.DS201", "off", ""),
        Change("rules.DS2", "", "error"),
        Change("floor", "1 GB", "1 MB"),
        Change("fail", "never", "5 MB"),
        Change("paths.exclude", "[]", "[a/]"),
        Change("review.drafts", "true", "false"),
    ]


def test_the_default_is_what_rules_do_unasked() -> None:
    assert DEFAULT.config_for("Dockerfile") == Config()


NAMED = {
    "all": [rule.code for rule in RULES],
    **{name: [rule.code] for rule in RULES for name in (rule.code, rule.name)},
    **{
        name: [rule.code for rule in RULES if rule.code.startswith(code)]
        for code, title in FAMILIES.items()
        for name in (code, title.lower().replace(" ", "-"))
    },
}


def test_names_are_all_there_are() -> None:
    assert set(rule_names()) == set(NAMED)


@table(("name", "codes"), {name: (name, codes) for name, codes in NAMED.items()})
def test_every_name_of_a_rule_can_be_switched_off(name: str, codes: list[str]) -> None:
    config = merge([read_configuration(f"rules: {{{name}: off}}", "f").layer]).config_for("Dockerfile")
    assert [rule.code for rule in RULES if rule.is_default and not config.wants(rule)] == [
        rule.code for rule in RULES if rule.is_default and rule.code in codes
    ]


SWITCHES = {
    "nothing": ({}, False),
    "all": ({"all": "on"}, False),
    "family": ({"DS2": "warning"}, False),
    "itself": ({"DS227": "on"}, True),
    "severity": ({"DS227": "warning", "all": "off"}, True),
    "off": ({"DS227": "off"}, False),
}


@table(("rules", "is_on"), SWITCHES)
def test_what_is_off_by_default_counts_by_its_own_entry(rules: dict[str, str], is_on: bool) -> None:
    config = Configuration(rules=rules).config_for("Dockerfile")
    assert [rule.code for rule in RULES if not rule.is_default and config.wants(rule)] == ["DS227"] * is_on


def test_the_narrower_name_counts_more() -> None:
    config = Configuration(rules={"all": "off", "DS2": "error", "DS202": "on", "DS203": "off"}).config_for("Dockerfile")
    wanted = {rule.code for rule in RULES if config.wants(rule)}
    assert wanted == {rule.code for rule in RULES if rule.code.startswith("DS2")} - {"DS203", "DS227"}
    assert config.severities["DS201"] == Severity.ERROR
    assert "DS202" not in config.severities


COVERED = {
    "by-name": (Configuration(), "a/Dockerfile", True),
    "not-by-name": (Configuration(), "a/app.docker", False),
    "listed": (Configuration(images=(Image("a/app.docker"),)), "a/app.docker", True),
    "excluded": (Configuration(paths=Paths(exclude=("vendor/",))), "a/vendor/b/Dockerfile", False),
    "a-folder-is-no-file": (Configuration(paths=Paths(exclude=("Dockerfile/",))), "Dockerfile", True),
    "excluded-at-the-top": (Configuration(paths=Paths(exclude=("/vendor",))), "a/vendor/Dockerfile", True),
    "excluded-by-suffix": (Configuration(paths=Paths(exclude=("*.test",))), "a/Dockerfile.test", False),
    "anchored-by-a-slash": (Configuration(paths=Paths(exclude=("a/*",))), "b/a/Dockerfile", True),
    "back-again": (Configuration(paths=Paths(exclude=("test/", "!/test/Dockerfile"))), "test/Dockerfile", True),
    "no-class": (Configuration(paths=Paths(exclude=("Dockerfile.[!a]",))), "Dockerfile.a", True),
    "class": (Configuration(paths=Paths(exclude=("Dockerfile.[!a]",))), "Dockerfile.b", False),
    "hash": (Configuration(paths=Paths(exclude=("#a",))), "#a/Dockerfile", False),
    "included": (Configuration(paths=Paths(include=("docker/",))), "docker/api/Dockerfile", True),
    "not-included": (Configuration(paths=Paths(include=("docker/",))), "Dockerfile", False),
    "include-makes-no-dockerfile": (Configuration(paths=Paths(include=("docker/",))), "docker/README.md", False),
    "listed-without-include": (
        Configuration(paths=Paths(include=("docker/",)), images=(Image("a/b"),)),
        "a/b",
        True,
    ),
    "excluded-though-listed": (
        Configuration(paths=Paths(exclude=("a/",)), images=(Image("a/b"),)),
        "a/b",
        False,
    ),
}


@table(("configuration", "path", "expected"), COVERED)
def test_which_files_are_looked_at(configuration: Configuration, path: str, expected: bool) -> None:
    assert configuration.covers(path) is expected


def test_images_name_targets_and_contexts_of_their_file_only() -> None:
    images = (Image("a/Dockerfile", "", "run"), Image("a/Dockerfile", "a", "test"), Image("b/Dockerfile"))
    configuration = Configuration(images=images)
    assert configuration.config_for("a/Dockerfile").targets == {"run", "test"}
    assert configuration.config_for("a/Dockerfile").roots == {"", "a"}
    assert configuration.config_for("b/Dockerfile").roots == frozenset()


def _finding(severity: Severity = Severity.WARNING, count: int | None = None, is_small: bool = False) -> Finding:
    rule = RULES[0]
    return Finding(rule.code, rule.name, severity, "", "", None, 0, saving=Saving(count), is_small=is_small)  # type: ignore[arg-type]


REACHED = {
    "never": (Threshold(), [_finding(Severity.ERROR, 10**9)], False),
    "severity": (Threshold(Severity.WARNING), [_finding()], True),
    "worse": (Threshold(Severity.INFO), [_finding(Severity.ERROR)], True),
    "less": (Threshold(Severity.ERROR), [_finding()], False),
    "small": (Threshold(Severity.INFO), [_finding(is_small=True)], False),
    "nothing": (Threshold(bytes=0), [], False),
    "bytes-together": (Threshold(bytes=10), [_finding(count=4), _finding(), _finding(count=6)], True),
    "bytes-unknown": (Threshold(bytes=10), [_finding()], False),
    "bytes-below": (Threshold(bytes=10), [_finding(count=9)], False),
    "bytes-of-small-ones": (Threshold(bytes=10), [_finding(count=10, is_small=True)], False),
}


@table(("threshold", "found", "expected"), REACHED)
def test_what_makes_a_check_fail(threshold: Threshold, found: list[Finding], expected: bool) -> None:
    assert threshold.is_reached(found) is expected
