"""update-split-from-install."""

from __future__ import annotations

import re
from collections.abc import Iterator

from rules.dockerfile import Dockerfile, Script, ShellCommand, Span, Statement
from rules.edits import delete_lines, is_lone_command
from rules.finding import Finding
from rules.fix import Applicability, Edit, Fix
from rules.packages.apt_lists_left_behind import leaving_lists
from rules.packages.lists_cleanup import append_cleanup, join_cleanup
from rules.patterns import regex
from rules.rule import Bad, Rule, Surroundings
from rules.runs import Run, shipped_runs
from rules.tools import apt

# What may stand between the two RUNs without the move of `apt-get update` past it changing anything.
_INDIFFERENT = frozenset({"ENV", "ARG", "LABEL", "MAINTAINER", "EXPOSE", "VOLUME", "STOPSIGNAL", "CMD", "ENTRYPOINT"})

_STEERS_APT = regex(r"\b(?:PATH|LD_\w+|\w*_proxy|APT_\w+|TMPDIR|HOME)\b", re.IGNORECASE)


class UpdateSplitFromInstall(Rule):
    """`apt-get update` in a layer of its own.

    ## What it does
    Finds a RUN that fetches package lists for an install in a later RUN.

    ## Why it costs
    The lists (19 MB and more, see apt-lists-left-behind) are shipped in a layer of their own, and no later RUN can
    delete them from it. With a warm build cache the install also reads lists of the day the layer was made, and
    fails once a package has moved on.

    ## Fix safety
    Safe where it is offered: the RUN does nothing else, the install follows with nothing in between that could
    matter, both run with the same flags, user and shell. The lists are deleted in the same RUN when nothing later
    reads them.

    ## When it is silent
    No later RUN installs from these lists; the lists lie on a mount; the stage is not shipped.
    """

    code = "DS205"
    aliases = (
        "docker-parfum:aptGetUpdatePrecedesInstall",
        "checkov:CKV_DOCKER_5",
        "trivy:AVD-DS-0017",
        "trivy:DS017",
        "trivy:DS-0017",
        "sonar:S6595",
    )
    techniques = ("apt-lists", "merge-run-with-cleanup")
    triggers = ("apt",)
    good = (
        "FROM debian:12\nRUN apt-get update && apt-get install -y --no-install-recommends cron"
        " && rm -rf /var/lib/apt/lists/*\n",
    )
    bad = (
        Bad(
            "FROM debian:12\nRUN apt-get update\nRUN apt-get install -y --no-install-recommends cron\n",
            "FROM debian:12\nRUN apt-get update && apt-get install -y --no-install-recommends cron"
            " && rm -rf /var/lib/apt/lists/*\n",
        ),
        Bad(
            "FROM debian:12\nRUN apt-get update && apt-get upgrade -y\n"
            "RUN apt-get install -y --no-install-recommends cron\n",
            None,
        ),
    )

    def check(self, dockerfile: Dockerfile, surroundings: Surroundings) -> Iterator[Finding]:
        """Yield one finding for each RUN whose lists are read by a later one."""
        for run in shipped_runs(dockerfile, surroundings, ("apt",)):
            update, readers = find_split(run)
            if update is None or not readers or run.mounts(apt.LISTS):
                continue
            yield self.finding(
                run.instruction,
                update.span,
                "Package lists are fetched in one layer and used in another",
                f"Line {readers[0].instruction.line} installs from them; this layer keeps them for good.",
                _without_growth(run, _fix(run, update, readers), surroundings),
            )


def _without_growth(run: Run, fix: Fix | None, surroundings: Surroundings) -> Fix | None:
    """Only show a fix that deletes what a later layer fetches once more to keep it, or where an earlier one does."""
    if fix is None or fix.applicability is Applicability.DISPLAY:
        return fix
    others = leaving_lists(run.dockerfile, surroundings)
    later = [each for each in others if each.run.instruction.index > run.instruction.index + 1]
    if not any(each.run.instruction.index < run.instruction.index for each in others):
        later = [each for each in later if each.is_wanted and not _may_be_joined(each.run)]
    if not later:
        return fix
    line = later[0].run.instruction.line
    return fix._replace(applicability=Applicability.DISPLAY, caution=f"Line {line} would fetch them once more.")


def _may_be_joined(run: Run) -> bool:
    update, readers = find_split(run)
    return update is not None and bool(readers) and _fix(run, update, readers) is not None


def find_split(run: Run) -> tuple[ShellCommand | None, list[Run]]:
    """Return the update of a RUN whose lists later RUNs install from, and these RUNs."""
    update = _trailing_update(run)
    return update, _readers(run) if update is not None else []


def _trailing_update(run: Run) -> ShellCommand | None:
    """Return the update of a RUN that installs nothing itself and leaves the lists there."""
    update = None
    for command in run.commands:
        if apt.updates(command):
            update = command
        elif apt.installs(command):
            return None
        elif apt.cleans_lists(command):
            update = None
    return update


def _readers(run: Run) -> list[Run]:
    """Return the later RUNs that read these lists, until one fetches or deletes them."""
    readers = []
    for later in run.later():
        if later.stage is run.stage and any(apt.updates(command) for command in later.commands):
            if apt.needs_lists(later.commands):
                readers.append(later)
            break
        if any(apt.installs(command) for command in later.commands) and apt.needs_lists(later.commands):
            readers.append(later)
        if any(apt.cleans_lists(command) for command in later.commands):
            break
    return readers


def _fix(run: Run, update: ShellCommand, readers: list[Run]) -> Fix | None:
    install_run = readers[0]
    if not _does_nothing_else(run) or not _may_move(run, install_run):
        return None
    place = _place(install_run)
    if place is None or len(readers) > 1:
        return None  # with several readers the lists have to stay, wherever they are fetched
    edits = (delete_lines(run.dockerfile, run.instruction), _prepend(run, install_run, place))
    joined = join_cleanup(install_run, run.instruction)
    if joined is not None:
        return joined
    moved = Fix(edits, Applicability.SAFE, (update.texts,), (update.texts,))
    if any(apt.cleans_lists(command) for command in install_run.commands):
        return moved
    cleanup = append_cleanup(install_run, update)
    if cleanup is None or apt.are_lists_used_later(install_run):
        return None
    return cleanup._replace(edits=(*edits, *cleanup.edits), removed=moved.removed, added=(*moved.added, *cleanup.added))


def _place(run: Run) -> Statement | None:
    """Return the statement in front of which the update may go: the first, or the first behind `set -e`."""
    script = run.instruction.script
    first = script.statements[0]
    if len(script.statements) == 1:
        return first if first.kind == "command" and "||" not in first.operators and not first.terminator else None
    if not script.errexit or script.errexit_changes:
        return None
    leading = [each.name == "set" and not statement.operators for each, statement in _heads(script)]
    behind = leading.index(False) if False in leading else 0
    return script.statements[behind] if behind else None


def _heads(script: Script) -> Iterator[tuple[ShellCommand, Statement]]:
    """Yield the first command of each statement, and the statement."""
    for index, statement in enumerate(script.statements):
        head = next((each for each in script.commands if each.statement == index), None)
        if head is not None:
            yield head, statement


def _does_nothing_else(run: Run) -> bool:
    script = run.instruction.script
    return (
        script.form == "shell"
        and is_lone_command(script)
        and not run.instruction.flags
        and run.instruction.line == run.instruction.end_line
    )


def _may_move(run: Run, to: Run) -> bool:
    first, last = run.instruction, to.instruction
    if to.stage is not run.stage or last.script.form != "shell" or last.flags:
        return False
    between = [each for each in run.stage.instructions if first.index < each.index < last.index]
    if any(each.keyword not in _INDIFFERENT for each in between):
        return False
    if any(each.keyword in ("ENV", "ARG") and _STEERS_APT.search(each.value) for each in between):
        return False
    return run.scope.user == to.scope.user and run.scope.shell == to.scope.shell


def _prepend(run: Run, to: Run, place: Statement) -> Edit:
    """Put the update, as it was written, in front of a statement."""
    text = run.dockerfile.text
    source = run.instruction.script.statements[0].span.of(text)
    at = place.span.start
    lead = text[text.rfind("\n", 0, at) + 1 : at]
    operator = " &&" if place is to.instruction.script.statements[0] else ";"
    if at > to.instruction.keyword_span.end and not lead.strip(" \t"):
        return Edit(Span(at, at), f"{source}{operator} {run.dockerfile.escape}{run.dockerfile.newline}{lead}")
    return Edit(Span(at, at), f"{source}{operator} ")
