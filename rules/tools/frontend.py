"""The syntax that a Dockerfile asks for, and whether it shows that BuildKit reads it."""

from __future__ import annotations

from rules.dockerfile import Dockerfile
from rules.patterns import regex

_OFFICIAL = regex(r"(?:docker\.io/)?docker/dockerfile(?:-upstream)?:(\d+)(?:\.(\d+))?(?:\.\d+)?(?:-labs)?(?:@\S+)?$")
_BUILDKIT = ("--mount=", "<<", "--link", "--platform=$BUILDPLATFORM", "TARGETARCH", "TARGETPLATFORM", "--chmod=")


def allows(dockerfile: Dockerfile, minor: int) -> bool:
    """Tell whether `# syntax=` allows what the Dockerfile syntax 1.`minor` brought; without one the builder decides."""
    syntax = dockerfile.directives.get("syntax")
    if syntax is None:
        return True
    match = _OFFICIAL.match(syntax.strip())
    if match is None:
        return False
    return int(match[1]) > 1 or match[2] is None or int(match[2]) >= minor


def shows_buildkit(dockerfile: Dockerfile) -> bool:
    """Tell whether the file uses what only BuildKit and its like can build."""
    return "syntax" in dockerfile.directives or any(map(dockerfile.text.__contains__, _BUILDKIT))
