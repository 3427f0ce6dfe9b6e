"""The gate: a fix that does anything but what it promises is refused."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rules.check import check, refuse
from rules.dockerfile import Span, parse
from rules.finding import Finding, Severity
from rules.fix import Applicability, Edit, Fix, OverlapError, apply, overlap
from rules.rule import Surroundings
from tests.rules.cases import table

TEXT = "FROM debian:12-slim\nRUN apt-get update && apt-get install -y --no-install-recommends cron\n"
RM = "rm -rf /var/lib/apt/lists/*"
END = len(TEXT) - 1
Change = tuple[int, int, str]


def finding(changes: list[Change], removed: list[str], added: list[str], code: str = "DS202") -> Finding:
    fix = Fix(
        tuple(Edit(Span(start, end), text) for start, end, text in changes),
        Applicability.SAFE,
        tuple(tuple(each.split()) for each in removed),
        tuple(tuple(each.split()) for each in added),
    )
    return Finding(code, "x", Severity.WARNING, "m", "r.", Span(15, 20), 1, fix)


def refusal(*findings: Finding, text: str = TEXT) -> str | None:
    return refuse(parse(text), findings, Surroundings())


GOOD = finding([(END, END, f" && {RM}")], [], [RM])
AT = TEXT.index("apt-get install")
REFUSED = {
    "changes-nothing": (finding([(0, 0, "")], [], []), "changes nothing"),
    "does-not-parse": (finding([(0, 0, "# escape=x\n")], [], []), "does not parse"),
    "unterminated-heredoc": (finding([(END, END, " <<EOF")], [], []), "does not parse"),
    "promises-less": (finding([(END, END, f" && {RM}")], [], []), "unexpected rm"),
    "promises-more": (finding([(END, END, f" && {RM}")], [], [RM, "true"]), "missing true"),
    "loses-a-command": (finding([(AT, END, RM)], [], [RM]), "missing apt-get install"),
    "removes-what-was-never-there": (finding([(END, END, f" && {RM}")], ["ls"], [RM]), "commands"),
    "touches-another-instruction": (finding([(5, 14, "debian:13")], [], []), "leave alone"),
    "adds-an-instruction": (finding([(END, END, f" && {RM}\nUSER x")], [], [RM]), "leave alone"),
    "unreadable-afterwards": (finding([(END, END, " (")], [], []), "cannot be read"),
    "finding-stays": (finding([(END, END, " && true")], [], ["true"]), "more of DS202"),
    "new-finding": (
        finding([(END, END, f" && pip install x && {RM}")], [], ["pip install x", RM]),
        "more of DS204",
    ),
}


def test_accepts_what_a_rule_would_do() -> None:
    assert refusal(GOOD) is None


@table(("wrong", "reason"), REFUSED)
def test_refuses(wrong: Finding, reason: str) -> None:
    assert reason in (refusal(wrong) or "")


def test_refuses_overlapping_edits() -> None:
    other = finding([(END - 4, END, "nano")], [], [])
    inside = finding([(END - 2, END - 1, "x")], [], [])
    assert "same characters" in (refusal(other, inside) or "")
    assert "same characters" in (refusal(GOOD, finding([(END, END, " && true")], [], ["true"])) or "")


def test_equal_edits_count_once() -> None:
    assert GOOD.fix is not None
    assert apply(TEXT, [GOOD.fix, GOOD.fix]) == TEXT[:END] + f" && {RM}\n"
    assert not overlap(GOOD.fix, GOOD.fix)


def test_apply_raises_on_overlap() -> None:
    left, right = Fix((Edit(Span(0, 4), "a"),), Applicability.SAFE), Fix((Edit(Span(3, 5), "b"),), Applicability.SAFE)
    assert overlap(left, right)
    with pytest.raises(OverlapError):
        apply(TEXT, [left, right])


def test_check_reports_a_refused_fix_as_a_finding_without_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rules.check._gate", lambda *_: "no")
    report = check(parse(TEXT))
    assert report.findings
    assert not any(each.fix for each in report.findings)
    assert [each.reason for each in report.refused] == ["no"]


_EDITS = st.lists(
    st.builds(
        lambda start, length, text: Edit(Span(start, start + length), text),
        st.integers(0, 20), st.integers(0, 5), st.text("ab", max_size=3),
    ),
    max_size=4,
)  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(_EDITS, _EDITS)
def test_apply_and_overlap_agree(first: list[Edit], second: list[Edit]) -> None:
    left, right = Fix(tuple(first), Applicability.SAFE), Fix(tuple(second), Applicability.SAFE)
    text = "0123456789" * 3
    try:
        result = apply(text, [left, right])
    except OverlapError:
        assert overlap(left, right)
        return
    assert not overlap(left, right)
    edits = {*first, *second}
    assert len(result) == len(text) + sum(len(e.replacement) - (e.span.end - e.span.start) for e in edits)
