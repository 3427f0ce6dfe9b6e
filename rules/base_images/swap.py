"""Starting from another image: the edit, what it saves, which stages it is about, and who else takes from them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache

from rules.base_images.families import Sibling
from rules.base_images.reference import read_reference, rename_base
from rules.dockerfile import Dockerfile, Instruction, Stage
from rules.finding import UNKNOWN_SAVING, Provenance, Saving
from rules.fix import Applicability, Fix
from rules.patterns import regex
from rules.surroundings import Surroundings

_FOREIGN = regex(r"windows|nanoserver|servercore|onbuild", re.IGNORECASE)
# Images that people work, test or build in: what an application does not need is what they are for.
_WORKBENCH = regex(
    r"(?:^|[/._-])(?:dev|devel|develop|development|devcontainer|tests?|testing|e2e|ci|lint|debug|builder?|toolchain|sdk"
    r"|codespaces?|gitpod|jenkins|buildkite|circleci|travis|gitlab-?ci|ide|workspace|playground|sandbox|kata)"
    r"(?:[/._-]|$)",
    re.IGNORECASE,
)


def shipped_roots(dockerfile: Dockerfile, surroundings: Surroundings) -> Iterator[Stage]:
    """Yield the shipped stages that start from an image, those of Windows and those for ONBUILD left aside."""
    for stage in dockerfile.shipped(surroundings.targets):
        if stage.parent is None and stage.base != "scratch" and not _is_foreign(dockerfile, stage.index):
            yield stage


@lru_cache(maxsize=8)
def _is_foreign(dockerfile: Dockerfile, index: int) -> bool:
    """Tell whether a stage is of Windows, where many tags of the same image do not exist, or there for ONBUILD."""
    stage = dockerfile.stages[index]
    platform = stage.start.flag("platform")
    if _FOREIGN.search(stage.base) or dockerfile.escape == "`":
        return True
    if platform is not None and _FOREIGN.search(platform.value or ""):
        return True
    family = (stage, *dockerfile.children(stage))
    return any(not scope.is_posix for own in family for scope in (*own.scopes, own.end))


def find_origin(dockerfile: Dockerfile, instruction: Instruction) -> Stage | None:
    """Return the stage that a COPY takes from; None where it takes from the context or another image."""
    flag = instruction.flag("from") if instruction.keyword == "COPY" else None
    name = (flag.value or "").lower() if flag is not None else ""
    found = [
        stage
        for stage in dockerfile.stages
        if stage.start.index < instruction.index and name and name in (stage.name, str(stage.index))
    ]
    return found[-1] if found else None


def is_taken_elsewhere(dockerfile: Dockerfile, stage: Stage, path: re.Pattern[str]) -> bool:
    """Tell whether a stage that is not built from `stage` copies what matches `path` out of it, or of its children."""
    family = {stage.index, *(child.index for child in dockerfile.children(stage))}
    for other in dockerfile.stages:
        for each in other.instructions if other.index not in family else ():
            origin = find_origin(dockerfile, each)
            if origin is not None and origin.index in family and any(path.search(word.text) for word in each.words):
                return True
    return False


def is_workbench(stage: Stage, surroundings: Surroundings) -> bool:
    """Tell whether the file or the stage is named for people or machines that build and test in it."""
    return _names_workbench(surroundings.path) or (stage.name is not None and _names_workbench(stage.name))


@lru_cache(maxsize=8)
def _names_workbench(name: str) -> bool:
    return _WORKBENCH.search(name) is not None


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
