"""Which package a file belongs to, from what package managers leave in the image."""

from __future__ import annotations

import sqlite3
import struct
import time
import tracemalloc
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.workers.image.stacks import Member, file, image_of, make_image, symlink, write_archive, write_layer
from workers.image import Limits, measure, read_image
from workers.image.directories import largest
from workers.image.model import Package, Sort
from workers.image.packages import find_owners, is_database, node_package


def packages(tmp_path: Path, *layers: list[Member]) -> dict[str, int]:
    """Return the bytes of each package in the image."""
    found = measure(image_of(tmp_path, *layers)).packages
    return {f"{package.sort} {package.name}": size for package, size in found.items()}


GCC = b"/.\n/usr\n/usr/bin\n/usr/bin/gcc-12\n/bin/gcc-link\n/usr/share/doc/gcc-12/gone\n"
DPKG = [
    file("usr/bin/gcc-12", 1000),
    file("usr/bin/gcc-link", 20),
    file("usr/bin/other", 7),
    file("var/lib/dpkg/info/gcc-12.list", GCC),
    file("var/lib/dpkg/info/gcc-12.md5sums", 50),
    file("var/lib/dpkg/info/libc6:amd64.list", b"/lib/libc.so.6\n"),
    file("lib/libc.so.6", 300),
    file("var/lib/dpkg/status", 9999),
]


def test_dpkg(tmp_path: Path) -> None:
    """With the files that dpkg keeps for it, and where /bin is a link into /usr."""
    measured = packages(tmp_path, DPKG)
    assert measured == {"dpkg gcc-12": 1000 + 20 + len(GCC) + 50, "dpkg libc6": 300 + len(b"/lib/libc.so.6\n")}


def test_dpkg_of_distroless(tmp_path: Path) -> None:
    sums = b"0123456789abcdef0123456789abcdef  usr/lib/libssl.so.3\n"
    layer = [
        file("var/lib/dpkg/status.d/libssl3", b"Package: libssl3\n"),
        file("var/lib/dpkg/status.d/libssl3.md5sums", sums),
        file("usr/lib/libssl.so.3", 600),
    ]
    assert packages(tmp_path, layer)["dpkg libssl3"] in (600, 600 + len(sums))


APK = b"""C:Q1abc=
P:musl
V:1.2.5-r0
F:lib
R:ld-musl-x86_64.so.1
a:0:0:755
Z:Q1abc=
F:usr/lib
R:libc.so

P:busybox
F:bin
R:busybox
"""


@pytest.mark.parametrize("place", ["lib/apk/db/installed", "usr/lib/apk/db/installed"])
def test_apk(place: str, tmp_path: Path) -> None:
    layer = [
        file("lib/ld-musl-x86_64.so.1", 100),
        file("usr/lib/libc.so", 10),
        file("bin/busybox", 1),
        file(place, APK),
    ]
    assert packages(tmp_path, layer) == {"apk musl": 110, "apk busybox": 1}


RECORD = b"""flask/__init__.py,sha256=abc,100
"flask/a,b.py",sha256=abc,10
../../../bin/flask,sha256=abc,1
Flask-3.0.dist-info/RECORD,,
flask/gone.py,sha256=abc,5
"""
SITE = "usr/local/lib/python3.12/site-packages"


def test_python(tmp_path: Path) -> None:
    layer = [
        file(f"{SITE}/flask/__init__.py", 100),
        file(f"{SITE}/flask/a,b.py", 10),
        file("usr/local/bin/flask", 1),
        file(f"{SITE}/Flask-3.0.dist-info/RECORD", RECORD),
        file(f"{SITE}/mine.py", 77),
    ]
    assert packages(tmp_path, layer) == {"python Flask": 111 + len(RECORD)}


def test_what_dpkg_and_pip_both_claim_is_dpkgs(tmp_path: Path) -> None:
    site = "usr/lib/python3/dist-packages"
    listed = f"/{site}/six.py\n".encode()
    layer = [
        file(f"{site}/six.py", 30),
        file(f"{site}/six-1.0.dist-info/RECORD", b"six.py,,\n"),
        file("var/lib/dpkg/info/python3-six.list", listed),
    ]
    assert packages(tmp_path, layer)["dpkg python3-six"] == 30 + len(listed)


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("app/node_modules/left-pad/index.js", "left-pad"),
        ("node_modules/left-pad/index.js", "left-pad"),
        ("app/node_modules/@types/node/index.d.ts", "@types/node"),
        ("app/node_modules/a/node_modules/b/x.js", "b"),
        ("app/node_modules/.bin/tsc", None),
        ("app/node_modules/.package-lock.json", None),
        ("app/node_modules/loose.js", None),
        ("app/node_modules/@types/loose.ts", None),
        ("app/my_node_modules/a/b", None),
        ("app/src/x.js", None),
    ],
)
def test_node(path: str, expected: str | None) -> None:
    assert node_package(path) == (Package(Sort.NODE, expected) if expected else None)


def rpm_header(entries: Mapping[int, tuple[int, int, bytes]]) -> bytes:
    """Return a header as rpm stores it: tag to type, count and data."""
    index, data = b"", b""
    for tag, (kind, count, content) in entries.items():
        data += bytes(-len(data) % 4)
        index += struct.pack(">IIiI", tag, kind, len(data), count)
        data += content
    return struct.pack(">II", len(entries), len(data)) + index + data


def strings(*values: str) -> bytes:
    """Return strings as a header has them."""
    return b"".join(value.encode() + b"\0" for value in values)


BASH = rpm_header(
    {
        1000: (6, 1, strings("bash")),
        1117: (8, 3, strings("bash", "sh", "bashrc")),
        1118: (8, 2, strings("/usr/bin/", "/etc/")),
        1116: (4, 3, struct.pack(">III", 0, 0, 1)),
    }
)


def rpmdb(tmp_path: Path, *headers: object) -> bytes:
    """Return a database as rpm leaves it: in WAL mode."""
    path = tmp_path / "rpmdb.sqlite"
    path.unlink(missing_ok=True)
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("CREATE TABLE Packages (hnum INTEGER PRIMARY KEY, blob BLOB NOT NULL)")
    connection.executemany("INSERT INTO Packages (blob) VALUES (?)", [(each,) for each in headers])
    connection.commit()
    connection.close()
    return path.read_bytes()


@pytest.mark.parametrize("place", ["var/lib/rpm/rpmdb.sqlite", "usr/lib/sysimage/rpm/rpmdb.sqlite"])
def test_rpm(place: str, tmp_path: Path) -> None:
    layer = [
        file("usr/bin/bash", 1000),
        symlink("usr/bin/sh", "bash"),
        file("etc/bashrc", 30),
        file(place, rpmdb(tmp_path, BASH)),
    ]
    assert packages(tmp_path, layer) == {"rpm bash": 1030}


RPM = "var/lib/rpm/rpmdb.sqlite"


@pytest.mark.parametrize(
    "header",
    [
        b"",
        b"\xff" * 40,
        struct.pack(">II", 2**31, 2**31),
        BASH[:60],
        rpm_header({1000: (6, 1, b"bash"), 1117: (8, 2**31 - 1, b"x\0y\0")}),
        rpm_header(
            {
                1000: (6, 1, strings("bash")),
                1117: (8, 1, strings("a")),
                1118: (8, 1, strings("/")),
                1116: (4, 1, b"\x7f" * 4),
            }
        ),
        rpm_header({1000: (6, 0, b""), 1117: (8, 1, strings("a")), 1118: (8, 1, strings("/")), 1116: (4, 1, bytes(4))}),
        "text",
        7,
    ],
)
def test_headers_that_are_none_name_nothing(header: object, tmp_path: Path) -> None:
    owners = find_owners({RPM: rpmdb(tmp_path, header, BASH)}, {"usr/bin/bash", "a"})
    assert owners.get("usr/bin/bash") == Package(Sort.RPM, "bash")
    assert "a" not in owners


def test_databases_that_are_none_name_nothing(tmp_path: Path) -> None:
    good = rpmdb(tmp_path, BASH)
    for content in (b"", b"SQLite format 3\0", good[:5000], good[:100] + b"\xff" * 4000 + good[4100:], b"\0" * 4096):
        assert find_owners({RPM: content}, {"usr/bin/bash"}) in ({}, {"usr/bin/bash": Package(Sort.RPM, "bash")})


def test_a_query_that_never_ends_is_ended(tmp_path: Path) -> None:
    path = tmp_path / "evil"
    connection = sqlite3.connect(path)
    connection.execute(
        "CREATE VIEW Packages AS WITH RECURSIVE c(blob) AS (SELECT x'00' UNION ALL SELECT x'00' FROM c) "
        "SELECT blob FROM c"
    )
    connection.commit()
    connection.close()
    assert find_owners({RPM: path.read_bytes()}, {"a"}) == {}


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("var/lib/dpkg/info/a.list", True),
        ("var/lib/dpkg/info/x/a.list", False),
        ("srv/dpkg/info/a.list", False),
        ("lib/apk/db/installed", True),
        ("srv/lib/apk/db/installed", False),
        ("srv/venv/lib/a-1.dist-info/RECORD", True),
        ("var/lib/rpm/rpmdb.sqlite", True),
        ("var/lib/rpm/Packages", False),
    ],
)
def test_what_is_read(path: str, expected: bool) -> None:
    assert is_database(path) is expected


def test_each_layer_by_its_own_packages(tmp_path: Path) -> None:
    """A package that a later layer adds is that layer's, with the databases that it wrote again."""
    listed = b"/usr/bin/vim\n"
    later = [
        file("usr/bin/vim", 400),
        file("var/lib/dpkg/info/vim.list", listed),
        file("var/lib/dpkg/status", 10_000, mtime=2),
    ]
    measured = measure(image_of(tmp_path, DPKG, later))
    assert measured.costs[1].packages == {Package(Sort.DPKG, "vim"): 400 + len(listed)}
    assert measured.costs[1].written == 400 + len(listed) + 10_000


def test_removed_packages_are_gone(tmp_path: Path) -> None:
    gone = [
        file("usr/bin/.wh.gcc-12", 0),
        file("usr/bin/.wh.gcc-link", 0),
        file("var/lib/dpkg/info/.wh.gcc-12.list", 0),
    ]
    measured = packages(tmp_path, DPKG, gone)
    assert measured.get("dpkg gcc-12", 0) in (0, 50)
    assert measured["dpkg libc6"] == 300 + len(b"/lib/libc.so.6\n")


def test_databases_have_a_cap(tmp_path: Path) -> None:
    """One that is too large is a file like any other."""
    path = write_archive(make_image([write_layer(DPKG)]), tmp_path / "image.tar")
    measured = measure(read_image(path, limits=Limits(database=len(GCC) - 1)))
    assert {package.name for package in measured.packages} == {"libc6"}
    assert measured.visible == sum(len(member.content) for member in DPKG)


@pytest.mark.parametrize(
    ("direct", "expected"),
    [
        ({}, ()),
        ({"usr/lib/x": 80, "usr/lib/y": 20}, (("usr/lib/x", 80),)),
        ({"usr/lib/x": 50, "usr/lib/y": 50}, (("usr/lib", 100),)),
        ({"usr/lib": 5, "usr/bin": 9, "opt/a/b/c": 1}, (("usr/bin", 9), ("usr/lib", 5), ("opt/a/b/c", 1))),
        ({"": 3, "usr": 2, "usr/lib": 5}, (("usr/lib", 5), ("", 3), ("usr", 2))),
        ({"usr/lib": -50, "opt/a": 10}, (("usr/lib", -50), ("opt/a", 10))),
        ({"usr/lib/x": 50, "usr/lib/y": -50}, ()),
        ({"usr/lib/x": 100, "usr/lib/y": -90}, (("usr/lib", 10),)),
    ],
)
def test_directories(direct: dict[str, int], expected: tuple[tuple[str, int], ...]) -> None:
    assert largest(direct, 9) == expected


def _sqlite(tmp_path: Path, *statements: str) -> bytes:
    place = tmp_path / "db.sqlite"
    connection = sqlite3.connect(place)
    for each in statements:
        connection.execute(each)
    connection.commit()
    connection.close()
    return place.read_bytes()


def _header(entries: list[tuple[int, int, int, int]], data: bytes) -> bytes:
    index = b"".join(struct.pack(">IIiI", *each) for each in entries)
    return struct.pack(">II", len(entries), len(data)) + index + data


RPM_PATH = "var/lib/rpm/rpmdb.sqlite"
RPM_TABLE = "CREATE TABLE 'Packages' (hnum INTEGER PRIMARY KEY AUTOINCREMENT, blob BLOB NOT NULL)"
ENDLESS = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT"


@pytest.mark.parametrize(
    "statements",
    [
        [f"CREATE VIEW Packages AS {ENDLESS} zeroblob(900000000) AS blob FROM n"],
        [f"CREATE VIEW Packages AS {ENDLESS} length(hex(zeroblob(200000000))) AS blob FROM n"],
        [
            "CREATE TABLE Packages (hnum INTEGER PRIMARY KEY, blob GENERATED ALWAYS AS (zeroblob(900000000)))",
            *["INSERT INTO Packages VALUES (NULL)"] * 40,
        ],
        [f"create view packages(blob)as\t{ENDLESS} zeroblob(900000000) FROM n"],
    ],
    ids=["view", "function", "generated", "small letters"],
)
def test_what_a_database_of_rpm_computes_is_not_asked_for(statements: list[str], tmp_path: Path) -> None:
    content = _sqlite(tmp_path, *statements)
    started = time.process_time()
    assert find_owners({RPM_PATH: content}, {"x"}) == {}
    assert time.process_time() - started < 1.0


def _long_folder(count: int) -> bytes:
    folder = b"f" * 20_000_000 + b"\0"
    bases = b"b\0" * count
    places = bytes(4 * count)
    entries = [(1000, 6, 0, 1), (1118, 8, 0, 1), (1117, 8, len(folder), count)]
    return _header([*entries, (1116, 4, len(folder) + len(bases), count)], folder + bases + places)


@pytest.mark.parametrize(
    ("path", "content"),
    [
        ("lib/apk/db/installed", b"P:a\nF:" + b"f" * 20_000_000 + b"\n" + b"R:r\n" * 50_000),
        (RPM_PATH, _long_folder(50_000)),
        (RPM_PATH, _header([(1000, 6, 0, 1)] * 50_000, bytes(20_000_000))),
        (RPM_PATH, _header([(tag, 8, 0, 20_000_000) for tag in (1000, 1116, 1117, 1118)], bytes(20_000_000))),
    ],
    ids=["apk folder", "rpm folder", "rpm index", "rpm count"],
)
def test_a_short_database_says_no_long_things(path: str, content: bytes, tmp_path: Path) -> None:
    """Each of these took minutes, or memory many times what is there."""
    if path == RPM_PATH:
        place = tmp_path / "db.sqlite"
        connection = sqlite3.connect(place)
        connection.execute(RPM_TABLE)
        connection.execute("INSERT INTO Packages (blob) VALUES (?)", (content,))
        connection.commit()
        connection.close()
        content = place.read_bytes()
    started = time.process_time()
    tracemalloc.start()
    found = find_owners({path: content}, {"x"})
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert found == {}
    assert time.process_time() - started < 5.0
    assert most < 5 * len(content)
