"""Findings for a person at a terminal: the line, what is wrong with it, and the fix as a diff."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator, Sequence

from bot.review.markdown import visible
from bot.review.suggestion import changes
from cli.report.checked import Checked
from cli.report.colours import Paint
from cli.trouble import one_line
from rules.dockerfile import Dockerfile, Span
from rules.finding import Finding, Provenance
from rules.fix import Applicability, Fix
from rules.sizes import format_bytes

TAB = 4
ROOM = 160
"""Characters of a source line that are shown; of a longer one, those around the finding."""


def render_text(results: Iterable[Checked], paint: Paint) -> Iterator[str]:
    """Yield blocks of lines, one for each finding, and a last line that sums up."""
    files = 0
    said: list[Finding] = []
    for each in results:
        files += 1
        for finding in each.findings:
            said.append(finding)
            yield "\n".join(_render(each, finding, paint))
    if said:
        yield _sum_up(said)
    elif files:
        yield f"No findings in {count(files, 'Dockerfile')}"


def count(number: int, noun: str) -> str:
    """Return `1 finding` or `2 findings`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _render(each: Checked, finding: Finding, paint: Paint) -> Iterator[str]:
    line, column = each.dockerfile.position(finding.span.start)
    place = paint("bold", f"{one_line(each.path)}:{line}:{column}")
    yield f"{place}  {paint('yellow', finding.code)} {finding.name}{_say_saving(finding)}"
    number = str(line)
    margin = " " * (len(number) + 3)
    bar = paint("dim", "│")
    shown, pad, width = _underline(each.dockerfile, finding.span, line)
    yield f"  {paint('dim', number)} {bar} {shown}"
    yield f"{margin}{bar} {' ' * pad}{paint('yellow', '^' * width)}"
    yield f"{margin}= {one_line(finding.message)}"
    if finding.reason:
        yield f"{margin}  {one_line(finding.reason)}"
    if finding.fix is not None:
        yield from (f"{margin}{said}" for said in _render_fix(each.dockerfile, finding.fix, paint))
    if finding.snippet is not None:
        yield f"{margin}= {one_line(finding.snippet.title)}:"
        yield from (f"{margin}  {paint('green', _show(line))}" for line in finding.snippet.text.splitlines())


def _say_saving(finding: Finding) -> str:
    saving = finding.saving
    if saving.bytes is None or saving.provenance is Provenance.UNKNOWN:
        return ""
    return f"  {format_bytes(saving.bytes)} ({saving.provenance})"


def _render_fix(dockerfile: Dockerfile, fix: Fix, paint: Paint) -> Iterator[str]:
    label = {
        Applicability.SAFE: "",
        Applicability.UNSAFE: "Fix with --unsafe. ",
        Applicability.DISPLAY: "To adapt by hand. ",
    }[fix.applicability]
    said = f"{label}{one_line(fix.caution)}".strip()
    if said:
        yield f"= {said}"
    found = changes(dockerfile, fix)
    for change in found:
        if len(found) > 1:
            yield paint("cyan", f"@ line {change.start}")
        yield from (paint("red", f"- {_show(line)}") for line in change.old)
        yield from (paint("green", f"+ {_show(line)}") for line in change.new)


def _show(line: str) -> str:
    return visible(line.removesuffix("\r")).expandtabs(TAB)


def _underline(dockerfile: Dockerfile, span: Span, number: int) -> tuple[str, int, int]:
    """Return a source line as it is shown, the columns before the span and those of the span on this line."""
    around = dockerfile.line_span(number, number)
    line = around.of(dockerfile.text)
    start = min(span.start - around.start, len(line))
    end = max(min(span.end, around.end) - around.start, start)
    if len(line) <= ROOM and line.isascii() and line.isprintable():
        return line, start, max(end - start, 1)
    first = max(min(start - ROOM // 4, len(line) - ROOM), 0)
    last = min(first + ROOM, len(line))
    head, tail = "…" if first else "", "…" if last < len(line) else ""
    before = head + _lay_out(line[first:start], len(head))
    inside = _lay_out(line[start : min(end, last)], _width(before))
    after = _lay_out(line[min(end, last) : last], _width(before) + _width(inside))
    return before + inside + after + tail, _width(before), max(_width(inside), 1)


def _lay_out(text: str, column: int) -> str:
    """Return `text` as a terminal shows it from `column` on: tabs as blanks, hidden characters spelt out."""
    shown: list[str] = []
    for char in text:
        piece = " " * (TAB - column % TAB) if char == "\t" else visible(char)
        column += _width(piece)
        shown.append(piece)
    return "".join(shown)


def _width(text: str) -> int:
    if text.isascii():
        return len(text)
    return sum(_char_width(char) for char in text)


def _char_width(char: str) -> int:
    if unicodedata.category(char) in ("Mn", "Me"):
        return 0
    return 2 if unicodedata.east_asian_width(char) in ("W", "F") else 1


def _sum_up(findings: Sequence[Finding]) -> str:
    safe = _count_fixes(findings, Applicability.SAFE)
    unsafe = _count_fixes(findings, Applicability.UNSAFE)
    parts = [count(len(findings), "finding")]
    if safe:
        parts.append(f"{safe:,} with a fix (`dockslim fix`)")
    if unsafe:
        parts.append(f"{unsafe:,} {'more ' if safe else ''}with a fix to look at (`dockslim fix --unsafe`)")
    known = [each.saving.bytes for each in findings if _say_saving(each) and each.saving.bytes is not None]
    if known:
        parts.append(f"{'at least ' if len(known) < len(findings) else ''}{format_bytes(sum(known))}")
    return ", ".join(parts)


def _count_fixes(findings: Iterable[Finding], applicability: Applicability) -> int:
    return sum(each.fix is not None and each.fix.applicability is applicability for each in findings)
