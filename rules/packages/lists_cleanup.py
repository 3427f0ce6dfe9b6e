"""The clean-up of apt's package lists, as two rules append it."""

from __future__ import annotations

from rules.dockerfile import Instruction, ShellCommand
from rules.edits import join_all_runs
from rules.fix import Applicability, Fix
from rules.packages import cache_cleanup
from rules.runs import Run
from rules.tools import apt


def append_cleanup(run: Run, update: ShellCommand) -> Fix | None:
    """Delete the lists at the end of `run`, with sudo where `update` needed it; None where nothing may be appended."""
    fix = cache_cleanup.append_cleanup(run, update, *apt.CLEANUP)
    script = run.later_script() if fix is not None else None
    if fix is None or script is None:
        return fix
    caution = f"Breaks the build if {script} installs packages without an apt-get update of its own."
    return fix._replace(applicability=Applicability.UNSAFE, caution=caution)


def join_cleanup(run: Run, first: Instruction) -> Fix | None:
    """Join the RUNs from `first` to the one right behind `run`, where that deletes the lists too late for its layer.

    None where it does not, or where they cannot be joined. delete-in-later-layer makes the same edits: one suggestion.
    """
    following = run.dockerfile.instructions[run.instruction.index + 1 : run.instruction.index + 2]
    commands = following[0].commands if following and run.scope.is_plain else ()
    if not any(map(apt.surely_cleans_lists, commands)) or any(map(apt.updates, commands)):
        return None
    return join_all_runs(run.dockerfile, first, following[0], shell_errexit=run.scope.errexit)
