"""Where apt's package lists stay, and what keeps them out of the image."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import NamedTuple

from rules.dockerfile import Dockerfile, Script, ShellCommand, Span, Statement
from rules.edits import delete_lines, is_lone_command
from rules.fix import Applicability, Edit, Fix
from rules.packages.cache_cleanup import is_hidden_cleanup, root, unite
from rules.packages.lists_cleanup import append_cleanup, join_cleanup
from rules.patterns import regex
from rules.runs import Run, shipped_runs
from rules.surroundings import Surroundings
from rules.tools import apt, playwright
from rules.tools.cleanup import ineffective

HINTS = ("apt", "playwright", "nodesource", "packagecloud")
_WITHOUT_APT = regex(r"alpine|fedora|centos|rocky|almalinux|ubi\d|amazon|lambda|oraclelinux|suse|archlinux")
# What may stand between the two RUNs without the move of `apt-get update` past it changing anything.
_INDIFFERENT = frozenset({"ENV", "ARG", "LABEL", "MAINTAINER", "EXPOSE", "VOLUME", "STOPSIGNAL", "CMD", "ENTRYPOINT"})

_STEERS_APT = regex(r"\b(?:PATH|LD_\w+|\w*_proxy|APT_\w+|TMPDIR|HOME)\b", re.IGNORECASE)


class Left(NamedTuple):
    """A RUN that leaves lists, the command that fetched them, and whether they are to stay, for all that is known."""

    run: Run
    update: ShellCommand
    is_wanted: bool


class _Mend(NamedTuple):
    """A fix that makes one RUN of those from `run` to the instruction `last`, without lists in the end."""

    run: Run
    last: int
    fix: Fix


class _Touch(NamedTuple):
    """What a RUN does to the lists: whether it deletes any, and whether it fetches what it leaves."""

    at: int
    deletes: bool
    fetches: bool


class Lists(NamedTuple):
    """The RUNs that leave lists, what may be done about each, and which layers hold them."""

    left: tuple[Left, ...]
    mends: dict[int, _Mend]
    touches: tuple[tuple[_Touch, ...], ...]
    holding: frozenset[int]

    def offer(self, run: Run) -> Fix | None:
        """Return what takes the lists out that `run` leaves: its own fix, or those of all RUNs together.

        Deleted in one alone, they may be fetched into the layer of the next, or an earlier one may keep them.
        """
        own = self.mends.get(run.instruction.index)
        if own is None or self.frees(run.instruction.index, own.last):
            return own and own.fix
        family = [each for each in self.mends.values() if root(each.run) == root(run)]
        least = min(len(self.holding), len(self._without(each for each in family if each is not own)))
        return unite([each.fix for each in family]) if len(self._without(family)) < least else None

    def frees(self, first: int, last: int) -> bool:
        """Tell whether fewer layers hold lists once the RUNs from `first` to `last` are one that deletes them."""
        return len(_find_holding(self.touches, [(first, last)])) < len(self.holding)

    def is_spoken_of(self, run: Run, fix: Fix | None) -> bool:
        """Tell whether the layer of `run` holds lists, or `fix` takes them out of another one."""
        return fix is not None or run.instruction.index in self.holding

    def _without(self, mends: Iterable[_Mend]) -> frozenset[int]:
        return _find_holding(self.touches, [(each.run.instruction.index, each.last) for each in mends])


@lru_cache(maxsize=16)
def read_lists(dockerfile: Dockerfile, targets: frozenset[str]) -> Lists:
    """Return what is to be known of the package lists in the layers of the shipped stages."""
    surroundings = Surroundings(targets=targets)
    left = tuple(
        Left(run, update, apt.are_lists_used_later(run) or _is_misspelt(run))
        for run in shipped_runs(dockerfile, surroundings, HINTS)
        if (update := _last_uncleaned_update(run)) is not None
        and not run.mounts(apt.LISTS)
        and not any("Dir::" in text for text in update.texts)
    )
    if not left:
        return Lists((), {}, (), frozenset())
    found = {
        run.instruction.index: _touch(run)
        for run in shipped_runs(dockerfile, surroundings, (*HINTS, "/var", "script.deb", "setup_"))
    }
    touches = tuple(
        tuple(touch for _, each in dockerfile.lineage(stage) if (touch := found.get(each.index)) is not None)
        for stage in dockerfile.shipped(targets)
    )
    mends = {each.run.instruction.index: mend for each in left if (mend := _mend(each)) is not None}
    return Lists(left, mends, touches, _find_holding(touches, ()))


def _find_holding(touches: Iterable[tuple[_Touch, ...]], mended: Iterable[tuple[int, int]]) -> frozenset[int]:
    """Return the RUNs whose layers hold lists, when those within the ranges of `mended` leave none."""
    gone = {index for first, last in mended for index in range(first, last + 1)}
    holding: set[int] = set()
    for stage in touches:
        is_there = False
        for each in stage:
            if each.at in gone or (each.deletes and not each.fetches):
                is_there = False
            elif each.fetches:
                if each.deletes or not is_there:
                    holding.add(each.at)
                is_there = True
    return frozenset(holding)


def _touch(run: Run) -> _Touch | None:
    """Return what a RUN does to the lists in its layer, None for nothing."""
    if run.mounts(apt.LISTS):
        return None
    deletes = fetches = False
    for _, is_update in _events(run, hidden=True):
        deletes, fetches = deletes or not is_update, is_update
    return _Touch(run.instruction.index, deletes, fetches) if deletes or fetches else None


def _mend(left: Left) -> _Mend | None:
    run, update, is_wanted = left
    split, readers = find_split(run)
    if split is not None and readers:
        return _move_update(run, split, readers)
    if is_wanted:
        return None
    joined = join_cleanup(run, run.instruction)
    if joined is not None:
        return _Mend(run, run.instruction.index + 1, joined)
    if not apt.updates(update) and not update.wrappers and (run.scope.user or "root") not in ("root", "0"):
        return None  # Playwright asks sudo itself, and what is appended would run without
    appended = append_cleanup(run, update)
    return None if appended is None else _Mend(run, run.instruction.index, appended)


def _is_misspelt(run: Run) -> bool:
    """Tell whether a clean-up is there and misses the lists: ineffective-cleanup mends it."""
    text = run.dockerfile.text
    return any(found.directory == apt.LISTS for command in run.commands for found in ineffective(command, text))


def _last_uncleaned_update(run: Run) -> ShellCommand | None:
    update = None
    for command, is_update in _events(run):
        update = command if is_update else None
    return update


_HIDDEN_UPDATE = regex(r"\b(?:apt|apt-get|aptitude)\b(?:\s+-\S+)*\s+update\b(?![^\n]{0,2000}/var/lib/apt/lists)")
_SAY = frozenset({"echo", "printf", "cat", "grep", "sed"})


def _events(run: Run, *, hidden: bool = False) -> Iterator[tuple[ShellCommand, bool]]:
    """Yield the commands that fetch lists, with True, and those that may delete them, with False.

    With `hidden`, also what runs apt as a text: `bash -c "apt-get update && apt-get install x"`.
    """
    for feeder, command in zip((None, *run.commands), run.commands, strict=False):
        fetches = playwright.installs_dependencies(command) and not _WITHOUT_APT.search(run.base)
        if hidden and "update" in " ".join(command.texts) and command.name not in _SAY:
            fetches = fetches or _HIDDEN_UPDATE.search(" ".join(command.texts)) is not None
        if fetches or apt.updates(command) or apt.adds_repository(command, feeder, run.base):
            yield command, True
        elif apt.cleans_lists(command) or _may_clean(command) or is_hidden_cleanup(run, command, apt.LISTS):
            yield command, False


def _may_clean(command: ShellCommand) -> bool:
    """Tell whether a command of unknown content looks like a clean-up, or xargs deletes what it is handed."""
    if command.name == "xargs":
        return "rm" in command.texts
    return "clean" in command.name.lower() and command.name != "apt-get"


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


def _move_update(run: Run, update: ShellCommand, readers: list[Run]) -> _Mend | None:
    """Move the update of a RUN into the one that installs from it, which deletes the lists in the end."""
    install_run = readers[0]
    if not _does_nothing_else(run) or not _may_move(run, install_run):
        return None
    place = _place(install_run)
    if place is None or len(readers) > 1:
        return None  # with several readers the lists have to stay, wherever they are fetched
    last = install_run.instruction.index
    edits = (delete_lines(run.dockerfile, run.instruction), _prepend(run, install_run, place))
    joined = join_cleanup(install_run, run.instruction)
    if joined is not None:
        return _Mend(run, last + 1, joined)
    moved = Fix(edits, Applicability.SAFE, (update.texts,), (update.texts,))
    if any(apt.cleans_lists(command) for command in install_run.commands):
        return _Mend(run, last, moved)
    cleanup = append_cleanup(install_run, update)
    if cleanup is None or apt.are_lists_used_later(install_run):
        return None
    fix = cleanup._replace(edits=(*edits, *cleanup.edits), removed=moved.removed, added=(*moved.added, *cleanup.added))
    return _Mend(run, last, fix)


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
