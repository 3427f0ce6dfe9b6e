"""The headers of a tar, one after the other; contents are passed over, save those of package databases.

Written down in POSIX (pax Interchange Format) and in GNU tar's manual, "Basic Tar Format". tarfile does the same at a
fifth of the speed, and trusts what it reads further than an image by anybody deserves.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import IntEnum
from typing import NamedTuple, NoReturn
from zlib import adler32

from workers.image.limits import Budget, ImageError
from workers.image.source import Source

BLOCK = 512
_END = bytes(BLOCK)


class Kind(IntEnum):
    """What an entry makes."""

    FILE = 0
    DIRECTORY = 1
    HARD_LINK = 2
    SYMLINK = 3
    OTHER = 4
    """Devices and pipes."""


class Entry(NamedTuple):
    """One entry: `path` has no slash at either end and is empty for the root; `size` is 0 for all but files."""

    path: str
    kind: Kind
    size: int
    mtime: int
    target: str
    """Of a link: a path in the image for a hard link, as written for a symlink."""


@dataclass(slots=True)
class Contents:
    """What one tar holds, in its order; `databases` are the contents of the paths that were wanted."""

    entries: list[Entry] = field(default_factory=list)
    databases: dict[str, bytes] = field(default_factory=dict)


Visit = Callable[[Entry, Source], int]
"""Is given each file as it is met, may read of its content, and says how much it has read."""

_KINDS = {
    ord("1"): Kind.HARD_LINK,
    ord("2"): Kind.SYMLINK,
    ord("3"): Kind.OTHER,
    ord("4"): Kind.OTHER,
    ord("5"): Kind.DIRECTORY,
    ord("6"): Kind.OTHER,
}
_FILES = frozenset(b"\x0007S")
_SPARSE = ord("S")
_LONG_NAME, _LONG_LINK, _PAX, _GLOBAL = b"LKxg"
_EXTENSIONS = frozenset(b"LKxg")


def walk(source: Source, place: str, budget: Budget, visit: Visit | None = None) -> list[Entry]:
    """Return the entries of a tar; raise ImageError with `place` and the path where something is wrong."""
    return _Walk(source, place, budget).run(visit)


def read_contents(source: Source, place: str, budget: Budget, wanted: Callable[[str], bool]) -> Contents:
    """Return the entries of a layer and the contents of the files that are wanted."""
    databases: dict[str, bytes] = {}

    def keep(entry: Entry, content: Source) -> int:
        if not wanted(entry.path) or not budget.grants(entry.size):
            return 0
        databases[entry.path] = content.read(entry.size)
        return entry.size

    return Contents(walk(source, place, budget, keep), databases)


def begins_tar(block: bytes) -> bool:
    """Tell whether a block is the first one of a tar, an empty one included."""
    return len(block) == BLOCK and (block == _END or _sum_is_right(block))


class _Walk:
    def __init__(self, source: Source, place: str, budget: Budget) -> None:
        self._source = source
        self._place = place
        self._budget = budget
        self._globals: dict[bytes, bytes] = {}
        self._at = ""
        """The last path, to say where the walk has got to."""

    def run(self, visit: Visit | None) -> list[Entry]:
        entries: list[Entry] = []
        source, budget = self._source, self._budget
        read, skip = source.read, source.skip
        extended: dict[bytes, bytes] = {}
        while True:
            header = read(BLOCK)
            if len(header) < BLOCK:
                if not header and not extended:
                    return entries  # Go's archive/tar takes a tar without its end as well
                self._refuse("the tar is cut off inside a header")
            if not _sum_is_right(header):
                if header == _END:
                    return entries
                self._refuse("no valid tar header follows")
            size = self._number(header[124:136], "size")
            budget.entries -= 1
            budget.unpacked -= size + BLOCK
            if budget.entries < 0 or budget.unpacked < 0:
                budget.refuse(self._where())
            type_ = header[156]
            if type_ in _EXTENSIONS:
                self._extend(extended, type_, size)
                continue
            if self._globals:
                extended = {**self._globals, **extended}
            entry, stored = self._entry(header, type_, size, extended)
            extended = {}
            entries.append(entry)
            left = stored + -stored % BLOCK
            if visit is not None and entry.kind is Kind.FILE and type_ != _SPARSE and entry.size == stored:
                left -= visit(entry, source)
            if left and skip(left) < left:
                # The padding of the last entry may be missing; its content may not.
                self._refuse("the tar is cut off inside this file")

    def _entry(self, header: bytes, type_: int, size: int, extended: dict[bytes, bytes]) -> tuple[Entry, int]:
        """Return what a header says, and the bytes that follow it."""
        name = header[:100].partition(b"\0")[0]
        if header[257:263] == b"ustar\0" and header[345]:
            name = header[345:500].partition(b"\0")[0] + b"/" + name
        mtime = 0
        link = b""
        kind = _KINDS.get(type_, Kind.FILE)
        if type_ not in _FILES and type_ not in _KINDS:
            # POSIX: an unknown type is treated as a regular file.
            kind = Kind.FILE
        if kind is Kind.HARD_LINK or kind is Kind.SYMLINK:
            link = header[157:257].partition(b"\0")[0]
        if extended:
            name = extended.get(b"path", name)
            link = extended.get(b"linkpath", link)
            if b"size" in extended:
                size = self._stretch(size, extended[b"size"])
        real = size
        if type_ == _SPARSE:
            real = self._number(header[483:495], "size")
            self._skip_sparse_map(header[482])
        elif extended and (b"GNU.sparse.realsize" in extended or b"GNU.sparse.size" in extended):
            name = extended.get(b"GNU.sparse.name", name)
            real = self._decimal(extended.get(b"GNU.sparse.realsize", extended.get(b"GNU.sparse.size", b"")), "size")
        if extended and b"mtime" in extended:
            mtime = self._decimal(extended[b"mtime"].partition(b".")[0], "mtime")
        elif kind is Kind.FILE:
            mtime = self._number(header[136:148], "mtime", signed=True)
        if kind is Kind.FILE and name.endswith(b"/"):
            kind = Kind.DIRECTORY  # as in tars older than the type for it
        path = self._path(name)
        self._at = path
        if kind is not Kind.FILE:
            # Headers of links may carry their file's size; no content follows. Others may not carry one at all.
            stored = 0 if kind is not Kind.OTHER and kind is not Kind.DIRECTORY else size
            target = ""
            if kind is Kind.HARD_LINK:
                target = self._path(link)
            elif kind is Kind.SYMLINK:
                target = self._text(link)
            return Entry(path, kind, 0, 0, target), stored
        if not path:
            self._refuse("a file without a name")
        if real != size:
            self._budget.unpacked -= real
            if self._budget.unpacked < 0:
                self._budget.refuse(self._where())
        return Entry(path, kind, real, mtime, ""), size

    def _extend(self, extended: dict[bytes, bytes], type_: int, size: int) -> None:
        limits = self._budget.limits
        if type_ in (_LONG_NAME, _LONG_LINK):
            if size > limits.path + 1:
                self._refuse(f"a path of {size:,} bytes follows, more than {limits.path:,}")
            data = self._read(size).partition(b"\0")[0]
            # What pax says goes before it, whichever comes first.
            extended.setdefault(b"path" if type_ == _LONG_NAME else b"linkpath", data)
            return
        if size > limits.extension:
            self._refuse(f"a pax header of {size:,} bytes follows, more than {limits.extension:,}")
        (self._globals if type_ == _GLOBAL else extended).update(self._records(self._read(size)))

    def _records(self, data: bytes) -> dict[bytes, bytes]:
        """Read pax records, each `LENGTH KEY=VALUE\\n`."""
        records: dict[bytes, bytes] = {}
        at = 0
        while at < len(data) and data[at]:
            blank = data.find(b" ", at, at + 20)
            digits = data[at:blank] if blank > 0 else b""
            end = at + int(digits) if digits.isdigit() else 0
            key, equals, value = data[blank + 1 : end - 1].partition(b"=")
            if end <= blank or end > len(data) or data[end - 1 : end] != b"\n" or not equals:
                self._refuse("a malformed pax header follows")
            records[key] = value
            at = end
        return records

    def _read(self, size: int) -> bytes:
        """Return the content that follows and leave out its padding."""
        data = self._source.read(size)
        if len(data) < size or self._source.skip(-size % BLOCK) < -size % BLOCK:
            self._refuse("the tar is cut off inside a header")
        return data

    def _skip_sparse_map(self, more: int) -> None:
        while more:
            block = self._source.read(BLOCK)
            if len(block) < BLOCK:
                self._refuse("the tar is cut off inside a header")
            self._budget.entries -= 1
            if self._budget.entries < 0:
                self._budget.refuse(self._where())
            more = block[504]

    def _stretch(self, size: int, value: bytes) -> int:
        """Return the size that a pax header gives in place of the header's."""
        stretched = self._decimal(value, "size")
        self._budget.unpacked -= stretched - size
        if self._budget.unpacked < 0:
            self._budget.refuse(self._where())
        return stretched

    def _number(self, data: bytes, name: str, *, signed: bool = False) -> int:
        """Read octal digits, or the base-256 that GNU tar writes where those do not suffice."""
        if data[0] & 0x80:
            bits = 8 * len(data)
            number = int.from_bytes(data, "big") & ((1 << (bits - 1)) - 1)
            if data[0] & 0x40:
                number -= 1 << (bits - 1)
        else:
            try:
                number = int(data.partition(b"\0")[0].strip() or b"0", 8)
            except ValueError:
                self._refuse(f"the next header has no valid {name}")
        if number < 0 and not signed:
            self._refuse(f"the next header has a negative {name}")
        return number

    def _decimal(self, value: bytes, name: str) -> int:
        if not value.removeprefix(b"-" if name == "mtime" else b"").isdigit() or len(value) > 20:
            self._refuse(f"a pax header has no valid {name}")
        return int(value)

    def _text(self, name: bytes) -> str:
        if len(name) > self._budget.limits.path:
            self._refuse(f"a path of {len(name):,} bytes follows, more than {self._budget.limits.path:,}")
        if b"\0" in name:
            self._refuse("a path with a NUL follows")
        return name.decode("utf-8", "surrogateescape")

    def _path(self, name: bytes) -> str:
        """Return a path below the root, without what does not count in it."""
        path = self._text(name)
        if path[:2] == "./":
            path = path[2:]
        path = path.strip("/")
        if "/." not in path and "//" not in path and path[:1] != ".":
            return path
        parts = [part for part in path.split("/") if part and part != "."]
        if ".." in parts:
            self._refuse(f'"{name.decode("utf-8", "surrogateescape")}" leads out of the image')
        return "/".join(parts)

    def _where(self) -> str:
        return f"{self._place}: after {self._at}" if self._at else self._place

    def _refuse(self, reason: str) -> NoReturn:
        raise ImageError(self._where(), reason)


def _sum_is_right(header: bytes) -> bool:
    """Compare the checksum: the sum of a header's bytes, its own taken as blanks.

    The lower half of Adler-32 is one more than that sum, modulo 65,521, at a tenth of the time.
    """
    try:
        written = int(header[148:156].partition(b"\0")[0], 8)
    except ValueError:
        return False
    return (adler32(header) & 0xFFFF) == (1 + written - 256 + sum(header[148:156])) % 65521
