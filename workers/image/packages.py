"""Which package a file belongs to, as package managers write it down inside the image.

dpkg lists the files of each package (dpkg-query(1)), apk those of all in one database (apk-package(5)), rpm keeps
headers in SQLite (https://rpm-software-management.github.io/rpm/manual/format_header.html), Python a RECORD
for each distribution (https://packaging.python.org, "Recording installed projects"), and npm has a directory for each.
"""

from __future__ import annotations

import posixpath
import re
import sqlite3
import struct
from collections.abc import Container, Iterable, Iterator, Mapping
from io import BytesIO

from workers.image.model import Package, Sort

_DPKG = re.compile(r"var/lib/dpkg/(?:info/([^/]+)\.list|status\.d/([^/]+)\.md5sums)")
_APK = ("lib/apk/db/installed", "usr/lib/apk/db/installed")
_RPM = ("var/lib/rpm/rpmdb.sqlite", "usr/lib/sysimage/rpm/rpmdb.sqlite", "usr/share/rpm/rpmdb.sqlite")
_RECORD = ".dist-info/RECORD"
_ENDS = (".list", ".md5sums", _RECORD, "apk/db/installed", "/rpmdb.sqlite")
_NODE = "node_modules/"
_MERGED = ("bin/", "sbin/", "lib/", "lib32/", "lib64/", "libx32/")
"""What is a link into usr where usr is merged; dpkg may list either path."""
_PROGRESS = 1_000_000
_COMPUTED = re.compile(r"\b(?:AS|VIRTUAL)\b", re.IGNORECASE)
"""What no table of rpm's says: a view, or a column made of others, may take hours and any memory."""
_MOST_FILES = 500_000
_LONGEST = 4096
"""PATH_MAX of Linux."""
_BASENAMES, _DIRNAMES, _DIRINDEXES, _NAME = 1117, 1118, 1116, 1000
_INT32, _STRING, _STRINGS = 4, 6, 8


def is_database(path: str) -> bool:
    """Tell whether a file says which files packages have."""
    return path.endswith(_ENDS) and (
        path.endswith(_RECORD) or path in _APK or path in _RPM or _DPKG.fullmatch(path) is not None
    )


def find_owners(databases: Mapping[str, bytes], files: Container[str]) -> dict[str, Package]:
    """Return the package of each of `files` that the databases name, a system's package before a Python one."""
    owners: dict[str, Package] = {}
    for path, content in sorted(databases.items(), key=lambda item: item[0].endswith(_RECORD)):
        for package, name in _read(path, content):
            found = _present(name, files)
            if found is not None:
                owners.setdefault(found, package)
    return owners


def node_package(path: str) -> Package | None:
    """Return the package of a file below node_modules, that of the innermost one."""
    at = path.rfind(_NODE)
    if at < 0 or (at > 0 and path[at - 1] != "/"):
        return None
    parts = path[at + len(_NODE) :].split("/")
    count = 2 if parts[0].startswith("@") else 1
    return Package(Sort.NODE, "/".join(parts[:count])) if len(parts) > count and parts[0][:1] != "." else None


def _present(name: str, files: Container[str]) -> str | None:
    if name in files:
        return name
    if name.startswith(_MERGED) and f"usr/{name}" in files:
        return f"usr/{name}"
    return None


def _read(path: str, content: bytes) -> Iterable[tuple[Package, str]]:
    if path.endswith(_RECORD):
        return _read_record(path, content)
    if path in _APK:
        return _read_apk(content)
    if path in _RPM:
        return _read_rpm(content)
    return _read_dpkg(path, content)


def _lines(content: bytes) -> Iterator[str]:
    """Yield lines one by one: a list of them would take many times the bytes. None is longer than one with a path."""
    for line in BytesIO(content):
        if len(line) <= 2 * _LONGEST:
            yield line.rstrip(b"\r\n").decode("utf-8", "surrogateescape")


def _read_dpkg(path: str, content: bytes) -> Iterator[tuple[Package, str]]:
    match = _DPKG.fullmatch(path)
    if match is None:
        return
    package = Package(Sort.DPKG, (match[1] or match[2]).partition(":")[0])
    for line in _lines(content):
        name = line if match[1] else line[34:]  # 32 digits of MD5 and two blanks
        yield package, name.strip("/")
    info = path.rpartition("/")[0]
    own = match[1] or match[2]
    for end in (
        "list",
        "md5sums",
        "conffiles",
        "preinst",
        "postinst",
        "prerm",
        "postrm",
        "triggers",
        "shlibs",
        "symbols",
    ):
        yield package, f"{info}/{own}.{end}"


def _read_apk(content: bytes) -> Iterator[tuple[Package, str]]:
    package: Package | None = None
    folder = ""
    for line in _lines(content):
        match line[:2]:
            case "P:":
                package, folder = Package(Sort.APK, line[2:]), ""
            case "F:":
                folder = line[2:]
            case "R:" if package is not None:
                yield package, f"{folder}/{line[2:]}" if folder else line[2:]


def _read_record(path: str, content: bytes) -> Iterator[tuple[Package, str]]:
    folder = posixpath.dirname(path)
    site, _, own = folder.rpartition("/")
    package = Package(Sort.PYTHON, own.removesuffix(".dist-info").partition("-")[0])
    for line in _lines(content):
        name = line.rsplit(",", 2)[0].strip('"')
        yield package, posixpath.normpath(posixpath.join("/", site, name)).strip("/")


def _read_rpm(content: bytes) -> Iterator[tuple[Package, str]]:
    """Read the headers out of the database; one that SQLite or we cannot read names nothing."""
    connection = sqlite3.connect(":memory:")
    try:
        # rpm leaves it in WAL mode, which bytes in memory cannot be opened in: 1 is the mode without
        # (https://www.sqlite.org/fileformat.html, "File format version numbers").
        connection.deserialize(content[:18] + b"\1\1" + content[20:])
        connection.execute("PRAGMA trusted_schema = OFF")
        # A table may turn out to be a view that never ends.
        connection.set_progress_handler(lambda: 1, _PROGRESS)
        connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, len(content))
        if any(
            _COMPUTED.search(sql or "") for (sql,) in connection.execute("SELECT CAST(sql AS TEXT) FROM sqlite_master")
        ):
            return
        left = len(content)
        for (header,) in connection.execute("SELECT blob FROM Packages"):
            if not isinstance(header, bytes):
                continue
            # Rows may share their bytes.
            left -= len(header)
            if left < 0:
                return
            yield from _read_header(header)
    except (sqlite3.Error, OverflowError):
        return
    finally:
        connection.close()


def _read_header(header: bytes) -> Iterator[tuple[Package, str]]:
    """Read name and files of one rpm header: two counts, an index of 16 bytes an entry, and the data."""
    try:
        count, size = struct.unpack_from(">II", header)
        data = header[8 + 16 * count :][:size]
        index = {
            tag: (sort, at, length)
            for tag, sort, at, length in struct.iter_unpack(">IIiI", header[8 : 8 + 16 * count])
            if tag in (_NAME, _BASENAMES, _DIRNAMES, _DIRINDEXES) and at >= 0
        }
        if _BASENAMES not in index:
            return
        name = _strings(data, *index[_NAME])[0]
        folders = _strings(data, *index[_DIRNAMES])
        bases = _strings(data, *index[_BASENAMES])
        sort, at, length = index[_DIRINDEXES]
        places = struct.unpack_from(f">{min(length, _MOST_FILES)}I", data, at) if sort == _INT32 else ()
        package = Package(Sort.RPM, name)
        for place, base in zip(places, bases, strict=False):
            if len(folders[place]) <= _LONGEST:
                yield package, (folders[place] + base).strip("/")
    except (struct.error, KeyError, IndexError, MemoryError):
        return


def _strings(data: bytes, sort: int, at: int, length: int) -> list[str]:
    if sort not in (_STRING, _STRINGS, 9):
        return []
    count = min(length, _MOST_FILES)
    return [each.decode("utf-8", "surrogateescape") for each in data[at:].split(b"\0", count)[:count]]
