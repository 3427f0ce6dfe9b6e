"""The clean-up of a package manager's cache, appended to a RUN."""

from __future__ import annotations

from rules.dockerfile import ShellCommand
from rules.edits import append_command
from rules.fix import Applicability, Fix
from rules.runs import Run

_QUESTIONS = frozenset({"[", "[[", "test", "which", "command", "type", "hash"})


def append_cache_cleanup(run: Run, install: ShellCommand, cleanup: tuple[str, ...]) -> Fix | None:
    """Run `cleanup` at the end of `run`, with sudo where `install` needed it; None where nothing may be appended."""
    script = run.instruction.script
    if not run.scope.is_plain or not _is_certain(run, install) or cleanup[0] in script.functions:
        return None
    text = " ".join(("sudo", *cleanup) if "sudo" in install.wrappers else cleanup)
    edit = append_command(run.dockerfile, run.instruction, text, shell_errexit=run.scope.errexit)
    return None if edit is None else Fix((edit,), Applicability.SAFE, added=(cleanup,))


def _is_certain(run: Run, install: ShellCommand) -> bool:
    """Tell whether the install runs whenever the RUN succeeds: where it does not, its tool may not be there."""
    if install.before == "||" or not set(install.nesting) <= {"group", "subshell"}:
        return False
    return not any(each.name in _QUESTIONS and each.statement == install.statement for each in run.commands)


_REMOVALS = frozenset({"uninstall", "remove", "del", "purge", "autoremove", "rm"})


def may_run_at_end(run: Run, program: str) -> bool:
    """Tell whether a program can be run again at the end: not taken away, not named by where some `cd` led."""
    if "/" in program and program[0] not in "/~$\"'":
        return False
    name = program.rpartition("/")[2]
    return not any(name in command.texts and not _REMOVALS.isdisjoint(command.texts) for command in run.commands)
