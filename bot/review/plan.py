"""plan(): changed Dockerfiles and what already stands on the pull request -> what to post. Nothing else decides it."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from bot.configuration.model import DEFAULT, Configuration
from bot.review.diff import Diff, parse_patch
from bot.review.fingerprint import digest, fingerprints, normalise
from bot.review.model import ChangedFile, Check, Comment, Offer, Plan, Review, Standing
from bot.review.render import (
    Counts,
    Outcome,
    Row,
    Section,
    Unplaced,
    render_remark,
    render_review,
    render_suggestion,
    render_summary,
    render_title,
)
from bot.review.suggestion import Proofs, Proposal, Remark, Suggestion, press, propose, worth
from rules.check import check
from rules.config import Config
from rules.dockerfile import Dockerfile, DockerfileError, parse
from rules.finding import Finding, Severity
from rules.fix import Applicability
from rules.rule import Surroundings

MAX_SAID = 500
"""Findings of one review, so that their fingerprints fit into it."""


@dataclass(frozen=True, slots=True)
class _Entry:
    """One finding at the head, and whether this pull request brought it."""

    finding: Finding
    fingerprint: str
    introduced: bool

    @property
    def is_said(self) -> bool:
        """Tell whether it belongs in the review: a mere note that nobody can act on would be noise there."""
        if not self.introduced or self.finding.is_small:
            return False
        return self.finding.severity is not Severity.INFO or self.finding.fix is not None


@dataclass(frozen=True, slots=True)
class _Read:
    """One file that could be read."""

    path: str
    dockerfile: Dockerfile
    diff: Diff
    config: Config
    surroundings: Surroundings
    proofs: Proofs
    entries: tuple[_Entry, ...]
    most: int
    """Comments of one review; more than that nobody reads, the rest goes into its body."""

    @property
    def said(self) -> list[_Entry]:
        """Return what this and earlier reviews say about the file together."""
        return [each for each in self.entries if each.is_said]

    def propose(self, entries: Iterable[_Entry]) -> Proposal:
        """Return the suggestions and remarks for some of the entries."""
        findings = [each.finding for each in entries]
        return propose(self.dockerfile, findings, self.diff, self.proofs, self.most)


@dataclass(frozen=True, slots=True)
class _Unread:
    """One file that could not be read, and why."""

    path: str
    problem: str


@dataclass(frozen=True, slots=True)
class _Note:
    """One inline comment before it is worded: where it stands and what it says."""

    file: _Read
    start: int
    end: int
    content: Suggestion | Remark

    @property
    def findings(self) -> tuple[Finding, ...]:
        return self.content.findings if isinstance(self.content, Suggestion) else (self.content.finding,)

    @property
    def rank(self) -> tuple[bool, tuple[int, ...]]:
        """Return a key that sorts suggestions before remarks, and the most valuable ones first."""
        return not isinstance(self.content, Suggestion), min(map(worth, self.findings))


def plan(files: Sequence[ChangedFile], standing: Standing, configuration: Configuration = DEFAULT) -> Plan:
    """Decide what to post about the Dockerfiles that a pull request changes."""
    read = [_read(file, configuration) for file in files if file.status != "removed"]
    readable = [each for each in read if isinstance(each, _Read)]
    whole = {each.path: each.propose(each.said) for each in readable}
    fresh = _fresh(readable, standing)
    review, outcomes = _review(readable, fresh, whole, configuration.review.comments) if fresh else (None, {})
    sections = [_section(each, outcomes, standing) for each in read]
    counts = _count_all(readable, whole.values())
    conclusion = _conclude(read, counts, configuration)
    check_run = Check(conclusion, render_title(counts, sections), render_summary(sections))
    return Plan(review, check_run, tuple(entry.finding.code for entry in fresh))


def _read(file: ChangedFile, configuration: Configuration) -> _Read | _Unread:
    if file.problem is not None:
        return _Unread(file.path, file.problem)
    config = configuration.config_for(file.path)
    surroundings = Surroundings(file.path, config.targets | file.targets, file.context, file.image_sizes, file.packages)
    try:
        dockerfile = parse(file.head)
    except DockerfileError as error:
        return _Unread(file.path, str(error))
    findings = check(dockerfile, config, surroundings).findings
    diff = parse_patch(file.patch)
    if file.base_unreadable:
        introduced = frozenset(_touched(dockerfile, findings, diff))
    else:
        introduced = _introduced(dockerfile, findings, diff, _count_old(file.base, config, surroundings))
    marks = fingerprints(file.path, dockerfile, findings)
    entries = (
        _Entry(each, mark, at in introduced) for at, (each, mark) in enumerate(zip(findings, marks, strict=True))
    )
    proofs = Proofs(dockerfile, surroundings)
    most = configuration.review.comments
    return _Read(file.path, dockerfile, diff, config, surroundings, proofs, tuple(entries), most)


def _count_old(base: str | None, config: Config, surroundings: Surroundings) -> Counter[tuple[str, str]] | None:
    """Count the findings of the old text by code and instruction; None where it cannot be read."""
    if base is None:
        return Counter()
    try:
        dockerfile = parse(base)
    except DockerfileError:
        return None
    findings = check(dockerfile, config, surroundings).findings
    return Counter(_identity(dockerfile, each) for each in findings)


def _identity(dockerfile: Dockerfile, finding: Finding) -> tuple[str, str]:
    return finding.code, normalise(dockerfile, dockerfile.instructions[finding.instruction])


def _introduced(
    dockerfile: Dockerfile, findings: Sequence[Finding], diff: Diff, old: Counter[tuple[str, str]] | None
) -> frozenset[int]:
    """Return the places in `findings` of those that the old text did not have.

    Of several equal ones, those on changed lines are taken for the new ones. Where the old text cannot be read,
    the diff alone decides.
    """
    touched = _touched(dockerfile, findings, diff)
    if old is None:
        return frozenset(touched if diff.hunks else range(len(findings)))
    alike: defaultdict[tuple[str, str], list[int]] = defaultdict(list)
    for at, finding in enumerate(findings):
        alike[_identity(dockerfile, finding)].append(at)
    found: set[int] = set()
    for identity, places in alike.items():
        places.sort(key=lambda at: at not in touched)
        found.update(places[: max(len(places) - old[identity], 0)])
    return frozenset(found)


def _touched(dockerfile: Dockerfile, findings: Sequence[Finding], diff: Diff) -> set[int]:
    """Return the places in `findings` of those whose instruction the diff adds or changes."""
    return {at for at, each in enumerate(findings) if diff.adds(*_instruction_lines(dockerfile, each))}


def _fresh(files: Iterable[_Read], standing: Standing) -> list[_Entry]:
    """Return what has to be said and has not been said yet."""
    fresh = [entry for file in files for entry in file.said if entry.fingerprint not in standing.fingerprints]
    return [] if _digest_rest(fresh) in standing.fingerprints else fresh


def _digest_rest(entries: Sequence[_Entry]) -> str:
    """Return one fingerprint for all that a review had no room for, by which a second run knows it again."""
    return digest(sorted(each.fingerprint for each in entries))


def _review(
    files: Sequence[_Read], fresh: Sequence[_Entry], whole: Mapping[str, Proposal], most: int
) -> tuple[Review, dict[str, Outcome]]:
    """Return the review that says `fresh`, and what became of each finding by its fingerprint."""
    ranked = sorted(fresh, key=lambda entry: worth(entry.finding))
    chosen = {entry.fingerprint for entry in ranked[:MAX_SAID]}
    rest = [entry for entry in fresh if entry.fingerprint not in chosen]
    notes, unplaced = _distribute(files, chosen, whole, most)
    marks = {(file.path, entry.finding): entry.fingerprint for file in files for entry in file.entries}
    outcomes = {marks[each.path, each.remark.finding]: Outcome.LISTED for each in unplaced}
    hidden = [*outcomes, *([_digest_rest(rest)] if rest else [])]
    comments: list[Comment] = []
    suggestions: defaultdict[str, list[Suggestion]] = defaultdict(list)
    for note in notes:
        carried = [marks[note.file.path, each] for each in note.findings]
        comments.append(_comment(note, carried))
        outcomes |= dict.fromkeys(carried, Outcome.COMMENTED)
        if isinstance(note.content, Suggestion):
            suggestions[note.file.path].append(note.content)
            outcomes |= dict.fromkeys(carried, Outcome.SUGGESTED)
    for file in files:
        hidden += _marks_after(file, suggestions[file.path])
    counts = _count(len(fresh), [each for found in suggestions.values() for each in found])
    body = render_review(counts, unplaced, len(rest), bool(comments), hidden)
    return Review(body, tuple(comments)), outcomes


def _distribute(
    files: Sequence[_Read], chosen: Collection[str], whole: Mapping[str, Proposal], most: int
) -> tuple[list[_Note], list[Unplaced]]:
    """Return the comments in the order of their lines, and what goes into the body: no line, or no room for more."""
    notes: list[_Note] = []
    unplaced: list[Unplaced] = []
    for file in files:
        entries = [entry for entry in file.said if entry.fingerprint in chosen]
        # Proving a proposal takes most of the time of a plan; at a first review it is the whole one.
        proposal = whole[file.path] if len(entries) == len(file.said) else file.propose(entries)
        placed, others = _place(file, proposal)
        notes += placed
        unplaced += (Unplaced(file.path, file.dockerfile, each) for each in others)
    notes.sort(key=lambda note: note.rank)
    for note in notes[most:]:
        remarks = (Remark(each) for each in note.findings) if isinstance(note.content, Suggestion) else (note.content,)
        unplaced += (Unplaced(note.file.path, note.file.dockerfile, each) for each in remarks)
    return sorted(notes[:most], key=lambda note: (note.file.path, note.end)), unplaced


def _place(file: _Read, proposal: Proposal) -> tuple[list[_Note], list[Remark]]:
    """Return the comments for one file, and the remarks that no line of its diff can carry."""
    notes = [_Note(file, each.start, each.end, each) for each in proposal.suggestions]
    left: list[Remark] = []
    for remark in proposal.remarks:
        lines = _anchor(file, remark.finding)
        if lines is None:
            left.append(remark)
        else:
            notes.append(_Note(file, *lines, remark))
    return notes, left


def _anchor(file: _Read, finding: Finding) -> tuple[int, int] | None:
    """Return the lines that a remark stands on: its words if one hunk shows them, else a line of its instruction."""
    start = file.dockerfile.position(finding.span.start)[0]
    end = file.dockerfile.position(max(finding.span.start, finding.span.end - 1))[0]
    if file.diff.shows(start, end):
        return start, end
    around = _instruction_lines(file.dockerfile, finding)
    line = file.diff.first_added(*around) or file.diff.first_shown(*around)
    return (line, line) if line is not None else None


def _instruction_lines(dockerfile: Dockerfile, finding: Finding) -> tuple[int, int]:
    instruction = dockerfile.instructions[finding.instruction]
    return instruction.line, instruction.end_line


def _comment(note: _Note, marks: Sequence[str]) -> Comment:
    path, offer = note.file.path, None
    match note.content:
        case Suggestion() as suggestion:
            body = render_suggestion(suggestion, marks)
            saved = sum(finding.saving.bytes or 0 for finding in suggestion.findings)
            offer = Offer(path, suggestion.lines, saved)
        case Remark() as remark:
            body = render_remark(note.file.dockerfile, remark, marks)
    # GitHub refuses a start_line that equals line.
    return Comment(path, note.end, body, note.start if note.start < note.end else None, offer)


def _marks_after(file: _Read, suggestions: Sequence[Suggestion]) -> Iterator[str]:
    """Yield what older findings, and those that no click settles, are known by once the suggestions are in the file.

    A click changes their instruction, and the push that follows would otherwise tell of them as if they were new.
    """
    settled = {finding for each in suggestions for finding in each.findings}
    lasting = {
        entry.finding.code
        for entry in file.entries
        if entry.finding not in settled
        and not (entry.introduced and _is_clickable(entry))
        and _touches(suggestions, _instruction_lines(file.dockerfile, entry.finding))
    }
    if not lasting:
        return
    text = file.dockerfile.text
    for suggestion in sorted(suggestions, key=lambda each: -each.start):
        text = press(text, suggestion)
    dockerfile = parse(text)
    findings = check(dockerfile, file.config, file.surroundings).findings
    known = {entry.fingerprint for entry in file.entries}
    for finding, mark in zip(findings, fingerprints(file.path, dockerfile, findings), strict=True):
        if finding.code in lasting and mark not in known:
            yield mark


def _touches(suggestions: Iterable[Suggestion], lines: tuple[int, int]) -> bool:
    return any(each.start <= lines[1] and lines[0] <= each.end for each in suggestions)


def _is_clickable(entry: _Entry) -> bool:
    fix = entry.finding.fix
    return fix is not None and fix.applicability is not Applicability.DISPLAY


def _count(findings: int, suggestions: Sequence[Suggestion]) -> Counts:
    return Counts(findings, len(suggestions), tuple(finding for each in suggestions for finding in each.findings))


def _count_all(files: Iterable[_Read], whole: Iterable[Proposal]) -> Counts:
    """Count what this pull request introduced, said now or in an earlier review: a second run must not change it."""
    introduced = sum(entry.introduced for file in files for entry in file.entries)
    return _count(introduced, [suggestion for proposal in whole for suggestion in proposal.suggestions])


def _conclude(read: Sequence[_Read | _Unread], counts: Counts, configuration: Configuration) -> str:
    if not read:
        return "skipped"
    files = (each for each in read if isinstance(each, _Read))
    if configuration.fail.is_reached(each.finding for file in files for each in file.entries if each.introduced):
        return "failure"
    # A file that could not be read is no success: nobody looked at it.
    quiet = not counts.findings and not any(isinstance(each, _Unread) for each in read)
    return "success" if quiet else "neutral"


def _section(file: _Read | _Unread, outcomes: dict[str, Outcome], standing: Standing) -> Section:
    if isinstance(file, _Unread):
        return Section(file.path, problem=file.problem)
    rows = (
        Row(
            file.dockerfile.position(entry.finding.span.start)[0],
            entry.finding,
            _outcome(entry, outcomes, standing),
        )
        for entry in file.entries
    )
    return Section(file.path, tuple(rows))


def _outcome(entry: _Entry, outcomes: dict[str, Outcome], standing: Standing) -> Outcome:
    if not entry.introduced:
        return Outcome.OLDER
    if entry.fingerprint in outcomes:
        return outcomes[entry.fingerprint]
    return Outcome.STANDING if entry.fingerprint in standing.fingerprints else Outcome.NOTED
