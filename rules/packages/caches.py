"""What a tool keeps in the layer for a next time: the questions that every such rule asks, answered once."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import lru_cache

from rules.dockerfile import Dockerfile, Instruction, Scope, ShellCommand
from rules.edits import append_command
from rules.fix import Applicability, Command, Fix
from rules.layers.written_paths import enter, working_directory
from rules.rule import Surroundings
from rules.runs import Fact, Run, shipped_runs
from rules.tools.archives import SUFFIX
from rules.tools.remove import expand_braces, is_recursive, normalise, removed_paths, removed_words

# Variables that, set for one command, put its cache where neither a look at the scope nor a clean-up finds it.
_MOVES = re.compile(
    r"(?:HOME|XDG_CACHE_HOME|COMPOSER_HOME|CARGO_HOME|GEM_HOME|GOPATH|BUNDLE_PATH)$|\w{1,40}_(?i:cache)"
)


def _never(_: Instruction) -> bool:
    return False


@dataclass(frozen=True, slots=True)
class Cache:
    """One tool's cache.

    `fills` and `empties` tell what a command of the tool does to it; `place` is the directory as far as the file tells.
    `marks` finds in a path what means this cache wherever it lies: an `rm` or a mount with it was made for the cache.
    `switches` are the variables that turn it off or say where it is in a way that is not followed here, and
    `configures` tells an instruction that does so by a file.
    """

    hints: tuple[str, ...]
    fills: Callable[[ShellCommand], bool]
    empties: Callable[[ShellCommand], bool]
    place: Callable[[Scope], str]
    marks: re.Pattern[str]
    switches: tuple[str, ...] = ()
    configures: Fact = _never


def left_behind(
    cache: Cache, dockerfile: Dockerfile, surroundings: Surroundings, *, deferred: bool = False
) -> Iterator[tuple[Run, list[ShellCommand]]]:
    """Yield each shipped RUN that leaves the cache in its layer, with the commands behind which nothing empties it."""
    for run in shipped_runs(dockerfile, surroundings, cache.hints, deferred=deferred):
        fillers = _uncleaned(cache, run)
        if fillers and not _is_kept_out(cache, run) and not _is_read_later(dockerfile, cache.marks):
            yield run, fillers


def fills_layer(cache: Cache, run: Run, command: ShellCommand) -> bool:
    """Tell whether `command`, in a RUN of its own with the flags of `run`, would leave the cache in its layer."""
    return cache.fills(command) and not _is_kept_out(cache, run) and not _is_read_later(run.dockerfile, cache.marks)


def _uncleaned(cache: Cache, run: Run) -> list[ShellCommand]:
    fillers: list[ShellCommand] = []
    for command in run.commands:
        if cache.fills(command):
            fillers.append(command)
        elif fillers and (cache.empties(command) or _may_empty(cache, run, command)):
            fillers = []
    return fillers


def _may_empty(cache: Cache, run: Run, command: ShellCommand) -> bool:
    """Tell whether an `rm` takes the cache away, or a command of unknown content may."""
    words = removed_words(command)
    if any(cache.marks.search(word.text) for word in words):
        return True
    for word in words if is_recursive(command) else ():  # no cache is a single file
        if not word.literal:
            if _may_name_directory(word.text.strip("\"'")):
                return True
            continue
        place = cache.place(run.scope)
        for text in expand_braces(word.text):
            path = normalise(text.removesuffix("*"))
            if path in ("~", "/root") or _lies_below(place, path) or _lies_below(place, text):
                return True
    return "clean" in command.name.lower()


def _may_name_directory(text: str) -> bool:
    """Tell whether a word with a variable may be a directory from the root on: `$DIR`, `$HOME/*`, no `node-v$V`."""
    if text.rstrip("/*") in ("$HOME", "${HOME}"):
        return True
    return text.startswith(("$", "`")) and "/" not in text and SUFFIX.search(text) is None


def _is_kept_out(cache: Cache, run: Run) -> bool:
    if any(map(run.scope.sets, cache.switches)):
        return True
    names = {name for each in run.commands for name, _ in each.assignments}
    if any(name in cache.switches or _MOVES.match(name) for name in names):
        return True
    if run.mounts(cache.place(run.scope)):
        return True
    # The user's home may be another than the file shows: a mount that names the cache was meant for it.
    for mount in run.instruction.mounts:
        target = mount.target
        if mount.type in ("cache", "tmpfs") and target and cache.marks.search(target):
            return True
    return cache.configures(run.instruction) or run.is_preceded_by(cache.configures)


@lru_cache(maxsize=64)
def _is_read_later(dockerfile: Dockerfile, marks: re.Pattern[str]) -> bool:
    """Tell whether a stage copies the cache, or a volume holds it."""
    return any(
        each.keyword in ("COPY", "ADD", "VOLUME") and marks.search(each.value) is not None
        for each in dockerfile.instructions
    )


# What stands in front of a program and may stand in front of another one of the same tool.
_PREFIX = re.compile(r"sudo(?: -[A-Za-z]+| [a-z_][\w-]*)* ")
_REMOVERS = frozenset({"del", "remove", "purge", "autoremove", "erase", "uninstall", "unload", "deactivate"})
_QUESTIONS = frozenset({"[", "[[", "test", "which", "command", "type", "hash"})
_CHANGERS = frozenset({"nvm", "n", "fnm", "volta", "asdf", "rbenv", "rvm", "su", "unset", "alias", "mv", "hash"})


def append_cleanup(run: Run, filler: ShellCommand, *arguments: str) -> Fix | None:
    """Run `arguments` with the program of `filler` at the end of `run`; None where that may not be done.

    It must be certain that the program is still there by then and that it was run at all.
    """
    if run.deferred or not run.scope.is_plain or filler.nesting or filler.from_exec:
        return None
    if "||" in run.instruction.script.statements[filler.statement].operators or _follows_question(run, filler):
        return None
    program = filler.words[0].text
    prefix = _prefix(run, filler)
    if prefix is None or not re.fullmatch(r"/[\w./-]+|[\w.-]+", program):
        return None
    behind = run.commands[run.commands.index(filler) + 1 :]
    if any(_may_take_away(command) for command in behind) or _may_lose_ground(run):
        return None
    return _append(run, prefix, (program, *arguments))


def append_removal(run: Run, filler: ShellCommand, path: str) -> Fix | None:
    """Delete `path` at the end of `run`, as the user that ran `filler`; None where nothing may be appended."""
    if run.deferred or not run.scope.is_plain or filler.from_exec:
        return None
    prefix = _prefix(run, filler)
    return None if prefix is None else _append(run, prefix, ("rm", "-rf", path))


def _append(run: Run, prefix: str, words: Command) -> Fix | None:
    edit = append_command(run.dockerfile, run.instruction, prefix + " ".join(words), shell_errexit=run.scope.errexit)
    return None if edit is None else Fix((edit,), Applicability.SAFE, added=(words,))


def _follows_question(run: Run, filler: ShellCommand) -> bool:
    """Tell whether the filler hangs on a test, so that its tool may not be there."""
    return any(each.name in _QUESTIONS and each.statement == filler.statement for each in run.commands)


def _prefix(run: Run, filler: ShellCommand) -> str | None:
    if not filler.wrappers:
        return ""
    source = run.dockerfile.text[filler.span.start : filler.words[0].span.start]
    prefix = " ".join(part for part in source.split() if "=" not in part) + " "
    return prefix if _PREFIX.fullmatch(prefix) else None


def _may_take_away(command: ShellCommand) -> bool:
    """Tell whether a command may remove a program, or change which one its name means."""
    if command.name in _CHANGERS or not command.name:
        return True
    if any(name == "PATH" for name, _ in command.assignments):
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
    return any(_lies_below(here, path) for path in gone)


def _lies_below(path: str, pattern: str) -> bool:
    """Tell whether deleting `pattern` deletes `path`, by its own name or one above it."""
    if path == pattern or path.startswith(pattern.rstrip("/") + "/"):
        return True
    if not any(char in pattern for char in "*?["):
        return False
    depth = pattern.count("/")
    return fnmatchcase("/".join(path.split("/")[: depth + 1]), pattern.replace("[^", "[!"))
