"""Which instruction of a Dockerfile made which layer.

An image's history has one entry for each instruction, those of the base image first, so the two are aligned from the
end. Texts differ from builder to builder and are only held against each other as far as all builders agree: the
keyword, and the first word that a RUN runs. Where one entry does not fit, nothing is said of any.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rules.dockerfile import Dockerfile, Instruction, Stage
from workers.image.model import Image, Origin

_KEYWORDS = re.compile(
    "ADD|ARG|CMD|COPY|ENTRYPOINT|ENV|EXPOSE|HEALTHCHECK|LABEL|MAINTAINER|ONBUILD|RUN|SHELL|STOPSIGNAL|USER|VOLUME|WORKDIR"
)
_NOP = "#(nop)"
_SHELL = re.compile(r"(?:RUN )?(?:\|\d+ .*?)?/bin/(?:ba|da|a)?sh -c (?!#\(nop\))", re.DOTALL)


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
    instructions = list(_lineage(dockerfile, stage))
    own = len(image.history) - len(instructions)
    made = [at for at, step in enumerate(image.history) if not step.is_empty]
    if own < 0 or len(made) != len(image.layers):
        return unknown
    steps = image.history[own:]
    if not all(fits(step.created_by, each) for step, each in zip(steps, instructions, strict=True)):
        return unknown
    if _root(dockerfile, stage).base.lower() == "scratch" and own:
        return unknown
    origins = tuple(_origin(instructions[at - own]) if at >= own else None for at in made)
    return Attribution(origins, sum(at < own for at in made))


def fits(created_by: str, instruction: Instruction) -> bool:
    """Tell whether an entry of a history can be that of an instruction."""
    if keyword_of(created_by) != instruction.keyword.upper():
        return False
    if instruction.keyword.upper() != "RUN" or instruction.heredocs or instruction.exec_words is not None:
        return True
    shell = _SHELL.match(created_by)
    if shell is None:
        return True  # another shell: where the command begins is not known
    said = created_by[shell.end() :].split(maxsplit=1)
    words = instruction.arguments.split(maxsplit=1)
    return not said or not words or said[0] == words[0]


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


def _lineage(dockerfile: Dockerfile, stage: Stage) -> Iterator[Instruction]:
    """Yield what the history has an entry for, in its order."""
    line = [stage]
    while line[-1].parent is not None:
        line.append(dockerfile.stages[line[-1].parent])
    triggers: Sequence[Instruction] = ()
    for each in reversed(line):
        # What the stage below put off with ONBUILD runs first, and only in the stage right above.
        yield from triggers
        yield from each.instructions
        triggers = [one.trigger for one in each.instructions if one.trigger is not None]


def _origin(instruction: Instruction) -> Origin:
    return Origin(instruction.keyword.upper(), instruction.line, instruction.end_line)
