"""The clean-up of a package manager's cache, appended to a RUN."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

from rules.dockerfile import Dockerfile, Instruction, ShellCommand
from rules.edits import append_command
from rules.fix import Applicability, Fix
from rules.runs import Run

_QUESTIONS = frozenset({"[", "[[", "test", "which", "command", "type", "hash"})


def later_cleanup(run: Run, cleans: Callable[[ShellCommand], bool], hint: str) -> Instruction | None:
    """Return the last RUN on top of `run` that cleans up, too late for its layer; `hint` stands in such a RUN."""
    last = _last_cleanup(run.dockerfile, run.stage.index, cleans, hint)
    return last if last is not None and last.index > run.instruction.index else None


@lru_cache(maxsize=32)
def _last_cleanup(
    dockerfile: Dockerfile, stage: int, cleans: Callable[[ShellCommand], bool], hint: str
) -> Instruction | None:
    own = dockerfile.stages[stage]
    found = [
        each
        for _, each in dockerfile.after(own, own.start)
        if each.keyword == "RUN" and hint in each.span.of(dockerfile.text) and any(map(cleans, each.commands))
    ]
    return found[-1] if found else None


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
