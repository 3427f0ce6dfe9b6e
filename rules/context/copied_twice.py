"""copied-twice."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from typing import NamedTuple

from rules.context.copies import read_copy, says_copy
from rules.context.leftovers import FLOOR
from rules.context.sent import clean, copied_files, sent_files
from rules.dockerfile import Dockerfile, Instruction, Stage
from rules.finding import UNKNOWN_SAVING, Finding, Provenance, Saving, Severity
from rules.layers.written_paths import working_directory
from rules.patterns import regex
from rules.rule import Bad, Good, Rule, Surroundings
from rules.surroundings import Context

# What is likely to weigh something where nobody has looked; most of what is copied twice is a configuration.
_HEAVY = regex(r"\.(?:jar|war|ear|whl|zip|t?gz|tar|tgz|xz|bz2|7z|deb|rpm|apk|so|bin|iso|img|onnx|pt|pb|safetensors)$")


class _Taken(NamedTuple):
    """One source of one COPY: where it comes from, and where it goes to."""

    instruction: Instruction
    origin: tuple[str, str]
    target: str


class CopiedTwice(Rule):
    """The same source is copied to two places of the image.

    ## What it does
    Finds a COPY or ADD of a shipped stage whose source, from the context or from another stage, an earlier one copied
    to another place already.

    ## Why it costs
    Each copy is stored on its own, in this layer or another. Measured with buildah: a file of 20 MB that is copied to
    two places makes an image of 40 MB.

    ## Fix safety
    Nothing is applied: `ln -s` or a mount does it without the second copy, but a program may look for both.

    ## When it is silent
    The source is a glob or holds a variable; both copies go to the same place; the repository shows that it is less
    than 1 MB. Where nobody looked, only archives, libraries and what another stage built are named, as information.
    """

    code = "DS505"
    reads = ("COPY", "ADD")
    severity = Severity.INFO
    good = (
        "FROM debian:12-slim\nCOPY app /srv/app\nCOPY app /srv/app\n",
        Good(
            "FROM debian:12-slim\nCOPY app /srv/app\nCOPY app /opt/app\n",
            Surroundings(context=Context({"app": 3_000})),
        ),
    )
    bad = (
        Bad("FROM debian:12-slim\nCOPY --from=build /out /srv/a\nCOPY --from=build /out /srv/b\n", None),
        Bad(
            "FROM debian:12-slim\nCOPY model /srv/a\nCOPY model /srv/b\n",
            None,
            Surroundings(context=Context({"model/weights.bin": 48_000_000})),
        ),
    )

    def check(self, dockerfile: Dockerfile, surroundings: Surroundings) -> Iterator[Finding]:
        """Yield one finding for each COPY of what an earlier layer holds elsewhere."""
        if not says_copy(dockerfile) or not _repeats(dockerfile):
            return
        reported: set[int] = set()
        for stage in dockerfile.shipped(surroundings.targets):
            if len(stage.instructions) < 2 and stage.parent is None:
                continue
            seen: dict[tuple[str, str], _Taken] = {}
            for owner, each in dockerfile.lineage(stage):
                if each.keyword not in ("COPY", "ADD"):
                    continue
                for taken in _taken(dockerfile, owner, each):
                    first = seen.setdefault(taken.origin, taken)
                    if first.target != taken.target and each.index not in reported:
                        reported.add(each.index)
                        finding = self._report(owner, first, taken, surroundings.context)
                        if finding is not None:
                            yield finding

    def _report(self, stage: Stage, first: _Taken, again: _Taken, context: Context | None) -> Finding | None:
        saving, severity = UNKNOWN_SAVING, Severity.INFO
        if context is not None and not again.origin[0]:
            copy = read_copy(stage, again.instruction)
            files, sent = (copied_files(context, copy) if copy is not None else ()), sent_files(context) or {}
            path = again.origin[1]
            size = sum(sent[each] for each in files if each == path or each.startswith(path + "/") or path == ".")
            if size < FLOOR:
                return None
            saving, severity = Saving(size, Provenance.ESTIMATED, "the repository's tree"), Severity.WARNING
        elif not again.origin[0] and not _HEAVY.search(again.origin[1]):
            return None
        said = again.origin[1]
        return self.finding(
            again.instruction,
            again.instruction.span,
            f"`{said}` is copied a second time",
            f"Line {first.instruction.line} copied it to `{first.target}`, and each copy is stored on its own.",
            saving=saving,
            severity=severity,
        )


def _repeats(dockerfile: Dockerfile) -> bool:
    """Tell whether two COPY begin with the same source, as most Dockerfiles' do not: the rest costs more to know."""
    first = [each.arguments.split(None, 1)[:1] for each in dockerfile.instructions if each.keyword in ("COPY", "ADD")]
    return len({each[0] for each in first if each}) < len(first)


def _taken(dockerfile: Dockerfile, stage: Stage, instruction: Instruction) -> Iterator[_Taken]:
    words = instruction.words
    if len(words) != 2 or instruction.heredocs or not (words[0].literal and words[1].literal):
        return
    cwd = working_directory(stage, dockerfile.scope(stage, instruction))
    source, target = words[0].text, words[1].text
    if any(char in source for char in "*?[") or "://" in source or (cwd is None and not target.startswith("/")):
        return
    flag = instruction.flag("from")
    if flag is not None and (not flag.value or "$" in flag.value):
        return
    if any(each.name in ("exclude", "parents") for each in instruction.flags):
        return
    path = clean(source)
    place = posixpath.normpath(posixpath.join(cwd or "/", target))
    # A file goes into a folder under its own name, a folder's content without it.
    if target.endswith("/") and "." in posixpath.basename(path):
        place = posixpath.join(place, posixpath.basename(path))
    yield _Taken(instruction, (flag.value or "" if flag is not None else "", path), place)
