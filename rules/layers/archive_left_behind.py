"""archive-left-behind."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from itertools import islice, pairwise
from typing import NamedTuple

from rules.dockerfile import Dockerfile, ShellCommand, Word
from rules.edits import append_command
from rules.finding import Finding
from rules.fix import Applicability, Fix
from rules.layers.written_paths import enter, working_directory
from rules.patterns import regex
from rules.rule import Bad, Rule, Surroundings
from rules.runs import Run, shipped_runs
from rules.tools.archives import SUFFIX, unpacked
from rules.tools.remove import may_remove

_OUTPUT = regex(r"-[a-zA-Z]{1,8}[oO]")
_DOWNLOADERS = frozenset({"curl", "wget", "aria2c", "axel"})
_MOVERS = frozenset({"cd", "pushd", "popd", "su", "chroot"})
_CHANGERS = frozenset({"set", "unset", "export", "read"})
_MOST = 12
_MOST_RUNS = 60  # of one file that are looked at: each looks at all that follow
# Packages that bring the address of a repository and its key: a few kilobytes.
_TINY = regex(
    r"(?:release|repo|keyring|erlang-solutions|microsoft-prod|apt-config|epel|apt-source)[^/]{0,40}\.(?:deb|rpm)"
)
_PLAIN = regex(r"[\w./+:@%${}~=-]+")
_URL = regex(r"(?:https?|ftp)://")


class ArchiveLeftBehind(Rule):
    """An archive that was downloaded, unpacked and kept.

    ## What it does
    Finds a RUN that downloads a file with curl or wget, unpacks or installs it (tar, unzip, `dpkg -i`, `rpm -i`,
    `apt-get install ./x.deb`, the installer of Miniconda) and does not delete it.

    ## Why it costs
    The file is shipped beside what came out of it, as many bytes as were downloaded. The `.deb` of Chromium 156 for
    Debian 12 is 81.2 MB beside 297.2 MB of installed files.

    ## Fix safety
    `rm` is appended so that it runs only after success, with the name as it was unpacked. Safe where no later
    instruction names the file; unsafe where a later RUN starts a script that might.

    ## When it is silent
    The file is deleted or moved in the same RUN, by name, by a glob, with its directory, or by something with a
    variable in it; it is piped (`curl ... | tar x`); it is a package that only brings a repository's address; a later
    instruction names or deletes it; it lies on a mount; the stage is not shipped.
    """

    code = "DS107"
    techniques = ("archive-left",)
    triggers = ("curl", "wget", "aria2c", "axel")
    good = (
        "FROM debian:12\nRUN curl -fsSL https://example.com/a.tgz | tar -xz -C /opt\n",
        "FROM debian:12\nRUN curl -fsSLO https://example.com/a.tgz && tar -xzf a.tgz && rm a.tgz\n",
    )
    bad = (
        Bad(
            "FROM debian:12\nRUN curl -fsSLO https://example.com/a.tgz && tar -xzf a.tgz\n",
            "FROM debian:12\nRUN curl -fsSLO https://example.com/a.tgz && tar -xzf a.tgz && rm a.tgz\n",
        ),
        Bad(
            "FROM debian:12\nRUN wget -q -O /tmp/x.deb https://example.com/x.deb \\\n && dpkg -i /tmp/x.deb\n",
            "FROM debian:12\nRUN wget -q -O /tmp/x.deb https://example.com/x.deb \\\n && dpkg -i /tmp/x.deb \\\n"
            " && rm /tmp/x.deb\n",
        ),
    )

    def check(self, dockerfile: Dockerfile, surroundings: Surroundings) -> Iterator[Finding]:
        """Yield one finding for each RUN, about all the files that stay."""
        for run in islice(shipped_runs(dockerfile, surroundings, self.triggers), _MOST_RUNS):
            left = [each for each in _left(run) if not _is_named_later(run, each)]
            if not left:
                continue
            names = list(dict.fromkeys(posixpath.basename(each.word.text) for each in left))
            more = f" and {len(names) - 1} more" if len(names) > 1 else ""
            verb, pronoun = ("stay", "them") if more else ("stays", "it")
            yield self.finding(
                run.instruction,
                left[0].word.span,
                f"{names[0]}{more} {verb} in the layer",
                f"`{left[0].command.name}` is done with {pronoun}, and nothing in this RUN deletes {pronoun}.",
                _fix(run, left),
            )


class _Left(NamedTuple):
    """A download that is unpacked and kept: the command that unpacks it, the word, its path where that is known."""

    command: ShellCommand
    word: Word
    path: str | None


def _left(run: Run) -> Iterator[_Left]:
    commands = run.commands
    downloads: list[str] = []
    cwd = working_directory(run.stage, run.scope)
    for at, command in enumerate(commands):
        if command.name in ("cd", "pushd", "popd"):
            cwd = enter(cwd, command)
        elif command.name in _DOWNLOADERS:
            downloads += _downloaded(command)
        elif downloads and not command.nesting:
            for word in unpacked(command):
                text = word.text.removeprefix("./")
                if posixpath.basename(text) not in downloads and text not in downloads:
                    continue
                if (
                    _TINY.search(text) is not None
                    or word.has_glob
                    or any(may_remove(each, text) for each in commands[at:])
                    or _is_mounted(run, text, cwd)
                ):
                    continue
                yield _Left(command, word, _absolute(text, cwd))


def _downloaded(command: ShellCommand) -> Iterator[str]:
    """Yield the names that a download gets: as they are written, and without their directory."""
    if command.nesting and command.nesting != ("pipeline",):
        return
    texts = command.texts
    named = False
    for option, value in pairwise(texts):
        if option in ("-o", "--output", "-O", "--output-document", "-d") and not value.startswith("-"):
            if command.name == "curl" and option == "-O":
                continue
            named = True
            yield value.removeprefix("./")
            yield posixpath.basename(value)
        elif _OUTPUT.fullmatch(option) and not value.startswith("-") and not _URL.match(value):
            named = True
            yield value.removeprefix("./")
            yield posixpath.basename(value)
    for text in texts[1:]:
        if text.startswith(("--output=", "--output-document=")):
            named = True
            yield text.partition("=")[2]
            yield posixpath.basename(text.partition("=")[2])
    for redirect in command.redirects:
        if redirect.operator in (">", ">|") and redirect.target is not None:
            named = True
            yield redirect.target.text.removeprefix("./")
            yield posixpath.basename(redirect.target.text)
    if not named:
        yield from (posixpath.basename(text) for text in texts[1:] if _URL.match(text) or SUFFIX.search(text))


def _absolute(text: str, cwd: str | None) -> str | None:
    if text.startswith("/"):
        return text
    return posixpath.join(cwd, text) if cwd is not None and not text.startswith(("~", "$")) else None


def _is_mounted(run: Run, text: str, cwd: str | None) -> bool:
    path = _absolute(text, cwd)
    if path is None:
        return any(mount.type in ("cache", "tmpfs") for mount in run.instruction.mounts)
    return run.mounts(path) or any(mount.target == path for mount in run.instruction.mounts)


def _is_named_later(run: Run, left: _Left) -> bool:
    """Tell whether a later instruction names the file, or may delete it: then this is not the place to speak."""
    name = posixpath.basename(left.word.text)
    text = left.path or left.word.text
    for _, each in run.dockerfile.after(run.stage, run.instruction):
        source = each.span.of(run.dockerfile.text)
        if name in source:
            return True
        removes = each.keyword == "RUN" and ("rm " in source or "mv " in source or "-delete" in source)
        if removes and any(may_remove(command, text) or may_remove(command, name) for command in each.commands):
            return True
    return any(
        flag.name == "from" and name in each.value
        for each in run.dockerfile.instructions
        if each.keyword in ("COPY", "ADD")
        for flag in each.flags
    )


def _fix(run: Run, left: list[_Left]) -> Fix | None:
    if not run.scope.is_plain:
        return None
    targets = [_target(run, each) for each in left]
    named = list(dict.fromkeys(target for target in targets if target is not None))
    if None in targets or not named or len(named) > _MOST:
        return None
    sudo = "sudo " if any("sudo" in command.wrappers for command in run.commands) else ""
    text = " ".join(raw for raw, _ in named)
    edit = append_command(run.dockerfile, run.instruction, f"{sudo}rm {text}", shell_errexit=run.scope.errexit)
    if edit is None:
        return None
    script = run.later_script()
    caution = f"Breaks the build if {script} uses what is deleted." if script is not None else ""
    applicability = Applicability.UNSAFE if caution else Applicability.SAFE
    return Fix((edit,), applicability, added=(("rm", *(word for _, word in named)),), caution=caution)


def _target(run: Run, left: _Left) -> tuple[str, str] | None:
    """Return how to name the file at the end of the RUN: as source text, and as the word that it makes."""
    word = left.word
    raw = word.span.of(run.dockerfile.text)
    if _PLAIN.fullmatch(raw.strip("\"'")) is None or word.text.startswith("-"):
        return None
    if "$" in raw and any(command.name in _CHANGERS and len(command.words) > 2 for command in run.commands):
        return None
    if word.text.startswith(("/", "$", "~")) or not any(command.name in _MOVERS for command in run.commands):
        return raw, word.text
    path = left.path
    if path is None or not path.startswith("/") or "$" in path:
        return None
    return path, path
