"""The walk through a tar: against tarfile and GNU tar, and what Go's archive/tar makes of what is odd."""

from __future__ import annotations

import io
import os
import subprocess
import tarfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.workers.image.stacks import write_layer
from workers.image.limits import Budget, ImageError, Limits
from workers.image.source import StreamSource
from workers.image.tar import Entry, Kind, walk


def read(data: bytes, limits: Limits | None = None) -> list[Entry]:
    """Walk through a tar."""
    return walk(StreamSource(io.BytesIO(data)), "x.tar", Budget(limits or Limits()))


KINDS = {
    tarfile.REGTYPE: Kind.FILE,
    tarfile.AREGTYPE: Kind.FILE,
    tarfile.CONTTYPE: Kind.FILE,
    tarfile.DIRTYPE: Kind.DIRECTORY,
    tarfile.SYMTYPE: Kind.SYMLINK,
    tarfile.LNKTYPE: Kind.HARD_LINK,
    tarfile.CHRTYPE: Kind.OTHER,
    tarfile.BLKTYPE: Kind.OTHER,
    tarfile.FIFOTYPE: Kind.OTHER,
}
PARTS = st.text(st.characters(codec="utf-8", exclude_characters="\0/"), min_size=1, max_size=60).filter(
    lambda part: part not in (".", "..")
)
NAMES = st.lists(PARTS, min_size=1, max_size=8).map("/".join)
HEADERS = st.builds(
    lambda name, kind, size, target, mtime: (name, kind, size, target, mtime),
    NAMES,
    st.sampled_from(sorted(KINDS)),
    st.integers(0, 2000),
    NAMES,
    st.integers(0, 2**40),
)


@given(headers=st.lists(HEADERS, max_size=6), form=st.sampled_from((tarfile.PAX_FORMAT, tarfile.GNU_FORMAT)))
@settings(max_examples=300)
def test_as_tarfile_wrote_it(headers: list[tuple[str, bytes, int, str, int]], form: int) -> None:
    """Long names, other scripts, times beyond octal digits: pax records, GNU's long names and base-256."""
    buffer = io.BytesIO()
    expected = []
    with tarfile.open(fileobj=buffer, mode="w", format=form, encoding="utf-8") as tar:
        for name, type_, size, target, mtime in headers:
            info = tarfile.TarInfo(name)
            kind = KINDS[type_]
            info.type, info.mtime = type_, mtime
            if kind is Kind.FILE:
                info.size = size
            if kind in (Kind.HARD_LINK, Kind.SYMLINK):
                info.linkname = target
            tar.addfile(info, io.BytesIO(bytes(size)))
            is_file = kind is Kind.FILE
            expected.append(Entry(name, kind, size * is_file, mtime * is_file, info.linkname))
    assert read(buffer.getvalue()) == expected


@pytest.mark.parametrize(
    "options",
    [
        "--format=v7",
        "--format=ustar",
        "--format=oldgnu",
        "--format=oldgnu --sparse",
        "--format=gnu --sparse",
        "--format=pax",
        "--format=pax --sparse --sparse-version=0.0",
        "--format=pax --sparse --sparse-version=0.1",
        "--format=pax --sparse --sparse-version=1.0",
    ],
)
def test_as_gnu_tar_wrote_it(options: str, tmp_path: Path) -> None:
    with open(tmp_path / "holes", "wb") as holes:
        for at in range(30):  # more extents than the first header has room for
            holes.seek(at * 200_000)
            holes.write(b"data" * 1000)
        holes.truncate(10_000_000)
    (tmp_path / "empty").write_bytes(b"")
    (tmp_path / "dense").write_bytes(os.urandom(1000))
    if "=gnu" in options or "=pax" in options:
        (tmp_path / ("n" * 90) / ("o" * 90) / ("p" * 90)).mkdir(parents=True)
        (tmp_path / ("n" * 90) / ("o" * 90) / ("p" * 90) / "deep").write_bytes(b"1234567")
    files = {str(path.relative_to(tmp_path)): path.stat().st_size for path in tmp_path.rglob("*") if path.is_file()}
    command = ["tar", "--create", *options.split(), f"--directory={tmp_path}", "."]
    data = subprocess.run(command, check=True, capture_output=True).stdout
    assert {entry.path: entry.size for entry in read(data) if entry.kind is Kind.FILE} == files
    assert (len(data) < 1_000_000) == ("--sparse" in options)


def header(name: bytes, type_: bytes = b"0", size: bytes = b"0", link: bytes = b"", content: bytes = b"") -> bytes:
    """Return a header as it is given, with its checksum, and the content behind it."""
    block = bytearray(512)
    block[: len(name)] = name
    block[124 : 124 + len(size)] = size
    block[156:157] = type_
    block[157 : 157 + len(link)] = link
    block[257:265] = b"ustar\x0000"
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % sum(block)
    return bytes(block) + content + bytes(-len(content) % 512)


def pax(*records: tuple[str, str], type_: bytes = b"x") -> bytes:
    """Return a pax header with these records."""
    body = b""
    for key, value in records:
        rest = f" {key}={value}\n".encode()
        length = len(rest) + 1
        while len(f"{length}") + len(rest) != length:
            length = len(f"{length}") + len(rest)
        body += f"{length}".encode() + rest
    return header(b"pax", type_, b"%o" % len(body), content=body)


def long_name(name: bytes) -> bytes:
    """Return GNU's header for a name."""
    return header(b"././@LongLink", b"L", b"%o" % (len(name) + 1), content=name + b"\0")


END = bytes(1024)
FIVE = header(b"f", size=b"5", content=b"12345")
ODD: list[tuple[str, bytes, list[tuple[str, int]]]] = [
    ("no end", FIVE, [("f", 5)]),
    ("half an end", FIVE + bytes(512), [("f", 5)]),
    ("no padding at the end", FIVE[: 512 + 5], [("f", 5)]),
    ("nothing", b"", []),
    ("a size in base-256", header(b"f", size=b"\x80" + bytes(10) + b"\5", content=b"12345") + END, [("f", 5)]),
    ("a size between blanks", header(b"f", size=b"  5 ", content=b"12345") + END, [("f", 5)]),
    ("a size behind NULs", header(b"f", size=b"\0\0\x005", content=b"12345") + END, [("f", 5)]),
    ("a directory with a size", header(b"d/", b"5", b"5") + FIVE + END, [("d", 0), ("f", 5)]),
    ("a symlink with a size", header(b"l", b"2", b"1000", b"f") + FIVE + END, [("l", 0), ("f", 5)]),
    ("a hard link with a size", header(b"l", b"1", b"1000", b"f") + FIVE + END, [("l", 0), ("f", 5)]),
    ("a directory of before 1988", header(b"d/", b"\0") + FIVE + END, [("d", 0), ("f", 5)]),
    ("a type of tomorrow", header(b"z", b"Z", b"5", content=b"12345") + FIVE + END, [("z", 5), ("f", 5)]),
    ("names that say the same", header(b"./a//b/./c") + header(b"/d") + END, [("a/b/c", 0), ("d", 0)]),
    ("pax before ustar", pax(("path", "p"), ("size", "3")) + header(b"f", size=b"5", content=b"123") + END, [("p", 3)]),
    ("GNU before pax", pax(("path", "p")) + long_name(b"g") + header(b"f") + END, [("g", 0)]),
    ("GNU before pax, and above it", long_name(b"g") + pax(("path", "p")) + header(b"f") + END, [("g", 0)]),
    ("the last GNU name", long_name(b"g") + long_name(b"h") + header(b"f") + END, [("h", 0)]),
    ("the last pax header", pax(("path", "p"), ("size", "9")) + pax(("path", "q")) + FIVE + END, [("q", 5)]),
    ("an empty record", pax(("path", ""), ("size", "")) + FIVE + END, [("f", 5)]),
    ("a header for all", pax(("path", "p"), ("size", "9"), type_=b"g") + FIVE + END, [("f", 5)]),
    ("pax for one only", pax(("path", "p")) + header(b"a") + header(b"b") + END, [("p", 0), ("b", 0)]),
    (
        "a sparse size without a map",
        pax(("GNU.sparse.realsize", "99"), ("GNU.sparse.name", "n")) + FIVE + END,
        [("f", 5)],
    ),
    ("names that are no UTF-8", header(b"\xff\xfe") + END, [("\udcff\udcfe", 0)]),
]


@pytest.mark.parametrize(("data", "expected"), [case[1:] for case in ODD], ids=[case[0] for case in ODD])
def test_what_is_odd(data: bytes, expected: list[tuple[str, int]]) -> None:
    assert [(entry.path, entry.size) for entry in read(data)] == expected


BROKEN: list[tuple[str, bytes, str]] = [
    ("cut inside a header", FIVE + FIVE[:100], "x.tar: after f: the tar is cut off inside a header"),
    (
        "cut inside content",
        header(b"a/b", size=b"7777", content=b"1"),
        "x.tar: after a/b: the tar is cut off inside this file",
    ),
    ("cut behind a long name", long_name(b"g"), "x.tar: the tar is cut off inside a header"),
    ("cut inside a long name", long_name(b"g" * 600)[:700], "x.tar: the tar is cut off inside a header"),
    ("no header", FIVE + b"n" * 512, "x.tar: after f: no valid tar header follows"),
    ("a header behind the end", FIVE + bytes(512) + FIVE, "x.tar: after f: no valid tar header follows"),
    ("a wrong checksum", FIVE.replace(b"f", b"e", 1) + END, "x.tar: no valid tar header follows"),
    ("a way out", header(b"a/../../etc/passwd"), 'x.tar: "a/../../etc/passwd" leads out of the image'),
    ("a link out", header(b"a", b"1", link=b"../b"), 'x.tar: after a: "../b" leads out of the image'),
    ("a file called nothing", header(b"./"), "x.tar: a file without a name"),
    ("a negative size", header(b"f", size=b"\xff" * 12), "x.tar: the next header has a negative size"),
    ("a signed size", header(b"f", size=b"+5"), "x.tar: the next header has no valid size"),
    ("a size with a line in it", header(b"f", size=b"1_0"), "x.tar: the next header has no valid size"),
    ("a size of letters", header(b"f", size=b"five"), "x.tar: the next header has no valid size"),
    ("a size in words", pax(("size", "five")) + FIVE, "x.tar: a pax header has no valid size"),
    ("a size below nothing", pax(("size", "-5")) + FIVE, "x.tar: a pax header has no valid size"),
    (
        "a size that lies",
        header(b"f", size=b"\x80" + b"\0" * 3 + b"\x7f" * 8),
        "x.tar: after f: the image unpacks to more than 68,719,476,736 bytes",
    ),
    (
        "a sparse size that lies",
        pax(("GNU.sparse.major", "1"), ("GNU.sparse.realsize", "9" * 18)) + FIVE,
        "x.tar: after f: the image unpacks to more than",
    ),
    (
        "a pax header without a blank",
        header(b"p", b"x", b"5", content=b"12345"),
        "x.tar: a malformed pax header follows",
    ),
    (
        "a pax header that is too short",
        header(b"p", b"x", b"12", content=b"99 path=a\n"),
        "x.tar: a malformed pax header follows",
    ),
    (
        "a pax header without a value",
        header(b"p", b"x", b"7", content=b"7 path\n"),
        "x.tar: a malformed pax header follows",
    ),
    ("a pax path with a NUL", pax(("path", "a\0b")) + FIVE, "x.tar: a path with a NUL follows"),
    (
        "a long name that is too long",
        long_name(b"n" * 5000) + FIVE,
        "x.tar: a path of 5,001 bytes follows, more than 4,096",
    ),
    (
        "a pax path that is too long",
        pax(("path", "n" * 5000)) + FIVE,
        "x.tar: a path of 5,000 bytes follows, more than 4,096",
    ),
    (
        "a huge pax header",
        header(b"p", b"x", b"%o" % (2**21)),
        "x.tar: a pax header of 2,097,152 bytes follows, more than 1,048,576",
    ),
]


@pytest.mark.parametrize(("data", "reason"), [case[1:] for case in BROKEN], ids=[case[0] for case in BROKEN])
def test_what_is_broken(data: bytes, reason: str) -> None:
    with pytest.raises(ImageError) as raised:
        read(data)
    assert str(raised.value).startswith(reason)


LIMITED: list[tuple[str, Limits, Callable[[], bytes], str]] = [
    ("entries", Limits(entries=3), lambda: FIVE * 4, "after f: the image has more than 3 entries"),
    ("entries that are none", Limits(entries=3), lambda: pax(("path", "p")) * 4, "the image has more than 3 entries"),
    ("bytes", Limits(unpacked=2000), lambda: FIVE * 4, "after f: the image unpacks to more than 2,000 bytes"),
    ("bytes of headers", Limits(unpacked=999), lambda: header(b"f") * 2, "after f: the image unpacks to more than 999"),
    (
        "records",
        Limits(records=3),
        lambda: (pax(("a", "b"), ("c", "d")) + FIVE) * 2,
        "after f: the image has more than 3 pax",
    ),
    ("paths", Limits(paths=2), lambda: FIVE * 4, "after f: the paths of the image take more than 2 bytes"),
    (
        "links",
        Limits(paths=3),
        lambda: header(b"f", b"2", link=b"ggg"),
        "after f: the paths of the image take more than",
    ),
]


@pytest.mark.parametrize(
    ("limits", "make", "reason"), [each[1:] for each in LIMITED], ids=[each[0] for each in LIMITED]
)
def test_limits(limits: Limits, make: Callable[[], bytes], reason: str) -> None:
    with pytest.raises(ImageError) as raised:
        read(make(), limits)
    assert str(raised.value).startswith(f"x.tar: {reason}")


@given(st.data())
@settings(max_examples=300)
def test_damage_is_refused_or_read(data: st.DataObject) -> None:
    """Whatever is flipped, put in or cut: entries or an ImageError, and nothing else."""
    whole = bytearray(
        pax(("path", "p" * 200)) + FIVE + long_name(b"n" * 300) + FIVE + header(b"l", b"2", link=b"f") + END
    )
    for at, byte in data.draw(st.lists(st.tuples(st.integers(0, len(whole) - 1), st.integers(0, 255)), max_size=20)):
        whole[at] = byte
    if data.draw(st.booleans()):  # the checksums made right again, so that what they guard is reached
        for at in range(0, len(whole), 512):
            block = whole[at : at + 512]
            if any(block[:100]):
                block[148:156] = b" " * 8
                whole[at + 148 : at + 156] = b"%06o\0 " % sum(block)
    with suppress(ImageError):
        read(bytes(whole[: data.draw(st.integers(0, len(whole)))]))


def test_a_tar_of_nothing_is_one() -> None:
    assert read(write_layer([])) == []
