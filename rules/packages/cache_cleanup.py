"""The clean-up of what a package manager keeps, appended to a RUN."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache

from rules.dockerfile import Dockerfile, Instruction, ShellCommand
from rules.edits import append_command
from rules.fix import Applicability, Command, Fix
from rules.layers.written_paths import enter, working_directory
from rules.patterns import regex
from rules.runs import Run
from rules.tools.remove import is_recursive, lies_below, normalise, removed_paths, removed_words

_QUESTIONS = frozenset({"[", "[[", "test", "which", "command", "type", "hash"})
# What stands in front of a program and may stand in front of another one of the same tool.
_SUDO = regex(r"sudo(?: -[A-Za-z]+| [a-z_][\w-]*)* ")
_PLAIN_PROGRAM = regex(r"/[\w./-]+|[\w.-]+")
_REMOVERS = frozenset(
    {"del", "rm", "r", "un", "unlink", "remove", "purge", "autoremove", "erase", "uninstall", "unload", "deactivate"}
)
_CHANGERS = frozenset({"nvm", "n", "fnm", "volta", "asdf", "rbenv", "rvm", "su", "unset", "alias", "mv", "hash"})


def later_cleanup(run: Run, cleans: Callable[[ShellCommand], bool], hint: str) -> Instruction | None:
    """Return the last RUN on top of `run` that cleans up, too late for its layer; `hint` stands in such a RUN."""
    last = _last_cleanup(run.dockerfile, run.stage.index, cleans, hint)
    return last if last is not None and last.index > run.instruction.index else None


@lru_cache(maxsize=8)
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


def append_cleanup(run: Run, filler: ShellCommand, *words: str, then: Command = ()) -> Fix | None:
    """Run `words`, and `then`, at the end of `run` as the user that ran `filler`; None where nothing may be appended.

    Other programs than rm, which does no harm where nothing is, run only where `filler` certainly did.
    """
    prefix = _prefix(run, filler)
    if prefix is None or not run.scope.is_plain or words[0] in run.instruction.script.functions:
        return None
    if words[0] != "rm" and not _is_certain(run, filler):
        return None
    added = (words, then) if then else (words,)
    text = " && ".join(prefix + " ".join(each) for each in added)
    edit = append_command(run.dockerfile, run.instruction, text, shell_errexit=run.scope.errexit)
    return None if edit is None else Fix((edit,), Applicability.SAFE, added=added)


_MOST_TOGETHER = 20
_VARIABLE = regex(r"\$\{?(\w+)\}?")


def clean_together(left: Sequence[tuple[Run, Fix | None]]) -> list[Fix | None]:
    """Return, for each RUN that leaves what the next of them would fetch again, a fix that cleans up in all of them.

    Cleaned up in one alone, the same would be fetched into the layer of the next: nothing is won, and where an earlier
    layer keeps it as well, the image grows. Beside one that keeps it, for want of a fix, the others are shown only.
    """
    families: dict[int, list[int]] = {}
    for at, (run, _) in enumerate(left):
        families.setdefault(root(run), []).append(at)
    found: dict[int, Fix | None] = {}
    for members in families.values():
        found.update(zip(members, _clean_family([left[at] for at in members]), strict=True))
    return [found[at] for at in range(len(left))]


def root(run: Run) -> int:
    """Return the index of the stage that everything below a RUN starts from."""
    stage = run.stage
    while stage.parent is not None:
        stage = run.dockerfile.stages[stage.parent]
    return stage.index


def _clean_family(left: Sequence[tuple[Run, Fix | None]]) -> Iterator[Fix | None]:
    lone = [run.instruction.line for run, fix in left if fix is None]
    together = None if lone else unite([fix for _, fix in left if fix is not None])
    for run, fix in left:
        if fix is None or not lone:
            yield fix if len(left) == 1 else together
        else:
            above = next((line for line in lone if line > run.instruction.line), None)
            caution = f"Line {above} would fetch it once more." if above else f"Line {lone[-1]} keeps it all the same."
            yield fix._replace(applicability=Applicability.DISPLAY, caution=caution)


def unite(fixes: Sequence[Fix]) -> Fix | None:
    """Return one fix that does what all do; None where there is nothing to put together."""
    if not 1 < len(fixes) <= _MOST_TOGETHER:
        return None
    caution = next((each.caution for each in fixes if each.caution), "")
    return Fix(
        tuple(edit for each in fixes for edit in each.edits),
        Applicability.UNSAFE if caution else Applicability.SAFE,
        tuple(command for each in fixes for command in each.removed),
        tuple(command for each in fixes for command in each.added),
        caution,
    )


def is_hidden_cleanup(run: Run, command: ShellCommand, mark: str) -> bool:
    """Tell whether a variable names a command that may delete `mark`: its value says so, or is not to be seen."""
    named = _VARIABLE.fullmatch(command.words[0].text) if command.words else None
    if named is None:
        return False
    value = run.scope.variable(named[1])
    return mark in value if value is not None else f"{named[1]}=" not in run.instruction.value


def run_again(run: Run, filler: ShellCommand, *arguments: str, program: int = 1, then: Command = ()) -> Fix | None:
    """Run the program of `filler`, its first `program` words, with `arguments`, and `then`, at the end of `run`.

    None unless it is certain that the program is still there by then, and that its name still means it.
    """
    words = filler.texts[:program]
    if filler.nesting or filler.from_exec or not all(map(_PLAIN_PROGRAM.fullmatch, words)):
        return None
    behind = run.commands[run.commands.index(filler) + 1 :]
    if _finds_programs_elsewhere(filler) or any(map(_may_take_away, behind)) or _may_lose_ground(run):
        return None
    return append_cleanup(run, filler, *words, *arguments, then=then)


def _prefix(run: Run, filler: ShellCommand) -> str | None:
    """Return what makes a command run as the user that ran `filler`, None where that is not plain."""
    if "sudo" not in filler.wrappers:
        return ""
    source = run.dockerfile.text[filler.span.start : filler.words[0].span.start]
    prefix = " ".join(part for part in source.split() if "=" not in part and part != run.dockerfile.escape) + " "
    return prefix if _SUDO.fullmatch(prefix) else None


def _is_certain(run: Run, filler: ShellCommand) -> bool:
    """Tell whether `filler` runs whenever the RUN succeeds: where it does not, its tool may not be there."""
    if filler.before == "||" or not set(filler.nesting) <= {"group", "subshell"}:
        return False
    return not any(each.name in _QUESTIONS and each.statement == filler.statement for each in run.commands)


def _finds_programs_elsewhere(command: ShellCommand) -> bool:
    return any(name == "PATH" for name, _ in command.assignments)


def _may_take_away(command: ShellCommand) -> bool:
    """Tell whether a command may remove a program, or change which one its name means."""
    if command.name in _CHANGERS or not command.name:
        return True
    if _finds_programs_elsewhere(command):
        return True
    if removed_words(command):
        return any(
            not word.literal or word.text.startswith(("/usr", "/opt", "/bin", "/root", "~", "*", "/*"))
            for word in removed_words(command)
        )
    return not _REMOVERS.isdisjoint(command.texts)


def _may_lose_ground(run: Run) -> bool:
    """Tell whether the RUN may end in a directory that it deleted: node, ruby and others do not start there."""
    cwd = working_directory(run.stage, run.scope)
    gone: list[str] = []
    for command in run.commands:
        if command.name in ("cd", "pushd", "popd"):
            if not {"subshell", "substitution"}.intersection(command.nesting):
                cwd = enter(cwd, command)
        elif removed_words(command) and is_recursive(command):
            gone += [path for path in removed_paths(command, run.dockerfile.text, cwd or "/?") if path.startswith("/")]
    if cwd is None:
        return any(not path.startswith("/var/") for path in gone)
    here = normalise(cwd)
    return any(lies_below(here, path) for path in gone)
