"""What BuildKit tells with `--progress=plain`, read back: which instruction it was at, and how that ended.

It gives each step a number, and begins every line with it: what a RUN prints comes behind number and time.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from rules.dockerfile import Dockerfile, Instruction, Stage
from workers.builders.model import Outcome, Step

_LINE = re.compile(
    r"^#(?P<number>\d{1,6}) (?:(?P<name>\[.*)|(?P<state>DONE|CACHED|CANCELED|ERROR)(?:: (?P<said>.*)|\b.*))$",
    re.MULTILINE,
)
_STEP = re.compile(r"\[(?:(?P<stage>.*) )?(?P<at>\d{1,6})/(?P<of>\d{1,6})\] (?P<text>.*)")
_PULL = re.compile(r"\[internal\] load metadata for (?P<image>\S+)")
_COUNTED = frozenset({"ADD", "COPY", "RUN", "WORKDIR"})
"""What has a number within its stage; a FROM has the first where it names an image."""
_PREFACE = re.compile(
    r"(?:failed to [a-z ]*(?:LLB definition|frontend [\w.]+|solve)|rpc error: code = \w+ desc =|ERROR):? "
)
_FULL = re.compile(r"no space left on device", re.IGNORECASE)


@dataclass(slots=True)
class _Vertex:
    name: str
    state: str = ""
    """How it ended, empty as long as it has not."""
    said: str = ""


def read_steps(log: str, dockerfile: Dockerfile) -> tuple[Step, ...]:
    """Return the steps of a build that went well, in the order of the Dockerfile."""
    return tuple(step for step, _ in _read(log, dockerfile))


def read_failure(log: str, dockerfile: Dockerfile) -> tuple[Outcome, str, tuple[Step, ...]]:
    """Return how a build ended that did not go well, and its steps: the one that it ended at is the last.

    Only what an instruction did is a failure of its; an image that cannot be pulled, or a Dockerfile that BuildKit
    does not understand, says nothing about it.
    """
    found = list(_read(log, dockerfile))
    for vertex in _vertices(log):
        pulled = _PULL.match(vertex.name)
        if pulled and vertex.state == "ERROR":
            return Outcome.IMPOSSIBLE, f"{pulled['image']} cannot be pulled", ()
    for step, vertex in found:
        if vertex.state != "ERROR":
            continue
        at = f"line {step.line}" if step.line else "a step"
        steps = (*(each for each, _ in found if each is not step), step)
        keyword = step.text.split(" ", 1)[0].upper()
        if keyword == "FROM":
            return Outcome.IMPOSSIBLE, f"the image of {at} cannot be pulled", ()
        if _FULL.search(log[-4000:]):
            return Outcome.LIMITED, f"no space is left for it ({at})", steps
        if keyword == "RUN" and "exit code: " not in vertex.said:
            # It was not started, or wanted a secret.
            return Outcome.IMPOSSIBLE, f"{at} cannot be run: {_shorten(vertex.said)}", steps
        return Outcome.FAILED, f"{at} fails", steps
    lines = log.strip().splitlines() or ["it said nothing"]
    said = [line for line in lines if line.startswith("ERROR: ")] or lines
    return Outcome.IMPOSSIBLE, f"BuildKit does not build it: {_shorten(said[-1])}", ()


def read_stop(log: str, dockerfile: Dockerfile) -> tuple[Step, ...]:
    """Return the steps of a build that was stopped, the last one that which it was at; none where it was at none."""
    found = list(_read(log, dockerfile))
    running = [step for step, vertex in found if not vertex.state]
    return (*(step for step, vertex in found if vertex.state), *running) if running else ()


def _read(log: str, dockerfile: Dockerfile) -> Iterator[tuple[Step, _Vertex]]:
    found = []
    for vertex in _vertices(log):
        named = _STEP.match(vertex.name)
        if named is not None:
            each = _find(dockerfile, named["stage"] or "", int(named["at"]), int(named["of"]))
            fits = each is not None and named["text"].split(" ")[0].upper() == each.keyword.upper()
            line = each.line if each is not None and fits else None
            found.append((Step(line, named["text"], vertex.state == "CACHED"), vertex))
    # Stages are built side by side, and what is cached is told in no order.
    yield from sorted(found, key=lambda one: one[0].line or 0)


def _vertices(log: str) -> list[_Vertex]:
    found: dict[str, _Vertex] = {}
    for line in _LINE.finditer(log):
        if line["name"]:
            found.setdefault(line["number"], _Vertex(line["name"]))
        elif line["number"] in found:
            found[line["number"]].state = line["state"]
            found[line["number"]].said = line["said"] or ""
    return list(found.values())


def _find(dockerfile: Dockerfile, name: str, at: int, of: int) -> Instruction | None:
    stage = _find_stage(dockerfile, name)
    if stage is None:
        return None
    counted = [each for each in stage.instructions if each.keyword.upper() in _COUNTED]
    if stage.parent is None and stage.base.lower() != "scratch":
        counted.insert(0, stage.start)
    # What the base put off with ONBUILD comes in between.
    return counted[at - 1] if of == len(counted) and 1 <= at <= of else None


def _find_stage(dockerfile: Dockerfile, name: str) -> Stage | None:
    """Find a stage by what BuildKit calls it: a platform may come first, and the only stage has no name."""
    wanted = [word for word in name.lower().split(" ") if word and "/" not in word]
    if not wanted:
        return dockerfile.stages[0] if len(dockerfile.stages) == 1 else None
    for stage in reversed(dockerfile.stages):
        if wanted[-1] == (stage.name or f"stage-{stage.index}"):
            return stage
    return None


def _shorten(said: str) -> str:
    return _PREFACE.sub("", said).strip()[:200]
