"""Stores on a disk that is not theirs alone."""

from __future__ import annotations

import fcntl
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.workers.builders.registry import find_missing
from workers.builders.sandbox import hold_store, open_store

pytestmark = [pytest.mark.slow, pytest.mark.skipif(bool(find_missing()), reason="cannot build here")]

MB = 1 << 20


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 64 MB, of which stores may take 32."""
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64m", "none", tmp_path], check=True)
    yield tmp_path / "stores"
    subprocess.run(["umount", tmp_path], check=True)


def use(disk: Path, name: str, moment: int) -> Path:
    """Open a store of 16 MB and fill 7 of them."""
    store = open_store(disk, name, 16 * MB)
    with store.open("r+b") as file:
        file.seek(8 * MB)
        file.write(b"x" * 7 * MB)
    os.utime(store, (moment, moment))
    return store


def names(disk: Path) -> list[str]:
    return sorted(each.stem for each in disk.glob("*.ext4"))


def test_the_least_recently_used_go(disk: Path) -> None:
    for at, name in enumerate(("a", "b")):
        use(disk, name, 1000 + at)
    # One that is used again is used last, whether or not it is written to.
    open_store(disk, "a", 16 * MB)
    open_store(disk, "c", 16 * MB)
    assert names(disk) == ["a", "b", "c"]
    use(disk, "c", 3000)
    open_store(disk, "d", 16 * MB)
    assert names(disk) == ["a", "c", "d"]


def test_what_others_need_counts(disk: Path) -> None:
    """Stores take no more than they leave free."""
    use(disk, "a", 1000)
    (disk.parent / "other").write_bytes(bytes(30 * MB))
    open_store(disk, "b", 16 * MB)
    assert names(disk) == ["b"]


def test_one_in_use_stays(disk: Path) -> None:
    for at, name in enumerate(("a", "b", "c")):
        use(disk, name, 1000 + at)
    with (disk / "a.ext4").open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        open_store(disk, "d", 16 * MB)
    assert names(disk) == ["a", "c", "d"]


def test_one_that_is_held_between_two_runs_stays(disk: Path) -> None:
    for at, name in enumerate(("a", "b", "c")):
        use(disk, name, 1000 + at)
    with hold_store(disk, "a"):
        open_store(disk, "d", 16 * MB)
    assert names(disk) == ["a", "c", "d"]


def test_the_only_one_stays_whatever_it_takes(disk: Path) -> None:
    use(disk, "a", 1000)
    assert open_store(disk, "a", 48 * MB).stat().st_size == 48 * MB
    assert names(disk) == ["a"]
