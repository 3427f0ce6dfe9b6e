"""packages-below-copy."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator

from rules.cache_order.installs import reads_no_source
from rules.cache_order.moving import block_of
from rules.context.copies import first_broad
from rules.dockerfile import Dockerfile, Instruction, Span
from rules.finding import Finding, Severity
from rules.fix import Applicability, Edit, Fix
from rules.layers.written_paths import working_directory
from rules.rule import Bad, Rule, Surroundings

_INSTALLS = {
    "apt-get": ("install",),
    "apk": ("add",),
    "yum": ("install",),
    "dnf": ("install",),
    "microdnf": ("install",),
}
# What may stand between the two: not ENV and ARG, which the RUN or apt may read.
_INDIFFERENT = frozenset({"LABEL", "EXPOSE", "WORKDIR"})


class PackagesBelowCopy(Rule):
    """Packages of the system are installed below a COPY of everything, and again after each change.

    ## What it does
    Finds a RUN that does nothing but install packages (apt-get, apk, dnf, yum) below a `COPY . .` of the same stage,
    from which it uses nothing. Stages that are not shipped count too: this is about builds.

    ## Why it costs
    It saves builds and pushes, not bytes of the image. A layer is taken from the cache only while all that was copied
    before it is the same. By the package index of Debian 12, `git` writes 60 MB onto a minimal system, and
    `build-essential` 274 MB: below the COPY they are written, pushed and pulled after each change of any file.

    ## Fix safety
    It is shown where nothing stands between the two lines that the RUN could notice, never applied: the files may hold
    what the packages' scripts look at.

    ## When it is silent
    The RUN runs anything else, or installs a file; the COPY writes to the root, `/etc` or a place that is not known.
    """

    code = "DS603"
    triggers = tuple(_INSTALLS)
    severity = Severity.INFO
    good = (
        "FROM alpine:3.22\nRUN apk add --no-cache git\nWORKDIR /app\nCOPY . .\n",
        "FROM alpine:3.22\nWORKDIR /app\nCOPY . .\nRUN apk add --no-cache git && ./configure\n",
    )
    bad = (
        Bad(
            "FROM alpine:3.22\nWORKDIR /app\nCOPY . .\nRUN apk add --no-cache git\n",
            "FROM alpine:3.22\nWORKDIR /app\nRUN apk add --no-cache git\nCOPY . .\n",
        ),
    )

    def check(self, dockerfile: Dockerfile, surroundings: Surroundings) -> Iterator[Finding]:  # noqa: ARG002
        """Yield one finding for each RUN that could stand above the COPY."""
        for stage in dockerfile.stages:
            copy = first_broad(dockerfile, stage)
            if copy is None:
                continue
            cwd = working_directory(stage, dockerfile.scope(stage, copy.instruction))
            target = posixpath.normpath(posixpath.join(cwd or "$", copy.target.text))
            if (
                "$" in target
                or target in ("/", "//", "/usr", "/usr/local")
                or target.startswith(("/etc", "/usr/share", "/var"))
            ):
                continue
            for each in stage.instructions:
                if each.index > copy.instruction.index and each.keyword == "RUN" and _only_installs(dockerfile, each):
                    if not dockerfile.scope(stage, each).is_posix:
                        continue
                    yield self.finding(
                        each,
                        each.span,
                        "Every change to a copied file installs these packages again",
                        f"The COPY of everything in line {copy.instruction.line} stands above, which costs builds and"
                        " pushes, not image size.",
                        _fix(dockerfile, copy.instruction, each),
                    )


def _only_installs(dockerfile: Dockerfile, run: Instruction) -> bool:
    if not any(map(run.span.of(dockerfile.text).__contains__, _INSTALLS)) or run.flags or not run.script.parsed:
        return False
    installs = False
    for command in run.commands:
        if not reads_no_source(command):
            return False
        verbs = _INSTALLS.get(command.name, ())
        installs = installs or any(word.text in verbs for word in command.arguments)
    return installs


def _fix(dockerfile: Dockerfile, copy: Instruction, run: Instruction) -> Fix | None:
    between = dockerfile.instructions[copy.index + 1 : run.index]
    if any(each.keyword not in _INDIFFERENT for each in between) or run.heredocs:
        return None
    moved, above = block_of(dockerfile, run), block_of(dockerfile, copy)
    if above is None or moved is None:
        return None
    return Fix(
        (Edit(Span(above.start, above.start), f"{moved.text}{dockerfile.newline}"), Edit(moved.lines, "")),
        Applicability.DISPLAY,
    )
