"""Archives of commits: those that GitHub makes, and those that somebody made up."""

from __future__ import annotations

import gzip
import io
import os
import tarfile
import time
import tracemalloc
from pathlib import Path

import pytest

from bot.github.archives import ArchiveTooLargeError, open_archive
from bot.github.client import GitHubApp, RepositoryRef
from bot.github.failures import RefusedError
from cli.sandbox import Sandbox
from tests.rules.cases import table
from workers.builders.context import ContextError, read_context, unpack


def _entry(name: str, content: bytes = b"", **more: object) -> tuple[tarfile.TarInfo, bytes]:
    entry = tarfile.TarInfo(name)
    entry.size = len(content)
    for key, value in more.items():
        setattr(entry, key, value)
    return entry, content


def _pack(*entries: tuple[tarfile.TarInfo, bytes]) -> io.BytesIO:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz", format=tarfile.PAX_FORMAT) as archive:
        for entry, content in entries:
            archive.addfile(entry, io.BytesIO(content))
    return io.BytesIO(stream.getvalue())


def _link(name: str, target: str, kind: bytes = tarfile.SYMTYPE) -> tuple[tarfile.TarInfo, bytes]:
    return _entry(name, type=kind, linkname=target)


@table(
    ("entries", "reason"),
    {
        "up": ([_entry("top/../../etc/passwd", b"x")], "the archive has the path 'top/../../etc/passwd'"),
        "absolute": ([_entry("/etc/passwd", b"x")], "the archive has the path '/etc/passwd'"),
        "device": ([_entry("top/disk", type=tarfile.BLKTYPE)], "'disk' is neither a file nor a directory nor"),
        "pipe": ([_entry("top/pipe", type=tarfile.FIFOTYPE)], "'pipe' is neither a file nor a directory nor"),
        "hard link": ([_link("top/shadow", "/etc/shadow", tarfile.LNKTYPE)], "'shadow' is neither a file nor"),
        "behind a link": (
            [_link("top/out", "/var"), _link("top/out/evil", "x")],
            "'evil' lies behind a symbolic link",
        ),
        "file in place of a folder": ([_entry("top/a", b"x"), _entry("top/a/b", b"x")], "cannot be unpacked"),
        "twice": ([_entry("top/a", b"x"), _link("top/a", "/etc/passwd")], "'a' is in the archive twice"),
        "many bytes": ([_entry("top/a", b"0" * 2_000_001)], "unpacks to more than 2 MB"),
        "many entries": ([_entry(f"top/{n}") for n in range(101)], "more than 100 entries"),
    },
)
def test_refused(tmp_path: Path, entries: list[tuple[tarfile.TarInfo, bytes]], reason: str) -> None:
    with pytest.raises(ContextError) as raised:
        unpack(_pack(*entries), tmp_path / "in", top=True, most_bytes=2_000_000, most_entries=100)
    assert reason in str(raised.value)
    assert sorted(each.name for each in tmp_path.iterdir()) in ([], ["in"])


def test_written_behind_a_link_goes_into_a_folder(tmp_path: Path) -> None:
    """A link is made last: a file that was to go through it finds a folder, and then the link none."""
    outside, inside = tmp_path / "outside", tmp_path / "in"
    outside.mkdir()
    inside.mkdir()
    with pytest.raises(ContextError):
        unpack(_pack(_link("t/out", str(outside)), _entry("t/out/evil", b"x")), inside, top=True)
    assert list(outside.iterdir()) == []


def test_bomb(tmp_path: Path) -> None:
    """10 GB of zeros in 10 MB: no more of them are written than allowed."""
    header = _entry("top/zeros")[0]
    header.size = 10**10
    bomb = io.BytesIO(gzip.compress(header.tobuf() + bytes(50_000_000), 9))
    with pytest.raises(ContextError, match="more than 2000 MB"):
        unpack(bomb, tmp_path, top=True)
    assert list(tmp_path.iterdir()) == []


def test_long_header_is_not_read(tmp_path: Path) -> None:
    header = tarfile.TarInfo("x")
    header.type, header.size = tarfile.XHDTYPE, 60_000_000
    stream = io.BytesIO(gzip.compress(header.tobuf() + bytes(60_000_000), 1))
    tracemalloc.start()
    with pytest.raises(ContextError, match="header of more than 1 MB"):
        unpack(stream, tmp_path)
    assert tracemalloc.get_traced_memory()[1] < 5_000_000
    tracemalloc.stop()


@pytest.mark.parametrize("data", [b"", b"no archive", gzip.compress(b"x" * 2000)[:20]], ids=["empty", "text", "cut"])
def test_no_archive(tmp_path: Path, data: bytes) -> None:
    with pytest.raises(ContextError, match="cannot be unpacked"):
        unpack(io.BytesIO(data), tmp_path)


@pytest.fixture
def github() -> object:
    with Sandbox() as sandbox, sandbox.serving():
        yield sandbox


FILES = {
    "api/Dockerfile": "FROM scratch\nCOPY . /\n",
    "api/.dockerignore": "*.log\n!keep.log\ncache\n",
    "api/a.log": "a",
    "api/keep.log": "k",
    "api/cache/x": "x",
    "api/main.py": "print()\n",
    "api/model.bin": "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9000000\n",
    "README": "no part of the context\n",
    ".gitmodules": '[submodule "lib"]\n\tpath = api/lib\n\turl = https://example.com/lib\n',
}


@pytest.mark.slow
def test_commit(github: Sandbox, tmp_path: Path) -> None:
    """The archive of a commit, over HTTP and through the redirect, as a context."""
    repository = github.create_repository("acme/shop", FILES)
    ref = RepositoryRef(github.installation(repository).id, repository.id, "acme", "shop")
    app = GitHubApp(app_id=github.app_id, private_key=github.private_key, api_url=github.url)
    sha = repository.commit("main", {"more": "files"})
    with app.open(ref) as session, open_archive(session, sha) as archive:
        unpack(archive, tmp_path, top=True)
    context = read_context(tmp_path, "api", "api/Dockerfile")
    assert context.dockerfile == FILES["api/Dockerfile"]
    assert context.missing == ("api/lib", "api/model.bin")
    found = sorted(each.relative_to(context.directory).as_posix() for each in context.directory.rglob("*"))
    assert found == [".dockerignore", "Dockerfile", "keep.log", "main.py", "model.bin"]
    with app.open(ref) as session, pytest.raises(ArchiveTooLargeError), open_archive(session, sha, 100) as archive:
        archive.read()
    with app.open(ref) as session, pytest.raises(RefusedError), open_archive(session, "0" * 40):
        pass


@table(
    ("link", "target", "folder", "reason"),
    {
        "Dockerfile": ("Dockerfile", "/etc/passwd", "", "'Dockerfile' is a symbolic link, which is not followed"),
        "its folder": ("api", "/etc", "", "'api/Dockerfile' is a symbolic link, which is not followed"),
        "context": ("ctx", "/etc", "ctx", "'ctx' is a symbolic link, which is not followed"),
        "ignore file": (".dockerignore", "/etc/passwd", "", "'.dockerignore' is a symbolic link"),
    },
)
def test_links_are_not_followed(tmp_path: Path, link: str, target: str, folder: str, reason: str) -> None:
    unpack(_pack(_entry("t/other", b"x"), _link(f"t/{link}", target)), tmp_path, top=True)
    if link in ("ctx", ".dockerignore"):
        (tmp_path / "Dockerfile").write_text("FROM scratch\n")
    with pytest.raises(ContextError) as raised:
        read_context(tmp_path, folder, "api/Dockerfile" if link == "api" else "Dockerfile")
    assert reason in str(raised.value)


def test_modes_and_links(tmp_path: Path) -> None:
    entries = (_entry("t/run", b"#!", mode=0o4755), _entry("t/data", b"x", mode=0o600), _link("t/l", "../../etc"))
    before = os.umask(0o077)
    try:
        unpack(_pack(_entry("t/folder/x", b"x"), *entries), tmp_path, top=True)
    finally:
        os.umask(before)
    assert [each.stat().st_mode & 0o7777 for each in (tmp_path, tmp_path / "folder")] == [0o755] * 2
    assert [(tmp_path / name).stat().st_mode & 0o7777 for name in ("run", "data")] == [0o755, 0o644]
    assert os.readlink(tmp_path / "l") == "../../etc"


@table(
    ("text", "missing"),
    {
        "blank lines": ("\n" * 900_000, ()),
        "blanks in a path": (f"path = a{' ' * 900_000}b", ()),
        "blanks before the sign": (f"path{' ' * 900_000}x", ()),
        "as git writes it": ('[submodule "a b"]\n\tpath = lib/a b \n\turl = ../x\npath=other\n', ("lib/a b", "other")),
    },
)
def test_submodules_are_read_at_once(tmp_path: Path, text: str, missing: tuple[str, ...]) -> None:
    """What took hours with a regular expression."""
    (tmp_path / "Dockerfile").write_text("FROM scratch\n")
    (tmp_path / ".gitmodules").write_text(text)
    started = time.process_time()
    found = read_context(tmp_path, "", "Dockerfile").missing
    assert time.process_time() - started < 2.0
    assert missing in ((), found)


def test_headers_without_end(tmp_path: Path) -> None:
    """Headers upon headers, each about the next; and maps of holes, which are read whole before any limit is asked."""
    again = tarfile.TarInfo("x")
    again.type = tarfile.XHDTYPE
    with pytest.raises(ContextError, match="cannot be unpacked"):
        unpack(io.BytesIO(again.tobuf() * 5000), tmp_path)
    old = bytearray(tarfile.TarInfo("x").tobuf(tarfile.GNU_FORMAT))
    old[156:157], old[482] = b"S", 1
    old[148:156] = b"%06o\0 " % (256 + sum(old[:148]) + sum(old[156:]))
    with pytest.raises(ContextError, match="holes"):
        unpack(io.BytesIO(bytes(old) + bytes(10240)), tmp_path)
    new = tarfile.TarInfo("x")
    new.pax_headers = {"GNU.sparse.major": "1", "GNU.sparse.minor": "0"}
    new.size = 512
    header = new.tobuf(tarfile.PAX_FORMAT)
    with pytest.raises(ContextError, match="holes"):
        unpack(io.BytesIO(header + b"99999999\n" + b"0\n" * 1_000_000), tmp_path)


def test_links_where_the_room_itself_lies_behind_one(tmp_path: Path) -> None:
    """An operator's TMPDIR may be a link; only those of the archive count."""
    (tmp_path / "real").mkdir()
    (tmp_path / "tmp").symlink_to("real")
    into = tmp_path / "tmp" / "in"
    into.mkdir()
    unpack(_pack(_entry("t/a/b", b"x"), _link("t/a/l", "b"), _link("t/new/l", "b")), into, top=True)
    assert [os.readlink(into / each) for each in ("a/l", "new/l")] == ["b", "b"]
