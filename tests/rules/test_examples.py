"""Every rule's own examples, and that every rule on disk is registered as the contract says."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import re

import pytest

import rules
from rules.check import check
from rules.config import DEFAULT, Config
from rules.dockerfile import parse
from rules.finding import Finding
from rules.fix import apply
from rules.registry import RULES
from rules.rule import Bad, Good, Rule
from rules.surroundings import NOTHING_KNOWN, Surroundings

_GOOD = [pytest.param(rule, good, id=f"{rule.name}-{i}") for rule in RULES for i, good in enumerate(rule.good)]
_BAD = [pytest.param(rule, bad, id=f"{rule.name}-{i}") for rule in RULES for i, bad in enumerate(rule.bad)]
_RULES = [pytest.param(rule, id=rule.name) for rule in RULES]
_HEADINGS = ["What it does", "Why it costs", "Fix safety", "When it is silent"]


def _findings(rule: Rule, text: str, surroundings: Surroundings = NOTHING_KNOWN) -> list[Finding]:
    report = check(parse(text), _config(rule), surroundings)
    return [each for each in report.findings if each.code == rule.code]


def _config(rule: Rule) -> Config:
    """Return the configuration that a rule counts in, the default one where that does."""
    return DEFAULT if rule.is_default else Config(select=frozenset({rule.code}))


def _classes_on_disk() -> set[type[Rule]]:
    found = set()
    for module in pkgutil.walk_packages(rules.__path__, "rules."):
        for _, member in inspect.getmembers(importlib.import_module(module.name), inspect.isclass):
            if issubclass(member, Rule) and not inspect.isabstract(member):
                found.add(member)
    return found


@pytest.mark.parametrize(("rule", "good"), _GOOD)
def test_good_is_silent(rule: Rule, good: str | Good) -> None:
    if isinstance(good, str):
        good = Good(good, NOTHING_KNOWN)
    assert _findings(rule, good.text, good.surroundings) == []


@pytest.mark.parametrize(("rule", "bad"), _BAD)
def test_bad_fires_and_its_fix_makes_it_good(rule: Rule, bad: Bad) -> None:
    report = check(parse(bad.text), _config(rule), bad.surroundings)
    found = [each for each in report.findings if each.code == rule.code]
    assert found
    assert [each for each in report.refused if each.finding.code == rule.code] == []
    fixes = [each.fix for each in found if each.fix is not None]
    if bad.fixed is None:
        assert fixes == []
        return
    assert apply(bad.text, fixes) == bad.fixed
    assert _findings(rule, bad.fixed, bad.surroundings) == []


@pytest.mark.parametrize(("rule", "bad"), _BAD)
def test_messages_of_examples_are_sentences(rule: Rule, bad: Bad) -> None:
    for each in _findings(rule, bad.text, bad.surroundings):
        assert each.message == each.message.strip() != ""
        assert not each.message.endswith(".")
        assert each.reason.endswith(".")
        assert each.span.of(bad.text)
        assert (each.name, each.aliases) == (rule.name, rule.aliases)


def test_every_rule_on_disk_is_registered_once() -> None:
    registered = [type(rule) for rule in RULES]
    assert len(registered) == len(set(registered))
    assert set(registered) == _classes_on_disk()


def test_codes_and_names_are_unique_and_in_order() -> None:
    codes = [rule.code for rule in RULES]
    assert codes == sorted(set(codes))
    assert all(re.fullmatch(r"DS\d{3}", code) for code in codes)
    assert len({rule.name for rule in RULES}) == len(RULES)


@pytest.mark.parametrize("rule", _RULES)
def test_class_is_named_as_its_file(rule: Rule) -> None:
    assert type(rule).__module__.rpartition(".")[2] == rule.name.replace("-", "_")


@pytest.mark.parametrize("rule", _RULES)
def test_docstring_has_every_heading(rule: Rule) -> None:
    page = inspect.getdoc(type(rule)) or ""
    assert re.findall(r"^## (.+)$", page, re.MULTILINE) == _HEADINGS
    assert page.splitlines()[0].endswith(".")


@pytest.mark.parametrize("rule", _RULES)
def test_has_good_and_bad_examples(rule: Rule) -> None:
    assert rule.good
    assert rule.bad
