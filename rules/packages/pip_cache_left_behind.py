"""pip-cache-left-behind."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from itertools import pairwise

from rules.dockerfile import Dockerfile, Instruction, ShellCommand
from rules.edits import insert_words, with_words
from rules.finding import Finding
from rules.fix import Applicability, Command, Edit, Fix
from rules.packages.caches import Cache, fills_layer, left_behind, name_place
from rules.packages.needed_recommends import is_installed
from rules.patterns import regex
from rules.rule import Bad, Rule, Surroundings
from rules.runs import Run
from rules.tools import pip

FLAG = "--no-cache-dir"
_OLD_PIP = regex(r"\bpip\s*(?:==|<=?)\s*[0-5]\.|\bpip<6")
_CONFIGURATION = regex(r"(?:^|[/\s\"'=>])(?:pip\.(?:conf|ini)\b|\.pip(?![\w.-])|\.config/pip\b)")


def _configures(each: Instruction) -> bool:
    """Tell whether pip is configured by a file, by `pip config`, or replaced by one that is too old for the flag."""
    if each.keyword not in ("COPY", "ADD", "RUN") or "pip" not in each.value:
        return False
    if _OLD_PIP.search(each.value) or _CONFIGURATION.search(each.value):
        return True
    return "no-cache-dir" in each.value and any(map(pip.configures, each.commands))


CACHE = Cache(
    hints=("pip",),
    fills=pip.fills_cache,
    empties=pip.empties_cache,
    place=pip.cache_directory,
    marks=regex(r"\.cache|CACHE|/\.?pip(?:-cache)?(?:[/*\s]|$)"),
    switches=("PIP_NO_CACHE_DIR", "PIP_CONFIG_FILE"),
    configures=_configures,
)


class PipCacheLeftBehind(Rule):
    """Wheels and downloads that pip keeps for a next time that never comes.

    ## What it does
    Finds `pip install`, `pip wheel` and `pip download` (also `pip3.12`, `python -m pip`, `$VENV/bin/pip`, `xargs pip`)
    whose cache ends up in the layer.

    ## Why it costs
    pip keeps every file that it downloads or builds below `~/.cache/pip`, beside the installed copy. For Django 5.2.19
    that is a wheel of 8.3 MB beside 41.4 MB of installed files.

    ## Fix safety
    Safe: `--no-cache-dir` changes where pip looks, not what it installs. Shown only where pip comes from an image of
    unknown age or is installed by apt on one: pip before 6.0 does not know the flag.

    ## When it is silent
    The flag is there; `PIP_NO_CACHE_DIR` is set by ENV, ARG, `export` or in front of the command (pip takes any value,
    even `off`, for yes); pip is configured by a file or by `pip config`; the same RUN deletes the cache or purges it;
    a cache mount covers it; the base image's own pip is older than 6.0, which does not know the flag; root runs it in
    the home of another user, by sudo or as that of the base image, where it keeps nothing; the stage is not shipped.
    """

    code = "DS204"
    aliases = ("hadolint:DL3042", "docker-parfum:pipUseNoCacheDir")
    techniques = ("pip-cache",)
    triggers = ("pip",)
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
        for run, fillers in left_behind(CACHE, dockerfile, surroundings, deferred=True):
            if not pip.may_be_too_old(run.base):
                for command in fillers:
                    if _comes_along(run, command) or _is_kept_from_home(run, command) or _is_old(run, command):
                        continue
                    if _is_there(run, command):
                        continue
                    yield self._report(run, command)

    def _report(self, run: Run, command: ShellCommand) -> Finding:
        call = pip.read_pip(command)
        assert call is not None and call.action is not None  # noqa: S101, PT018 - pip.fills_cache looked at its verb
        action = call.action
        edit, words = insert_flag(command)
        return self.finding(
            run.instruction,
            type(action.span)(command.words[0].span.start, action.span.end),
            "pip's cache stays in the layer",
            f"Every download is kept in {_place(run, command)} beside the installed copy.",
            _fix(run, command, Fix((edit,), Applicability.SAFE, removed=(command.texts,), added=(words,))),
        )


_PACKAGES = ("python-pip", "python3-pip")
_RENEWS = regex(
    r"get-pip|ensurepip|easy_install\S*\s+(?:-\S+\s+)*pip\b|\binstall\s[^&|;\n]{0,200}(?:-U|--upgrade)[^&|;\n]{0,200}\bpip\b"
    r"|\binstall\s[^&|;\n]{0,200}\bpip\b[^&|;\n]{0,200}(?:-U\b|--upgrade)|\binstall\s[^&|;\n]{0,200}\bpip="
    r"|\bapk\s[^&|;]{0,400}\bpy[\w.]{0,10}-pip\b"
)


def _is_old(run: Run, command: ShellCommand) -> bool:
    """Tell whether the pip is that of Debian 8 on an image of another name."""
    if not pip.is_on_debian_8(run.base) or not any(is_installed(run, command, name) for name in _PACKAGES):
        return False
    return not _is_renewed(run, command)


def _is_renewed(run: Run, command: ShellCommand) -> bool:
    own = run.dockerfile.text[run.instruction.span.start : command.span.start]
    return _RENEWS.search(own) is not None or run.is_preceded_by(_renews)


def _fix(run: Run, command: ShellCommand, fix: Fix) -> Fix:
    """Only show the flag where pip comes from a distribution that may be too old for it."""
    if pip.is_new_enough(run.base):
        return fix
    if pip.is_never_too_old(run.base) and not any(is_installed(run, command, name) for name in _PACKAGES):
        return fix
    if _is_renewed(run, command):
        return fix
    caution = "pip before 6.0, such as that of Ubuntu 14.04 and Debian 8, does not know the flag."
    return fix._replace(applicability=Applicability.DISPLAY, caution=caution)


def _renews(each: Instruction) -> bool:
    return each.keyword == "RUN" and "pip" in each.value and _RENEWS.search(each.value) is not None


# Images whose HOME is that of another user, for root as well.
_OTHER_HOME = regex(r"(?:^|/)jupyter/|(?:^|/)(?:ubi\d+|centos|rhscl|rhel\d+)/python-")


def _is_kept_from_home(run: Run, command: ShellCommand) -> bool:
    """Tell whether root runs pip in somebody else's home, where it keeps nothing: it is not root's own."""
    if run.scope.user in ("root", "0", "root:root", "0:0") and _OTHER_HOME.search(run.base):
        return run.scope.variable("HOME") is None
    # An image that somebody else made and whose RUN calls sudo is run by another user, unless the file says otherwise.
    if "sudo" not in command.wrappers or (run.scope.user or ("" if "/" in run.base else "root")) in ("root", "0"):
        return False
    before = run.dockerfile.text[command.span.start : command.words[0].span.start].split()
    return not any(word == "--set-home" or re.fullmatch(r"-[A-Za-z]*[Hi][A-Za-z]*", word) for word in before)


def _comes_along(run: Run, command: ShellCommand) -> bool:
    """Tell whether a stage that is copied from has installed the same requirements: nothing is left to download."""
    if "--from=" not in run.dockerfile.text:
        return False
    wanted = _requirements(command)
    sources = {
        (flag.value or "").lower()
        for _, each in run.dockerfile.before(run.stage, run.instruction)
        for flag in each.flags
        if each.keyword == "COPY" and flag.name == "from"
    }
    return bool(wanted) and any(
        _requirements(other) == wanted
        for stage in run.dockerfile.stages
        if (stage.name or "").lower() in sources or str(stage.index) in sources
        for each in stage.instructions
        if each.keyword == "RUN" and "pip" in each.value
        for other in each.commands
    )


# What so many others need that it has mostly come with one of them.
_BROUGHT_ALONG = frozenset(
    {
        "certifi", "cffi", "chardet", "click", "cryptography", "decorator", "docutils", "future", "idna", "jinja2",
        "markupsafe", "numpy", "pandas", "pillow", "protobuf", "pyasn1", "pyparsing", "python-dateutil", "pytz",
        "pyyaml", "requests", "scipy", "setuptools", "simplejson", "six", "tornado", "tqdm", "urllib3", "werkzeug",
        "wheel",
    }
)  # fmt: skip


def _is_there(run: Run, command: ShellCommand) -> bool:
    """Tell whether all that a command installs may have come with what was installed before: nothing is downloaded."""
    wanted = _names(command)
    if not wanted or not _BROUGHT_ALONG.issuperset(wanted):
        return False
    before = run.commands[: run.commands.index(command)]
    if any(map(_installs_others, before)):
        return True
    return run.is_preceded_by(_installs_others_by_pip)


def _installs_others_by_pip(each: Instruction) -> bool:
    return each.keyword == "RUN" and "pip" in each.value and any(map(_installs_others, each.commands))


def _installs_others(command: ShellCommand) -> bool:
    call = pip.read_pip(command)
    if call is None or call.verb != "install":
        return False
    names = {word.text.lower() for word in call.operands}
    return bool(names - _BROUGHT_ALONG - {"pip"}) or call.has("-r", "--requirement")


def _names(command: ShellCommand) -> list[str]:
    """Return the names of the packages that a command installs in any version, if that is all it does."""
    call = pip.read_pip(command)
    if call is None or call.verb != "install" or call.has("-U", "--upgrade", "-r", "--requirement", "-e", "--editable"):
        return []
    return [word.text.lower() for word in call.operands if word.literal]


def _requirements(command: ShellCommand) -> frozenset[str]:
    """Return the names of the files whose requirements are all that a command installs."""
    call = pip.read_pip(command)
    if call is None or call.verb != "install" or call.operands or call.has("-U", "--upgrade"):
        return frozenset()
    return frozenset(
        posixpath.basename(value)
        for option, value in pairwise((*call.options, ""))
        if option in ("-r", "--requirement")
    )


def leaves(run: Run, command: ShellCommand) -> bool:
    """Tell whether `command`, in a RUN of its own with the flags of `run`, would leave the cache in its layer."""
    return fills_layer(CACHE, run, command) and not pip.may_be_too_old(run.base)


def insert_flag(command: ShellCommand) -> tuple[Edit, Command]:
    """Return the edit that gives an install the flag, and its words with it."""
    call = pip.read_pip(command)
    assert call is not None and call.action is not None  # noqa: S101, PT018 - pip.fills_cache looked at its verb
    return insert_words(command, call.action, FLAG), with_words(command, call.action, FLAG)


def _place(run: Run, command: ShellCommand) -> str:
    directory = pip.cache_directory(run.scope)
    return name_place(run, command, directory, "pip's cache")
