"""What one image costs more or less than another, for a terminal and for Markdown."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from bot.review import markdown
from bot.review.markdown import shorten
from cli.report.size import BAR, BASE, FILLED, INSTRUCTION, code, consists_of, instruction, place_of, say_package
from cli.trouble import one_line
from rules.sizes import format_bytes
from workers.image.compare import Comparison, Files, LineChange
from workers.image.directories import largest

NAMED = 8
"""Packages and directories to a comparison."""

MINUS = "\N{MINUS SIGN}"

Names = tuple[str, str]


def render_text(names: Names, compared: Comparison) -> Iterator[str]:
    """Yield lines: the totals, then what differs by line, package, directory and file."""
    yield f"{one_line(names[0])} -> {one_line(names[1])}"
    for label, before, after in _totals(compared):
        yield f"  {label:<12} {format_bytes(before):>10} -> {format_bytes(after):>10}  {signed(after - before, before)}"
    lines = [each for each in compared.lines if each.difference]
    most = max((abs(each.difference) for each in lines), default=0)
    width = max((len(_place(each)) for each in lines), default=0)
    yield from _headed("By line", (_line(each, most, width) for each in lines))
    for title, changes in _groups(compared):
        yield from _headed(title, (f"{signed(size):>10}  {one_line(said)}" for said, size in changes))
    yield from _headed("Files", _files(compared))


def render_markdown(names: Names, compared: Comparison) -> Iterator[str]:
    """Yield the same as Markdown; every name in it is shown and not obeyed."""
    yield f"| | {markdown.cell(markdown.escape(names[0]))} | {markdown.cell(markdown.escape(names[1]))} | |"
    yield "|---|---:|---:|---:|"
    for label, before, after in _totals(compared):
        yield f"| {label} | {format_bytes(before)} | {format_bytes(after)} | {signed(after - before, before)} |"
    lines = [each for each in compared.lines if each.difference]
    if lines:
        yield ""
        yield "| Line | Before | After | | |"
        yield "|---|---:|---:|---:|---|"
    for each in lines:
        sizes = [
            format_bytes(sum(cost.written for cost in costs)) if costs else "" for costs in (each.before, each.after)
        ]
        what = _said(each) if _place(each) == BASE else code(_said(each))
        said = "<br>".join(filter(None, (what, markdown.escape(_consists(each)))))
        yield f"| {_place(each)} | {sizes[0]} | {sizes[1]} | {signed(each.difference)} | {markdown.cell(said)} |"
    for title, changes in _groups(compared):
        yield from ("", f"{title}: " + ", ".join(f"{markdown.escape(said)} {signed(size)}" for said, size in changes))
    files = [line.strip() for line in _files(compared)]
    if files:
        yield from ("", f"Files: {'; '.join(files)}")


def signed(size: int, whole: int = 0) -> str:
    """Return a difference with its sign, and in percent of `whole`."""
    if not size:
        return "0 bytes"
    said = f"{'+' if size > 0 else MINUS}{format_bytes(abs(size))}"
    return f"{said} ({size / whole:+.1%})".replace("(-", f"({MINUS}") if whole else said


def _totals(compared: Comparison) -> Iterator[tuple[str, int, int]]:
    for label, change in (("image", compared.written), ("compressed", compared.compressed), ("lost", compared.lost)):
        if change.before is not None and change.after is not None and (change.before or change.after):
            yield label, change.before, change.after


def _headed(title: str, lines: Iterator[str]) -> Iterator[str]:
    for at, line in enumerate(lines):
        if at == 0:
            yield ""
            yield title
        yield f"  {line}"


def _line(each: LineChange, most: int, width: int) -> str:
    filled = (FILLED if each.difference > 0 else "░") * (
        max(round(abs(each.difference) / most * BAR), 1) if each.difference else 0
    )
    said = shorten(one_line(_said(each)), INSTRUCTION)
    consists = f" ({one_line(_consists(each))})" if each.difference > 0 and _consists(each) else ""
    return f"{_place(each):<{width}} {signed(each.difference):>10}  {filled:<{BAR}}  {said}{consists}".rstrip()


def _place(each: LineChange) -> str:
    costs = each.after or each.before
    if costs[0].is_base:
        return BASE
    return place_of(costs[0]) + ("" if each.after else " (gone)")


def _said(each: LineChange) -> str:
    costs = each.after or each.before
    return f"{len(costs)} layers" if costs[0].is_base else instruction(costs[0])


def _consists(each: LineChange) -> str:
    return consists_of(each.after) if each.difference > 0 else ""


def _groups(compared: Comparison) -> Iterator[tuple[str, Sequence[tuple[str, int]]]]:
    packages = [(say_package(each.name), each.difference) for each in compared.packages[:NAMED]]
    folders = [(f"/{folder}", size) for folder, size in largest(compared.directories, NAMED)]
    for title, changes in (("By package", packages), ("By directory", folders)):
        if changes:
            yield title, changes


def _files(compared: Comparison) -> Iterator[str]:
    kinds: tuple[tuple[str, Files], ...] = (
        ("added", compared.added),
        ("removed", compared.removed),
        ("changed", compared.changed),
    )
    for said, files in kinds:
        if files.count:
            yield f"{files.count:,} {said}, {signed(files.bytes)}"
