"""What is known of an image, and what measuring it gives. Sizes are bytes; paths have no leading slash."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from workers.image.tar import Contents


@dataclass(frozen=True, slots=True)
class Layer:
    """One layer as stored: `diff_id` is the digest of its tar, `compressed` None where it is stored as a plain tar."""

    diff_id: str
    created_by: str | None
    """What the builder says made it; None where its history does not fit its layers."""
    compressed: int | None
    contents: Contents = field(repr=False)


@dataclass(frozen=True, slots=True)
class Step:
    """One entry of an image's history, in the order in which it was built."""

    created_by: str
    is_empty: bool
    """Whether it made no layer."""
    comment: str = ""


@dataclass(frozen=True, slots=True)
class Image:
    """An image that was read: `digest` is that of its configuration, `platform` such as `linux/arm64/v8`."""

    digest: str
    platform: str
    layers: tuple[Layer, ...]
    history: tuple[Step, ...]


class Sort(StrEnum):
    """Where it is written down which package a file belongs to."""

    DPKG = "dpkg"
    APK = "apk"
    RPM = "rpm"
    PYTHON = "python"
    NODE = "node"


@dataclass(frozen=True, slots=True, order=True)
class Package:
    """A package by the name that its manager knows."""

    sort: Sort
    name: str


@dataclass(frozen=True, slots=True)
class Origin:
    """The instruction that made a layer; lines are 1-based and inclusive."""

    keyword: str
    line: int
    end_line: int


class How(StrEnum):
    """What became of bytes that are in a layer and not in the image."""

    DELETED = "deleted"
    OVERWRITTEN = "overwritten"
    COPIED = "copied"
    """Written once more with the same size and time: only owner, mode or attributes changed."""


@dataclass(frozen=True, slots=True)
class Loss:
    """Bytes that layer `writer` wrote and layer `loser` took out of the image; both are indexes, maybe the same."""

    writer: int
    loser: int
    how: How
    bytes: int
    files: int
    directory: str
    """The deepest directory that all of them lie in, empty for the root."""


@dataclass(frozen=True, slots=True)
class Cost:
    """What one layer costs. `written` is the content of its files: what it adds to the size of the image.

    `lost` of them are not in the image any more. Of what was there before, it took out `overwrote`, `deleted` and, by
    writing it again with only owner or mode changed, `copied`.
    """

    index: int
    diff_id: str
    created_by: str | None
    origin: Origin | None
    is_base: bool | None
    """Whether it came with FROM; None where that is not known."""
    written: int
    compressed: int | None
    lost: int
    overwrote: int
    deleted: int
    copied: int
    packages: Mapping[Package, int]
    """Bytes that it wrote, by the package that they belong to; what belongs to none is not in it."""
    directories: Mapping[str, int]
    """Bytes that it wrote, by the directory that they lie in directly."""
    loose: Mapping[str, int]
    """The same of those that belong to no package."""


@dataclass(frozen=True, slots=True)
class Measurement:
    """An image to the byte: `visible` is what its container sees, and `written` - `visible` == `lost`."""

    image: Image
    costs: tuple[Cost, ...]
    losses: tuple[Loss, ...]
    """The largest first."""
    files: Mapping[str, int]
    """Size of every file in the image; of several names of one file, the first has its bytes."""
    packages: Mapping[Package, int]
    """Bytes in the image."""

    @property
    def written(self) -> int:
        """Return the bytes that all layers wrote: what `docker images` calls the size on overlay2."""
        return sum(cost.written for cost in self.costs)

    @property
    def visible(self) -> int:
        """Return the bytes of the files that a container sees."""
        return sum(self.files.values())

    @property
    def lost(self) -> int:
        """Return the bytes that are in a layer and not in the image."""
        return sum(cost.lost for cost in self.costs)

    @property
    def compressed(self) -> int | None:
        """Return what a registry stores and a pull transfers, None where a layer is stored as a plain tar."""
        return add(cost.compressed for cost in self.costs)


def add(sizes: Iterable[int | None]) -> int | None:
    """Return the sum, None where one of them is not known."""
    total = 0
    for size in sizes:
        if size is None:
            return None
        total += size
    return total
