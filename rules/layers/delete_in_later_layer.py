"""delete-in-later-layer."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from fnmatch import fnmatchcase

from rules.dockerfile import Dockerfile, Instruction, ShellCommand, Stage
from rules.edits import join_runs
from rules.finding import Finding
from rules.fix import Fix
from rules.layers.written_paths import Written, written_paths
from rules.rule import Bad, Rule, Surroundings
from rules.runs import Run, shipped_runs
from rules.tools.remove import normalise, removed_paths

# Words without which a RUN is not worth reading here: reading them all is what this rule would cost most.
_DELETERS = ("rm", "-delete", "unlink")
_WRITERS = ("curl", "wget", "git", "apt", ">", *_DELETERS)


class DeleteInLaterLayer(Rule):
    """Files that one layer writes and a later one deletes.

    ## What it does
    Finds an `rm` of something that an earlier COPY, ADD or RUN of the shipped stages wrote.

    ## Why it costs
    A layer is shipped as it was made: deleting in a later one hides the file and frees nothing. Measured with
    buildah: a file of 20 MB that a later RUN deletes leaves the image 20 MB and 129 bytes larger.

    ## Fix safety
    Safe where it is offered: the two RUNs stand next to each other, run with the same flags, and the first leaves no
    state (`cd`, `export`, `exit`) that the second would see; they are joined with `&&`. For a COPY or ADD, and for
    RUNs that stand apart, there is no edit that is right without knowing more.

    ## When it is silent
    The path came with the base image, or may have; the layer that wrote it also deleted it; the stage is not shipped.
    """

    code = "DS101"
    good = (
        "FROM debian:12\nRUN curl -fsSLO https://example.com/a.tgz && tar -xzf a.tgz && rm a.tgz\n",
        "FROM nginx:1.27\nRUN rm /etc/nginx/conf.d/default.conf\n",
    )
    bad = (
        Bad(
            "FROM debian:12\nRUN curl -fsSL -o /tmp/a.tgz https://example.com/a.tgz && tar -xzf /tmp/a.tgz -C /opt\n"
            "RUN rm /tmp/a.tgz\n",
            "FROM debian:12\nRUN curl -fsSL -o /tmp/a.tgz https://example.com/a.tgz && tar -xzf /tmp/a.tgz -C /opt"
            " && rm /tmp/a.tgz\n",
        ),
        Bad("FROM debian:12\nCOPY a.tgz /tmp/\nRUN tar -xzf /tmp/a.tgz -C /opt && rm /tmp/a.tgz\n", None),
    )

    def check(self, dockerfile: Dockerfile, surroundings: Surroundings) -> Iterator[Finding]:
        """Yield one finding for each RUN that deletes what an earlier layer holds."""
        for run in shipped_runs(dockerfile, surroundings, _DELETERS):
            match = _first_match(run)
            if match is None:
                continue
            command, path, written = match
            yield self.finding(
                run.instruction,
                command.span,
                f"Deleting {path} here frees nothing",
                f"It stays in the layer of line {written.instruction.line}, which wrote it.",
                _fix(run, written),
            )


def _first_match(run: Run) -> tuple[ShellCommand, str, Written] | None:
    candidates = None
    for command, path in _deletions(run):
        if candidates is None:
            candidates = [written for written in _written_before(run) if not run.mounts(written.path)]
        for written in reversed(candidates):
            if _is_deleted(written.path, path, written.is_directory):
                return command, path, written
    return None


def _deletions(run: Run) -> Iterator[tuple[ShellCommand, str]]:
    """Yield the paths that this RUN deletes and does not write itself."""
    if not any(hint in run.instruction.value for hint in _DELETERS):
        return
    own = {written.path for written in written_paths(run.instruction, run.scope)}
    cwd: str | None = run.scope.workdir or "/"
    for command in run.commands:
        if command.name in ("cd", "pushd", "popd"):
            cwd = _move(cwd, command)
            continue
        if any(kind in ("if", "case", "function", "substitution") for kind in command.nesting):
            continue
        for path in removed_paths(command, cwd):
            if path.startswith("/") and not any(_is_deleted(each, path, True) for each in own):
                yield command, path


def _move(cwd: str | None, command: ShellCommand) -> str | None:
    target = command.words[1] if len(command.words) == 2 else None
    if command.nesting or command.name != "cd" or target is None or not target.literal:
        return None
    if target.text.startswith("/"):
        return normalise(target.text)
    return normalise(posixpath.join(cwd, target.text)) if cwd and not target.text.startswith(("~", "-")) else None


def _written_before(run: Run) -> list[Written]:
    """Return what earlier layers wrote and still hold when this RUN starts."""
    held: list[Written] = []
    for stage, each in run.dockerfile.before(run.stage, run.instruction):
        scope = run.dockerfile.scope(stage, each)
        if each.keyword == "RUN":
            if not any(hint in each.value for hint in _WRITERS):
                continue
            earlier = Run(run.dockerfile, stage, each, scope)
            for _, path in _deletions(earlier):
                held = [written for written in held if not _is_deleted(written.path, path, written.is_directory)]
        held.extend(_kept(written_paths(each, scope), each, stage, run))
    return held


def _kept(written: Iterator[Written], each: Instruction, stage: Stage, run: Run) -> Iterator[Written]:
    """Leave out what the same RUN deletes again, and what lies on one of its mounts."""
    if each.keyword != "RUN":
        yield from written
        return
    here = Run(run.dockerfile, stage, each, run.dockerfile.scope(stage, each))
    gone = [path for command in each.commands for path in removed_paths(command, here.scope.workdir or "/")]
    text = " ".join(word.text for c in each.commands if c.name in ("rm", "mv", "find", "unlink") for word in c.words)
    for found in written:
        name = posixpath.basename(found.path)
        if any(mount.covers(found.path) or mount.target == found.path for mount in each.mounts):
            continue
        if any(_is_deleted(found.path, path, found.is_directory) for path in gone) or (name and name in text):
            continue
        yield found


def _is_deleted(path: str, pattern: str, is_directory: bool) -> bool:
    """Tell whether deleting `pattern` deletes `path`: itself, a parent, a glob, or a `.git` of a clone."""
    if pattern == path or path.startswith(pattern.rstrip("/") + "/"):
        return True
    if is_directory and pattern == path + "/.git":
        return True
    if not any(char in pattern for char in "*?["):
        return False
    depth = pattern.count("/")
    prefix = "/".join(path.split("/")[: depth + 1])
    return fnmatchcase(prefix, pattern) and not posixpath.basename(prefix).startswith(".")


def _fix(run: Run, written: Written) -> Fix | None:
    first, second = written.instruction, run.instruction
    if first.keyword != "RUN" or second.index != first.index + 1:
        return None
    return join_runs(run.dockerfile, first, second, shell_errexit=run.scope.errexit)
