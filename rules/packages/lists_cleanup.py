"""The clean-up of apt's package lists, as two rules append it."""

from __future__ import annotations

from rules.dockerfile import ShellCommand
from rules.edits import append_command
from rules.fix import Applicability, Fix
from rules.runs import Run
from rules.tools import apt


def append_cleanup(run: Run, update: ShellCommand) -> Fix | None:
    """Delete the lists at the end of `run`, with sudo where `update` needed it; None where nothing may be appended."""
    if not run.scope.is_plain:
        return None
    text = f"sudo {apt.CLEANUP}" if "sudo" in update.wrappers else apt.CLEANUP
    edit = append_command(run.dockerfile, run.instruction, text, shell_errexit=run.scope.errexit)
    if edit is None:
        return None
    script = run.later_script()
    if script is None:
        return Fix((edit,), Applicability.SAFE, added=(apt.CLEANUP_WORDS,))
    caution = f"Breaks the build if {script} installs packages without an apt-get update of its own."
    return Fix((edit,), Applicability.UNSAFE, added=(apt.CLEANUP_WORDS,), caution=caution)
