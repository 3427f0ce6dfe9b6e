"""Measurements of an image's three states -> what is said about them. Pure over what was measured."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from bot.review.measured import Line, MeasuredImage, Proposed, Size, Waste
from rules.dockerfile import Dockerfile
from workers.image.compare import compare
from workers.image.directories import largest
from workers.image.model import Cost, How, Loss, Measurement, Package

MOST_LINES = 60
MOST_WASTES = 10
_PARTS = 4
_MENTIONED = 0.05
"""Of what a line grew by: directories below are not named."""
_SLACK = 0.01
"""What other lines may change while a suggestion's saving is still told from its own."""
_WAYS = {
    How.DELETED: "deleted",
    How.OVERWRITTEN: "overwritten",
    How.COPIED: "written again with only owner or mode changed",
}


def weigh(
    path: str,
    target: str,
    before: Measurement | None,
    after: Measurement,
    dockerfile: Dockerfile,
) -> MeasuredImage:
    """Say what the head costs, by line, and what it grew by."""
    return MeasuredImage(
        path,
        target,
        before=size(before) if before is not None else None,
        after=size(after),
        lines=tuple(_lines(before, after, dockerfile))[:MOST_LINES],
        wastes=tuple(_waste(loss, after.costs) for loss in after.losses[:MOST_WASTES]),
    )


def size(measured: Measurement) -> Size:
    """Return the sizes of an image."""
    return Size(measured.written, measured.compressed, measured.lost)


def tell_apart(
    after: Measurement, suggested: Measurement, dockerfile: Dockerfile, kept: Sequence[Proposed]
) -> Mapping[str, int]:
    """Return what each suggestion saves by its key, as far as the layers of its own lines tell.

    Nothing where a layer is no line's, or where lines changed that no suggestion touches.
    """
    if not (_is_attributed(after) and _is_attributed(suggested)):
        return {}
    saved: dict[str, int] = {}
    old = {each.index for each in after.costs}
    new = {each.index for each in suggested.costs}
    moved = 0
    for each in sorted(kept, key=lambda one: one.start):
        first, last = _widen(dockerfile, each.start, each.end)
        shift = len(each.lines) - (each.end - each.start + 1)
        mine = [cost for cost in after.costs if _is_within(cost, first, last)]
        theirs = [cost for cost in suggested.costs if _is_within(cost, first + moved, last + moved + shift)]
        if any(first <= stage.start.line <= last for stage in dockerfile.stages):
            mine += [cost for cost in after.costs if cost.is_base]
            theirs += [cost for cost in suggested.costs if cost.is_base]
        moved += shift
        if not mine:
            # Its lines make no layer of this image: those of another stage, say.
            continue
        old -= {cost.index for cost in mine}
        new -= {cost.index for cost in theirs}
        saved[each.key] = sum(cost.written for cost in mine) - sum(cost.written for cost in theirs)
    rest = sum(after.costs[at].written for at in old) - sum(suggested.costs[at].written for at in new)
    whole = after.written - suggested.written
    return saved if abs(rest) <= max(abs(whole) * _SLACK, 1000) else {}


def _is_attributed(measured: Measurement) -> bool:
    return all(cost.is_base or cost.origin is not None for cost in measured.costs)


def _is_within(cost: Cost, first: int, last: int) -> bool:
    return cost.origin is not None and first <= cost.origin.line and cost.origin.end_line <= last


def _widen(dockerfile: Dockerfile, start: int, end: int) -> tuple[int, int]:
    """Return the lines of all instructions that a range touches."""
    touched = [each for each in dockerfile.instructions if each.line <= end and start <= each.end_line]
    return min([start, *(each.line for each in touched)]), max([end, *(each.end_line for each in touched)])


def _lines(before: Measurement | None, after: Measurement, dockerfile: Dockerfile) -> Iterator[Line]:
    for old, new in _pairs(before, after):
        costs = new or old
        parts = tuple(_parts(old, new)) if _sum(new) > _sum(old) else ()
        if costs[0].is_base:
            first = dockerfile.stages[-1].start.line if new and len(dockerfile.stages) == 1 else 0
            text = f"{len(costs)} layer{'' if len(costs) == 1 else 's'}"
            yield Line("base image", text, _known(before, old), _known(after, new), first, first, parts)
            continue
        origin = costs[0].origin
        place = place_of(costs[0]) + ("" if new else " (gone)")
        lines = (origin.line, origin.end_line) if origin is not None and new else (0, 0)
        yield Line(place, _text(costs[0], dockerfile), _known(before, old), _known(after, new), *lines, parts)


def _pairs(before: Measurement | None, after: Measurement) -> Iterator[tuple[Sequence[Cost], Sequence[Cost]]]:
    if before is None:
        base = [cost for cost in after.costs if cost.is_base]
        if base:
            yield (), base
        yield from (((), (cost,)) for cost in after.costs if not cost.is_base)
        return
    bases = [[cost for cost in each.costs if cost.is_base] for each in (before, after)]
    if any(bases):
        yield bases[0], bases[1]
    for change in compare(before, after).lines:
        if change.is_shared:
            for one, other in zip(change.before, change.after, strict=True):
                if not other.is_base:
                    yield (one,), (other,)
        else:
            own = [tuple(cost for cost in costs if not cost.is_base) for costs in (change.before, change.after)]
            if any(own):
                yield own[0], own[1]


def _known(measured: Measurement | None, costs: Sequence[Cost]) -> int | None:
    return _sum(costs) if measured is not None and costs else None


def _sum(costs: Iterable[Cost]) -> int:
    return sum(cost.written for cost in costs)


def _parts(old: Sequence[Cost], new: Sequence[Cost]) -> Iterator[tuple[str, int]]:
    """Yield the packages and directories that make the new layers larger, the largest first."""
    grown = _sum(new) - _sum(old)
    packages: dict[Package, int] = {}
    loose: dict[str, int] = {}
    for costs, sign in ((new, 1), (old, -1)):
        for cost in costs:
            for package, count in cost.packages.items():
                packages[package] = packages.get(package, 0) + sign * count
            for folder, count in cost.loose.items():
                loose[folder] = loose.get(folder, 0) + sign * count
    named = [(each.name, count) for each, count in packages.items() if count > 0]
    named += [(f"/{folder}", count) for folder, count in largest(loose, _PARTS) if count > 0]
    ranked = sorted(named, key=lambda each: (-each[1], each[0]))
    yield from (each for each in ranked[:_PARTS] if each[1] >= grown * _MENTIONED)


def place_of(cost: Cost) -> str:
    """Return the lines that made a layer, or which layer it is."""
    origin = cost.origin
    if cost.is_base:
        return "the base image"
    if origin is None:
        return f"layer {cost.index + 1}"
    return f"line {origin.line}" if origin.line == origin.end_line else f"lines {origin.line}-{origin.end_line}"


def _text(cost: Cost, dockerfile: Dockerfile) -> str:
    found = cost.origin and next((each for each in dockerfile.instructions if each.line == cost.origin.line), None)
    said = f"{found.keyword} {found.value}" if found else cost.created_by or ""
    return " ".join(said.split())[:200]


def _waste(loss: Loss, costs: Sequence[Cost]) -> Waste:
    writer, loser = place_of(costs[loss.writer]), place_of(costs[loss.loser])
    return Waste(loss.bytes, loss.files, loss.directory[:300], writer, loser, _WAYS[loss.how])
