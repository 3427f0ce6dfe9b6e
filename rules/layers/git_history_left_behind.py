"""git-history-left-behind."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from itertools import islice
from typing import NamedTuple

from rules.dockerfile import Dockerfile, ShellCommand
from rules.edits import insert_words, with_words
from rules.finding import Finding, Severity
from rules.fix import Applicability, Fix
from rules.patterns import regex
from rules.rule import Bad, Rule, Surroundings
from rules.runs import Run, shipped_runs
from rules.tools.options import Call, read_call
from rules.tools.remove import may_remove

_VALUED = frozenset(
    {
        "-b", "--branch", "--depth", "-c", "--config", "-o", "--origin", "--reference", "-j", "--jobs", "-u",
        "--upload-pack", "--template", "--separate-git-dir", "--shallow-since", "--shallow-exclude", "--filter",
    }
)  # fmt: skip
_MOST = 60  # RUNs of one file that are looked at: each looks at all that follow
_SHALLOW = ("--depth", "--shallow-since", "--shallow-exclude", "--filter", "--bare", "--mirror", "--reference")
# Servers that are known to serve a shallow clone.
_HOSTS = regex(
    r"(?:https?|git|ssh)://(?:[^/@\s]{1,80}@)?"
    r"(?:github\.com|gitlab\.com|bitbucket\.org|codeberg\.org|gitlab\.[a-z0-9.-]{1,60})/"
    r"|git@(?:github\.com|gitlab\.com|bitbucket\.org):"
)
# What git may be asked for that the newest commit alone does not answer.
_NEEDS_HISTORY = frozenset(
    {
        "checkout", "switch", "describe", "log", "fetch", "pull", "reset", "merge", "rebase", "cherry-pick", "rev-list",
        "tag", "branch", "submodule", "worktree", "show", "revert", "bisect", "blame", "shortlog", "merge-base", "diff",
        "remote", "am", "apply", "rev-parse", "archive",
    }
)  # fmt: skip
_MAY_NEED_HISTORY = ("git checkout", "git describe", "git reset", "git pull", "git fetch", "git log", "git submodule")


class GitHistoryLeftBehind(Rule):
    """The whole history of a repository that was cloned for its newest files.

    ## What it does
    Finds `git clone` without `--depth` in a shipped stage where the same RUN deletes neither the clone nor its `.git`.

    ## Why it costs
    `.git` holds every version of every file. Measured on docker-library/docs (15,609 commits): 70.3 MB in `.git`, with
    `--depth 1` 4.3 MB, for 7.1 MB of files.

    ## Fix safety
    Unsafe: `--depth 1` is inserted; a build that asks git for its version (`git describe`), and a container that
    updates itself with `git pull` over more than one step, need the history. Offered for the well-known hosts, and only
    where no instruction checks out another commit or asks for the history. `rm -rf .git` in the same RUN does the same
    for all.

    ## When it is silent
    The clone is shallow, bare or a mirror; the same RUN, or a later one, deletes the clone or its `.git` (then
    delete-in-later-layer speaks); it lies on a mount; the clone is conditional; the stage is not shipped.
    """

    code = "DS111"
    techniques = ("shallow-clone",)
    triggers = ("git clone", '"clone"', "git -c")
    good = (
        "FROM debian:12\nRUN git clone --depth 1 https://github.com/a/b.git /opt/b\n",
        "FROM debian:12\nRUN git clone https://github.com/a/b.git /opt/b && rm -rf /opt/b/.git\n",
    )
    bad = (
        Bad(
            "FROM debian:12\nRUN git clone https://github.com/a/b.git /opt/b\n",
            "FROM debian:12\nRUN git clone --depth 1 https://github.com/a/b.git /opt/b\n",
        ),
        Bad(
            "FROM debian:12\nRUN git clone https://github.com/a/b.git /opt/b && cd /opt/b && git checkout 4f1c2ab\n",
            None,
        ),
    )

    def check(self, dockerfile: Dockerfile, surroundings: Surroundings) -> Iterator[Finding]:
        """Yield one finding for each RUN that keeps the history of what it clones."""
        for run in islice(shipped_runs(dockerfile, surroundings, self.triggers), _MOST):
            if any(mount.type in ("cache", "tmpfs") for mount in run.instruction.mounts):
                continue
            clones = list(_kept_clones(run))
            if clones:
                yield self._report(run, clones)

    def _report(self, run: Run, clones: list[_Clone]) -> Finding:
        needs = any(clone.needs_history for clone in clones) or _later_asks(run)
        fix = None if needs else _fix(clones)
        more = f" and {len(clones) - 1} more" if len(clones) > 1 else ""
        why = "a later command may ask for another than the newest" if needs else "nothing here looks at an older one"
        return self.finding(
            run.instruction,
            clones[0].call.command.span,
            f"The history of {clones[0].name}{more} stays in the layer",
            f"`.git` holds every version of every file; {why}.",
            fix,
            severity=Severity.WARNING if fix is not None else Severity.INFO,
        )


class _Clone(NamedTuple):
    call: Call
    name: str
    needs_history: bool


def _kept_clones(run: Run) -> Iterator[_Clone]:
    commands = run.commands
    asks = any(_asks_for_history(command) for command in commands)
    for at, command in enumerate(commands):
        call = _read_clone(command)
        if call is None or call.has(*_SHALLOW):
            continue
        name = _directory(call)
        if name is None or any(_deletes(each, name) for each in commands[at:]) or _is_handled_later(run, name):
            continue
        shown = posixpath.basename(call.operands[0].text.rstrip("/")).removesuffix(".git")
        yield _Clone(call, shown, asks)
        if asks:
            return


def _read_clone(command: ShellCommand) -> Call | None:
    if command.name != "git" or command.nesting not in ((), ("group",)) or command.before == "||":
        return None
    call = read_call(command, _VALUED)
    return call if call.verb == "clone" and call.operands else None


def _directory(call: Call) -> str | None:
    """Return the directory of the clone as it is written, empty for the current one."""
    if len(call.operands) > 1:
        target = call.operands[1].text
        return "" if target in (".", "./") else target.rstrip("/")
    name = posixpath.basename(call.operands[0].text.rstrip("/")).removesuffix(".git")
    return name if name and ":" not in name else None


def _deletes(command: ShellCommand, name: str) -> bool:
    """Tell whether a command may delete the clone or its `.git`."""
    if command.name == "mv":
        return False
    if any(".git" in word.text and "://" not in word.text for word in command.arguments):
        return command.name in ("rm", "find", "xargs")
    return bool(name) and may_remove(command, name)


def _is_handled_later(run: Run, name: str) -> bool:
    """Tell whether a later RUN deletes the clone or its `.git`, where another rule says that this frees nothing."""
    parts = (*filter(None, name.split("/")), ".git", "*", "$", "..")
    for _, each in run.dockerfile.after(run.stage, run.instruction):
        if each.keyword != "RUN":
            continue
        source = each.span.of(run.dockerfile.text)
        deletes = ("rm " in source or "-delete" in source) and any(map(source.__contains__, parts))
        if deletes and any(_deletes(command, name) for command in each.commands):
            return True
    return False


def _asks_for_history(command: ShellCommand) -> bool:
    return command.name == "git" and any(word.text in _NEEDS_HISTORY for word in command.arguments[:4])


def _later_asks(run: Run) -> bool:
    return any(
        any(map(each.span.of(run.dockerfile.text).__contains__, _MAY_NEED_HISTORY))
        for _, each in run.dockerfile.after(run.stage, run.instruction)
    )


def _fix(clones: list[_Clone]) -> Fix | None:
    calls = [clone.call for clone in clones]
    if not all(_may_be_shallow(call) for call in calls):
        return None
    changed = [(call.command, call.action) for call in calls if call.action is not None]
    if not changed:
        return None
    return Fix(
        tuple(insert_words(command, action, "--depth", "1") for command, action in changed),
        Applicability.UNSAFE,
        removed=tuple(command.texts for command, _ in changed),
        added=tuple(with_words(command, action, "--depth", "1") for command, action in changed),
        caution="Lacks the history: git describe finds no tags, git pull needs --unshallow.",
    )


def _may_be_shallow(call: Call) -> bool:
    return call.operands[0].literal and _HOSTS.match(call.operands[0].text) is not None
