"""Which instruction of a Dockerfile made which layer.

An image's history has one entry for each instruction, those of the base image first, so the two are aligned from the
end. Texts differ from builder to builder and are only held against each other as far as all builders agree: the
keyword, and the words of a RUN. Where one entry does not fit, nothing is said of any.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rules.dockerfile import Dockerfile, Instruction, Stage
from workers.image.model import Image, Origin, Step

_KEYWORDS = re.compile(
    "ADD|ARG|CMD|COPY|ENTRYPOINT|ENV|EXPOSE|HEALTHCHECK|LABEL|MAINTAINER|ONBUILD|RUN|SHELL|STOPSIGNAL|USER|VOLUME|WORKDIR"
)
_NOP = "#(nop)"
_SHELL = re.compile(r"(?:RUN )?(?:\|\d+ .*?)?/bin/(?:ba|da|a)?sh -c (?:--[a-z]+=\S+\s+)*", re.DOTALL)
"""What stands in front of a command: build arguments, the shell, and with buildah the flags of RUN."""
_WRITING = frozenset({"ADD", "COPY", "RUN", "WORKDIR"})
"""What can make a layer."""
_BUILDAH = "FROM "
"""How buildah comments what it commits."""


@dataclass(frozen=True, slots=True)
class Attribution:
    """For each layer the instruction that made it, None for those of the base; `base` is how many of them these are."""

    origins: tuple[Origin | None, ...]
    base: int | None
    """None where the Dockerfile does not fit the image."""


def attribute(image: Image, dockerfile: Dockerfile, target: str | None = None) -> Attribution:
    """Find the instruction of each layer; `target` names the stage that was built, by default the last."""
    unknown = Attribution((None,) * len(image.layers), None)
    stage = _find_stage(dockerfile, target)
    if stage is None:
        return unknown
    made = [at for at, step in enumerate(image.history) if not step.is_empty]
    if len(made) != len(image.layers):
        return unknown
    for instructions in _lineages(dockerfile, stage):
        own = len(image.history) - len(instructions)
        if own < 0 or (own and _root(dockerfile, stage).base.lower() == "scratch"):
            continue
        steps = image.history[own:]
        if all(map(fits, steps, instructions)) and not _is_squashed(steps):
            origins = tuple(_origin(instructions[at - own]) if at >= own else None for at in made)
            return Attribution(origins, sum(at < own for at in made))
    return unknown


def fits(step: Step, instruction: Instruction) -> bool:
    """Tell whether an entry of a history can be that of an instruction."""
    keyword = instruction.keyword.upper()
    if keyword_of(step.created_by) != keyword or (not step.is_empty and keyword not in _WRITING):
        return False
    if keyword != "RUN" or instruction.heredocs or instruction.exec_words is not None:
        return True
    wanted = instruction.arguments.split()
    shell = _SHELL.match(step.created_by)
    said = step.created_by[shell.end() if shell else 0 :].removesuffix("# buildkit").split()
    # With another shell it is not known where in the text the command begins.
    return said == wanted if shell else said[-len(wanted) :] == wanted


def _is_squashed(steps: Sequence[Step]) -> bool:
    """Tell whether buildah put several instructions into one layer: where without --layers, all before the last."""
    return any(step.comment.startswith(_BUILDAH) for step in steps) and any(
        step.is_empty and keyword_of(step.created_by) in ("ADD", "COPY", "RUN") for step in steps
    )


def keyword_of(created_by: str) -> str:
    """Return the keyword that BuildKit, the builder before it, or buildah means."""
    _, nop, rest = created_by.partition(_NOP)
    words = (rest if nop else created_by).split(maxsplit=1)
    first = words[0] if words else ""
    if _KEYWORDS.fullmatch(first):
        return first
    return "" if nop or not first else "RUN"


def _find_stage(dockerfile: Dockerfile, target: str | None) -> Stage | None:
    if target is None:
        return dockerfile.stages[-1] if dockerfile.stages else None
    for stage in reversed(dockerfile.stages):
        if target.lower() in (stage.name, str(stage.index)):
            return stage
    return None


def _root(dockerfile: Dockerfile, stage: Stage) -> Stage:
    while stage.parent is not None:
        stage = dockerfile.stages[stage.parent]
    return stage


def _lineages(dockerfile: Dockerfile, stage: Stage) -> Iterator[list[Instruction]]:
    """Yield what a history may have entries for, in its order: BuildKit has none for ONBUILD, the others do."""
    line = [stage]
    while line[-1].parent is not None:
        line.append(dockerfile.stages[line[-1].parent])
    steps: list[Instruction] = []
    triggers: Sequence[Instruction] = ()
    for each in reversed(line):
        # What the stage below put off with ONBUILD runs first, and only in the stage right above.
        steps += [*triggers, *each.instructions]
        triggers = [one.trigger for one in each.instructions if one.trigger is not None]
    yield steps
    if any(each.trigger is not None for each in steps):
        yield [each for each in steps if each.trigger is None]


def _origin(instruction: Instruction) -> Origin:
    return Origin(instruction.keyword.upper(), instruction.line, instruction.end_line)
