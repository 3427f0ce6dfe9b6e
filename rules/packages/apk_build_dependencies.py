"""apk-build-dependencies."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

from rules.dockerfile import Dockerfile, Instruction
from rules.edits import join_all_runs
from rules.finding import Finding, Snippet
from rules.fix import Fix
from rules.packages.joined_runs import show_joined
from rules.rule import Bad, Rule, Surroundings
from rules.runs import Run, shipped_runs
from rules.tools.system_packages import Operation, operations


class _Deletion(NamedTuple):
    """A deletion of packages that an earlier RUN installed."""

    operation: Operation
    names: tuple[str, ...]
    installer: Instruction


class ApkBuildDependencies(Rule):
    """Packages that apk deletes in a later layer than it installed them.

    ## What it does
    Finds `apk del` of packages that an earlier RUN installed, named one by one or by `--virtual`.

    ## Why it costs
    A layer is shipped as it was made: what a later RUN deletes is hidden and still downloaded. Stated in
    schickling/dockerfiles#96, where the RUNs were joined: 84 MB before, 75.2 MB after; in
    signal18/replication-manager#217, where a build stage took their place: 729 against 36 MB.

    ## Fix safety
    Safe where it is offered: the RUNs from the install to the deletion follow each other, with the same flags, and none
    leaves a state that the next would see; they are joined with `&&`. Where something else stands between, the snippet
    shows all of them as one.

    ## When it is silent
    The package came with the base image; the RUN that installed it deletes it; the stage is not shipped. Compilers that
    nothing deletes are the matter of build-tools-left-behind.
    """

    code = "DS208"
    techniques = ("build-tools-left", "delete-in-later-layer", "merge-run-with-cleanup")
    triggers = ("apk",)
    good = (
        "FROM alpine:3.20\nRUN apk add --no-cache --virtual .build-deps gcc musl-dev && make install"
        " && apk del .build-deps\n",
    )
    bad = (
        Bad(
            "FROM alpine:3.20\nRUN apk add --no-cache openssl && ./fetch.sh\nRUN apk del openssl\n",
            "FROM alpine:3.20\nRUN apk add --no-cache openssl && ./fetch.sh && apk del openssl\n",
        ),
        Bad(
            "FROM alpine:3.20\nRUN apk add --no-cache gcc musl-dev\nRUN make install\nRUN apk del gcc musl-dev\n",
            "FROM alpine:3.20\nRUN apk add --no-cache gcc musl-dev && make install && apk del gcc musl-dev\n",
        ),
    )

    def check(self, dockerfile: Dockerfile, surroundings: Surroundings) -> Iterator[Finding]:
        """Yield one finding for each RUN that deletes too late, or not all."""
        if "apk" not in dockerfile.text:
            return
        for run in shipped_runs(dockerfile, surroundings, (" del", '"del"')):
            late = _late(run)
            if late is not None:
                yield self._report(run, late)

    def _report(self, run: Run, late: _Deletion) -> Finding:
        installer = late.installer
        fix = _join(run, installer)
        return self.finding(
            run.instruction,
            late.operation.command.span,
            "Deleting packages here frees nothing",
            f"{_shown(late.names)} {_stay(late.names)} in the layer of line {installer.line}, which installed"
            f" {'it' if len(late.names) == 1 else 'them'}.",
            fix,
            snippet=None if fix is not None else _show(run, installer),
        )


def _late(run: Run) -> _Deletion | None:
    return _deletions(run.dockerfile, run.stage.index).get(run.instruction.index)


@lru_cache(maxsize=8)
def _deletions(dockerfile: Dockerfile, stage: int) -> dict[int, _Deletion]:
    """Return, for each RUN up to the end of a stage, its deletion of packages that an earlier RUN installed."""
    found: dict[int, _Deletion] = {}
    installed: dict[str, Instruction] = {}
    for owner, each in dockerfile.lineage(dockerfile.stages[stage]):
        if each.keyword != "RUN" or "apk" not in each.span.of(dockerfile.text):
            continue
        for operation in operations(each.commands, dockerfile.scope(owner, each)):
            if operation.manager != "apk":
                continue
            if not operation.removes:
                names = (operation.virtual,) if operation.virtual else operation.names
                for name in names:
                    installed.setdefault(name, each)
                continue
            late = tuple(name for name in operation.names if installed.get(name, each) is not each)
            if late and each.index not in found:
                installer = installed[late[-1]]
                found[each.index] = _Deletion(
                    operation, tuple(name for name in late if installed[name] is installer), installer
                )
            for name in operation.names:
                installed.pop(name, None)
    return found


def _shown(names: tuple[str, ...]) -> str:
    shown = ", ".join(f"`{name}`" for name in names[:4])
    return shown + (f" and {len(names) - 4} more" if len(names) > 4 else "")


def _stay(names: tuple[str, ...]) -> str:
    return "stays" if len(names) == 1 else "stay"


def _join(run: Run, installer: Instruction) -> Fix | None:
    if installer.index < run.stage.start.index or not run.scope.is_plain:
        return None
    return join_all_runs(run.dockerfile, installer, run.instruction, shell_errexit=run.scope.errexit)


def _show(run: Run, installer: Instruction) -> Snippet | None:
    if installer.index < run.stage.start.index:
        return None
    below = Run(run.dockerfile, run.stage, installer, run.dockerfile.scope(run.stage, installer))
    return show_joined(below, run.instruction, "One RUN that installs, builds and deletes")
