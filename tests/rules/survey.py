"""Every rule and every fix over many files: what is found and offered, and whether anything breaks.

`make corpus` prints it for the corpus, `test_corpus.py` holds it.
"""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from rules.check import Report, refuse, run_rules
from rules.dockerfile import Dockerfile, DockerfileError, parse
from rules.finding import Finding
from rules.fix import Applicability, apply
from rules.registry import RULES
from rules.surroundings import NOTHING_KNOWN
from tests.corpus import ARCHIVE, corpus_texts
from tests.hadolint import lint
from tests.rules.dockerfile.oracle import official_shape
from tests.rules.fixing import fix_all

# What may go wrong with the result of a fix; each must be 0.
CRASH = "crashes"
OFFICIAL = "results that the official parser refuses"
SHELL = "RUN bodies that could be read before and not after"
AGAIN = "results that a second run changes"
COMMENTS = "comments lost"
HEREDOCS = "here-documents lost"
NEWLINE = "final newlines that differ"
LINE_ENDS = "line ends that differ"
ALONE = "fixes that pass the gate together and not alone"
HADOLINT = "hadolint codes that were not there before"
FAULTS = (CRASH, OFFICIAL, SHELL, AGAIN, COMMENTS, HEREDOCS, NEWLINE, LINE_ENDS, ALONE, HADOLINT)

EXPLAINED = {
    "DL3008": "named without a version, as before: a package that came along unasked, or after `apt` became `apt-get`",
    "DL3014": "`-y` was missing before, where it said `apt` and not `apt-get`",
    "DL3059": "it speaks of RUNs of up to two commands only, and a command is gone; no byte hangs on it",
}
"""Codes of hadolint that a right fix may bring, each with the reason why it is no fault of the fix."""


@dataclass
class Survey:
    """What came out: counts by rule, and everything that went wrong with the file where it did."""

    files: int = 0
    unread: int = 0
    changed: int = 0
    applied: int = 0
    findings: Counter[str] = field(default_factory=Counter)
    files_with: Counter[str] = field(default_factory=Counter)
    offered: Counter[tuple[str, str]] = field(default_factory=Counter)
    refused: Counter[tuple[str, str]] = field(default_factory=Counter)
    refused_in: dict[tuple[str, str], str] = field(default_factory=dict)
    faults: list[tuple[str, str, str]] = field(default_factory=list)
    """Which of FAULTS, the file, and what exactly."""
    explained: Counter[str] = field(default_factory=Counter)
    results: dict[str, tuple[str, str]] = field(default_factory=dict)
    """Text before and after all fixes, of every file that changed."""


def take_survey(texts: Iterable[tuple[str, str]]) -> Survey:
    """Check and fix every file."""
    survey = Survey()
    for name, text in texts:
        survey.files += 1
        try:
            before = parse(text)
        except DockerfileError:
            survey.unread += 1
            continue
        try:
            _add(survey, name, before)
        except Exception as error:  # whatever it is: it is counted, and the other files are looked at
            survey.faults.append((CRASH, name, repr(error)))
    return survey


def ask_hadolint(survey: Survey) -> None:
    """Look for codes of hadolint that a result has more often than the text that it was made from."""
    said = lint(text for pair in survey.results.values() for text in pair)
    for name, (before, after) in survey.results.items():
        new = Counter(hit.code for hit in said[after]) - Counter(hit.code for hit in said[before])
        for code in sorted(new):
            if code in EXPLAINED:
                survey.explained[code] += 1
            else:
                survey.faults.append((HADOLINT, name, code))


def _add(survey: Survey, name: str, before: Dockerfile) -> None:
    text = before.text
    outcome = fix_all(text)
    _count(survey, name, outcome.first)
    survey.faults += [(ALONE, name, fault) for fault in _faults_alone(before, outcome.first.findings)]
    survey.applied += outcome.applied
    if outcome.text == text:
        return
    survey.changed += 1
    survey.results[name] = (text, outcome.text)
    after = parse(outcome.text)
    survey.faults += [(fault, name, "") for fault in _faults(before, after)]
    if outcome.again != outcome.text:
        survey.faults.append((AGAIN, name, ""))


def _count(survey: Survey, name: str, report: Report) -> None:
    codes = [each.code for each in report.findings]
    survey.findings.update(codes)
    survey.files_with.update(set(codes))
    refused = {id(each.finding) for each in report.refused}
    survey.offered.update((each.code, offer_of(each)) for each in report.findings if id(each) not in refused)
    for refusal in report.refused:
        key = (refusal.finding.code, refusal.reason[:100])
        survey.refused[key] += 1
        survey.refused_in.setdefault(key, name)


def offer_of(finding: Finding) -> str:
    """Return what a finding offers: a fix of one of three kinds, a snippet, nothing, or nothing and only told."""
    if finding.fix is not None:
        return finding.fix.applicability.value
    if finding.snippet is not None:
        return "snippet"
    return "info" if finding.severity == "info" else "nothing"


def _faults_alone(before: Dockerfile, findings: Iterable[Finding]) -> list[str]:
    """Return what is wrong with fixes when one is made and no other: that is what a click does."""
    fixable = [each for each in findings if each.fix is not None]
    if not fixable:
        return []
    found = run_rules(before, NOTHING_KNOWN)
    accepted = official_shape(_replaced(before.text)) is not None
    faults = []
    for each in fixable:
        reason = refuse(before, [each], NOTHING_KNOWN, found)
        if reason is not None:
            faults.append(f"{each.code}: {reason}")
        elif accepted and each.fix and official_shape(_replaced(apply(before.text, [each.fix]))) is None:
            faults.append(f"{each.code}: the official parser refuses the result")
    return faults


def _faults(before: Dockerfile, after: Dockerfile) -> list[str]:
    old, new = before.text, after.text
    faults = []
    if official_shape(_replaced(old)) is not None and official_shape(_replaced(new)) is None:
        faults.append(OFFICIAL)
    if _unread_runs(after) > _unread_runs(before):
        faults.append(SHELL)
    if _comments(after) != _comments(before):
        faults.append(COMMENTS)
    if _heredocs(after) != _heredocs(before):
        faults.append(HEREDOCS)
    if new.endswith("\n") != old.endswith("\n"):
        faults.append(NEWLINE)
    if ("\r" not in old and "\r" in new) or ("\r\n" in old and "\r" not in new):
        faults.append(LINE_ENDS)
    return faults


def _replaced(text: str) -> str:
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def _unread_runs(dockerfile: Dockerfile) -> int:
    runs = (each.trigger or each for each in dockerfile.instructions)
    return sum(run.keyword == "RUN" and not run.script.parsed for run in runs)


def _comments(dockerfile: Dockerfile) -> list[str]:
    return sorted(each.text for each in dockerfile.comments)


def _heredocs(dockerfile: Dockerfile) -> int:
    return sum(len(each.heredocs) for each in dockerfile.instructions)


def print_survey(survey: Survey) -> None:
    """Print the numbers, and every fault with its file."""
    print(f"{survey.files} files, {survey.unread} unread, {survey.changed} changed by {survey.applied} fixes")
    kinds = (*(each.value for each in Applicability), "snippet", "nothing", "info")
    print(f"\n{'rule':44}{'findings':>9}{'files':>7}" + "".join(f"{kind:>9}" for kind in kinds) + f"{'refused':>9}")
    total: Counter[str] = Counter()
    for rule in RULES:
        refused = sum(count for (code, _), count in survey.refused.items() if code == rule.code)
        row = {kind: survey.offered[rule.code, kind] for kind in kinds} | {"refused": refused}
        total.update(row)
        head = f"{rule.code + ' ' + rule.name:44}{survey.findings[rule.code]:9}{survey.files_with[rule.code]:7}"
        print(head + "".join(f"{count:9}" for count in row.values()))
    print(f"{'all':44}{survey.findings.total():9}{'':7}" + "".join(f"{total[kind]:9}" for kind in (*kinds, "refused")))
    print("\nrefused by the gate, with one file each:")
    for (code, reason), count in sorted(survey.refused.items(), key=lambda each: (each[0][0], -each[1])):
        print(f"  {code} {count:5} x {reason} ({survey.refused_in[code, reason]})")
    if survey.explained:
        print("\nhadolint codes that a right fix may bring:")
        for code, count in sorted(survey.explained.items()):
            print(f"  {code} {count:5} x {EXPLAINED[code]}")
    print()
    for fault in FAULTS:
        cases = [(name, what) for kind, name, what in survey.faults if kind == fault]
        print(f"{fault}: {len(cases)}")
        for name, what in cases[:20]:
            print(f"  {name} {what}")


def main() -> int:
    """Print the survey of the corpus; the exit status says whether something broke."""
    if not ARCHIVE.is_file():
        print(f"corpus: {ARCHIVE} is not here, and there is nothing to read")
        return 0
    start = time.process_time()
    survey = take_survey(corpus_texts())
    own = time.process_time() - start
    ask_hadolint(survey)
    print_survey(survey)
    print(f"\n{own:.0f} s of processor time without hadolint")
    return 1 if survey.faults else 0


if __name__ == "__main__":
    sys.exit(main())
