"""What package indexes and registries tell, in a review on the sandbox GitHub and on the command line."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import pytest

from bot.review.model import ChangedFile
from bot.review.surroundings import find_images, find_releases
from cli.around import _indexes, _registries
from cli.check import check_text
from cli.trouble import TroubleError
from rules.config import DEFAULT
from rules.debian.index import PackageIndex
from tests.rules.debian.archive import known
from workers.review import Surveyor, look_up

CRON = "FROM debian:12\nRUN apt-get update && apt-get install -y cron\n"


class Index:
    """Stands where package indexes are fetched."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def find(self, codenames: Iterable[str]) -> Mapping[str, PackageIndex]:
        """Return the archive of the tests."""
        self.asked += codenames
        return known().packages


def test_the_releases_and_images_of_all_files_are_asked_for_once() -> None:
    files = [
        ChangedFile("Dockerfile", "added", None, CRON),
        ChangedFile("a/Dockerfile", "added", None, "FROM ubuntu:22.04\nRUN apt-get install -y x\n"),
        ChangedFile("b/Dockerfile", "added", None, "FROM debian:11\nRUN true\n"),
        ChangedFile("c/Dockerfile", "added", None, "no Dockerfile"),
        ChangedFile("d/Dockerfile", "added", None, "FROM debian:10\nRUN apt-get install x\n", problem="too long"),
    ]
    assert find_releases(files) == {"bookworm", "jammy"}
    assert {"debian:12", "debian:12-slim"} <= find_images(files)
    index = Index()
    found = look_up(tuple(files), Surveyor(index))
    assert sorted(index.asked) == ["bookworm", "jammy"]
    assert all(set(each.packages) == {"bookworm"} for each in found)
    assert look_up(tuple(files), Surveyor()) == tuple(files)


@pytest.mark.parametrize("name", ["DOCKSLIM_APT_SOURCES", "DOCKSLIM_REGISTRIES"])
def test_a_setting_that_cannot_be_read_is_named(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for each in (_indexes, _registries):
        each.cache_clear()
    monkeypatch.setenv(name, "no such/thing")
    with pytest.raises(TroubleError, match=name):
        check_text("Dockerfile", CRON, DEFAULT)
