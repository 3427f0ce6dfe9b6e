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
    moved = {folder: abs(size) for folder, size in direct.items()}
    children: dict[str, list[str]] = {}
    levels: dict[int, list[str]] = {}
    for folder in direct:
        levels.setdefault(folder.count("/"), []).append(folder)
    for level in range(max(levels, default=0), 0, -1):
        for folder in levels.get(level, ()):
            parent = folder.rpartition("/")[0]
            if parent not in totals:
                totals[parent] = moved[parent] = 0
                levels.setdefault(level - 1, []).append(parent)
            totals[parent] += totals[folder]
            moved[parent] += moved[folder]
            children.setdefault(parent, []).append(folder)
    # What lies above the depth is named by itself, without what is below it.
    found = {each: size for each, size in direct.items() if each.count("/") < DEPTH - 1 or not each}
    for top in [each for each in totals if each.count("/") == DEPTH - 1]:
        each = _deepen(top, moved, children)
        found[each] = totals[each]
    ranked = sorted(((each, size) for each, size in found.items() if size), key=lambda item: (-abs(item[1]), item[0]))
    return tuple(ranked[:count])


def _deepen(folder: str, moved: Mapping[str, int], children: Mapping[str, list[str]]) -> str:
    """Go down while nearly all lies in one child; what came is not made up for by what went."""
    while True:
        best = max(children.get(folder, ()), key=lambda child: moved[child], default=None)
        if best is None or moved[best] < _MOST * moved[folder]:
            return folder
        folder = best
