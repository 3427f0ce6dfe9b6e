"""Settings for the whole suite, and how it is spread over the cores."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from tests.engine import docker_host

# Examples are drawn anew at a developer's desk; where a run decides what lands, it is the same run for the same code.
# No deadline: how long one example takes says more of the machine than of the code.
settings.register_profile("desk", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") else "desk")


@pytest.fixture(scope="session")
def engine_host() -> Iterator[str]:
    """Give the DOCKER_HOST of the one engine that all tests share."""
    with docker_host() as host:
        yield host


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int | None:
    """Use every core for folders, and this process alone for named files and where the output of tests is asked for."""
    folders = all(Path(each).is_dir() for each in config.args)
    return None if folders and config.option.capture != "no" else 0


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Hand out slow files first, so that no process is left alone with one at the end."""
    if hasattr(config, "workerinput"):
        slow = {each.path for each in items if each.get_closest_marker("slow")}
        items.sort(key=lambda each: each.path not in slow)
