"""purge-in-later-layer."""

from __future__ import annotations

from collections.abc import Iterator
from fnmatch import fnmatchcase
from functools import lru_cache
from typing import NamedTuple

from rules.dockerfile import Dockerfile, Instruction, Scope, ShellCommand
from rules.edits import join_all_runs
from rules.finding import Finding
from rules.fix import Fix
from rules.patterns import regex
from rules.rule import Bad, Rule, Surroundings
from rules.runs import Run, shipped_runs
from rules.tools.packages import REMOVERS, installed, removed

_CONDITIONAL = ("if", "case", "function", "substitution", "loop")
_MOST_NAMES = 300
_VARIABLE = regex(r"\$\{?(\w+)")
# A RUN without one of these installs nothing that is followed here.
_MANAGERS = ("apt", "apk", "yum", "dnf", "zypper", "pip", "npm")


class PurgeInLaterLayer(Rule):
    """Packages that one layer installs and a later one removes.

    ## What it does
    Finds `apt-get purge`, `remove` and `autoremove` of named packages, `yum remove`, `dnf remove`, `pip uninstall` and
    `npm prune` of what an earlier RUN of the shipped stages installed. `apk del` is what apk-build-dependencies
    (DS208) is about.

    ## Why it costs
    A layer is shipped as it was made: removing a package in a later one hides its files and frees nothing. Measured
    with Docker 26.1 on Debian 12: build-essential and libpq-dev left in place make 393.3 MB, purged in a later RUN
    394.5 MB, installed, used and purged in one RUN 78.9 MB.

    ## Fix safety
    Safe where it is offered: the RUNs from the install to the removal follow each other, with the same flags, and none
    leaves a state that the next would see; they are joined with `&&`. Otherwise there is no edit that is right without
    knowing more: a build stage of its own, or one RUN for all of it.

    ## When it is silent
    The packages came with the base image, or may have; the same RUN installed them; the removal is conditional; the
    stage is not shipped. `apt-get autoremove` without names is no finding: what it removes is not known.
    """

    code = "DS102"
    techniques = ("delete-in-later-layer", "merge-run-with-cleanup", "build-tools-left")
    triggers = REMOVERS
    good = (
        "FROM debian:12\nRUN apt-get install -y gcc && make && apt-get purge -y --auto-remove gcc\n",
        "FROM debian:12\nRUN apt-get purge -y perl\n",
    )
    bad = (
        Bad(
            "FROM centos:7\nRUN yum install -y gcc\nRUN yum remove -y gcc\n",
            "FROM centos:7\nRUN yum install -y gcc && yum remove -y gcc\n",
        ),
        Bad(
            "FROM debian:12\nRUN apt-get install -y gcc\nCOPY . /src\n"
            "RUN cc /src/a.c -o /a && apt-get purge -y --auto-remove gcc\n",
            None,
        ),
    )

    def check(self, dockerfile: Dockerfile, surroundings: Surroundings) -> Iterator[Finding]:
        """Yield one finding for each RUN that removes what an earlier layer holds."""
        if not any(map(dockerfile.text.__contains__, REMOVERS)):
            return
        for run in shipped_runs(dockerfile, surroundings, REMOVERS):
            match = _matches(dockerfile, run.stage.index).get(run.instruction.index)
            if match is None or match.command.name == "apk":
                continue
            yield self.finding(
                run.instruction,
                match.command.span,
                f"Removing {_shown(match.names)} here frees nothing",
                f"The layer of line {match.origin.line}, which installed {'them' if len(match.names) > 1 else 'it'},"
                " is shipped all the same.",
                _fix(run, match),
            )


class _Match(NamedTuple):
    command: ShellCommand
    names: tuple[str, ...]
    origin: Instruction


@lru_cache(maxsize=8)
def _matches(dockerfile: Dockerfile, stage: int) -> dict[int, _Match]:
    """Go through the layers up to the end of a stage once; return what each RUN removes of the layers below it."""
    lineage = [pair for pair in dockerfile.lineage(dockerfile.stages[stage]) if pair[1].keyword == "RUN"]
    text = dockerfile.text
    last = max((each.index for _, each in lineage if _holds(each.span.of(text), REMOVERS)), default=-1)
    held: dict[tuple[str, str], Instruction] = {}
    found: dict[int, _Match] = {}
    for owner, each in lineage:
        if each.index > last:
            break
        if not _holds(each.span.of(text), _MANAGERS) or not each.script.parsed:
            continue
        for command in each.commands:
            if any(kind in _CONDITIONAL for kind in command.nesting):
                continue
            for family, names in installed(command):
                held.update({(family, name): each for name in names})
            for family, names in removed(command):
                scope = dockerfile.scope(owner, each)
                gone = _installed_names(held, family, tuple(name for name in names if _is_set(name, scope)))
                earlier = [name for name in gone if held[family, name] is not each]
                if earlier and each.index not in found:
                    origin = min((held[family, name] for name in earlier), key=lambda one: one.index)
                    found[each.index] = _Match(command, tuple(earlier), origin)
                for name in gone:
                    del held[family, name]
    return found


def _holds(text: str, hints: tuple[str, ...]) -> bool:
    return any(map(text.__contains__, hints))


def _installed_names(held: dict[tuple[str, str], Instruction], family: str, names: tuple[str, ...]) -> list[str]:
    found = []
    for name in dict.fromkeys(names[:_MOST_NAMES]):
        if (family, name) in held:
            found.append(name)
        elif "*" in name and len(held) < _MOST_NAMES:
            found += [other for kind, other in held if kind == family and fnmatchcase(other, name)]
    return list(dict.fromkeys(found))


def _is_set(name: str, scope: Scope) -> bool:
    """Tell whether the variables in a name hold in more than one RUN: one of the shell is empty in the next."""
    return "$" not in name or all(scope.sets(variable) for variable in _VARIABLE.findall(name))


def _shown(names: tuple[str, ...]) -> str:
    return names[0] if len(names) == 1 else f"{names[0]} and {len(names) - 1} more"


def _fix(run: Run, match: _Match) -> Fix | None:
    if not run.scope.is_plain or match.origin.index < run.stage.start.index:
        return None
    return join_all_runs(run.dockerfile, match.origin, run.instruction, shell_errexit=run.scope.errexit)
