"""Package indexes from an archive of our own: a server on this machine that answers as archives do."""

from __future__ import annotations

import gzip
import lzma
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.rules.cases import table
from tests.rules.debian.archive import packages_text
from workers import package_indexes
from workers.package_indexes import PackageIndexes, Source, SourcesError, open_indexes, read_sources

PLACE = "/debian/dists/bookworm/main/binary-amd64/Packages"
TEXT = packages_text().encode()


class Archive(ThreadingHTTPServer):
    """Serves `files`; `asked` is what was asked for, with the conditions."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.files: dict[str, bytes] = {}
        self.redirects: dict[str, str] = {}
        self.asked: list[tuple[str, str | None]] = []
        self.address = f"http://127.0.0.1:{self.server_address[1]}"

    def sources(self, *components: str) -> tuple[Source, ...]:
        """Return sources in this archive."""
        return tuple(Source(f"{self.address}/debian", "bookworm", each) for each in components or ("main",))


class _Handler(BaseHTTPRequestHandler):
    server: Archive

    def do_GET(self) -> None:
        condition = self.headers.get("if-none-match")
        self.server.asked.append((self.path, condition))
        if self.path in self.server.redirects:
            self.send_response(302)
            self.send_header("location", self.server.redirects[self.path])
            self.end_headers()
            return
        body = self.server.files.get(self.path)
        if body is None:
            self.send_error(404)
        elif condition == '"one"':
            self.send_response(304)
            self.end_headers()
        else:
            self.send_response(200)
            self.send_header("etag", '"one"')
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def archive() -> Iterator[Archive]:
    server = Archive()
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@table(
    ("ending", "body"),
    {"xz": (".xz", lzma.compress(TEXT)), "gz": (".gz", gzip.compress(TEXT))},
)
def test_an_index_is_fetched_and_condensed(archive: Archive, tmp_path: Path, ending: str, body: bytes) -> None:
    archive.files[PLACE + ending] = body
    index = PackageIndexes(archive.sources(), tmp_path).find(["bookworm", "jammy"])["bookworm"]
    assert index.title == "Debian 12"
    assert index.package("cron") is not None
    assert index.lists_size == int(len(TEXT) * 0.376)


def test_what_is_on_disk_is_not_fetched_again(archive: Archive, tmp_path: Path) -> None:
    archive.files[f"{PLACE}.xz"] = lzma.compress(TEXT)
    for _ in range(2):
        assert PackageIndexes(archive.sources(), tmp_path).find(["bookworm"])
    assert [path for path, _ in archive.asked] == [f"{PLACE}.xz"]


def test_what_is_old_is_asked_for_with_a_condition(
    archive: Archive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive.files[f"{PLACE}.xz"] = lzma.compress(TEXT)
    assert PackageIndexes(archive.sources(), tmp_path).find(["bookworm"])
    monkeypatch.setattr(package_indexes, "FRESH_SECONDS", -1.0)
    found = PackageIndexes(archive.sources(), tmp_path).find(["bookworm"])
    assert found["bookworm"].package("cron") is not None
    assert archive.asked[-1] == (f"{PLACE}.xz", '"one"')


def test_half_of_the_sources_is_nothing(archive: Archive, tmp_path: Path) -> None:
    archive.files[f"{PLACE}.xz"] = lzma.compress(TEXT)
    indexes = PackageIndexes(archive.sources("main", "contrib"), tmp_path)
    assert indexes.find(["bookworm"]) == {}
    asked = len(archive.asked)
    # Nor does every review ask again.
    assert indexes.find(["bookworm"]) == {}
    assert len(archive.asked) == asked


@table(
    "body",
    {
        "cut": lzma.compress(TEXT)[:-20],
        "no-xz": b"<html>",
        "empty": b"",
        "no-index": lzma.compress(b"x" * (4 << 20)),
    },
)
def test_what_is_broken_is_not_known(archive: Archive, tmp_path: Path, body: bytes) -> None:
    archive.files[f"{PLACE}.xz"] = body
    assert PackageIndexes(archive.sources(), tmp_path).find(["bookworm"]) == {}
    assert list(tmp_path.iterdir()) == []


def test_a_bomb_is_not_unpacked(archive: Archive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(package_indexes, "MAX_UNPACKED", 10 << 20)
    archive.files[f"{PLACE}.xz"] = lzma.compress(b"Package: a\n\n" * (2 << 20))
    assert PackageIndexes(archive.sources(), tmp_path).find(["bookworm"]) == {}


def test_what_is_too_long_is_not_fetched(archive: Archive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(package_indexes, "MAX_FETCHED", 100)
    archive.files[f"{PLACE}.xz"] = lzma.compress(TEXT)
    assert PackageIndexes(archive.sources(), tmp_path).find(["bookworm"]) == {}


def test_a_redirect_stays_at_the_configured_hosts(archive: Archive, tmp_path: Path) -> None:
    archive.files["/elsewhere"] = lzma.compress(TEXT)
    archive.redirects[f"{PLACE}.xz"] = "/elsewhere"
    assert PackageIndexes(archive.sources(), tmp_path / "none").find(["bookworm"])
    archive.redirects[f"{PLACE}.xz"] = archive.address.replace("127.0.0.1", "localhost") + "/elsewhere"
    asked = len(archive.asked)
    assert PackageIndexes(archive.sources(), None).find(["bookworm"]) == {}
    assert len(archive.asked) == asked + 1


@table(
    ("setting", "expected"),
    {
        "one-line": ("deb https://a.example/debian bookworm main", [("bookworm", "main")]),
        "options-and-components": (
            "deb [arch=amd64 signed-by=/x.gpg] http://a.example/d bookworm-updates main contrib # more",
            [("bookworm-updates", "main"), ("bookworm-updates", "contrib")],
        ),
        "no-sources": ("deb-src https://a.example/d sid main\ndeb https://a.example/d jammy main", [("jammy", "main")]),
        "escaped-line-ends": (
            "deb https://a.example/d jammy main\\ndeb https://a.example/d jammy-security main",
            [("jammy", "main"), ("jammy-security", "main")],
        ),
        "deb822": (
            "Types: deb\n# why\nURIs: https://a.example/d\nSuites: bookworm bookworm-security\nComponents: main\n",
            [("bookworm", "main"), ("bookworm-security", "main")],
        ),
    },
)  # fmt: skip
def test_sources_are_read_as_apt_reads_them(setting: str, expected: list[tuple[str, str]]) -> None:
    assert [(each.suite, each.component) for each in read_sources(setting)] == expected


@table(
    "setting",
    {
        "words": "all of them",
        "file-address": "deb file:/etc bookworm main",
        "unknown-release": "deb https://a.example/d nodistro main",
        "backports-alone": "deb https://a.example/d bookworm-backports main",
        "no-such-file": "/no/such/file",
    },
)
def test_sources_that_say_nothing_are_refused(setting: str) -> None:
    with pytest.raises(SourcesError):
        read_sources(setting)


def test_a_path_is_read_and_nothing_configured_is_nothing(tmp_path: Path) -> None:
    (tmp_path / "sources.list").write_text("deb https://a.example/debian bookworm main\n")
    found = open_indexes({"DOCKSLIM_APT_SOURCES": f"{tmp_path}/sources.list", "HOME": str(tmp_path)})
    assert found is not None
    assert [each.codename for each in found.sources] == ["bookworm"]
    assert open_indexes({"HOME": "/"}) is None
