"""Apply what the rules propose until nothing changes, as `dockslim fix` does."""

from __future__ import annotations

from dataclasses import dataclass, field

from rules.check import Refusal, check, refuse
from rules.dockerfile import parse
from rules.finding import Finding
from rules.fix import Applicability, apply, overlap
from rules.rule import Surroundings

ALL = frozenset({Applicability.SAFE, Applicability.UNSAFE})
MAX_PASSES = 20


@dataclass
class Outcome:
    """The text after every fix, what was applied on the way, and what the gate refused at first sight."""

    text: str
    applied: list[Finding] = field(default_factory=list)
    first: tuple[Finding, ...] = ()
    refused: tuple[Refusal, ...] = ()


def fix_all(text: str, applicabilities: frozenset[Applicability] = ALL) -> Outcome:
    """Apply the fixes that do not overlap, pass by pass, until none is left."""
    outcome = Outcome(text)
    for each_pass in range(MAX_PASSES):
        dockerfile = parse(outcome.text)
        report = check(dockerfile)
        if each_pass == 0:
            outcome.first, outcome.refused = report.findings, report.refused
        chosen: list[Finding] = []
        for finding in report.findings:
            fix = finding.fix
            if fix is None or fix.applicability not in applicabilities:
                continue
            if not any(other.fix is not None and overlap(other.fix, fix) for other in chosen):
                chosen.append(finding)
        if len(chosen) > 1 and refuse(dockerfile, chosen, Surroundings()) is not None:
            chosen = chosen[:1]
        if not chosen:
            return outcome
        outcome.text = apply(outcome.text, [each.fix for each in chosen if each.fix is not None])
        outcome.applied += chosen
    raise AssertionError(f"no fixpoint after {MAX_PASSES} passes")
