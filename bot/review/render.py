"""Every word that dockslim says on a pull request, in one voice."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum

from bot.configuration.model import Configuration, Threshold
from bot.review.fingerprint import REVIEW_MARKER, mark_summary, strip_markers, write_marker
from bot.review.markdown import LIMIT, cell, code, escape, fence, fit, prose, shorten, size, visible
from bot.review.measured import Excess, Measured
from bot.review.model import Origin, Said
from bot.review.sizes import render_measured, say_excess, say_total
from bot.review.suggestion import MAX_BLOCK, Change, Obstacle, Remark, Suggestion, changes, worth
from rules.dockerfile import Dockerfile
from rules.finding import Finding, Provenance, Saving
from rules.sizes import format_bytes

_TITLE = 250
_PATH = 300
_MESSAGE = 5000
_PROBLEMS = 20
_HALF = LIMIT // 2
_SUGGESTION = re.compile(r"^([ \t]*`{3,})suggestion[ \t\r]*$", re.MULTILINE)
_ALSO = re.compile(r" \((DS\d+)\)\. ")
_HEADLINE = re.compile(r"\*\*.*\*\* · (DS\d+)")
_UNFOLDED_LINES = 8

_WHY_NO_SUGGESTION: dict[Obstacle | None, str] = {
    Obstacle.DISPLAY: "To adapt by hand:",
    Obstacle.LINE_ENDS: "No suggestion, because GitHub's button does not keep the CRLF line ends of this file:",
    Obstacle.HIDDEN: "No suggestion, because characters are involved that a comment cannot carry:",
    Obstacle.OUTSIDE: "No suggestion, because the fix also changes lines that this diff does not show:",
    Obstacle.CLASH: "Not part of the suggestion here, because the two cannot be made in one click:",
    Obstacle.LENGTH: "No suggestion, because the fix is too long for a comment:",
    Obstacle.DOUBT: "No suggestion, because the fix could not be verified:",
}


_WHY_LEFT: dict[Obstacle | None, str] = {
    None: "has no fix",
    Obstacle.DISPLAY: "to adapt by hand",
    Obstacle.LINE_ENDS: "the file has CRLF line ends",
    Obstacle.HIDDEN: "characters are involved that a comment cannot carry",
    Obstacle.OUTSIDE: "also changes lines that the diff does not show",
    Obstacle.CLASH: "cannot be made together with another one",
    Obstacle.LENGTH: "too long for a comment",
    Obstacle.DOUBT: "could not be verified",
    Obstacle.MANY: "one of too many",
}


class Outcome(Enum):
    """What became of a finding in a review; the value is how the check run says so."""

    SUGGESTED = "suggestion"
    COMMENTED = "comment"
    OUTSIDE = "outside the diff"
    OVER = "over the limit of comments"
    SMALL = "below the threshold"
    STANDING = "already on this pull request"
    OLDER = "older than this pull request"
    NOTED = "noted here only"
    IGNORED = "ignored on this pull request"
    CLOSED = "its comment was resolved or hidden"
    WITHDRAWN = "withdrawn: with it the image does not build"


UNCOMMENTED = (Outcome.OUTSIDE, Outcome.OVER, Outcome.SMALL)
"""What a summary lists, in its order."""


@dataclass(frozen=True, slots=True)
class Counts:
    """How many findings there are, how many suggestions carry some of them, and which ones."""

    findings: int
    suggestions: int
    suggested: tuple[Finding, ...]


@dataclass(frozen=True, slots=True)
class Unplaced:
    """A finding that has no comment; `outcome` says why."""

    path: str
    dockerfile: Dockerfile
    remark: Remark
    outcome: Outcome


@dataclass(frozen=True, slots=True)
class ImageRow:
    """What this pull request brings into one image; `target` is "" for that of the last stage."""

    path: str
    target: str
    counts: Counts


@dataclass(frozen=True, slots=True)
class Row:
    """One finding as the check run lists it."""

    line: int
    finding: Finding
    outcome: Outcome


@dataclass(frozen=True, slots=True)
class Section:
    """What the check run says about one file; `problem` is why it could not be read."""

    path: str
    rows: tuple[Row, ...] = ()
    problem: str | None = None


def render_suggestion(suggestion: Suggestion, marks: Iterable[str], weighed: Saving | None = None) -> str:
    """Return the inline comment for one suggestion; `weighed` is what it was measured to save, where it was."""
    first, *others = sorted(suggestion.findings, key=worth)
    tail = _say_sum(suggestion.findings) + _tail(suggestion.findings, marks)
    if weighed is not None:
        first = _weigh(first, weighed, alone=not others)
        tail = f"{_say_weighed(weighed, alone=not others)}\n\n{write_marker(marks)}"
    cautions = dict.fromkeys(each.fix.caution for each in (first, *others) if each.fix and each.fix.caution)
    parts = [_headline(first), *(prose(each) for each in cautions), "", fence(suggestion.lines, "suggestion")]
    parts += [_show_snippet(each) for each in (first, *others) if each.snippet is not None]
    also = [f"\nAlso: {prose(each.message, 300)} ({escape(each.code)}). {prose(each.reason)}" for each in others]
    return fit("\n".join(parts), also, _more_findings, tail)


def _weigh(finding: Finding, weighed: Saving, *, alone: bool) -> Finding:
    """Return a finding that says what was measured in place of what was estimated, where that is about it alone."""
    if not alone or not weighed.bytes:
        return finding
    old = format_bytes(finding.saving.bytes) if finding.saving.bytes else ""
    message = finding.message.replace(old, format_bytes(weighed.bytes), 1) if old else finding.message
    return finding._replace(message=message, saving=weighed)


def _say_weighed(weighed: Saving, *, alone: bool) -> str:
    if not weighed.bytes:
        return f"\n<sub>Saves nothing here, measured ({prose(weighed.source, 200)})</sub>"
    if alone:
        return f"\n<sub>{_say_saving(weighed)}</sub>"
    return f"\nTogether {format_bytes(weighed.bytes)}.\n<sub>Measured ({prose(weighed.source, 200)})</sub>"


def render_remark(dockerfile: Dockerfile, remark: Remark, marks: Iterable[str]) -> str:
    """Return the inline comment for a finding whose fix is no suggestion, or that has none."""
    why = _WHY_NO_SUGGESTION.get(remark.obstacle, "")
    return _headline(remark.finding) + _show_fix(dockerfile, remark.finding, why) + _tail((remark.finding,), marks)


def render_review(counts: Counts, marks: Iterable[str]) -> str:
    """Return the body of a review: what its comments say together. `marks` are known again after a push."""
    head = f"**dockslim** · {_count(counts)}{_say_total(counts.suggested)}"
    return f"{head}\n\n" + "\n".join(filter(None, (REVIEW_MARKER, write_marker(marks))))


def render_settled(said: Said, head_sha: str, ignored: Sequence[str] = ()) -> str:
    """Return what a comment says once its findings are gone, or of rules that are ignored.

    The text that stood there is kept, folded.
    """
    why = f"Settled at {head_sha[:7]}: this pull request no longer brings it."
    if ignored:
        why = f"Ignored on this pull request: {', '.join(ignored)}."
    return f"{why}\n\n<details><summary>What stood here</summary>\n\n{quote(said.body)}\n</details>\n\n" + write_marker(
        said.fingerprints, "gone"
    )


def render_withdrawn(said: Said) -> str:
    """Return what a comment says whose suggestion did not build; its text is not kept, so that nobody clicks it."""
    return (
        "Withdrawn: with this suggestion the image did not build, which is an error of dockslim's. "
        "Nothing here needs to be done.\n\n" + write_marker(said.fingerprints, "gone")
    )


def quote(body: str) -> str:
    """Return a comment of ours as it can stand elsewhere: a suggestion only works on the lines it is about."""
    return _SUGGESTION.sub(r"\1dockerfile", strip_markers(body)).strip()


def render_sticky(
    title: str,
    counts: Counts,
    rows: Sequence[ImageRow],
    left: Sequence[Unplaced],
    configuration: Configuration,
    origin: Origin,
    ignored: Collection[str] = (),
    measured: Measured | None = None,
) -> str:
    """Return the summary of a pull request: each image, what no comment says and why, and the configuration used.

    It carries which rules are `ignored`, for the next review.
    """
    weighed = {(each.path, each.target) for each in measured.images if each.after} if measured is not None else set()
    has_findings = any(row.counts.findings for row in rows)
    found = [row for row in rows if row.counts.findings and (row.path, row.target) not in weighed]
    total = say_total(measured) if measured is not None else ""
    head = f"**dockslim** · {_count(counts) if has_findings else 'No size findings' if total else prose(title)}"
    head += total or (_say_total(counts.suggested) if has_findings else "")
    for problem in origin.problems[:_PROBLEMS]:
        head += f"\n\n{prose(problem)}"
    head += "".join(f"\n\n{note}" for note in origin.notes)
    if measured is not None:
        head += f"\n\n{render_measured(measured)}"
    if found:
        has_figures = any(_is_known(each.saving) for row in found for each in row.counts.suggested)
        columns = " Saves if applied |\n|---|---|---:|\n" if has_figures else "\n|---|---|\n"
        head += f"\n\n| Image | Found |{columns}"
        images = [_render_image(row, has_figures) for row in found]
        head = fit(head, images, _more_images, "", max(_HALF, size(head) + _HALF // 4)).rstrip("\n")
    if ignored:
        head += (
            f"\n\nIgnored on this pull request: {', '.join(sorted(ignored))}. `/dockslim unignore RULE` takes it back."
        )
    hint = " · `/dockslim help`" if origin.obeys else ""
    tail = f"\n\n<sub>Configuration: {_say_origin(origin)}{hint}</sub>\n\n{mark_summary(ignored)}"
    if not left:
        return head + tail
    head += f"\n\n<details><summary>Without a comment: {len(left):,}</summary>"
    items = [item for reason in UNCOMMENTED for item in _render_group(reason, left, configuration)]
    return fit(head, items, _more_in_check, f"\n\n</details>{tail}")


def render_fixes(counts: Counts, paths: Sequence[str], left: Sequence[Unplaced]) -> str:
    """Return what a commit of all suggestions holds, and what it leaves to do by hand."""
    where = code(shorten(paths[0], _PATH)) if len(paths) == 1 else f"{len(paths):,} Dockerfiles"
    head = f"{_number(counts.suggestions, 'suggestion')} in {where}{_say_total(counts.suggested)}." if paths else ""
    if not left:
        return head
    head += f"{' ' if paths else ''}Left to you:\n"
    return fit(head, list(map(_render_left, left)), lambda more: f"\n- and {more:,} more" if more else "", "", _HALF)


def _render_left(each: Unplaced) -> str:
    finding = each.remark.finding
    why = each.outcome.value if each.outcome is Outcome.CLOSED else _WHY_LEFT[each.remark.obstacle]
    return f"\n- {_say_place(each)} {escape(finding.code)} {prose(finding.message, 300)}: {why}"


def render_annotation(finding: Finding) -> tuple[str, str]:
    """Return the title and the text of an annotation, which GitHub shows as they are."""
    figure = f" ({_say_saving(finding.saving)})" if _is_known(finding.saving) else ""
    title = f"{finding.code} {finding.message}".replace("`", "")
    message = f"{finding.reason}{figure}".replace("`", "") or title
    return shorten(visible(" ".join(title.split())), _TITLE), shorten(visible(message), _MESSAGE)


def render_title(counts: Counts, sections: Sequence[Section]) -> str:
    """Return the outcome in one line of plain text."""
    if not sections:
        return "No Dockerfile in this pull request"
    read = [each for each in sections if each.problem is None]
    said = [_outcome(counts, read)] if read else []
    unread = [each for each in sections if each.problem is not None]
    if unread:
        said.append(f"{'not' if said else 'Not'} read: {_name_unread(unread)}")
    return shorten(visible(" ".join("; ".join(said).split())), _TITLE)


def render_summary(
    sections: Sequence[Section],
    failed: Threshold | None = None,
    excesses: Sequence[Excess] = (),
    measured: Measured | None = None,
) -> str:
    """Return the Markdown of the check run: every finding in the Dockerfiles of this pull request, and its fate.

    `failed` is the threshold that makes it a failure, if one does, `excesses` the images that are too large.
    """
    if not sections:
        return "dockslim reads Dockerfiles, and this pull request changes none."
    items = [item for section in sections for item in _render_section(section)]
    head = "".join(f"A failure: {prose(say_excess(each))}.\n\n" for each in excesses[:_PROBLEMS])
    head += _say_threshold(failed) if failed is not None else ""
    head += f"{render_measured(measured)}\n\n" if measured is not None else ""
    return fit(head, items, _more_rows, "")


def _say_threshold(failed: Threshold) -> str:
    limit = format_bytes(failed.bytes) if failed.bytes is not None else str(failed.severity)
    return f"A failure, because the configuration says `fail: {limit}`.\n\n"


def _say_origin(origin: Origin) -> str:
    return " over ".join((*(code(each) for each in origin.files), "built-in defaults"))


def _render_image(row: ImageRow, has_figures: bool) -> str:
    path = code(shorten(row.path, _PATH))
    name = f"{path}, target {code(shorten(row.target, _PATH))}" if row.target else path
    saves = [_say_total(row.counts.suggested).removeprefix(", ")] if has_figures else []
    return "| " + " | ".join(map(cell, (name, _count(row.counts), *saves))) + " |\n"


def _render_group(reason: Outcome, left: Sequence[Unplaced], configuration: Configuration) -> Iterator[str]:
    """Yield pieces of Markdown of which any number of leading ones is well formed."""
    headings = {
        Outcome.OUTSIDE: "On lines that the diff does not show:",
        Outcome.OVER: f"Over the limit of {_number(configuration.review.comments, 'comment')} on one pull request:",
        Outcome.SMALL: f"Below the threshold of {format_bytes(configuration.floor)}:",
    }
    heading = f"\n\n{headings[reason]}"
    for each in left:
        if each.outcome is reason:
            yield heading + (_render_small(each) if reason is Outcome.SMALL else _render_unplaced(each))
            heading = ""


def _render_small(each: Unplaced) -> str:
    finding = each.remark.finding
    saves = f", {_say_saving(finding.saving)}" if _is_known(finding.saving) else ""
    return f"\n\n{_say_place(each)} {escape(finding.code)} {prose(finding.message, 300)}{saves}"


def _say_place(each: Unplaced) -> str:
    line = each.dockerfile.position(each.remark.finding.span.start)[0]
    return code(f"{shorten(each.path, _PATH)}:{line}")


def _headline(finding: Finding) -> str:
    """Say what happens and what it costs, in figures where they are known, and why."""
    figure = format_bytes(finding.saving.bytes or 0) if _is_known(finding.saving) else ""
    cost = f", {figure}" if figure and figure not in finding.message else ""
    return f"**{prose(finding.message, 300)}{cost}** · {escape(finding.code)}\n{prose(finding.reason)}"


def read_codes(body: str) -> tuple[str, ...]:
    """Return the codes of the rules that a comment of ours speaks of, that of its headline first."""
    first, *others = body.replace("\r\n", "\n").split("\n")
    headline = _HEADLINE.fullmatch(first)
    if headline is None:
        return ()
    also = (code for line in others if line.startswith("Also: ") for code in _ALSO.findall(line))
    return tuple(dict.fromkeys((headline[1], *also)))


def _say_sum(findings: Sequence[Finding]) -> str:
    """Return what one click saves, where that is more than one figure."""
    known = [each.saving.bytes or 0 for each in findings if _is_known(each.saving)]
    if len(known) < 2:
        return ""
    return f"\nTogether {'at least ' if len(known) < len(findings) else ''}{format_bytes(sum(known))}."


def _tail(findings: Iterable[Finding], marks: Iterable[str]) -> str:
    sources = _say_sources(sorted(findings, key=worth))
    return (f"\n<sub>{sources}</sub>" if sources else "") + f"\n\n{write_marker(marks)}"


def _say_sources(findings: Sequence[Finding]) -> str:
    known = [each for each in findings if _is_known(each.saving)]
    return " · ".join(
        (f"{escape(each.code)} " if len(findings) > 1 else "") + _say_saving(each.saving) for each in known[:20]
    )


def _is_known(saving: Saving) -> bool:
    return saving.bytes is not None and saving.provenance is not Provenance.UNKNOWN


def _say_saving(saving: Saving) -> str:
    """Say a figure and how it is known: never the one without the other."""
    figure = format_bytes(saving.bytes or 0)
    if saving.provenance is Provenance.MEASURED:
        return f"{figure}, measured" + (f" ({prose(saving.source, 200)})" if saving.source else "")
    return f"{figure}, estimated" + (f" from {prose(saving.source, 200)}" if saving.source else "")


def _show_fix(dockerfile: Dockerfile, finding: Finding, why: str) -> str:
    """Return a fix as a diff, with the reason why it is no suggestion and with what it may change."""
    if finding.fix is None:
        return _show_snippet(finding)
    said = [prose(finding.fix.caution)] if finding.fix.caution else []
    said += [why] if why else []
    return (
        "".join(f"\n{each}" for each in said)
        + f"\n\n{_render_diff(changes(dockerfile, finding.fix))}{_show_snippet(finding)}"
    )


def _show_snippet(finding: Finding) -> str:
    """Return the text to copy that comes with a finding, folded where it is long."""
    if finding.snippet is None:
        return ""
    lines = [visible(line) for line in finding.snippet.text.rstrip("\n").split("\n")]
    kept = list(_within(lines, MAX_BLOCK))
    block = fence(kept, finding.snippet.language)
    left = len(lines) - len(kept)
    block += f"\n{_number(left, 'more line')} left out." if left else ""
    title = prose(finding.snippet.title, 300)
    if len(lines) <= _UNFOLDED_LINES:
        return f"\n{title}:\n\n{block}"
    return f"\n<details><summary>{title}</summary>\n\n{block}\n</details>"


def _render_diff(found: Sequence[Change]) -> str:
    """Return changes as a ```diff block; one that is too long says how many lines it left out."""
    lines: list[str] = []
    moved = 0
    for change in found:
        if len(found) > 1:
            lines.append(f"@@ -{change.start},{len(change.old)} +{change.start + moved},{len(change.new)} @@")
        moved += len(change.new) - len(change.old)
        lines += [f"-{_shown(line)}" for line in change.old]
        lines += [f"+{_shown(line)}" for line in change.new]
    kept = list(_within(lines, MAX_BLOCK))
    left = len(lines) - len(kept)
    return fence(kept, "diff") + (f"\n{_number(left, 'more line')} of this diff left out." if left else "")


def _shown(line: str) -> str:
    return visible(line.removesuffix("\r"))


def _within(lines: Iterable[str], room: int) -> Iterator[str]:
    for line in lines:
        room -= size(line) + 1
        if room < 0:
            return
        yield line


def _render_unplaced(each: Unplaced) -> str:
    finding = each.remark.finding
    # That it is no suggestion needs no reason here, where nothing can be one.
    why = _WHY_NO_SUGGESTION[Obstacle.DISPLAY] if each.remark.obstacle is Obstacle.DISPLAY else ""
    return f"\n\n{_say_place(each)} {_headline(finding)}{_show_fix(each.dockerfile, finding, why)}"


def _count(counts: Counts) -> str:
    """Say `2 suggestions` where they carry every finding, else both numbers."""
    if counts.suggestions and counts.findings == len(counts.suggested):
        return _number(counts.suggestions, "suggestion")
    said = _number(counts.findings, "finding")
    return f"{said}, {_number(counts.suggestions, 'suggestion')}" if counts.suggestions else said


def _say_total(findings: Sequence[Finding]) -> str:
    """Return what the suggestions save together, as far as it is known."""
    known = [each.saving for each in findings if _is_known(each.saving)]
    if not known:
        return ""
    total = format_bytes(sum(saving.bytes or 0 for saving in known))
    measured = all(saving.provenance is Provenance.MEASURED for saving in known)
    return f", {'at least ' if len(known) < len(findings) else ''}{total} ({'measured' if measured else 'estimated'})"


def _outcome(counts: Counts, read: Sequence[Section]) -> str:
    if not counts.findings:
        older = any(section.rows for section in read)
        return f"No {'new ' if older else ''}size findings in {_name_files(read)}"
    told = [section for section in read if any(row.outcome is not Outcome.OLDER for row in section.rows)]
    if counts.suggestions and counts.findings == len(counts.suggested):
        return f"{_number(counts.suggestions, 'suggestion')} in {_name_files(told)}"
    said = f"{_number(counts.findings, 'finding')} in {_name_files(told)}"
    return f"{said}, {_number(counts.suggestions, 'suggestion')}" if counts.suggestions else said


def _name_files(sections: Sequence[Section]) -> str:
    return shorten(sections[0].path, 120) if len(sections) == 1 else f"{len(sections)} Dockerfiles"


def _name_unread(sections: Sequence[Section]) -> str:
    if len(sections) > 1:
        return _name_files(sections)
    return f"{_name_files(sections)} ({sections[0].problem})"


def _render_section(section: Section) -> Iterator[str]:
    """Yield pieces of Markdown of which any number of leading ones is well formed."""
    path = code(shorten(section.path, _PATH))
    if section.problem is not None:
        yield f"{path}\nNot read: {prose(section.problem)}\n\n"
        return
    if not section.rows:
        yield f"{path}\nNo size findings.\n\n"
        return
    head = f"{path}\n\n| Line | Finding | Saves | |\n|---:|---|---|---|\n"
    for at, row in enumerate(section.rows):
        tail = "\n" if at == len(section.rows) - 1 else ""
        yield f"{head if at == 0 else ''}{_render_row(row)}{tail}"


def _render_row(row: Row) -> str:
    finding = row.finding
    saves = _say_saving(finding.saving) if _is_known(finding.saving) else "unknown"
    cells = (str(row.line), f"{escape(finding.code)} {prose(finding.message, 300)}", saves, row.outcome.value)
    return "| " + " | ".join(cell(each) for each in cells) + " |\n"


def _more_findings(left: int) -> str:
    return f"\nAnd {_number(left, 'more finding')} on these lines." if left else ""


def _more_images(left: int) -> str:
    return f"\n{_number(left, 'more image')} without room here." if left else ""


def _more_in_check(left: int) -> str:
    return f"\n\nAnd {_number(left, 'more finding')}; the check run lists what there is room for." if left else ""


def _more_rows(left: int) -> str:
    return f"\n{_number(left, 'more finding')} without room here." if left else ""


def _number(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
