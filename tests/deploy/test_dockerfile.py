"""dockslim's own Dockerfile passes dockslim."""

from __future__ import annotations

from pathlib import Path

from rules.check import check
from rules.dockerfile import parse

DOCKERFILE = Path(__file__).parents[2] / "deploy" / "Dockerfile"


def test_own_dockerfile_has_no_findings() -> None:
    assert check(parse(DOCKERFILE.read_text())).findings == ()
