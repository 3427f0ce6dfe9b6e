"""pip-cache-left-behind."""

from __future__ import annotations

import re
from collections.abc import Iterator

from rules.dockerfile import Dockerfile, Instruction, ShellCommand
from rules.edits import insert_words, with_words
from rules.finding import Finding
from rules.fix import Applicability, Fix
from rules.rule import Bad, Rule, Surroundings
from rules.runs import Run, shipped_runs
from rules.tools import pip
from rules.tools.options import Call

FLAG = "--no-cache-dir"
_OLD_PIP = re.compile(r"\bpip\s*(?:==|<=?)\s*[0-5]\.|\bpip<6")
VARIABLE = "PIP_NO_CACHE_DIR"


class PipCacheLeftBehind(Rule):
    """Wheels and downloads that pip keeps for a next time that never comes.

    ## What it does
    Finds `pip install` (also `pip3`, `python -m pip`) whose cache ends up in the layer.

    ## Why it costs
    pip keeps every file that it downloads or builds below `~/.cache/pip`, beside the installed copy. For Django 5.2.19
    that is a wheel of 8.3 MB beside 41.4 MB of installed files.

    ## Fix safety
    Safe: `--no-cache-dir` changes where pip looks, not what it installs.

    ## When it is silent
    The flag is there; `PIP_NO_CACHE_DIR` is set by ENV, ARG, `export` or in front of the command (pip takes any value,
    even `off`, for yes); pip is configured by a file or by `pip config`; the same RUN deletes the cache or purges it;
    a cache mount covers it; the base image's own pip is older than 6.0, which does not know the flag; the stage is not
    shipped.
    """

    code = "DS204"
    aliases = ("hadolint:DL3042", "docker-parfum:pipUseNoCacheDir")
    techniques = ("pip-cache",)
    good = (
        "FROM python:3.12-slim\nRUN pip install --no-cache-dir flask\n",
        "FROM python:3.12-slim\nENV PIP_NO_CACHE_DIR=1\nRUN pip install flask\n",
        "FROM python:3.12-slim\nRUN --mount=type=cache,target=/root/.cache pip install flask\n",
    )
    bad = (
        Bad(
            "FROM python:3.12-slim\nRUN pip install flask\n",
            "FROM python:3.12-slim\nRUN pip install --no-cache-dir flask\n",
        ),
        Bad(
            'FROM python:3.12-slim\nRUN ["pip", "install", "-r", "requirements.txt"]\n',
            'FROM python:3.12-slim\nRUN ["pip", "install", "--no-cache-dir", "-r", "requirements.txt"]\n',
        ),
    )

    def check(self, dockerfile: Dockerfile, surroundings: Surroundings) -> Iterator[Finding]:
        """Yield one finding for each install command."""
        for run in shipped_runs(dockerfile, surroundings, ("pip",), deferred=True):
            if _is_off(run) or _is_mounted(run) or pip.may_be_too_old(run.base):
                continue
            for call in _uncleaned_installs(run):
                yield self._report(run, call)

    def _report(self, run: Run, call: Call) -> Finding:
        action = call.action
        assert action is not None  # noqa: S101 - the caller looked at its verb
        return self.finding(
            run.instruction,
            type(action.span)(call.command.words[0].span.start, action.span.end),
            "pip's cache stays in the layer",
            f"Every download is kept in {_place(run)} beside the installed copy.",
            Fix(
                (insert_words(call.command, action, FLAG),),
                Applicability.SAFE,
                removed=(call.command.texts,),
                added=(with_words(call.command, action, FLAG),),
            ),
        )


def _place(run: Run) -> str:
    directory = pip.cache_directory(run.scope)
    return f"`{directory}`" if directory.startswith("/root/") else "pip's cache"


def _is_off(run: Run) -> bool:
    if run.scope.sets(VARIABLE) or run.scope.sets("PIP_CONFIG_FILE"):
        return True
    if any(VARIABLE in name for command in run.commands for name, _ in command.assignments):
        return True
    return _configures(run.instruction) or run.is_preceded_by(_configures)


def _configures(each: Instruction) -> bool:
    text = each.value
    if each.keyword in ("COPY", "ADD"):
        return (
            _OLD_PIP.search(text) is not None
            or "pip.conf" in text
            or "pip.ini" in text
            or ".pip" in text
            or ".config/pip" in text
        )
    if each.keyword == "RUN":
        return _OLD_PIP.search(text) is not None or "pip.conf" in text or ("no-cache-dir" in text and "config" in text)
    return False


def _is_mounted(run: Run) -> bool:
    directory = pip.cache_directory(run.scope)
    if run.mounts(directory):
        return True
    # The user's home may be another than the file shows: a mount that names a cache was meant for this.
    return any(
        mount.type in ("cache", "tmpfs") and mount.target and (".cache" in mount.target or "pip" in mount.target)
        for mount in run.instruction.mounts
    )


def _uncleaned_installs(run: Run) -> list[Call]:
    calls: list[Call] = []
    for command in run.commands:
        if pip.purges_cache(command) or _may_clean(command):
            calls = []
            continue
        call = pip.read_pip(command)
        if call is None or call.verb != "install" or call.action is None:
            continue
        if not call.has(FLAG, "--cache-dir", "--help", "-h", "--dry-run", "--no-index") and _installs_something(call):
            calls.append(call)
    return calls


def _may_clean(command: ShellCommand) -> bool:
    return "clean" in command.name.lower()


def _installs_something(call: Call) -> bool:
    return bool(call.operands) or call.has("-r", "--requirement", "-e", "--editable")
