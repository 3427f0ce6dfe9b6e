"""plan(): changed Dockerfiles and what already stands on the pull request -> what to post. Nothing else decides it."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from bot.configuration.model import DEFAULT, Configuration
from bot.review.diff import Diff, parse_patch
from bot.review.fingerprint import fingerprints, normalise, read_ignored
from bot.review.markdown import shorten
from bot.review.measured import Excess, Measured, Proposed
from bot.review.model import (
    Annotation,
    ChangedFile,
    Check,
    Comment,
    Fixed,
    Fixes,
    Offer,
    Origin,
    Plan,
    Review,
    Said,
    Standing,
)
from bot.review.render import (
    UNCOMMENTED,
    Counts,
    ImageRow,
    Outcome,
    Row,
    Section,
    Unplaced,
    render_annotation,
    render_fixes,
    render_remark,
    render_review,
    render_sticky,
    render_suggestion,
    render_summary,
    render_title,
)
from bot.review.sizes import find_excesses, say_excess, say_growth
from bot.review.suggestion import Proofs, Proposal, Remark, Suggestion, press, propose, worth
from rules.check import check
from rules.config import Config
from rules.dockerfile import Dockerfile, DockerfileError, parse
from rules.finding import Finding, Provenance, Saving, Severity
from rules.fix import Applicability
from rules.rule import Surroundings

MAX_SAID = 500
"""Findings of which a review may be made."""
MAX_MARKED = 3000
"""Findings whose fingerprints fit into the body of a review."""
MAX_ANNOTATIONS = 200
_BUILT_IN = Origin()
_LEVELS = {Severity.ERROR: "failure", Severity.WARNING: "warning", Severity.INFO: "notice"}


@dataclass(frozen=True, slots=True)
class _Entry:
    """One finding at the head, what it is known by, and whether this pull request brought it.

    A file that the pull request renames has marks under both names, its own first. `identity` is the same for findings
    that only their number tells apart. `is_ignored` where somebody silenced its rule on this pull request.
    """

    finding: Finding
    marks: tuple[str, ...]
    identity: tuple[str, str]
    introduced: bool
    is_ignored: bool = False
    is_withdrawn: bool = False
    """Whether its suggestion was tried, and did not build."""

    @property
    def is_silent(self) -> bool:
        """Tell whether nothing is said about it any more."""
        return self.is_ignored or self.is_withdrawn

    @property
    def counts(self) -> bool:
        """Tell whether it is one that this pull request has to answer for."""
        return self.introduced and not self.is_silent

    @property
    def fingerprint(self) -> str:
        return self.marks[0]

    @property
    def is_said(self) -> bool:
        """Tell whether it belongs in the review: a mere note that nobody can act on would be noise there."""
        if not self.counts or self.finding.is_small:
            return False
        return self.finding.severity is not Severity.INFO or self.finding.fix is not None

    def is_among(self, marks: Collection[str]) -> bool:
        return any(mark in marks for mark in self.marks)


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
    """Comments on one pull request; more than that nobody reads, the rest goes into its summary."""
    is_certain: bool
    """Whether the old text tells what the pull request brought."""

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
    previous: str | None = None


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

    def remarks_on(self, file: _Read, code: str) -> bool:
        """Tell whether it is a remark on a finding of that code in that file."""
        return self.file is file and isinstance(self.content, Remark) and self.content.finding.code == code


def plan(
    files: Sequence[ChangedFile],
    standing: Standing,
    configuration: Configuration = DEFAULT,
    origin: Origin = _BUILT_IN,
    unseen: Collection[str] | None = (),
) -> Plan:
    """Decide what to post about the Dockerfiles that a pull request changes.

    `unseen` are the paths of those that are not among `files`, None where not all of them are known.
    """
    read = [_read(file, configuration, standing) for file in files if file.status != "removed"]
    readable = [each for each in read if isinstance(each, _Read)]
    whole = {each.path: each.propose(each.said) for each in readable}
    repeated = tuple(_repeated(standing))
    keeps_all = unseen is None or not configuration.review.resolve
    settled = () if keeps_all else tuple(_settled(read, standing, unseen or (), repeated))
    silenced = {} if keeps_all else _silenced(readable, settled)
    open_now = [each for each in standing.comments if _is_open(each) and each not in (*settled, *repeated)]
    room = configuration.review.comments - len(open_now)
    fresh = _fresh(readable, _without(standing, silenced))
    measured = standing.measured
    weighed = _weighed(measured)
    draft = _draft(readable, fresh, whole, max(room, 0), weighed)
    known = frozenset().union(*(each.fingerprints for each in standing.comments))
    outcomes = {
        (each.path, entry.finding): _outcome(entry, draft, known, each) for each in readable for entry in each.entries
    }
    sections = [_section(each, outcomes) for each in read]
    counts = _count_all(readable, whole.values())
    left = _uncommented(readable, whole, outcomes)
    conclusion = _conclude(read, counts, configuration)
    excesses = _find_excesses(measured, configuration) if measured is not None else ()
    reached = configuration.fail if conclusion == "failure" else None
    annotated = (_annotate(each) for each in left[:MAX_ANNOTATIONS] if each.outcome is not Outcome.SMALL)
    check_run = Check(
        "failure" if excesses else conclusion,
        _title(render_title(counts, sections), measured, excesses),
        render_summary(sections, reached, excesses, measured),
        (*_blame(excesses), *annotated),
    )
    summary = None
    has_news = standing.summaries or origin.problems or origin.notes or any(each.said for each in readable)
    has_news = has_news or _is_worth_telling(measured)
    # Whatever is configured, the summary is where it stands which rules are ignored.
    remembers = standing.ignored or any(read_ignored(each.body) for each in standing.summaries)
    if (configuration.review.summary and has_news) or remembers:
        title = render_title(counts, sections)
        rows = [row for each in readable for row in _rows(each, whole[each.path])]
        summary = render_sticky(title, counts, rows, left, configuration, origin, standing.ignored, measured)
    suggestions = {each.path: _describe(each, whole[each.path].suggestions) for each in readable}
    revised = tuple(_revise(readable, whole, open_now, weighed))
    withdrawn = frozenset(each.id for each in settled if each.fingerprints & standing.withdrawn)
    told = tuple(entry.finding.code for entry in fresh if entry.fingerprint in draft.outcomes)
    return Plan(draft.review, check_run, told, summary, settled, repeated, silenced, withdrawn, revised, suggestions)


def _find_excesses(measured: Measured, configuration: Configuration) -> tuple[Excess, ...]:
    named = ((each.dockerfile, each.target, each.max_size) for each in configuration.images)
    sizes = {(path, target): most for path, target, most in named if most is not None}
    return find_excesses(measured.images, configuration.max_growth.bytes, sizes)


def _title(title: str, measured: Measured | None, excesses: Sequence[Excess]) -> str:
    if excesses:
        return shorten(say_excess(excesses[0]), 250)
    growth = say_growth(measured) if measured is not None else ""
    return shorten(f"{growth}; {title}", 250) if growth else title


def _blame(excesses: Iterable[Excess]) -> Iterator[Annotation]:
    for each in excesses:
        if each.line is not None and each.line.first:
            said = say_excess(each)
            yield Annotation(each.path, each.line.first, each.line.last, "failure", shorten(said, 250), said)


def _is_worth_telling(measured: Measured | None) -> bool:
    """Tell whether a summary is to be made for what was measured: an image grew, or somebody has to know why not."""
    if measured is None:
        return False
    return bool(measured.problem) or any(each.problem or each.notes or each.growth for each in measured.images)


def _weighed(measured: Measured | None) -> Mapping[str, Saving]:
    """Return what suggestions were measured to save, by their keys; of several images, in the one with most."""
    if measured is None:
        return {}
    most: dict[str, int] = {}
    for image in measured.images:
        for key, saved in image.savings.items():
            most[key] = max(saved, most.get(key, 0))
    source = f"built with and without it at {measured.head_sha[:7]}"
    return {key: Saving(saved, Provenance.MEASURED, source) for key, saved in most.items()}


def _describe(file: _Read, suggestions: Iterable[Suggestion]) -> tuple[Proposed, ...]:
    marks = {entry.finding: entry.fingerprint for entry in file.entries}
    return tuple(
        Proposed(each.start, each.end, each.lines, tuple(marks[found] for found in each.findings))
        for each in suggestions
    )


def _revise(
    files: Iterable[_Read], whole: Mapping[str, Proposal], comments: Sequence[Said], weighed: Mapping[str, Saving]
) -> Iterator[tuple[Said, str]]:
    """Yield the comments whose suggestion was measured since, with what they say now."""
    for file in files:
        suggestions = whole[file.path].suggestions
        for known, suggestion in zip(_describe(file, suggestions), suggestions, strict=True):
            if known.key not in weighed:
                continue
            body = render_suggestion(suggestion, known.marks, weighed[known.key])
            for said in comments:
                if said.fingerprints == frozenset(known.marks) and said.body != body:
                    yield said, body


def find_fixes(files: Sequence[ChangedFile], standing: Standing, configuration: Configuration = DEFAULT) -> Fixes:
    """Make what the head becomes when every suggestion is committed; they have passed the gate together.

    What somebody has resolved or hidden is not among them.
    """
    read = [_read(file, configuration, standing) for file in files if file.status != "removed"]
    closed = frozenset().union(*(each.fingerprints for each in standing.comments if each.is_closed))
    closed -= frozenset().union(*(each.fingerprints for each in standing.comments if not each.is_closed))
    fixed: list[Fixed] = []
    taken: list[Suggestion] = []
    left: list[Unplaced] = []
    for file in read:
        if isinstance(file, _Unread):
            continue
        findings = [each.finding for each in file.said if not each.is_among(closed)]
        proposal = propose(file.dockerfile, findings, file.diff, file.proofs, len(findings))
        taken += proposal.suggestions
        if proposal.suggestions:
            fixed.append(Fixed(file.path, _press_all(file.dockerfile.text, proposal.suggestions)))
        remarks = (*proposal.remarks, *(Remark(each.finding) for each in file.said if each.is_among(closed)))
        left += (
            Unplaced(
                file.path, file.dockerfile, each, Outcome.CLOSED if each.finding not in findings else Outcome.NOTED
            )
            for each in remarks
        )
    counts = _count(sum(len(each.findings) for each in taken), taken)
    rules = tuple(dict.fromkeys(f"{found.code} {found.name}" for found in counts.suggested))
    return Fixes(tuple(fixed), len(taken), rules, render_fixes(counts, [each.path for each in fixed], left))


def _press_all(text: str, suggestions: Iterable[Suggestion]) -> str:
    for suggestion in sorted(suggestions, key=lambda each: -each.start):
        text = press(text, suggestion)
    return text


def _read(file: ChangedFile, configuration: Configuration, standing: Standing) -> _Read | _Unread:
    if file.problem is not None:
        return _Unread(file.path, file.problem, file.previous)
    config = configuration.config_for(file.path)
    surroundings = Surroundings(file.path, config.targets | file.targets, file.context, file.image_sizes, file.packages)
    try:
        dockerfile = parse(file.head)
    except DockerfileError as error:
        return _Unread(file.path, str(error), file.previous)
    findings = check(dockerfile, config, surroundings).findings
    diff = parse_patch(file.patch)
    if file.base_unreadable:
        introduced = frozenset(_touched(dockerfile, findings, diff))
    else:
        introduced = _introduced(dockerfile, findings, diff, _count_old(file.base, config, surroundings))
    paths = dict.fromkeys((file.path, file.previous or file.path))
    marks = list(zip(*(fingerprints(path, dockerfile, findings) for path in paths), strict=True))
    entries = (
        _Entry(
            each,
            marks[at],
            _identity(dockerfile, each),
            at in introduced,
            each.code in standing.ignored,
            any(mark in standing.withdrawn for mark in marks[at]),
        )
        for at, each in enumerate(findings)
    )
    proofs = Proofs(dockerfile, surroundings)
    most = configuration.review.comments
    is_certain = not file.base_unreadable
    return _Read(file.path, dockerfile, diff, config, surroundings, proofs, tuple(entries), most, is_certain)


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
    """Return what has to be said and has not been said yet.

    Of findings that only their number tells apart, as many as stand already are taken for those.
    """
    fresh: list[_Entry] = []
    for file in files:
        known = Counter(each.identity for each in file.entries if each.is_among(standing.fingerprints))
        wanted = Counter(each.identity for each in file.said)
        wanted.subtract(known)
        for entry in file.said:
            if wanted[entry.identity] > 0 and not entry.is_among(standing.fingerprints):
                wanted[entry.identity] -= 1
                fresh.append(entry)
    return fresh


@dataclass(frozen=True, slots=True)
class _Draft:
    """The review that is to be posted, if any, and what becomes of the findings that it is about."""

    review: Review | None
    outcomes: Mapping[str, Outcome]


def _draft(
    files: Sequence[_Read],
    fresh: Sequence[_Entry],
    whole: Mapping[str, Proposal],
    room: int,
    weighed: Mapping[str, Saving],
) -> _Draft:
    """Return the review that says `fresh`, as far as lines of the diff can carry it and there is room."""
    if not fresh:
        return _Draft(None, {})
    ranked = sorted(fresh, key=lambda entry: worth(entry.finding))
    chosen = {entry.fingerprint for entry in ranked[:MAX_SAID]}
    notes = sorted(_find_notes(files, chosen, whole), key=lambda note: note.rank)
    if not notes or not room:
        return _Draft(None, {})
    placed = sorted(notes[:room], key=lambda note: (note.file.path, note.end))
    marks = {(file.path, entry.finding): entry.fingerprint for file in files for entry in file.entries}
    # What there is no room for is in the summary from now on, and does not follow drop by drop.
    over = [marks[note.file.path, each] for note in notes[room:] for each in note.findings]
    over += (entry.fingerprint for entry in ranked[MAX_SAID:MAX_MARKED])
    outcomes = dict.fromkeys(over, Outcome.OVER)
    suggestions: defaultdict[str, list[Suggestion]] = defaultdict(list)
    carried: list[list[str]] = []
    for note in placed:
        carried.append([marks[note.file.path, each] for each in note.findings])
        outcomes |= dict.fromkeys(carried[-1], Outcome.COMMENTED)
        if isinstance(note.content, Suggestion):
            suggestions[note.file.path].append(note.content)
            outcomes |= dict.fromkeys(carried[-1], Outcome.SUGGESTED)
    for file in files:
        for code, mark in _marks_after(file, suggestions[file.path]):
            # A remark is known by them too: a click beside it changes its instruction, and does not settle it.
            told = [each for note, each in zip(placed, carried, strict=True) if note.remarks_on(file, code)]
            for each in told or [over]:
                each.append(mark)
    counts = _count(
        sum(map(len, (note.findings for note in placed))), [each for n in suggestions.values() for each in n]
    )
    comments = tuple(_comment(note, each, weighed) for note, each in zip(placed, carried, strict=True))
    return _Draft(Review(render_review(counts, over), comments), outcomes)


def _find_notes(files: Sequence[_Read], chosen: Collection[str], whole: Mapping[str, Proposal]) -> Iterator[_Note]:
    for file in files:
        entries = [entry for entry in file.said if entry.fingerprint in chosen]
        # Proving a proposal takes most of the time of a plan; at a first review it is the whole one.
        proposal = whole[file.path] if len(entries) == len(file.said) else file.propose(entries)
        yield from _place(file, proposal)


def _place(file: _Read, proposal: Proposal) -> Iterator[_Note]:
    """Yield the comments for one file; of remarks that no line of its diff can carry, none."""
    for suggestion in proposal.suggestions:
        yield _Note(file, suggestion.start, suggestion.end, suggestion)
    for remark in proposal.remarks:
        lines = _anchor(file, remark.finding)
        if lines is not None:
            yield _Note(file, *lines, remark)


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


def _comment(note: _Note, marks: Sequence[str], weighed: Mapping[str, Saving]) -> Comment:
    path, offer = note.file.path, None
    match note.content:
        case Suggestion() as suggestion:
            known = weighed.get(",".join(sorted(marks)))
            body = render_suggestion(suggestion, marks, known)
            savings = (known,) if known is not None else (finding.saving for finding in suggestion.findings)
            saved = sum(each.bytes or 0 for each in savings)
            offer = Offer(path, suggestion.lines, saved)
        case Remark() as remark:
            body = render_remark(note.file.dockerfile, remark, marks)
    # GitHub refuses a start_line that equals line.
    return Comment(path, note.end, body, note.start if note.start < note.end else None, offer)


def _marks_after(file: _Read, suggestions: Sequence[Suggestion]) -> Iterator[tuple[str, str]]:
    """Yield what older findings, and those that no click settles, are known by once the suggestions are in the file.

    With each comes its code.

    A click changes their instruction, and the push that follows would otherwise tell of them as if they were new.
    """
    settled = {finding for each in suggestions for finding in each.findings}
    lasting = {
        entry.finding.code
        for entry in file.entries
        if entry.finding not in settled
        and not entry.is_silent
        and not (entry.introduced and _is_clickable(entry))
        and _touches(suggestions, _instruction_lines(file.dockerfile, entry.finding))
    }
    if not lasting:
        return
    dockerfile = parse(_press_all(file.dockerfile.text, suggestions))
    findings = check(dockerfile, file.config, file.surroundings).findings
    known = {entry.fingerprint for entry in file.entries}
    for finding, mark in zip(findings, fingerprints(file.path, dockerfile, findings), strict=True):
        if finding.code in lasting and mark not in known:
            yield finding.code, mark


def _touches(suggestions: Iterable[Suggestion], lines: tuple[int, int]) -> bool:
    return any(each.start <= lines[1] and lines[0] <= each.end for each in suggestions)


def _is_clickable(entry: _Entry) -> bool:
    fix = entry.finding.fix
    return fix is not None and fix.applicability is not Applicability.DISPLAY


def _count(findings: int, suggestions: Sequence[Suggestion]) -> Counts:
    return Counts(findings, len(suggestions), tuple(finding for each in suggestions for finding in each.findings))


def _count_all(files: Iterable[_Read], whole: Iterable[Proposal]) -> Counts:
    """Count what this pull request introduced, said now or in an earlier review: a second run must not change it."""
    introduced = sum(entry.counts for file in files for entry in file.entries)
    return _count(introduced, [suggestion for proposal in whole for suggestion in proposal.suggestions])


def _conclude(read: Sequence[_Read | _Unread], counts: Counts, configuration: Configuration) -> str:
    if not read:
        return "skipped"
    files = (each for each in read if isinstance(each, _Read))
    if configuration.fail.is_reached(each.finding for file in files for each in file.entries if each.counts):
        return "failure"
    # A file that could not be read is no success: nobody looked at it.
    quiet = not counts.findings and not any(isinstance(each, _Unread) for each in read)
    return "success" if quiet else "neutral"


def _section(file: _Read | _Unread, outcomes: Mapping[tuple[str, Finding], Outcome]) -> Section:
    if isinstance(file, _Unread):
        return Section(file.path, problem=file.problem)
    rows = (
        Row(
            file.dockerfile.position(entry.finding.span.start)[0],
            entry.finding,
            outcomes[file.path, entry.finding],
        )
        for entry in file.entries
    )
    return Section(file.path, tuple(rows))


def _outcome(entry: _Entry, draft: _Draft, known: Collection[str], file: _Read) -> Outcome:
    if not entry.introduced:
        return Outcome.OLDER
    if entry.is_silent:
        return Outcome.IGNORED if entry.is_ignored else Outcome.WITHDRAWN
    if entry.fingerprint in draft.outcomes:
        return draft.outcomes[entry.fingerprint]
    if entry.is_among(known):
        return Outcome.STANDING
    if not entry.is_said:
        return Outcome.SMALL if entry.finding.is_small else Outcome.NOTED
    return Outcome.OUTSIDE if _anchor(file, entry.finding) is None else Outcome.OVER


def _uncommented(
    files: Iterable[_Read], whole: Mapping[str, Proposal], outcomes: Mapping[tuple[str, Finding], Outcome]
) -> list[Unplaced]:
    """Return what this pull request brought and no comment says, in the order of the files."""
    found = []
    for file in files:
        remarks = {each.finding: each for each in whole[file.path].remarks}
        for entry in file.entries:
            outcome = outcomes[file.path, entry.finding]
            if outcome in UNCOMMENTED:
                remark = remarks.get(entry.finding, Remark(entry.finding))
                found.append(Unplaced(file.path, file.dockerfile, remark, outcome))
    return sorted(found, key=lambda each: UNCOMMENTED.index(each.outcome))


def _annotate(each: Unplaced) -> Annotation:
    finding = each.remark.finding
    instruction = each.dockerfile.instructions[finding.instruction]
    title, message = render_annotation(finding)
    return Annotation(each.path, instruction.line, instruction.end_line, _LEVELS[finding.severity], title, message)


def _rows(file: _Read, proposal: Proposal) -> Iterator[ImageRow]:
    """Yield what each image of a file would save: the last stage's, and those of the targets that are built."""
    stages = file.dockerfile.stages
    if not stages:
        return
    lowered = {target.lower() for target in file.surroundings.targets}
    targets = [each for each in stages[:-1] if each.name in lowered or str(each.index) in lowered]
    for stage in (*targets, stages[-1]):
        line = {owner.index for owner, _ in file.dockerfile.lineage(stage)} | {stage.index}
        elsewhere = stage is stages[-1]
        others = {owner.index for each in targets for owner, _ in file.dockerfile.lineage(each)} if elsewhere else set()
        inside = {
            entry.finding
            for entry in file.said
            if (at := _stage_of(file.dockerfile, entry.finding)) in line or (elsewhere and at not in others)
        }
        taken = [each for each in proposal.suggestions if inside.intersection(each.findings)]
        carried = tuple(found for each in taken for found in each.findings if found in inside)
        name = "" if stage is stages[-1] else stage.name or str(stage.index)
        yield ImageRow(file.path, name, Counts(len(inside), len(taken), carried))


def _stage_of(dockerfile: Dockerfile, finding: Finding) -> int | None:
    return next(
        (stage.index for stage in reversed(dockerfile.stages) if stage.start.index <= finding.instruction), None
    )


def _is_open(said: Said) -> bool:
    return bool(said.fingerprints) and not said.is_closed


def _repeated(standing: Standing) -> Iterator[Said]:
    """Yield the comments that say nothing but what older ones say, as after two jobs at the same time."""
    seen: set[str] = set()
    for said in standing.comments:
        if _is_open(said) and said.fingerprints <= seen and not said.is_answered:
            yield said
        seen |= said.fingerprints


def _settled(
    read: Iterable[_Read | _Unread], standing: Standing, unseen: Collection[str], repeated: Collection[Said]
) -> Iterator[Said]:
    """Yield the comments that speak of nothing any more that the pull request brings, or of an ignored rule."""
    unknown = set(unseen)
    present: set[str] = set()
    silent: set[str] = set()
    for file in read:
        if isinstance(file, _Unread):
            unknown |= {file.path, file.previous or file.path}
            continue
        brought = {each.identity for each in file.entries if each.introduced or not file.is_certain}
        present.update(mark for each in file.entries if each.identity in brought for mark in each.marks)
        silent.update(mark for each in file.entries if each.is_silent for mark in each.marks)
    for said in standing.comments:
        is_gone = not said.fingerprints & present or bool(said.fingerprints & silent)
        if _is_open(said) and said not in repeated and said.path not in unknown and is_gone:
            yield said


def _silenced(files: Iterable[_Read], settled: Iterable[Said]) -> dict[str, tuple[str, ...]]:
    """Return the codes of the ignored rules that settled comments speak of, by the ids of the comments."""
    codes = {
        mark: each.finding.code for file in files for each in file.entries if each.is_ignored for mark in each.marks
    }
    found = {said.id: tuple(sorted({codes[mark] for mark in said.fingerprints if mark in codes})) for said in settled}
    return {name: listed for name, listed in found.items() if listed}


def _without(standing: Standing, silenced: Collection[str]) -> Standing:
    """Return what stands once comments are gone for one of their findings: the others are said anew."""
    if not silenced:
        return standing
    gone = [each.fingerprints for each in standing.comments if each.id in silenced]
    kept = [each.fingerprints for each in standing.comments if each.id not in silenced]
    return replace(standing, fingerprints=standing.fingerprints - frozenset().union(*gone) | frozenset().union(*kept))
