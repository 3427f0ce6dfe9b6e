"""Which images the rules would like to know the sizes of."""

from __future__ import annotations

from rules.base_images.families import find_sibling
from rules.base_images.swap import shipped_roots
from rules.dockerfile import Dockerfile
from rules.surroundings import NOTHING_KNOWN, Surroundings

KINDS = ("slim", "jre", "sdk", "devel")


def wanted_images(dockerfile: Dockerfile, surroundings: Surroundings = NOTHING_KNOWN) -> frozenset[str]:
    """Return the bases of shipped stages that have a leaner sibling, and the siblings, as a FROM would write them.

    `Surroundings.image_sizes` takes them with their sizes, None for those that a registry does not have.
    """
    wanted: set[str] = set()
    for stage in shipped_roots(dockerfile, surroundings):
        siblings = {found.reference for kind in KINDS if (found := find_sibling(stage.base, kind)) is not None}
        if siblings:
            wanted |= {stage.base, *siblings}
    return frozenset(wanted)
