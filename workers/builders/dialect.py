"""What a builder cannot build, by what was tried: found in the text, so that it is no failure of a pull request."""

from __future__ import annotations

import re

from rules.dockerfile import Dockerfile, Instruction
from workers.builders.preflight import Refusal

# The oldest versions with which each of these was seen to build.
_SINCE: dict[str, dict[str, tuple[int, ...] | None]] = {
    "buildah": {
        "here-documents": (1, 39),
        "COPY --link": None,
        "COPY --exclude": (1, 39),
        "RUN --network": (1, 39),
        "COPY --chmod with letters": None,
    },
    "docker": {
        "here-documents": (26,),
        "COPY --link": (26,),
        "COPY --exclude": None,
        "RUN --network": (26,),
        "COPY --chmod with letters": None,
    },
    # All that tell a version know the first; what is built from source may tell 0.0.
    "buildkit": {
        "here-documents": (),
        "COPY --link": (),
        "COPY --exclude": (0, 26),
        "RUN --network": (),
        "COPY --chmod with letters": (0, 26),
    },
}


def find_unsupported(dockerfile: Dockerfile, builder: str, version: tuple[int, ...]) -> tuple[Refusal, ...]:
    """Return what of a Dockerfile this builder does not know, or would take for something else without a word."""
    since = _SINCE[builder]
    found = []
    for each in dockerfile.instructions:
        feature = _feature(each.trigger or each)
        if feature is None:
            continue
        oldest = since[feature]
        if oldest is None or version < oldest:
            said = f"{'.'.join(map(str, version))} does not" if any(version) else "of an unknown version may not"
            found.append(Refusal(each.line, f"{builder} {said} know {feature}"))
    return tuple(found)


def _feature(each: Instruction) -> str | None:
    if each.heredocs:
        return "here-documents"
    names = {flag.name: flag.value or "" for flag in each.flags}
    if each.keyword in ("COPY", "ADD"):
        if "link" in names:
            return "COPY --link"
        if "exclude" in names or "parents" in names:
            return "COPY --exclude"
        if "chmod" in names and not re.fullmatch(r"0?[0-7]{3,4}", names["chmod"]):
            return "COPY --chmod with letters"
    return "RUN --network" if each.keyword == "RUN" and "network" in names else None
