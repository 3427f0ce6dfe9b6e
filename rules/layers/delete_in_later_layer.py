"""delete-in-later-layer."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from fnmatch import fnmatchcase
from functools import lru_cache

from rules.dockerfile import Dockerfile, ShellCommand
from rules.edits import join_all_runs
from rules.finding import Finding, Snippet
from rules.fix import Fix
from rules.layers.copied_archive import bind_snippet, consumed
from rules.layers.written_paths import UNKNOWN_DIRECTORY, Written, enter, working_directory, written_paths
from rules.packages.lists_in_layers import read_lists
from rules.patterns import regex
from rules.rule import Bad, Rule, Surroundings
from rules.runs import Run, shipped_runs
from rules.tools import apt
from rules.tools.remove import is_recursive, removed_paths

# Words without which a RUN is not worth reading here: reading them all is what this rule would cost most.
_DELETERS = ("rm ", "rm\t", '"rm"', "-delete", "unlink ")
_WRITERS = ("curl", "wget", "git ", "apt", ">", "tar ", "unzip", "mkdir", "npm", "yarn", *_DELETERS)


_TINY = (".asc", ".sig", ".md5", ".sha1", ".sha256", ".sha512", ".gpg", ".pub")  # not worth a word
# Copied from the repository: a few kilobytes. Installers that end in .sh have numbers or systems in their names.
_SCRIPT = regex(
    r"[a-z_-]{1,20}\.(?:sh|bash|py|conf|cfg|list)|[\w.-]{1,40}\.(?:json|txt|toml|lock|ya?ml|ini|env|md|gemspec|c|h|js|rb|pl|php|patch|diff|service)"
    r"|(?:Gem|Pip|Proc|Make|Rake|Docker)file"
)
_TESTS = frozenset(
    {"-name", "-iname", "-path", "-wholename", "-regex", "-iregex", "-size", "-mtime", "-newer", "-empty"}
)
_MOST_HELD = 80  # paths that are remembered, the latest: each is held against each deletion


class DeleteInLaterLayer(Rule):
    """Files that one layer writes and a later one deletes.

    ## What it does
    Finds an `rm` of something that an earlier COPY, ADD or RUN of the shipped stages wrote.

    ## Why it costs
    A layer is shipped as it was made: deleting in a later one hides the file and frees nothing. Measured with
    buildah: a file of 20 MB that a later RUN deletes leaves the image 20 MB and 129 bytes larger.

    ## Fix safety
    Safe where it is offered: the RUNs from the one that writes to the one that deletes follow each other, with the
    same flags, and none leaves a state (`cd`, `export`, `exit`) that the next would see; they are joined with `&&`.
    For a COPY or ADD, and for RUNs that stand apart, there is no edit that is right without knowing more.

    ## When it is silent
    The path came with the base image, or may have; the layer that wrote it also deleted it; the stage is not shipped.
    """

    code = "DS101"
    techniques = ("delete-in-later-layer", "merge-run-with-cleanup")
    triggers = _DELETERS
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
        if not _holds(dockerfile.text, _DELETERS):
            return
        if not any(_matches(dockerfile, stage.index) for stage in dockerfile.shipped(surroundings.targets)):
            return
        for run in shipped_runs(dockerfile, surroundings, _DELETERS):
            match = _first_match(run)
            if match is None:
                continue
            command, path, written = match
            fix = _fix(run, written)
            if written.path == apt.LISTS and (fix is None or not _frees_lists(run, written, surroundings)):
                continue  # apt-lists-left-behind says so where it can be mended
            yield self.finding(
                run.instruction,
                command.span,
                f"Deleting {path.removeprefix(UNKNOWN_DIRECTORY)} here frees nothing",
                f"It stays in the layer of line {written.instruction.line}, which wrote it.",
                fix,
                snippet=_snippet(run, written) if fix is None else None,
            )


def _frees_lists(run: Run, written: Written, surroundings: Surroundings) -> bool:
    lists = read_lists(run.dockerfile, surroundings.targets)
    return lists.frees(written.instruction.index, run.instruction.index)


def _snippet(run: Run, written: Written) -> Snippet | None:
    """Return the bind mount that does without the COPY, where this RUN unpacks what it deletes."""
    if written.instruction.keyword == "RUN":
        return None
    for command, _, copied in consumed(run):
        if copied.path == written.path:
            return bind_snippet(run, command, copied)
    return None


def _holds(text: str, hints: tuple[str, ...]) -> bool:
    return any(map(text.__contains__, hints))


def _first_match(run: Run) -> tuple[ShellCommand, str, Written] | None:
    """Return the first deletion of something that an earlier layer holds."""
    return _matches(run.dockerfile, run.stage.index).get(run.instruction.index)


@lru_cache(maxsize=8)
def _matches(dockerfile: Dockerfile, stage: int) -> dict[int, tuple[ShellCommand, str, Written]]:
    """Go through the layers up to the end of a stage once; return what each RUN deletes of the layers below it."""
    lineage = list(dockerfile.lineage(dockerfile.stages[stage]))
    deletions: dict[int, list[tuple[ShellCommand, str]]] = {}
    is_written = False
    for owner, each in lineage:
        source = each.span.of(dockerfile.text)
        if is_written and each.keyword == "RUN" and _holds(source, _DELETERS):
            run = Run(dockerfile, owner, each, dockerfile.scope(owner, each))
            deletions[each.index] = list(_deletions(run))
        is_written = (
            is_written or each.keyword in ("COPY", "ADD") or (each.keyword == "RUN" and _holds(source, _WRITERS))
        )
    last = max((index for index, found in deletions.items() if found), default=-1)
    held: list[Written] = []
    matches: dict[int, tuple[ShellCommand, str, Written]] = {}
    for owner, each in lineage:
        if each.index > last:
            break
        if each.keyword not in ("COPY", "ADD", "RUN"):
            continue
        if each.keyword == "RUN" and not _holds(each.span.of(dockerfile.text), _WRITERS):
            continue
        run = Run(dockerfile, owner, each, dockerfile.scope(owner, each))
        for command, path in deletions.get(each.index, ()):
            for written in held:  # the oldest: from there on the bytes are shipped
                if run.mounts(written.path) or (written.is_directory and not is_recursive(command)):
                    continue
                if _is_deleted(written.path, path, written.is_directory):
                    if written.path == apt.LISTS:  # each update writes them anew
                        written = next(one for one in reversed(held) if one.path == apt.LISTS)  # noqa: PLW2901
                    known = matches.get(each.index)
                    # Of several the first, but not the lists: a rule of their own says what becomes of them.
                    if known is None or (known[2].path == apt.LISTS and written.path != apt.LISTS):
                        matches[each.index] = (command, path, written)
                    break
            held = [written for written in held if not _is_deleted(written.path, path, written.is_directory)]
        held = [*held, *_kept(run)][-_MOST_HELD:]
    return matches


def _deletions(run: Run) -> Iterator[tuple[ShellCommand, str]]:
    """Yield the paths that this RUN deletes and does not write itself."""
    cwd = working_directory(run.stage, run.scope)
    found: list[tuple[ShellCommand, str]] = []
    for command in run.commands:
        if command.name in ("cd", "pushd", "popd"):
            cwd = enter(cwd, command)
        elif _deletes_some(command):
            continue
        elif not any(kind in ("if", "case", "function", "substitution") for kind in command.nesting):
            gone = removed_paths(command, run.dockerfile.text, cwd, braces=run.scope.expands_braces)
            found += [(command, path) for path in gone if path.startswith("/")]
    if not found:
        return
    own = {written.path for written in written_paths(run.instruction, run.stage, run.scope)}
    for command, path in found:
        if not any(_is_deleted(each, path, True) for each in own if each == path or not each.endswith("/node_modules")):
            yield command, path


def _deletes_some(command: ShellCommand) -> bool:
    """Tell whether `find` chooses what it deletes: it is not all that lies there."""
    return command.name == "find" and not _TESTS.isdisjoint(command.texts)


def _kept(run: Run) -> Iterator[Written]:
    """Yield what an instruction leaves in its layer: not what it deletes again, nor what lies on one of its mounts."""
    each = run.instruction
    written = (one for one in written_paths(each, run.stage, run.scope) if not one.path.endswith(_TINY))
    if each.keyword != "RUN":
        yield from (one for one in written if not _SCRIPT.fullmatch(posixpath.basename(one.path)))
        return
    found = list(written)
    if not found:
        return
    cwd = working_directory(run.stage, run.scope)
    gone = [path for command in each.commands for path in removed_paths(command, run.dockerfile.text, cwd)]
    text = " ".join(word.text for c in each.commands if c.name in ("rm", "mv", "find", "unlink") for word in c.words)
    for one in found:
        name = posixpath.basename(one.path)
        if any(mount.covers(one.path) or mount.target == one.path for mount in each.mounts):
            continue
        if any(_is_deleted(one.path, path, one.is_directory) for path in gone) or (name and name in text):
            continue
        yield one


def _is_deleted(path: str, pattern: str, is_directory: bool) -> bool:
    """Tell whether deleting `pattern` deletes `path`: itself, a parent, a glob, or a `.git` of a clone."""
    if pattern == path or path.startswith(pattern.rstrip("/") + "/"):
        return True
    if is_directory and pattern in (path + "/.git", path + "/*"):
        return True
    if not any(char in pattern for char in "*?["):
        return False
    depth = pattern.count("/")
    prefix = "/".join(path.split("/")[: depth + 1])
    return fnmatchcase(prefix, pattern) and not posixpath.basename(prefix).startswith(".")


def _fix(run: Run, written: Written) -> Fix | None:
    first, second = written.instruction, run.instruction
    if first.keyword != "RUN" or first.index < run.stage.start.index or not run.scope.is_plain:
        return None
    return join_all_runs(run.dockerfile, first, second, shell_errexit=run.scope.errexit)
