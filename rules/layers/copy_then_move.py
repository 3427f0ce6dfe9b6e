"""copy-then-move."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from itertools import islice

from rules.dockerfile import Dockerfile, Instruction, ShellCommand, Stage, Word
from rules.finding import Finding, Snippet
from rules.layers.copied_trees import Copied, Sizes, copies_below, resolve, shown
from rules.layers.written_paths import enter, working_directory
from rules.rule import Bad, Rule, Surroundings
from rules.runs import Run, shipped_runs
from rules.tools.remove import may_remove

_HINTS = ("mv ", "cp ")
_CONDITIONAL = ("if", "case", "function", "substitution", "loop")
_MOST_RUNS = 60


class CopyThenMove(Rule):
    """Something that is copied into the image and then moved or copied on by a RUN, so that it is there twice.

    ## What it does
    Finds `mv` and `cp -r` in a RUN of exactly what a COPY or ADD brought: a tree, or a file that may be large.

    ## Why it costs
    The layer of the COPY keeps the old place, the layer of the RUN holds the new one. Measured with Docker 26.1: 100 MB
    copied to `/app`, then `mv /app /srv/app`, make 200 MB.

    ## Fix safety
    No edit by a click: `mv` and COPY differ in what they do with a target that exists. The comment brings the COPY with
    the new target where there is one source.

    ## When it is silent
    The file looks small; a `cp` whose source is deleted in the same RUN (delete-in-later-layer speaks); the command is
    conditional; something else may be at the target before; the path was copied by a stage that is not shipped.
    """

    code = "DS105"
    techniques = ("move-copy", "delete-in-later-layer")
    triggers = _HINTS
    good = (
        "FROM debian:12\nCOPY app /srv/app\n",
        "FROM debian:12\nCOPY run.sh /\nRUN mv /run.sh /usr/local/bin/run\n",
    )
    bad = (Bad("FROM debian:12\nCOPY . /app\nRUN mv /app /srv/app\n", None),)

    def check(self, dockerfile: Dockerfile, surroundings: Surroundings) -> Iterator[Finding]:
        """Yield one finding for each RUN, about the first thing that it moves."""
        if not any(map(dockerfile.text.__contains__, _HINTS)):
            return
        first = next((each.index for each in dockerfile.instructions if each.keyword in ("COPY", "ADD")), None)
        if first is None:
            return

        def behind_a_copy(_: Stage, run: Instruction) -> bool:
            return run.index > first

        sizes = Sizes(surroundings.context)
        for run in islice(shipped_runs(dockerfile, surroundings, _HINTS, where=behind_a_copy), _MOST_RUNS):
            found = next(_moved(run, sizes), None)
            if found is None:
                continue
            command, copied, target = found
            line = copied.instruction.line
            mode = _changes_mode(run, copied, target)
            place = f"`{target.text}`" + (f" with the mode that `{mode}` sets" if mode else "")
            yield self.finding(
                run.instruction,
                command.span,
                f"{command.name} puts {shown(copied.path)} into another layer",
                f"What line {line} copied stays in its layer; copied to {place}, it would be there once.",
                snippet=_snippet(run, copied, target) if command.name == "mv" and not mode else None,
            )


def _moved(run: Run, sizes: Sizes) -> Iterator[tuple[ShellCommand, Copied, Word]]:
    cwd = working_directory(run.stage, run.scope)
    for at, command in enumerate(run.commands):
        if command.name in ("cd", "pushd", "popd"):
            cwd = enter(cwd, command)
            continue
        if command.name not in ("mv", "cp") or command.before == "||":
            continue
        if any(kind in _CONDITIONAL for kind in command.nesting):
            continue
        operands = [word for word in command.arguments if not word.text.startswith("-")]
        if len(operands) < 2 or command.has_flag("-t", "-l", "-s", "--target-directory", "--link", "--symbolic-link"):
            continue
        for word in operands[:-1]:
            copied = _copied(run, word, cwd, sizes)
            if copied is None or run.mounts(copied.path):
                continue
            removed = command.name == "cp" and any(
                may_remove(each, path) for each in run.commands[at + 1 :] for path in (copied.path, operands[-1].text)
            )
            if (
                removed
                or (command.name == "cp" and not copied.is_tree)
                or _is_used_before(run, command, copied, operands[-1])
            ):
                continue
            yield command, copied, operands[-1]


def _is_used_before(run: Run, command: ShellCommand, copied: Copied, target: Word) -> bool:
    """Tell whether something else may be at the target until the move: copied there at once, it would meet that."""
    before = (each for each in run.commands if each.span.start < command.span.start)
    runs = (each for each in run.earlier() if each.instruction.index > copied.instruction.index)
    commands = (*before, *(command for each in runs for command in each.commands))
    return any(each.name != "mkdir" and target.text in each.texts for each in commands)


def _changes_mode(run: Run, copied: Copied, target: Word) -> str:
    """Return what changes mode or owner of the file in the RUN that moves it, which copies it as well."""
    return next(
        (
            each.name
            for each in run.commands
            if each.name in ("chmod", "chown", "chgrp")
            and any(text in (copied.path, copied.path.lstrip("/"), target.text) for text in each.texts)
        ),
        "",
    )


def _copied(run: Run, word: Word, cwd: str | None, sizes: Sizes) -> Copied | None:
    """Return what was copied to exactly the place that a word names, or, as `dir/*`, into it."""
    path = resolve(word, run.scope, cwd)
    if path is None:
        return None
    if path.endswith("/*"):
        path = path.removesuffix("/*")
        found = (each for each in copies_below(run, path) if each.path == path and each.is_tree)
    elif word.has_glob:
        return None
    else:
        found = (each for each in copies_below(run, path) if each.path == path)
    return next((each for each in found if each.may_be_large(sizes)), None)


def _snippet(run: Run, copied: Copied, target: Word) -> Snippet | None:
    each = copied.instruction
    if len(each.words) != 2 or not target.literal or not target.text.startswith("/") or target.text.endswith("/"):
        return None
    if each.exec_words is not None or any(char in target.text for char in "*?[ "):
        return None
    flags = "".join(f"{flag.span.of(run.dockerfile.text)} " for flag in each.flags)
    source = each.words[0].span.of(run.dockerfile.text)
    place = target.text if copied.is_tree or posixpath.splitext(target.text)[1] else None
    if place is None:
        return None
    return Snippet("The COPY with the new target, instead of the move", f"{each.keyword} {flags}{source} {place}")
