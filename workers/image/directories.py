"""The directories worth naming: those that hold most, as deep as most of it lies in one place."""

from __future__ import annotations

from collections.abc import Mapping

DEPTH = 2
"""Where naming begins: `usr` alone says nothing."""
_MOST = 0.8


def largest(direct: Mapping[str, int], count: int) -> tuple[tuple[str, int], ...]:
    """Return up to `count` directories and their bytes, the largest first, none inside another.

    `direct` holds the bytes that lie directly in each directory; they may be differences, below zero as well.
    """
    totals = dict(direct)
    children: dict[str, list[str]] = {}
    levels: dict[int, list[str]] = {}
    for folder in direct:
        levels.setdefault(folder.count("/"), []).append(folder)
    for level in range(max(levels, default=0), 0, -1):
        for folder in levels.get(level, ()):
            parent = folder.rpartition("/")[0]
            if parent not in totals:
                totals[parent] = 0
                levels.setdefault(level - 1, []).append(parent)
            totals[parent] += totals[folder]
            children.setdefault(parent, []).append(folder)
    tops = [each for each in totals if each.count("/") == DEPTH - 1]
    # What lies above the depth is named by itself, without what is below it.
    found = {each: size for each, size in direct.items() if each.count("/") < DEPTH - 1 or not each}
    for top in tops:
        each = _deepen(top, totals, children)
        found[each] = totals[each]
    ranked = sorted(((each, size) for each, size in found.items() if size), key=lambda item: (-abs(item[1]), item[0]))
    return tuple(ranked[:count])


def _deepen(folder: str, totals: Mapping[str, int], children: Mapping[str, list[str]]) -> str:
    """Go down while one child holds nearly all."""
    while True:
        best = max(children.get(folder, ()), key=lambda child: abs(totals[child]), default=None)
        if best is None or abs(totals[best]) < _MOST * abs(totals[folder]):
            return folder
        folder = best
