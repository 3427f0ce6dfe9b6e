"""What an image costs, for a terminal and for Markdown."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from bot.review import markdown
from bot.review.markdown import shorten
from cli.trouble import one_line
from rules.sizes import format_bytes
from workers.image.directories import largest
from workers.image.model import Cost, How, Loss, Measurement, Package, Sort, add

BASE = "base"
BAR = 20
INSTRUCTION = 72
NAMED = 4
"""Packages or directories to a layer."""
MENTIONED = 0.01
"""Of the whole: losses of an image below are summed up in one line, and what of a layer is no package's is left out."""
FILLED = "█"
Name = TypeVar("Name")
_HASH = re.compile(r"\b(file|dir|multi):([0-9a-f]{12})[0-9a-f]{52}")


@dataclass(frozen=True, slots=True)
class Row:
    """A layer, or all those of the base image together."""

    place: str
    costs: tuple[Cost, ...]
    said: str

    @property
    def written(self) -> int:
        """Return the bytes that these layers wrote."""
        return sum(cost.written for cost in self.costs)


def render_text(name: str, measured: Measurement) -> Iterator[str]:
    """Yield lines: the totals, a bar for each layer with what it consists of, and what is lost."""
    yield f"{one_line(name)}  {one_line(measured.image.platform)}"
    yield _sum_up(measured)
    rows = list(rows_of(measured.costs))
    yield ""
    most = max((row.written for row in rows), default=0)
    width = max((len(row.place) for row in rows), default=0)
    for row in rows:
        said = shorten(one_line(row.said), INSTRUCTION)
        drawn = bar(row.written, most)
        yield f"  {row.place:<{width}}  {format_bytes(row.written):>10}  {drawn:<{BAR}}  {said}".rstrip()
        consists = consists_of(row.costs)
        if consists:
            yield f"  {'':<{width}}  {'':>10}  {'':<{BAR}}  {one_line(consists)}"
    lost = list(say_losses(measured))
    if lost:
        yield ""
        yield "Lost: in a layer, and not in the image"
        yield from (f"  {format_bytes(size):>10}  {one_line(said)}" for size, said in lost)


def render_markdown(name: str, measured: Measurement) -> Iterator[str]:
    """Yield the same as Markdown; every name in it is shown and not obeyed."""
    yield f"**{markdown.escape(name)}** · {markdown.escape(_sum_up(measured))}"
    yield ""
    yield "| Line | Adds | Compressed | Lost | |"
    yield "|---|---:|---:|---:|---|"
    for row in rows_of(measured.costs):
        compressed = add(cost.compressed for cost in row.costs)
        cells = (
            row.place,
            format_bytes(row.written),
            format_bytes(compressed) if compressed is not None else "",
            format_bytes(lost) if (lost := sum(cost.lost for cost in row.costs)) else "",
            "<br>".join(
                filter(
                    None, (row.said if row.place == BASE else code(row.said), markdown.escape(consists_of(row.costs)))
                )
            ),
        )
        yield f"| {' | '.join(markdown.cell(cell) for cell in cells)} |"
    lost_lines = list(say_losses(measured))
    if lost_lines:
        yield ""
        yield "Lost: in a layer, and not in the image"
        yield ""
        yield from (f"- {format_bytes(size)} {markdown.escape(said)}" for size, said in lost_lines)


def code(text: str) -> str:
    """Return an instruction as a code span, cut to what is read at a glance."""
    return markdown.code(shorten(text, INSTRUCTION)) if text else ""


def _sum_up(measured: Measurement) -> str:
    layers = len(measured.costs)
    parts = [f"{format_bytes(measured.written)} in {layers} layer{'' if layers == 1 else 's'}"]
    if measured.lost:
        parts.append(f"{format_bytes(measured.visible)} of them in the image, {format_bytes(measured.lost)} lost")
    if measured.compressed is not None:
        parts.append(f"{format_bytes(measured.compressed)} compressed")
    return "; ".join(parts)


def rows_of(costs: Iterable[Cost]) -> Iterator[Row]:
    """Yield a row for the base image, and one for each layer that adds bytes."""
    base = tuple(cost for cost in costs if cost.is_base)
    if base:
        yield Row(BASE, base, f"{len(base)} layer{'' if len(base) == 1 else 's'}")
    for cost in costs:
        if not cost.is_base:
            yield Row(place_of(cost), (cost,), instruction(cost))


def place_of(cost: Cost) -> str:
    """Return the lines that made a layer, or which layer it is."""
    origin = cost.origin
    if origin is None:
        return f"layer {cost.index + 1}"
    return f"line {origin.line}" if origin.line == origin.end_line else f"lines {origin.line}-{origin.end_line}"


def instruction(cost: Cost) -> str:
    """Return what made a layer, without what only the builder needs."""
    said = " ".join((cost.created_by or "").removesuffix("# buildkit").split())
    said = _HASH.sub(r"\1:\2…", said)
    for noise in ("/bin/sh -c #(nop) ", "/bin/sh -c "):
        said = said.replace(noise, "" if "nop" in noise or said.startswith("RUN") else "RUN ", 1)
    return said


def bar(size: int, most: int) -> str:
    """Return a bar, of at least one character for what is not nothing."""
    if size <= 0 or most <= 0:
        return ""
    return FILLED * max(round(size / most * BAR), 1)


def consists_of(costs: Sequence[Cost]) -> str:
    """Return the packages that some layers hold and where the rest lies, or their directories where there are none."""
    packages = _add_up(cost.packages for cost in costs)
    folders = _add_up(cost.directories for cost in costs)
    total = sum(folders.values())
    if sum(packages.values()) * 2 <= total:
        return name_some(_places(folders), NAMED, "")
    ranked = sorted(packages.items(), key=lambda item: (-item[1], item[0]))
    said = name_some([(say_package(package), size) for package, size in ranked], NAMED, "packages")
    rest = total - sum(packages.values())
    if rest <= total * MENTIONED:
        return said
    loose = _places(_add_up(cost.loose for cost in costs))
    return f"{said}; {format_bytes(rest)} in none: {name_some(loose, NAMED // 2, '')}"


def _add_up(each: Iterable[Mapping[Name, int]]) -> dict[Name, int]:
    total: dict[Name, int] = {}
    for sizes in each:
        for name, size in sizes.items():
            total[name] = total.get(name, 0) + size
    return total


def _places(folders: Mapping[str, int]) -> list[tuple[str, int]]:
    return [(f"/{folder}", size) for folder, size in largest(folders, NAMED)]


def name_some(named: Sequence[tuple[str, int]], count: int, noun: str) -> str:
    """Return the first few with their sizes, and how many more there are."""
    said = ", ".join(f"{name} {format_bytes(size)}" for name, size in named[:count] if size)
    left = len(named) - count
    return f"{said} and {left:,} more {noun}" if left > 0 and noun else said


def say_package(package: Package) -> str:
    """Return the name of a package, with its kind where that is not the system's."""
    return package.name if package.sort in (Sort.DPKG, Sort.APK, Sort.RPM) else f"{package.name} ({package.sort})"


def say_losses(measured: Measurement) -> Iterator[tuple[int, str]]:
    """Yield bytes, and which line wrote and which one lost them; small ones together at the end."""
    floor = measured.written * MENTIONED
    costs: Mapping[int, Cost] = {cost.index: cost for cost in measured.costs}
    small = [loss.bytes for loss in measured.losses if loss.bytes < floor]
    for loss in measured.losses:
        if loss.bytes >= floor:
            yield loss.bytes, _say_loss(loss, costs)
    if small:
        yield sum(small), f"in {len(small):,} smaller part{'' if len(small) == 1 else 's'}"


_WAYS = {
    How.DELETED: "deleted",
    How.OVERWRITTEN: "overwritten",
    How.COPIED: "written again with only owner or mode changed",
}


def _say_loss(loss: Loss, costs: Mapping[int, Cost]) -> str:
    writer, loser = (_whose(costs[index]) for index in (loss.writer, loss.loser))
    files = "1 file" if loss.files == 1 else f"{loss.files:,} files"
    return f"{files} in /{loss.directory}: written by {writer}, {_WAYS[loss.how]} by {loser}"


def _whose(cost: Cost) -> str:
    return "the base image" if cost.is_base else place_of(cost)
