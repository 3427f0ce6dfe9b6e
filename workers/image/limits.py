"""What an image may cost to read. Whoever built it may want it to cost more."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field


class ImageError(Exception):
    """Say what is wrong with an image and where in it: `place` is a file, a layer, or a path inside of one."""

    def __init__(self, place: str, reason: str) -> None:
        super().__init__(place, reason)
        self.place = place
        self.reason = reason

    def __str__(self) -> str:
        return f"{self.place}: {self.reason}"


@dataclass(frozen=True, slots=True)
class Limits:
    """Caps over a whole image; bytes are those after decompression."""

    entries: int = 1_000_000
    """Of all tars, and of the directories that their paths imply."""
    unpacked: int = 64 * 2**30
    layers: int = 512
    path: int = 4096
    """PATH_MAX of Linux: no engine could extract a longer one."""
    paths: int = 2**28
    """Bytes of all paths together, and again of those of all directories: short tars can imply long ones."""
    extension: int = 2**20
    """Bytes of one pax header: what Go's archive/tar takes."""
    records: int = 10_000_000
    """Of all pax headers: a few bytes each, and a look-up."""
    document: int = 8 * 2**20
    """Bytes of a manifest, an index or a configuration."""
    documents: int = 64 * 2**20
    """Bytes of all documents together, as often as they are named: 4 kB each at least."""
    database: int = 64 * 2**20
    """Bytes of a package database that is looked into; a larger one is only counted."""
    databases: int = 128 * 2**20


LIMITS = Limits()


@dataclass(slots=True)
class Budget:
    """What is left of the limits while one image is read."""

    limits: Limits = LIMITS
    entries: int = field(init=False)
    unpacked: int = field(init=False)
    paths: int = field(init=False)
    records: int = field(init=False)
    documents: int = field(init=False)
    databases: int = field(init=False)

    def __post_init__(self) -> None:
        self.entries = self.limits.entries
        self.unpacked = self.limits.unpacked
        self.paths = self.limits.paths
        self.records = self.limits.records
        self.documents = self.limits.documents
        self.databases = self.limits.databases

    def spend(self, size: int, where: Callable[[], str], entries: int = 0) -> None:
        """Count bytes and entries; raise ImageError with the limit that is used up."""
        self.entries -= entries
        self.unpacked -= size
        if self.entries < 0:
            raise ImageError(where(), f"the image has more than {self.limits.entries:,} entries")
        if self.unpacked < 0:
            raise ImageError(where(), f"the image unpacks to more than {self.limits.unpacked:,} bytes")

    def read_document(self, size: int, place: str) -> None:
        """Count a document that is read once more; raise ImageError where all are too much."""
        self.documents -= max(size, 4096)
        if self.documents < 0:
            raise ImageError(
                place, f"documents that are named again and again, {self.limits.documents:,} bytes of them"
            )

    def keep_path(self, size: int, where: Callable[[], str]) -> None:
        """Count a path; raise ImageError where it is too long or all are."""
        if size > self.limits.path:
            raise ImageError(where(), f"a path of {size:,} bytes follows, more than {self.limits.path:,}")
        self.paths -= size
        if self.paths < 0:
            raise ImageError(where(), f"the paths of the image take more than {self.limits.paths:,} bytes")

    def grants(self, size: int) -> bool:
        """Tell whether a package database of `size` bytes may be kept, and count it."""
        if size > self.limits.database or size > self.databases:
            return False
        self.databases -= size
        return True
