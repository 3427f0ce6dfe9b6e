"""Ask one rule about one file, and apply what it proposes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from rules.check import check
from rules.config import Config
from rules.dockerfile import parse
from rules.finding import Finding
from rules.fix import Applicability, apply
from rules.surroundings import NOTHING_KNOWN, Surroundings


def table(names: str, cases: Mapping[str, Any]) -> Any:
    """Return a parametrisation whose ids are the keys of `cases`."""
    return pytest.mark.parametrize(names, list(cases.values()), ids=list(cases))


def findings(code: str, text: str, surroundings: Surroundings = NOTHING_KNOWN) -> list[Finding]:
    """Return what one rule finds, everything else left out."""
    return list(check(parse(text), Config(select=frozenset({code})), surroundings).findings)


def assert_silent(code: str, text: str, surroundings: Surroundings = NOTHING_KNOWN) -> None:
    """Hold that a rule finds nothing."""
    assert [each.span.of(text) for each in findings(code, text, surroundings)] == []


def assert_fixed(code: str, text: str, fixed: str | None, surroundings: Surroundings = NOTHING_KNOWN) -> None:
    """Hold that a rule fires and that its fixes make `fixed`, None for no fix; the rule is content afterwards."""
    report = check(parse(text), Config(select=frozenset({code})), surroundings)
    assert report.findings
    fixes = [each.fix for each in report.findings if each.fix is not None]
    assert [each.reason for each in report.refused] == []
    if fixed is None:
        assert fixes == []
        return
    assert apply(text, fixes) == fixed
    assert_silent(code, fixed, surroundings)


def rule_test(
    code: str,
    silent: Mapping[str, str],
    fixed: Mapping[str, tuple[str, str | None]],
    applicability: Applicability | None = None,
) -> Callable[[str, str | None], None]:
    """Return the test of a rule's tables: nothing found in these, and of those made what they say, None for no fix.

    Where `applicability` is given, every fix has to have it.
    """
    cases = [pytest.param(text, text, id=name) for name, text in silent.items()]
    cases += [pytest.param(text, after, id=name) for name, (text, after) in fixed.items()]

    @pytest.mark.parametrize(("text", "after"), cases)
    def test(text: str, after: str | None) -> None:
        if after == text:
            assert_silent(code, text)
        else:
            assert_fixed(code, text, after)
            if applicability is not None:
                assert {each.fix.applicability for each in findings(code, text) if each.fix} <= {applicability}

    return test
