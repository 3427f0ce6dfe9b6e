"""Fixes -> suggestions: whole lines inside one hunk, which one click replaces, and none of which overlap."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from enum import Enum, auto
from typing import NamedTuple

from bot.review.diff import Diff
from bot.review.markdown import is_plain, size
from rules.check import refuse, run_rules
from rules.dockerfile import Dockerfile, Span
from rules.finding import Finding, Severity
from rules.fix import Applicability, Edit, Fix, OverlapError, apply
from rules.rule import Surroundings

MAX_BLOCK = 30_000
"""Bytes of one suggestion; a body has room for twice that, and nobody reviews more by a click."""

MAX_TRIED = 40
"""Findings of one file for which a suggestion is tried: each try runs all rules over the file."""

_RANK = {Severity.ERROR: 0, Severity.WARNING: 1, Severity.INFO: 2}


class Obstacle(Enum):
    """Why a fix is shown as a diff and not offered as a suggestion."""

    DISPLAY = auto()
    """It is one to adapt by hand."""
    LINE_ENDS = auto()
    """The file has carriage returns, of which GitHub's button makes a mess."""
    HIDDEN = auto()
    """Characters are involved that a comment cannot show, or bytes that are no UTF-8."""
    OUTSIDE = auto()
    """It reaches beyond the lines that one hunk shows."""
    CLASH = auto()
    """It cannot be made together with a suggestion that is worth more."""
    LENGTH = auto()
    """It is too long for a comment."""
    DOUBT = auto()
    """Applied as GitHub would, it did not pass the gate."""
    MANY = auto()
    """There are more suggestions than one review takes."""


class Change(NamedTuple):
    """Whole lines `start` to `end` and what stands in their place."""

    start: int
    end: int
    old: tuple[str, ...]
    new: tuple[str, ...]


class Suggestion(NamedTuple):
    """What one click does: it puts `lines` in the place of lines `start` to `end`, for these findings."""

    start: int
    end: int
    lines: tuple[str, ...]
    findings: tuple[Finding, ...]
    joined: tuple[Finding, ...] = ()
    """The same findings with what several insert at one place joined, so that their fixes do not clash."""


class Remark(NamedTuple):
    """A finding that is told in words; `obstacle` says why its fix is no suggestion, None where it has no fix."""

    finding: Finding
    obstacle: Obstacle | None = None


class Proposal(NamedTuple):
    """What to say about one file, in the order of its lines."""

    suggestions: tuple[Suggestion, ...]
    remarks: tuple[Remark, ...]


class Proofs:
    """What the gate lets through in one file, so that it is asked everything once."""

    def __init__(self, dockerfile: Dockerfile, surroundings: Surroundings) -> None:
        self._dockerfile = dockerfile
        self._surroundings = surroundings
        self._found: tuple[Finding, ...] | None = None
        self._known: dict[tuple[Finding, ...], bool] = {}

    def passes(self, findings: Iterable[Finding]) -> bool:
        """Tell whether the gate lets the fixes of these findings through together."""
        findings = tuple(findings)
        if findings not in self._known:
            if self._found is None:
                self._found = run_rules(self._dockerfile, self._surroundings)
            self._known[findings] = refuse(self._dockerfile, findings, self._surroundings, self._found) is None
        return self._known[findings]


def propose(dockerfile: Dockerfile, findings: Sequence[Finding], diff: Diff, proofs: Proofs, most: int) -> Proposal:
    """Make at most `most` suggestions of the fixes; each is valid alone and together with all others.

    Every finding is in the result once, in a suggestion or as a remark.
    """
    gate = _Gate(dockerfile, diff, proofs)
    remarks: list[Remark] = []
    drafts: list[Suggestion] = []
    for finding in findings:
        draft = gate.draft((finding,)) if finding.fix else None
        if isinstance(draft, Suggestion):
            drafts.append(draft)
        else:
            remarks.append(Remark(finding, draft))
    suggestions: list[Suggestion] = []
    room = MAX_TRIED
    for group in sorted(_group(dockerfile, drafts), key=lambda each: worth(each[0])):
        if len(suggestions) == most or not room:
            remarks += (Remark(finding, Obstacle.MANY) for finding in group)
            continue
        tried = group[:room]
        merged, left = gate.merge(tried)
        suggestions += merged
        remarks += left
        remarks += (Remark(finding, Obstacle.MANY) for finding in group[room:])
        room -= len(tried)
    kept, left = gate.settle(suggestions)
    return Proposal(tuple(sorted(kept, key=_place)), tuple(sorted((*remarks, *left), key=_order)))


def worth(finding: Finding) -> tuple[int, int, int, int]:
    """Return a key that sorts the most valuable finding first: known saving, severity, place."""
    saved = finding.saving.bytes or 0
    return (0 if saved > 0 else 1, -saved, _RANK[finding.severity], finding.span.start)


def press(text: str, suggestion: Suggestion) -> str:
    """Do to a file what GitHub's button does: replace the lines, keep how the file ends."""
    lines = text.split("\n")
    lines[suggestion.start - 1 : suggestion.end] = suggestion.lines
    return "\n".join(lines)


def changes(dockerfile: Dockerfile, fix: Fix) -> tuple[Change, ...]:
    """Return a fix as the line ranges that it changes, in order, as far apart as its edits are."""
    groups: list[list[Edit]] = []
    found: list[Change] = []
    for edit in sorted(set(fix.edits)):
        group = [edit]
        change = _rewrite(dockerfile, group)
        while found and change.start <= found[-1].end:
            found.pop()
            group = groups.pop() + group
            change = _rewrite(dockerfile, group)
        groups.append(group)
        found.append(change)
    return tuple(_trim(change) for change in found if change.old != change.new)


class _Gate(NamedTuple):
    """What a suggestion for one file has to pass."""

    dockerfile: Dockerfile
    diff: Diff
    proofs: Proofs

    def draft(self, findings: Sequence[Finding]) -> Suggestion | Obstacle:
        """Return the suggestion that carries the fixes of `findings`, not yet verified."""
        joined = _join(findings)
        fixes = [each.fix for each in joined if each.fix]
        text = self.dockerfile.text
        if any(fix.applicability is Applicability.DISPLAY for fix in fixes):
            return Obstacle.DISPLAY
        if "\r" in text:
            return Obstacle.LINE_ENDS
        if _has_foreign_bytes(text):
            return Obstacle.HIDDEN
        try:
            fixed = apply(text, fixes)
        except OverlapError:
            return Obstacle.CLASH
        change = _trim(_rewrite(self.dockerfile, [edit for fix in fixes for edit in fix.edits]))
        if not all(map(is_plain, change.new)):
            return Obstacle.HIDDEN
        if sum(size(line) + 1 for line in change.new) > MAX_BLOCK:
            return Obstacle.LENGTH
        if not self.diff.shows(change.start, change.end):
            return Obstacle.OUTSIDE
        suggestion = Suggestion(change.start, change.end, change.new, tuple(findings), joined)
        # GitHub keeps whether a file ends with a newline, a fix may not; Docker does not care.
        if change.new == change.old or press(text, suggestion).removesuffix("\n") != fixed.removesuffix("\n"):
            return Obstacle.DOUBT
        return suggestion

    def passes(self, suggestions: Iterable[Suggestion]) -> bool:
        """Tell whether the gate lets these suggestions through together."""
        return self.proofs.passes(finding for each in suggestions for finding in each.joined)

    def prove(self, orders: Iterable[Sequence[Finding]]) -> Suggestion | Obstacle:
        """Return the first of several orders that makes a suggestion and passes, else what hindered the first."""
        hindered: Obstacle | None = None
        seen: list[tuple[Finding, ...]] = []
        for order in orders:
            draft = self.draft(order)
            if isinstance(draft, Obstacle):
                hindered = hindered or draft
            elif set(draft.joined) not in map(set, seen):
                if self.passes([draft]):
                    return draft
                seen.append(draft.joined)
        return hindered or Obstacle.DOUBT

    def merge(self, group: Sequence[Finding]) -> tuple[list[Suggestion], list[Remark]]:
        """Make one suggestion of a group, the most valuable first, with as many others as pass together with it."""
        # Words that join a command and a command that follows it may be inserted at one place: the gate knows which
        # order is right.
        whole = self.prove([group, group[::-1]])
        if isinstance(whole, Suggestion):
            return [whole], []
        best: Suggestion | None = None
        left: list[Remark] = []
        for finding in group:
            taken = best.findings if best else ()
            draft = self.prove((*taken[:at], finding, *taken[at:]) for at in range(len(taken), -1, -1))
            if isinstance(draft, Suggestion):
                best = draft
            else:
                left.append(Remark(finding, Obstacle.CLASH if best else draft))
        return [best] if best else [], left

    def settle(self, suggestions: list[Suggestion]) -> tuple[list[Suggestion], list[Remark]]:
        """Drop the least valuable suggestions until all others pass together."""
        kept = list(suggestions)
        left: list[Remark] = []
        while len(kept) > 1 and not self.passes(kept):
            left += (Remark(finding, Obstacle.CLASH) for finding in kept.pop().findings)
        return kept, left


def _join(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Give all findings that insert at one place the same edit: what they insert, in the order of the findings."""
    findings = tuple(findings)
    inserted: defaultdict[Span, dict[str, None]] = defaultdict(dict)
    for edit in (edit for each in findings if each.fix for edit in each.fix.edits):
        if edit.span.start == edit.span.end:
            inserted[edit.span][edit.replacement] = None
    shared = {span: Edit(span, "".join(texts)) for span, texts in inserted.items() if len(texts) > 1}
    return tuple(_share(each, shared) for each in findings) if shared else findings


def _share(finding: Finding, shared: Mapping[Span, Edit]) -> Finding:
    if finding.fix is None:
        return finding
    edits = tuple(shared.get(edit.span, edit) for edit in finding.fix.edits)
    return finding._replace(fix=finding.fix._replace(edits=edits))


def _group(dockerfile: Dockerfile, drafts: Iterable[Suggestion]) -> Iterator[list[Finding]]:
    """Yield the findings whose lines overlap or whose fixes touch the same instruction, most valuable first."""
    group: list[Finding] = []
    reach = 0
    for (start, end), draft in sorted(((_widen(dockerfile, each), each) for each in drafts), key=lambda each: each[0]):
        if group and start > reach:
            yield sorted(group, key=worth)
            group = []
        group += draft.findings
        reach = max(reach, end)
    if group:
        yield sorted(group, key=worth)


def _widen(dockerfile: Dockerfile, draft: Suggestion) -> tuple[int, int]:
    """Return the lines of a draft together with those of every instruction that it touches."""
    touched = [each for each in dockerfile.instructions if each.line <= draft.end and draft.start <= each.end_line]
    start = min((each.line for each in touched), default=draft.start)
    end = max((each.end_line for each in touched), default=draft.end)
    return min(start, draft.start), max(end, draft.end)


def _rewrite(dockerfile: Dockerfile, edits: Iterable[Edit]) -> Change:
    """Return the whole lines that edits touch, from the first to the last, as they are and as they will be."""
    edits = sorted(set(edits))
    text = dockerfile.text
    count = text.count("\n") + (not text.endswith("\n"))
    first = min(dockerfile.position(edits[0].span.start)[0], count)
    last = min(max(dockerfile.position(max(each.span.start, each.span.end - 1))[0] for each in edits), count)
    start = dockerfile.line_span(first, first).start
    moved = tuple(Edit(Span(each.span.start - start, each.span.end - start), each.replacement) for each in edits)
    while True:
        end = dockerfile.line_span(last + 1, last + 1).start if last < count else len(text)
        new = apply(text[start:end], [Fix(moved, Applicability.SAFE)])
        # Where the end of a line goes, what follows moves up into it and belongs to the range.
        if last == count or not new or new.endswith("\n"):
            return Change(first, last, _split(text[start:end]), _split(new))
        last += 1


def _split(text: str) -> tuple[str, ...]:
    lines = text.split("\n")
    return tuple(lines[:-1] if not lines[-1] else lines)


def _trim(change: Change) -> Change:
    """Take away equal lines at both ends, but never the last line: an insertion needs one to stand on."""
    start, old, new = change.start, change.old, change.new
    while len(old) > 1 and new and old[0] == new[0]:
        start, old, new = start + 1, old[1:], new[1:]
    while len(old) > 1 and new and old[-1] == new[-1]:
        old, new = old[:-1], new[:-1]
    return change._replace(start=start, end=start + len(old) - 1, old=old, new=new)


def _has_foreign_bytes(text: str) -> bool:
    return not text.isascii() and any("\ud800" <= char <= "\udfff" for char in text)


def _place(suggestion: Suggestion) -> int:
    return suggestion.start


def _order(remark: Remark) -> tuple[int, str]:
    return remark.finding.span.start, remark.finding.code
