"""Settings for the whole suite."""

from __future__ import annotations

import os
from collections.abc import Iterator

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
