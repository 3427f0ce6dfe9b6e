"""Commands that change owner or mode of what an earlier layer copied, and the flag on COPY that does it at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from fnmatch import fnmatchcase
from typing import NamedTuple

from rules.dockerfile import Dockerfile, Instruction, ShellCommand, Span, Word
from rules.finding import Snippet
from rules.fix import Applicability, Edit, Fix
from rules.layers.copied_trees import (
    Copied,
    Sizes,
    copies_below,
    filled_by,
    is_fed_by_copies_alone,
    may_be_in_base,
    resolve,
)
from rules.layers.written_paths import enter, working_directory
from rules.patterns import regex
from rules.runs import Run
from rules.tools import users
from rules.tools.ownership import Change, changes_found, read_change
from rules.tools.remove import normalise

MOST_TOUCHED = 60  # commands of one file that are looked at: each looks at all that stands above it
_SIMPLE = regex(r"[A-Za-z0-9_.:${}-]{1,80}")
_CONDITIONAL = ("if", "case", "function", "substitution", "loop")


class Touched(NamedTuple):
    """One command that changes `path`, and the copies that it reaches, heaviest first; `change` is None for find.

    Where these are all small, `filler` is the RUN that filled the tree above the command.
    """

    command: ShellCommand
    change: Change | None
    path: str
    paths: tuple[str, ...]
    copies: tuple[Copied, ...]
    filler: Instruction | None = None

    def reason(self, kind: str) -> str:
        """Say what is in the image twice; `kind` is what the command changes of it."""
        if self.filler is not None:
            what, instead = f"line {self.filler.line} wrote", f"; in that RUN, {self.command.name} copies nothing"
        else:
            what, instead = f"line {self.copies[0].instruction.line} copied", ""
        return f"What {what} stays there with its old {kind}, and is in the image twice{instead}."

    @property
    def span(self) -> Span:
        """Return what to underline."""
        return self.command.span

    @property
    def is_mode(self) -> bool:
        """Tell whether modes are changed, not owners."""
        return "chmod" in self.command.texts

    @property
    def name(self) -> str:
        """Return how the command is called, its option for the whole tree included."""
        if self.change is None:
            return "find -exec " + ("chmod" if self.is_mode else "chown")
        return f"{self.command.name} -R" if self.change.recursion is not None else self.command.name


def touched_copies(run: Run, sizes: Sizes) -> Iterator[Touched]:
    """Yield each command of a RUN that changes the owner or mode of files that an earlier layer copied."""
    cwd = working_directory(run.stage, run.scope)
    for command in run.commands:
        if command.name in ("cd", "pushd", "popd"):
            cwd = enter(cwd, command)
            continue
        if any(kind in _CONDITIONAL for kind in command.nesting) or command.before == "||":
            continue
        touched = _touched(run, command, cwd, sizes)
        if touched is not None:
            yield touched


def _touched(run: Run, command: ShellCommand, cwd: str | None, sizes: Sizes) -> Touched | None:
    change = read_change(command)
    words = change.paths if change is not None else tuple(changes_found(command))
    recursive = change is None or change.recursion is not None
    resolved = [(word, resolve(word, run.scope, cwd)) for word in words]
    reached: list[tuple[str, Copied]] = []
    for word, path in resolved:
        if path is None or run.mounts(path):
            continue
        reached += [(path, each) for each in _reached(run, word, path, recursive)]
    filler: Instruction | None = None
    large = [(path, each) for path, each in reached if each.may_be_large(sizes)]
    if not large:
        if change is not None and recursive:
            reached = [(path, each) for path, each in reached if filled_by(run, path) is not None]
            filler = filled_by(run, reached[0][0]) if reached else None
        if filler is None:
            return None
    reached = large or reached
    reached.sort(key=lambda pair: (not pair[1].is_tree, pair[1].instruction.index))
    paths = tuple(path for _, path in resolved if path is not None)
    complete = paths if len(paths) == len(resolved) else ()
    return Touched(command, change, reached[0][0], complete, tuple(each for _, each in reached), filler)


def _reached(run: Run, word: Word, path: str, recursive: bool) -> Iterator[Copied]:
    if word.has_glob:
        directory, _, pattern = path.rpartition("/")
        if any(char in directory for char in "*?["):
            return
        for each in copies_below(run, directory or "/"):
            name = each.path[len(directory) + 1 :].partition("/")[0]
            whole_tree = not name and each.is_tree and pattern == "*" and recursive
            named = bool(name) and fnmatchcase(name, pattern) and (recursive or _is_file_in(each, directory, name))
            if whole_tree or named:
                yield each
        return
    for each in copies_below(run, path):
        if recursive or (each.path == path and not each.is_tree):
            yield each


def _is_file_in(copied: Copied, directory: str, name: str) -> bool:
    return not copied.is_tree and copied.path == f"{directory}/{name}"


def flag_fix(run: Run, touched: Touched, flag: str, value_at: Callable[[Copied], str | None]) -> Fix | None:
    """Give every COPY that feeds the tree `--flag=value` and take `-R` from the command; None where that may be wrong.

    The command itself stays, for the directory: COPY does not change one that is there already.
    """
    change = touched.change
    if (
        change is None
        or not change.plain
        or change.command.from_exec
        or not touched.paths
        or touched.filler is not None
        or users.may_fail(run, change.command)
    ):
        return None
    if any(word.has_glob for word in change.paths) or change.command.wrappers:
        return None
    if _is_touched_twice(run, touched):
        return None
    edits: list[Edit] = []
    removed: list[tuple[str, str]] = []
    added: list[tuple[str, str]] = []
    for copied in _fed(run, touched):
        each = copied.instruction
        value = value_at(copied)
        given = each.flag(flag)
        if value is None or copied.stage is not run.stage or (each.keyword == "ADD" and copied.is_tree):
            return None
        if given is not None:
            if given.value != value:
                return None
            continue
        edit = Edit(Span(each.keyword_span.end, each.keyword_span.end), f" --{flag}={value}")
        if edit not in edits:
            edits.append(edit)
            removed.append((each.keyword, each.value))
            added.append((each.keyword, f"--{flag}={value} {each.value}"))
    if not all(is_fed_by_copies_alone(run, path, change.command) for path in touched.paths):
        return None
    shrunk = _without_recursion(run.dockerfile, change)
    if shrunk is None:
        return None
    edit, words = shrunk
    unsure = next((path for path in touched.paths if may_be_in_base(run, path)), None)
    caution = f"Files that {run.base} brings below {unsure} stay as they are." if unsure is not None else ""
    return Fix(
        (*edits, edit),
        Applicability.UNSAFE if caution else Applicability.SAFE,
        removed=(change.command.texts,),
        added=(words,),
        caution=caution,
        removed_instructions=tuple(removed),
        added_instructions=tuple(added),
    )


def _is_touched_twice(run: Run, touched: Touched) -> bool:
    """Tell whether another command of the RUN copies the same files all the same, so that nothing would be saved."""
    paths = set(touched.paths)
    return any(
        other.command is not touched.command and not paths.isdisjoint(other.paths or (other.path,))
        for other in touched_copies(run, Sizes(None))
    )


def flag_snippet(run: Run, touched: Touched, flag: str) -> Snippet | None:
    """Return the COPY lines with the flag that would make the command needless, to be copied by hand."""
    change = touched.change
    if change is None or len(touched.copies) > 6 or touched.filler is not None:
        return None
    value = change.value.span.of(run.dockerfile.text).strip("\"'")
    if _SIMPLE.fullmatch(value) is None or change.command.name == "chgrp":
        return None
    lines = dict.fromkeys(
        f"{each.instruction.keyword} --{flag}={value} {each.instruction.value}"
        for each in touched.copies
        if each.instruction.flag(flag) is None and not (each.instruction.keyword == "ADD" and each.is_tree)
    )
    return Snippet("The flag that sets it at once", "\n".join(lines)) if lines else None


def _fed(run: Run, touched: Touched) -> list[Copied]:
    """Return every copy that the command reaches, the small ones too."""
    return [each for path in dict.fromkeys(touched.paths) for each in copies_below(run, normalise(path))]


def _without_recursion(dockerfile: Dockerfile, change: Change) -> tuple[Edit, tuple[str, ...]] | None:
    """Return the edit that takes `-R` away, and the words that are left."""
    option = change.recursion
    if option is None:
        return None
    words = change.command.words
    at = next(index for index, word in enumerate(words) if word is option)
    rest = option.text.replace("R", "") if not option.text.startswith("--") else "-"
    if rest != "-":
        return Edit(option.span, rest), (*change.command.texts[:at], rest, *change.command.texts[at + 1 :])
    if at + 1 >= len(words):
        return None
    gap = dockerfile.text[option.span.end : words[at + 1].span.start]
    if gap.strip(" \t"):
        return None
    return (
        Edit(Span(option.span.start, words[at + 1].span.start), ""),
        (*change.command.texts[:at], *change.command.texts[at + 1 :]),
    )
