"""cache-mount-misses."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Iterator

from rules.dockerfile import Dockerfile, Instruction, Mount, Scope, ShellCommand, Span
from rules.finding import Finding, Severity, Snippet
from rules.fix import Applicability, Edit, Fix
from rules.layers.copied_trees import is_official
from rules.patterns import regex
from rules.rule import Bad, Rule, Surroundings
from rules.runs import Run, shipped_runs
from rules.tools import apt, npm, pip, yarn

_ARCHIVES = "/var/cache/apt/archives"
_DEBIAN = regex(r"^(?:docker\.io/)?(?:library/)?(?:debian|ubuntu|buildpack-deps)(?::|@|$)")
_KEEP_CACHE = (
    "RUN rm -f /etc/apt/apt.conf.d/docker-clean \\\n"
    " && echo 'Binary::apt::APT::Keep-Downloaded-Packages \"true\";' > /etc/apt/apt.conf.d/keep-cache"
)
# Program, whether a command fills its cache, where that is, and what a mount that is meant for it is called.
_Tool = tuple[str, Callable[[ShellCommand], bool], Callable[[Scope], str], re.Pattern[str]]
_TOOLS: tuple[_Tool, ...] = (
    ("pip", pip.fills_cache, pip.cache_directory, regex(r"/\.cache/?$|/\.?(?:cache/)?pip(?:-cache)?/?$")),
    ("npm", npm.fills_cache, npm.cache_directory, regex(r"/\.npm(?:/_cacache)?/?$|/\.?(?:cache/)?npm(?:-cache)?/?$")),
    ("yarn", yarn.fills_cache, yarn.cache_directory, regex(r"/\.?(?:cache/)?yarn(?:-cache)?/?$|/\.yarn/cache/?$")),
)
# yarn 2 and later, which keeps its cache in the project; `.yarn` alone may be the very mount.
_MAY_BE_BERRY = regex(
    r"\.yarnrc\.yml|corepack|--immutable|yarn set version|yarn@(?:berry|stable|[2-9])|\.pnp\.|YARN_ENABLE"
    r"|(?:COPY|ADD) [^\n]{0,200}\.yarn"
)
_MAKES_USER = regex(r"\b(?:useradd|adduser)\b")
_ELSEWHERE = regex(r"\s(?:-[a-zA-Z]{0,6}[dhHM]\b|--home|--no-create-home|--system)")


class CacheMountMisses(Rule):
    """A cache mount that lies beside the cache.

    ## What it does
    Finds `RUN --mount=type=cache` whose target is not where pip, npm or yarn 1 keep their cache for the user that runs
    them, and one on apt's archive while the image deletes what apt downloads (`docker-clean`).

    ## Why it costs
    What is downloaded goes into the layer all the same, or is downloaded anew by each build. Measured for pandas,
    requests and flask: 32.3 MB of wheels in the layer, and none with the mount in the right place.

    ## Fix safety
    Safe where the user is root: the target becomes the directory that the tool uses. No fix for another user, since a
    mount belongs to root unless `uid=` says otherwise. For apt it is information: the mount stays empty, which costs
    time and no bytes.

    ## When it is silent
    The mount covers the cache; a variable, an option or a configuration file puts the cache elsewhere; the user or the
    home is not known; the mount is not named like a cache of that tool; the stage is not shipped.
    """

    code = "DS109"
    techniques = ("cache-mount", "yarn-cache", "pip-cache", "npm-cache")
    triggers = ("type=cache",)
    good = (
        "FROM python:3.12-slim\nRUN --mount=type=cache,target=/root/.cache/pip pip install flask\n",
        "FROM node:22\nRUN --mount=type=cache,target=/root/.yarn YARN_CACHE_FOLDER=/root/.yarn yarn install"
        " --frozen-lockfile --production\n",
    )
    bad = (
        Bad(
            "FROM node:22\nRUN --mount=type=cache,target=/root/.cache/yarn yarn install --frozen-lockfile"
            " --production\n",
            "FROM node:22\nRUN --mount=type=cache,target=/usr/local/share/.cache/yarn yarn install --frozen-lockfile"
            " --production\n",
        ),
        Bad(
            "FROM python:3.12-slim\nRUN useradd -m app\nUSER app\n"
            "RUN --mount=type=cache,target=/root/.cache/pip pip install --user flask\n",
            None,
        ),
    )

    def check(self, dockerfile: Dockerfile, surroundings: Surroundings) -> Iterator[Finding]:
        """Yield one finding for each mount that misses."""
        for run in shipped_runs(dockerfile, surroundings, self.triggers):
            caches = [mount for mount in run.instruction.mounts if mount.type == "cache" and mount.target]
            if not caches:
                continue
            yield from self._tools(run, caches)
            yield from self._apt(run, caches)

    def _tools(self, run: Run, caches: list[Mount]) -> Iterator[Finding]:
        if not _is_home_known(run) or _is_configured(run):
            return
        for name, fills, directory_of, pattern in _TOOLS:
            if not any(fills(command) for command in run.commands if not command.wrappers):
                continue
            if name == "yarn" and _MAY_BE_BERRY.search(run.dockerfile.text) is not None:
                continue
            directory = directory_of(run.scope)
            if not directory.startswith("/") or run.mounts(directory):
                continue
            mount = next((each for each in caches if pattern.search(each.target or "")), None)
            if mount is not None:
                yield self.finding(
                    run.instruction,
                    mount.span,
                    f"This mount is not where {name} keeps its cache",
                    f"{name} runs as {_user(run)} here and keeps it in `{directory}`, which stays in the layer.",
                    _fix(run, mount, directory),
                )

    def _apt(self, run: Run, caches: list[Mount]) -> Iterator[Finding]:
        mount = next((each for each in caches if each.covers(_ARCHIVES)), None)
        if mount is None or not _DEBIAN.match(run.base) or not any(apt.installs(command) for command in run.commands):
            return
        if _keeps_archives(run.instruction) or run.is_preceded_by(_keeps_archives):
            return
        yield self.finding(
            run.instruction,
            mount.span,
            "This mount stays empty",
            "`/etc/apt/apt.conf.d/docker-clean` of the base image deletes what apt has downloaded.",
            snippet=Snippet("Once, above the first apt-get", _KEEP_CACHE),
            severity=Severity.INFO,
        )


def _keeps_archives(each: Instruction) -> bool:
    text = each.span.of(each.document)
    return "docker-clean" in text or "Keep-Downloaded" in text or "apt.conf" in text


def _user(run: Run) -> str:
    return (run.scope.user or "root").partition(":")[0]


def _is_home_known(run: Run) -> bool:
    """Tell whether the home of the user is the one that its name says."""
    user = _user(run)
    if run.scope.sets("HOME"):
        return run.scope.variable("HOME") is not None
    if user in ("root", "0"):
        return run.scope.user is not None or is_official(run.base)
    if user == "node" and run.base.startswith(("node:", "library/node:")):
        return True
    return any(_makes(each.instruction, user) for each in run.earlier())


def _makes(each: Instruction, user: str) -> bool:
    text = each.value
    return _MAKES_USER.search(text) is not None and user in text.split() and _ELSEWHERE.search(text) is None


def _is_configured(run: Run) -> bool:
    """Tell whether a cache may lie elsewhere by a variable, an option or a file."""
    return _names_cache(run.instruction) or run.is_preceded_by(_names_cache)


def _names_cache(each: Instruction) -> bool:
    if each.keyword not in ("RUN", "COPY", "ADD"):
        return False
    text = each.arguments
    return any(
        map(text.__contains__, ("CACHE", "cache-dir", "cache-folder", "--cache", "npmrc", "yarnrc", "pip.conf"))
    ) or ("config set" in text and "cache" in text)


def _fix(run: Run, mount: Mount, directory: str) -> Fix | None:
    if _user(run) not in ("root", "0") or "uid" in mount.options:
        return None
    old = mount.span.of(run.dockerfile.text)
    at = old.find(mount.target or "\0")
    if at < 0 or old.count(mount.target or "\0") != 1 or posixpath.normpath(directory) != directory:
        return None
    start = mount.span.start + at
    new = old[:at] + directory + old[at + len(mount.target or "") :]
    return Fix(
        (Edit(Span(start, start + len(mount.target or "")), directory),),
        Applicability.SAFE,
        removed=(("RUN", old),),
        added=(("RUN", new),),
    )
