"""Every fix over the corpus: nothing breaks, nothing is lost, and a second run changes nothing."""

from __future__ import annotations

from collections import Counter

import pytest

from rules.dockerfile import Dockerfile, DockerfileError, parse
from tests.corpus import corpus_texts
from tests.rules.dockerfile.oracle import official_shape
from tests.rules.fixing import fix_all

pytestmark = pytest.mark.slow


def _replaced(text: str) -> str:
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def _comments(dockerfile: Dockerfile) -> list[str]:
    return [each.text for each in dockerfile.comments]


def _heredocs(dockerfile: Dockerfile) -> int:
    return sum(len(each.heredocs) for each in dockerfile.instructions)


def test_fixes_over_the_corpus(capsys: pytest.CaptureFixture[str]) -> None:
    findings: Counter[str] = Counter()
    offered: Counter[str] = Counter()
    refused: Counter[str] = Counter()
    broken: list[tuple[str, str]] = []
    files = unread = changed = applied = 0
    for name, text in corpus_texts():
        files += 1
        try:
            before = parse(text)
        except DockerfileError:
            unread += 1
            continue
        outcome = fix_all(text)
        findings.update(each.code for each in outcome.first.findings)
        offered.update(
            f"{each.code} {each.fix.applicability if each.fix is not None else 'no fix'}"
            for each in outcome.first.findings
        )
        refused.update(f"{each.finding.code}: {each.reason[:60]}" for each in outcome.first.refused)
        applied += outcome.applied
        if outcome.text == text:
            continue
        changed += 1
        after = parse(outcome.text)
        if outcome.again != outcome.text:
            broken.append((name, "a second run changes it again"))
        if official_shape(_replaced(text)) is not None and official_shape(_replaced(outcome.text)) is None:
            broken.append((name, "the official parser refuses the result"))
        if _comments(after) != _comments(before):
            broken.append((name, "comments differ"))
        if _heredocs(after) != _heredocs(before):
            broken.append((name, "here-documents differ"))
        if outcome.text.endswith("\n") != text.endswith("\n"):
            broken.append((name, "the final newline differs"))
        if ("\r" not in text and "\r" in outcome.text) or ("\r\n" in text and "\r" not in outcome.text):
            broken.append((name, "line ends differ"))
    with capsys.disabled():
        print(f"\ncorpus: {files} files, {unread} unread, {changed} changed by {applied} fixes")
        for title, counter in (("findings", findings), ("offered", offered), ("refused by the gate", refused)):
            print(f"  {title}: " + ", ".join(f"{key} {count}" for key, count in sorted(counter.items())))
    assert broken == []
    assert changed > 1000
