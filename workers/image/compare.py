"""Two images side by side: what each line, package and directory costs more or less than before."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Generic, TypeVar

from workers.image.attribute import keyword_of
from workers.image.model import Cost, Measurement, Package

Name = TypeVar("Name")

_HASH = re.compile(r"\b(file|dir|multi):[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Change(Generic[Name]):
    """Bytes under one name, None where there is nothing of it in that image."""

    name: Name
    before: int | None
    after: int | None

    @property
    def difference(self) -> int:
        """Return how many bytes there are more."""
        return (self.after or 0) - (self.before or 0)


@dataclass(frozen=True, slots=True)
class LineChange:
    """The layers of one instruction in both images; several where they are those that both share."""

    before: tuple[Cost, ...]
    after: tuple[Cost, ...]
    is_shared: bool = False
    """Whether they are the same layers, byte for byte."""

    @property
    def difference(self) -> int:
        """Return how many bytes there are more."""
        return sum(cost.written for cost in self.after) - sum(cost.written for cost in self.before)


@dataclass(frozen=True, slots=True)
class Files:
    """Files that differ in one way, and the bytes that they hold more or less."""

    count: int
    bytes: int


@dataclass(frozen=True, slots=True)
class Comparison:
    """What became of an image. Changes are those that are not zero, the largest first."""

    before: Measurement
    after: Measurement
    lines: tuple[LineChange, ...]
    """In the order of the layers."""
    packages: tuple[Change[Package], ...]
    directories: Mapping[str, int]
    """Bytes more or less in the image, by the directory that they lie in directly."""
    added: Files
    removed: Files
    changed: Files
    """Of another size. What was only built again has another time, and says nothing."""

    @property
    def written(self) -> Change[str]:
        """Return the sizes of the images."""
        return Change("image", self.before.written, self.after.written)

    @property
    def compressed(self) -> Change[str]:
        """Return what a registry stores, None where that is not known."""
        return Change("compressed", self.before.compressed, self.after.compressed)

    @property
    def lost(self) -> Change[str]:
        """Return the bytes that are in layers and not in the image."""
        return Change("lost", self.before.lost, self.after.lost)


def compare(before: Measurement, after: Measurement) -> Comparison:
    """Say what `after` has more and less than `before`."""
    directories: dict[str, int] = {}
    counts = {"added": [0, 0], "removed": [0, 0], "changed": [0, 0]}
    old, new = before.files, after.files
    for path, size in new.items():
        was = old.get(path)
        if was == size:
            continue
        counted = counts["added" if was is None else "changed"]
        counted[0] += 1
        _book(directories, counted, path, size - (was or 0))
    for path, size in old.items():
        if path not in new:
            counts["removed"][0] += 1
            _book(directories, counts["removed"], path, -size)
    return Comparison(
        before=before,
        after=after,
        lines=tuple(_align(before.costs, after.costs)),
        packages=_changes(before.packages, after.packages),
        directories={folder: size for folder, size in directories.items() if size},
        added=Files(*counts["added"]),
        removed=Files(*counts["removed"]),
        changed=Files(*counts["changed"]),
    )


def _book(directories: dict[str, int], counted: list[int], path: str, size: int) -> None:
    counted[1] += size
    folder = path.rpartition("/")[0]
    directories[folder] = directories.get(folder, 0) + size


def _changes(before: Mapping[Package, int], after: Mapping[Package, int]) -> tuple[Change[Package], ...]:
    found = (Change(name, before.get(name), after.get(name)) for name in before.keys() | after.keys())
    return tuple(
        sorted((each for each in found if each.difference), key=lambda each: (-abs(each.difference), each.name))
    )


def _align(before: Sequence[Cost], after: Sequence[Cost]) -> Iterator[LineChange]:
    """Pair the layers: first those that both share, then by what made them, then by keyword where they changed."""
    shared = 0
    while shared < min(len(before), len(after)) and before[shared].diff_id == after[shared].diff_id:
        shared += 1
    if shared:
        yield LineChange(tuple(before[:shared]), tuple(after[:shared]), is_shared=True)
    before, after = before[shared:], after[shared:]
    # Of a base image that changed, the layers are no lines of anybody's.
    bases = [[cost for cost in costs if cost.is_base] for costs in (before, after)]
    if any(bases):
        yield LineChange(tuple(bases[0]), tuple(bases[1]))
        before, after = before[len(bases[0]) :], after[len(bases[1]) :]
    matcher = SequenceMatcher(None, [_key(cost) for cost in before], [_key(cost) for cost in after], autojunk=False)
    for _, first, last, start, end in matcher.get_opcodes():
        yield from _pair(before[first:last], after[start:end])


def _pair(before: Sequence[Cost], after: Sequence[Cost]) -> Iterator[LineChange]:
    """Pair layers in their order as long as the keyword is the same; what is left over came or went."""
    if len(before) == len(after) and all(
        _keyword(one) == _keyword(other) for one, other in zip(before, after, strict=True)
    ):
        yield from (LineChange((one,), (other,)) for one, other in zip(before, after, strict=True))
        return
    yield from (LineChange((cost,), ()) for cost in before)
    yield from (LineChange((), (cost,)) for cost in after)


def _keyword(cost: Cost) -> str:
    return keyword_of(cost.created_by or "")


def _key(cost: Cost) -> str:
    """Return what made a layer, without the hash that the builder before BuildKit puts into it."""
    return _HASH.sub(r"\1:", cost.created_by) if cost.created_by else cost.diff_id
