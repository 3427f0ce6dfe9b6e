"""Which files are found, and how they are written back."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from cli.files import decode, encode, find_dockerfiles, read_text, write_text
from cli.trouble import TroubleError
from tests.cli.dockerfiles import CLEAN, put


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_names_of_dockerfiles(here: Path) -> None:
    wanted = ["Containerfile", "Containerfile.ci", "Dockerfile", "Dockerfile.dev", "api.Dockerfile", "b/dockerfile"]
    others = ["Dockerfile.dockerignore", "Dockerfile.j2", "Dockerfile.erb", "Dockerfile.tmpl", "Dockerfile.in"]
    others += ["Dockerfile.md", "Dockerfile.orig", "Dockerfile.bak", "dockerfiles", "README.md", ".git/Dockerfile"]
    put(here, dict.fromkeys([*wanted, *others], CLEAN))
    assert list(find_dockerfiles([])) == wanted


def test_gitignore_files_are_respected_at_every_level(here: Path) -> None:
    files = ["Dockerfile", "out/Dockerfile", "a/Dockerfile", "a/b/Dockerfile", "a/b/Dockerfile.x", "c/Dockerfile.x"]
    put(here, dict.fromkeys(files, CLEAN))
    put(
        here, {".git/HEAD": "", ".gitignore": "out/\n*.x\n[\n", "a/.gitignore": b"/Dockerfile\n!b/Dockerfile.x\n\xff\n"}
    )
    assert list(find_dockerfiles(["."])) == ["Dockerfile", "a/b/Dockerfile", "a/b/Dockerfile.x"]
    assert list(find_dockerfiles(["a"])) == ["a/b/Dockerfile", "a/b/Dockerfile.x"]
    assert list(find_dockerfiles(["c"])) == []


def test_a_file_that_is_named_is_always_read(here: Path) -> None:
    put(here, {".gitignore": "*\n", "odd.name": CLEAN})
    assert list(find_dockerfiles(["odd.name", "odd.name"])) == ["odd.name"]
    assert read_text("odd.name") == CLEAN


def test_links_to_directories_are_not_followed(here: Path) -> None:
    put(here, {"a/Dockerfile": CLEAN})
    (here / "a" / "loop").symlink_to(here)
    (here / "Dockerfile").symlink_to("Dockerfile")
    (here / "b").symlink_to("a")
    assert list(find_dockerfiles(["."])) == ["a/Dockerfile"]
    assert list(find_dockerfiles(["b"])) == ["b/Dockerfile"]


def test_a_directory_that_cannot_be_read_is_named(here: Path) -> None:
    put(here, {"Dockerfile": CLEAN, "a/Dockerfile": CLEAN, "b/Dockerfile": CLEAN})
    found = find_dockerfiles(["."])
    assert next(found) == "Dockerfile"
    (here / "a").rename(here / "z")
    first, second = found
    assert str(first) == "dockslim: a: no such file or directory"
    assert second == "b/Dockerfile"


@pytest.mark.parametrize("data", [b"\xef\xbb\xbfFROM a\r\n", b"FROM a\n# caf\xe9 \xff\x00", "FROM a # é漢".encode()])
def test_bytes_survive_a_round_trip(data: bytes) -> None:
    assert encode(decode(data)) == data


def test_writing_keeps_mode_and_link(here: Path) -> None:
    put(here, {"real": "old"})
    (here / "real").chmod(0o750)
    (here / "link").symlink_to("real")
    write_text("link", "new")
    assert (here / "link").is_symlink()
    assert (here / "real").read_text() == "new"
    assert (here / "real").stat().st_mode & 0o777 == 0o750
    assert sorted(path.name for path in here.iterdir()) == ["link", "real"]


def test_what_is_no_regular_file_is_not_replaced(here: Path) -> None:
    os.mkfifo(here / "pipe")
    with pytest.raises(TroubleError, match="is no regular file"):
        write_text("pipe", "new")


def test_an_error_is_one_line() -> None:
    assert str(TroubleError("a\nb", "bad\x1b[0m", 3)) == "dockslim: a\\nb:3: bad\\x1b[0m"
