"""Starting from another image: the edit, what it saves, and which stages it is about."""

from __future__ import annotations

import re
from collections.abc import Iterator

from rules.base_images.families import Sibling
from rules.base_images.reference import read_reference, rename_base
from rules.dockerfile import Dockerfile, Stage
from rules.finding import UNKNOWN_SAVING, Provenance, Saving
from rules.fix import Applicability, Fix
from rules.surroundings import Surroundings

_FOREIGN = re.compile(r"windows|nanoserver|servercore|onbuild", re.IGNORECASE)
# Images that people work, test or build in: what an application does not need is what they are for.
_WORKBENCH = re.compile(
    r"(?:^|[/._-])(?:dev|devel|develop|development|devcontainer|tests?|testing|e2e|ci|lint|debug|builder?|toolchain|sdk"
    r"|codespaces?|gitpod|jenkins|buildkite|circleci|travis|gitlab-?ci|ide|workspace|playground|sandbox|kata)"
    r"(?:[/._-]|$)",
    re.IGNORECASE,
)


def shipped_roots(dockerfile: Dockerfile, surroundings: Surroundings) -> Iterator[Stage]:
    """Yield the shipped stages that start from an image, those of Windows and those for ONBUILD left aside."""
    for stage in dockerfile.shipped(surroundings.targets):
        if stage.parent is None and stage.base != "scratch" and not _FOREIGN.search(stage.base):
            yield stage


def is_workbench(stage: Stage, surroundings: Surroundings) -> bool:
    """Tell whether the file or the stage is named for people or machines that build and test in it."""
    return _WORKBENCH.search(surroundings.path) is not None or (
        stage.name is not None and _WORKBENCH.search(stage.name) is not None
    )


def is_unknown_to_registry(sibling: Sibling, surroundings: Surroundings) -> bool:
    """Tell whether a registry was asked for the sibling and does not have it."""
    return surroundings.image_sizes.get(sibling.reference, 0) is None


def swap_fix(
    dockerfile: Dockerfile, stage: Stage, sibling: Sibling, applicability: Applicability, caution: str
) -> Fix | None:
    """Return the fix that starts `stage` from the sibling.

    None where no one edit does it. It is only shown where the sibling may not exist, and where a variable in the tag
    may hold something else than its default.
    """
    reference = read_reference(stage.base)
    if reference is None or reference.digest:
        return None
    renamed = rename_base(dockerfile, stage, sibling.reference)
    if renamed is None:
        return None
    if not sibling.sure or renamed.is_partial or renamed.is_argument:
        applicability = Applicability.DISPLAY
    changed = renamed.instruction
    return Fix(
        (renamed.edit,),
        applicability,
        caution=caution,
        removed_instructions=((changed.keyword, changed.value),),
        added_instructions=((changed.keyword, renamed.value),),
    )


def swap_saving(stage: Stage, sibling: Sibling, surroundings: Surroundings) -> Saving:
    """Return what both images differ by in the registry, unknown unless it was asked for both."""
    before = surroundings.image_sizes.get(stage.base)
    after = surroundings.image_sizes.get(sibling.reference)
    if before is None or after is None or after >= before:
        return UNKNOWN_SAVING
    return Saving(before - after, Provenance.ESTIMATED, "registry manifests, compressed")
