"""copied-archive."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from fnmatch import fnmatchcase
from functools import lru_cache
from itertools import islice

from rules.dockerfile import Dockerfile, Instruction, ShellCommand, Stage, Word
from rules.finding import Finding, Snippet
from rules.layers.copied_trees import Copied, copies_below, resolve
from rules.layers.written_paths import enter, working_directory
from rules.patterns import regex
from rules.rule import Bad, Rule, Surroundings
from rules.runs import Run, shipped_runs
from rules.tools.archives import unpacked
from rules.tools.remove import may_remove

_HINTS = ("tar ", "unzip", "dpkg", "rpm", "install", "7z", "unrar", ".sh", ".run", ".bin", " add ")
_MAY_BE_ARCHIVE = regex(
    r"\.(?:tar|tgz|tbz2?|txz|zip|7z|rar|deb|rpm|whl|gem|apk|run|bin|bsx|cab)|conda\S{0,40}\.sh|forge\S{0,40}\.sh",
    re.IGNORECASE,
)
_MOST_RUNS = 60  # of one file that are looked at: each looks at all that follow


class CopiedArchive(Rule):
    """An archive or package that is copied into the image to be unpacked there, and stays.

    ## What it does
    Finds a COPY or ADD of a file that a later RUN unpacks or installs (tar, unzip, `dpkg -i`, `rpm -i`, `pip install
    x.whl`) and that nothing deletes.

    ## Why it costs
    The file is shipped beside what came out of it, and no later `rm` changes that: the layer of the COPY holds it. The
    `.deb` of Chromium 156 for Debian 12 is 81.2 MB beside 297.2 MB of installed files.

    ## Fix safety
    No edit by a click: the COPY has to go, and the RUN gets a bind mount that shows the file to that one RUN. The
    comment brings the line. It needs BuildKit.

    ## When it is silent
    The file is deleted (then delete-in-later-layer speaks); a later instruction names it; ADD unpacks it by itself; the
    stage is not shipped.
    """

    code = "DS108"
    triggers = _HINTS
    aliases = ("hadolint:DL3010", "tally:DL3010")
    techniques = ("archive-left", "delete-in-later-layer")
    good = (
        "FROM debian:12\nRUN --mount=type=bind,source=a.tgz,target=/tmp/a.tgz tar -xzf /tmp/a.tgz -C /opt\n",
        "FROM debian:12\nADD a.tgz /opt/\n",
    )
    bad = (
        Bad("FROM debian:12\nCOPY a.tgz /tmp/\nRUN tar -xzf /tmp/a.tgz -C /opt\n", None),
        Bad("FROM python:3.12-slim\nCOPY dist/app.whl /tmp/\nRUN pip install --no-cache-dir /tmp/app.whl\n", None),
    )

    def check(self, dockerfile: Dockerfile, surroundings: Surroundings) -> Iterator[Finding]:
        """Yield one finding for each RUN, about the first copied file that it is done with."""
        if not any(each.keyword in ("COPY", "ADD") for each in dockerfile.instructions):
            return

        def wanted(_: Stage, run: Instruction) -> bool:
            return any(map(run.value.__contains__, _archive_names(dockerfile)))

        for run in islice(shipped_runs(dockerfile, surroundings, _HINTS, where=wanted), _MOST_RUNS):
            found = next(consumed(run), None)
            if found is None:
                continue
            command, word, copied = found
            if _is_deleted_or_named(run, word, copied):
                continue
            name = posixpath.basename(word.text)
            yield self.finding(
                run.instruction,
                word.span,
                f"{name} stays in the layer of line {copied.instruction.line}",
                f"`{command.name or command.words[0].text}` is done with it; {_instead(copied)}.",
                snippet=bind_snippet(run, command, copied),
            )


def _instead(copied: Copied) -> str:
    if "://" in copied.source:
        return "downloaded and unpacked by one RUN, it would leave nothing behind"
    return "a bind mount would show it to this RUN only"


@lru_cache(maxsize=8)
def _archive_names(dockerfile: Dockerfile) -> tuple[str, ...]:
    from_copies = (
        word.text
        for each in dockerfile.instructions
        if each.keyword in ("COPY", "ADD") and _MAY_BE_ARCHIVE.search(each.value)
        for word in each.words
    )
    return tuple({suffix[0] for text in from_copies if (suffix := _MAY_BE_ARCHIVE.search(text)) is not None})


def consumed(run: Run) -> Iterator[tuple[ShellCommand, Word, Copied]]:
    """Yield which commands of a RUN unpack or install a file that a COPY or ADD below brought."""
    cwd = working_directory(run.stage, run.scope)
    for command in run.commands:
        if command.name in ("cd", "pushd", "popd"):
            cwd = enter(cwd, command)
            continue
        if command.nesting and command.nesting != ("group",):
            continue
        for word in unpacked(command):
            path = resolve(word, run.scope, cwd)
            copied = _copied(run, path) if path is not None else None
            if copied is not None:
                yield command, word, copied


def _copied(run: Run, path: str) -> Copied | None:
    if not any(char in path for char in "*?["):
        return next((each for each in copies_below(run, path) if each.path == path and not each.is_tree), None)
    directory, _, pattern = path.rpartition("/")
    for each in copies_below(run, directory or "/"):
        name = posixpath.basename(each.path if not each.is_tree else each.source)
        if not each.is_tree and fnmatchcase(name, pattern):
            return each
    return None


def bind_snippet(run: Run, command: ShellCommand, copied: Copied) -> Snippet | None:
    """Return the RUN that has the file for as long as it runs."""
    text = command.span.of(run.dockerfile.text)
    if "\n" in text or "://" in copied.source or any(char in copied.source + copied.path for char in '*?[$," '):
        return None
    origin = copied.instruction.flag("from")
    stage = f",from={origin.value}" if origin is not None and origin.value else ""
    flags = "".join(f"{flag.span.of(run.dockerfile.text)} " for flag in run.instruction.flags)
    mount = f"--mount=type=bind{stage},source={copied.source},target={copied.path}"
    return Snippet("Instead of the COPY: the file is there for this RUN only", f"RUN {flags}{mount} \\\n    {text}")


def _is_deleted_or_named(run: Run, word: Word, copied: Copied) -> bool:
    """Tell whether the file is deleted, where another rule says what that is worth, or may be wanted later."""
    if any(may_remove(command, copied.path) for command in run.commands):
        return True
    name = posixpath.basename(word.text)
    for _, each in run.dockerfile.after(run.stage, run.instruction):
        source = each.span.of(run.dockerfile.text)
        if name in source or posixpath.basename(copied.path) in source:
            return True
        removes = each.keyword == "RUN" and ("rm " in source or "mv " in source or "-delete" in source)
        if removes and any(may_remove(command, copied.path) for command in each.commands):
            return True
    return False
