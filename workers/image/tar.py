"""The headers of a tar, one after the other; contents are passed over, save those of package databases.

Written down in POSIX (pax Interchange Format) and in GNU tar's manual, "Basic Tar Format". Where the two leave
something open it is read as engines do, with Go's archive/tar: what we measure is what they extract. tarfile does the
same at a fifth of the speed, and trusts what it reads further than an image by anybody deserves.
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
"""All other types are files."""
_OLD, _SPARSE = b"\0S"
_LONG_NAME, _LONG_LINK, _PAX, _GLOBAL = b"LKxg"
_EXTENSIONS = frozenset(b"LKxg")
_SPARSE_MAPS = frozenset({b"GNU.sparse.major", b"GNU.sparse.map", b"GNU.sparse.offset"})
_GNU = (b"GNU long name", b"GNU long link")
"""Where these are kept beside the records of pax, whose keys have no blanks."""


def walk(source: Source, place: str, budget: Budget, visit: Visit | None = None) -> list[Entry]:
    """Return the entries of a tar; raise ImageError with `place` and the path where something is wrong."""
    return _Walk(source, place, budget).run(visit)


def read_contents(source: Source, place: str, budget: Budget, wanted: Callable[[str], bool]) -> Contents:
    """Return the entries of a layer and the contents of the files that are wanted."""
    databases: dict[str, bytes] = {}

    def keep(entry: Entry, content: Source) -> int:
        if not wanted(entry.path) or not budget.grants(entry.size):
            return 0
        data = databases[entry.path] = content.read(entry.size)
        return len(data)

    return Contents(walk(source, place, budget, keep), databases)


def begins_tar(block: bytes) -> bool:
    """Tell whether a block is the first one of a tar, an empty one included."""
    return len(block) == BLOCK and (block == _END or _sum_is_right(block))


class _Walk:
    def __init__(self, source: Source, place: str, budget: Budget) -> None:
        self._source = source
        self._place = place
        self._budget = budget
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
                if header == _END and source.read(BLOCK) in (b"", _END):
                    return entries
                self._refuse("no valid tar header follows")
            size = self._number(header[124:136], "size")
            budget.spend(BLOCK, self._where, entries=1)
            type_ = header[156]
            if type_ in _EXTENSIONS:
                budget.spend(size, self._where)
                extended = self._extend(extended, type_, size)
                continue
            entry, stored = self._entry(header, type_, size, extended)
            budget.spend(stored if stored == entry.size else stored + entry.size, self._where)
            extended = {}
            entries.append(entry)
            padding = -stored % BLOCK
            left = stored + padding
            if visit is not None and entry.kind is Kind.FILE and type_ != _SPARSE and entry.size == stored:
                left -= visit(entry, source)
            if left and left - skip(left) > padding:
                # The padding of the last entry may be missing; its content may not.
                self._refuse("the tar is cut off inside this file")

    def _entry(self, header: bytes, type_: int, size: int, extended: dict[bytes, bytes]) -> tuple[Entry, int]:
        """Return what a header says, and the bytes that follow it."""
        name = header[:100].partition(b"\0")[0]
        if header[257:263] == b"ustar\0" and header[345]:
            name = header[345:500].partition(b"\0")[0] + b"/" + name
        kind = _KINDS.get(type_, Kind.FILE)
        link = b"" if kind is Kind.FILE else header[157:257].partition(b"\0")[0]
        mtime = 0
        if extended:
            name = extended.get(_GNU[0]) or extended.get(b"path") or name
            link = extended.get(_GNU[1]) or extended.get(b"linkpath") or link
            if extended.get(b"size"):
                size = self._decimal(extended[b"size"], "size")
        if type_ == _OLD and name.endswith(b"/"):
            kind = Kind.DIRECTORY  # as in tars older than the type for it
        if kind is not Kind.FILE:
            # A size in their headers says nothing: no content follows.
            path = self._at = self._path(name)
            target = ""
            if kind is Kind.HARD_LINK:
                target = self._path(link)
            elif kind is Kind.SYMLINK:
                target = self._text(link)
            return Entry(path, kind, 0, 0, target), 0
        real = size
        if type_ == _SPARSE:
            real = self._number(header[483:495], "size")
            self._skip_sparse_map(header[482])
        elif extended and not _SPARSE_MAPS.isdisjoint(extended):
            name = extended.get(b"GNU.sparse.name") or name
            said = extended.get(b"GNU.sparse.size") or extended.get(b"GNU.sparse.realsize")
            real = self._decimal(said, "size") if said else size
        path = self._at = self._path(name)
        if not path:
            self._refuse("a file without a name")
        if extended and extended.get(b"mtime"):
            mtime = self._decimal(extended[b"mtime"].partition(b".")[0], "mtime")
        else:
            mtime = self._number(header[136:148], "mtime", signed=True)
        return Entry(path, kind, real, mtime, ""), size

    def _extend(self, extended: dict[bytes, bytes], type_: int, size: int) -> dict[bytes, bytes]:
        """Return what holds for the next entry: of several headers of one kind the last."""
        limits = self._budget.limits
        if type_ in (_LONG_NAME, _LONG_LINK):
            if size > limits.path + 1:
                self._refuse(f"a path of {size:,} bytes follows, more than {limits.path:,}")
            return {**extended, _GNU[type_ == _LONG_LINK]: self._read(size).partition(b"\0")[0]}
        if size > limits.extension:
            self._refuse(f"a pax header of {size:,} bytes follows, more than {limits.extension:,}")
        records = self._records(self._read(size))
        if type_ == _GLOBAL:
            return {}  # git archive leaves its commit in one; engines pass over it
        return {**{key: extended[key] for key in _GNU if key in extended}, **records}

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
            self._budget.records -= 1
        if self._budget.records < 0:
            self._refuse(f"the image has more than {self._budget.limits.records:,} pax records")
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
            self._budget.spend(BLOCK, self._where, entries=1)
            more = block[504]

    def _number(self, data: bytes, name: str, *, signed: bool = False) -> int:
        """Read octal digits, or the base-256 that GNU tar writes where those do not suffice."""
        if data[0] & 0x80:
            bits = 8 * len(data)
            number = int.from_bytes(data, "big") & ((1 << (bits - 1)) - 1)
            if data[0] & 0x40:
                number -= 1 << (bits - 1)
        else:
            digits = data.strip(b" \0").partition(b"\0")[0]
            try:
                number = int(digits or b"0", 8)
            except ValueError:
                digits = b"-"
            if digits and not digits.isdigit():  # int takes signs and underscores as well
                self._refuse(f"the next header has no valid {name}")
        if number < 0 and not signed:
            self._refuse(f"the next header has a negative {name}")
        return number

    def _decimal(self, value: bytes, name: str) -> int:
        if not value.removeprefix(b"-" if name == "mtime" else b"").isdigit() or len(value) > 20:
            self._refuse(f"a pax header has no valid {name}")
        return int(value)

    def _text(self, name: bytes) -> str:
        self._budget.keep_path(len(name), self._where)
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
