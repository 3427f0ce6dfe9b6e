"""What a tool keeps in the layer for a next time: the questions that every such rule asks, answered once."""

from __future__ import annotations

import re
from abc import abstractmethod
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import ClassVar, NamedTuple

from rules.dockerfile import Dockerfile, Instruction, Scope, ShellCommand
from rules.finding import Finding
from rules.fix import Fix
from rules.packages.cache_cleanup import clean_together
from rules.patterns import regex
from rules.rule import Rule, Surroundings
from rules.runs import Fact, Run, shipped_runs
from rules.tools.archives import SUFFIX
from rules.tools.remove import expand_braces, is_recursive, lies_below, normalise, removed_words

# Variables that, set for one command, put its cache where neither a look at the scope nor a clean-up finds it.
_MOVES = regex(r"(?:HOME|XDG_CACHE_HOME|COMPOSER_HOME|CARGO_HOME|GEM_HOME|GOPATH|BUNDLE_PATH)$|\w{1,40}_(?i:cache)")


def _never(_: Instruction) -> bool:
    return False


class Cache(NamedTuple):
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


class CacheRule(Rule):
    """A cache that a RUN leaves in its layer, told at the last command that fills it."""

    cache: ClassVar[Cache]
    has_index: ClassVar[bool] = False
    """Whether the tool keeps an index as well, which the next RUN would fetch again after a clean-up in one alone."""

    def check(self, dockerfile: Dockerfile, surroundings: Surroundings) -> Iterator[Finding]:
        """Yield one finding for each RUN that leaves the cache."""
        left = list(left_behind(self.cache, dockerfile, surroundings))
        told = [self.tell(run, fillers[-1]) for run, fillers in left]
        if self.has_index:
            fixes = clean_together(
                [(run, each[2]) for (run, _), each in zip(left, told, strict=True) if each is not None]
            )
            together = iter(fixes)
            told = [each and (each[0], each[1], next(together)) for each in told]
        for (run, fillers), each in zip(left, told, strict=True):
            if each is not None:
                yield self.finding(run.instruction, fillers[-1].span, *each)

    @abstractmethod
    def tell(self, run: Run, filler: ShellCommand) -> tuple[str, str, Fix | None] | None:
        """Return message, reason and fix, None where what else is known speaks against a finding."""


def left_behind(
    cache: Cache, dockerfile: Dockerfile, surroundings: Surroundings, *, deferred: bool = False
) -> Iterator[tuple[Run, list[ShellCommand]]]:
    """Yield each shipped RUN that leaves the cache in its layer, with the commands behind which nothing empties it."""
    for run in shipped_runs(dockerfile, surroundings, cache.hints, deferred=deferred):
        fillers = _uncleaned(cache, run)
        if fillers and not _is_kept_out(cache, run) and not _is_read_later(dockerfile, cache.marks):
            yield run, fillers


_ROOT = frozenset({"root", "0", "root:root", "0:0"})


def name_place(run: Run, filler: ShellCommand, directory: str, otherwise: str) -> str:
    """Return `directory` where root certainly runs `filler`, or `otherwise`: homes differ from image to image."""
    user = run.scope.user
    is_root = user in _ROOT if user is not None else "/" not in run.base
    if "sudo" in filler.wrappers or not is_root or not directory.startswith(("/root/", "/usr/local/share/")):
        return otherwise
    return f"`{directory}`"


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
            if path in ("~", "/root") or lies_below(place, path) or lies_below(place, text):
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
    if any(hint in note for note in _notes(run.dockerfile) for hint in cache.hints):
        return True  # whoever writes of it has made up their mind
    if _BROUGHT.search(run.dockerfile.text) and run.is_preceded_by(_brings_packages):
        return True  # what is installed already is not downloaded
    return cache.configures(run.instruction) or run.is_preceded_by(cache.configures)


_NOTES = regex(r"^[ \t]*#[^\n]{0,200}\bcache\b", re.MULTILINE)


@lru_cache(maxsize=32)
def _notes(dockerfile: Dockerfile) -> tuple[str, ...]:
    """Return the comments that speak of a cache."""
    return tuple(_NOTES.findall(dockerfile.text)) if "cache" in dockerfile.text else ()


_BROUGHT = regex(r"--from=[^\n]{0,200}(?:/node_modules|/vendor|/bundle|/site-packages|/dist-packages|venv)\b")


def _brings_packages(each: Instruction) -> bool:
    """Tell whether a COPY takes installed packages out of another image."""
    return each.keyword == "COPY" and _BROUGHT.search(each.span.of(each.document)) is not None


@lru_cache(maxsize=64)
def _is_read_later(dockerfile: Dockerfile, marks: re.Pattern[str]) -> bool:
    """Tell whether a stage copies the cache, or a volume holds it."""
    return any(
        each.keyword in ("COPY", "ADD", "VOLUME") and marks.search(each.value) is not None
        for each in dockerfile.instructions
    )
