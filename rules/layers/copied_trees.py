"""What COPY and ADD bring in, and which of it lies below a path that a later RUN changes."""

from __future__ import annotations

import posixpath
import re
import sys
from bisect import bisect_left
from collections.abc import Callable, Iterator
from functools import lru_cache
from itertools import accumulate
from typing import NamedTuple

from rules.dockerfile import Dockerfile, Instruction, Scope, ShellCommand, Stage, Word
from rules.dockerfile.parse import expand
from rules.layers.written_paths import UNKNOWN_DIRECTORY, Written, enter, working_directory, written_paths
from rules.patterns import regex
from rules.runs import Run
from rules.surroundings import Context
from rules.tools.remove import may_remove, normalise

_MOST = 24  # of the copies below one path, so many are looked at
_ARCHIVE = regex(r"\.(?:tar|tgz|tbz2?|txz|tar\.\w{1,4})$")
# What people copy one by one and mark as executable or hand over: a few kilobytes each.
_SMALL = regex(
    r"\.(?:sh|bash|zsh|ash|py|pl|rb|js|mjs|ts|php|lua|tcl|awk|conf|cfg|cnf|ini|json|ya?ml|toml|xml|txt|md|html?|css|env|cron"
    r"|crontab|service|pem|crt|cer|key|pub|csv|sql|properties|template|tmpl|tpl|j2|list|repo|profile|rc|lock|in|fish|ps1"
    r"|htaccess|cgi|dockerignore|gitignore|vim|el|r|R|jl|exp|sample|default|dist|example|sudoers|motd)$"
    r"|(?:^|[-_./])(?:entry-?point|entry|start(?:up)?|run|init|boot(?:strap)?|setup|install|wait-for(?:-it)?|healthcheck"
    r"|health[-_]?check|cmd|launch|config(?:ure)?|build|deploy|test|crontab|Makefile|Gemfile|Procfile|Rakefile|manage|supervisord"
    r"|docker-php-\w+|gradlew|mvnw|finish|scripts?|bin/bash|preinstall|postinstall|requirements|provision|cont-init|cron\.\w+"
    r"|tini\b|dumb-init|catatonit|su-exec|\.[a-z]+rc|known_hosts|authorized_keys|id_rsa|sshd?_config|crons?|my_init|service)[^/.]{0,24}$",
    re.IGNORECASE,
)
_LARGE_ENDING = (
    r"\.(?:jar|war|ear|so|bin|exe|zip|gz|t[gbx]z2?|xz|bz2|zst|tar|deb|rpm|whl|apk|phar|AppImage|db|sqlite3?|gguf|onnx|pth?|h5"
    r"|model|mo|iso|img|run|dump|parquet|pkl|npz|mmdb|dat)"
)
_LARGE = regex(_LARGE_ENDING + "$", re.IGNORECASE)
_LARGE_WORD = regex(_LARGE_ENDING + r"[\s\"',]", re.IGNORECASE)
_RECURSIVE = regex(r"[\s\"']-[a-zA-Z]{0,5}R|--recursive|-exec")
_FILLERS = ("npm", "yarn", "clone", "tar", "unzip")  # whose directories written_paths knows
_BINARIES = regex(r"/(?:[\w.-]{1,40}/){0,6}s?bin/[^/]{1,80}$")
SMALL_BYTES = 100_000
RunFilter = Callable[[Stage, Instruction], bool]


class Copied(NamedTuple):
    """One source of a COPY or ADD, and where it comes to lie.

    `path` is that place: of the file or directory itself, or, where `content`, of the directory that it is spread in.
    """

    instruction: Instruction
    stage: Stage
    source: str
    path: str
    is_tree: bool

    @property
    def from_elsewhere(self) -> bool:
        """Tell whether the source is no file of the context: another stage, an image, an address."""
        return self.instruction.flag("from") is not None or "://" in self.source

    def may_be_large(self, sizes: Sizes) -> bool:
        """Tell whether this may be worth a word: not where it looks like, or is, a file of a few kilobytes."""
        known = sizes.of(self.source) if not self.from_elsewhere else None
        if known is not None:
            return known >= SMALL_BYTES
        return self.looks_large

    @property
    def looks_large(self) -> bool:
        """Tell whether the names say that this may be large."""
        if self.is_tree:
            return not self.path.startswith("/etc/")  # configuration
        source = self.source.split("?")[0]
        if "raw.githubusercontent.com" in source or any(map(_SMALL.search, (source, self.path))):
            return False
        return self.from_elsewhere or _LARGE.search(source) is not None


class Sizes:
    """The bytes of files and directories in a context, each looked up once the names are sorted."""

    def __init__(self, context: Context | None) -> None:
        files = context.files if context is not None else {}
        self._names = sorted(files) if files else []
        self._sums = [0, *accumulate(map(files.__getitem__, self._names))]

    def of(self, source: str) -> int | None:
        """Return the bytes of a source, None where it is not known or not there."""
        if not self._names or any(char in source for char in "*?[$"):
            return None
        path = posixpath.normpath(source.lstrip("/") or ".")
        if path == ".":
            return self._sums[-1]
        first = bisect_left(self._names, path)
        if first < len(self._names) and self._names[first] == path:
            return self._sums[first + 1] - self._sums[first]
        first, last = bisect_left(self._names, path + "/"), bisect_left(self._names, path + "0")
        return self._sums[last] - self._sums[first] if last > first else None


def may_touch_copies(dockerfile: Dockerfile, sized: bool) -> RunFilter:
    """Return a filter for RUNs that may reach something large that was copied below them, by their words alone.

    `sized` says that sizes are known, so that names need not look large.
    """

    def wanted(stage: Stage, run: Instruction) -> bool:
        text = run.span.of(dockerfile.text)
        recursive = _RECURSIVE.search(text) is not None
        if not recursive and not sized and not _brings_large_files(dockerfile):
            return False
        first, names = _large_copies(dockerfile, stage.index, sized)
        if first > run.index:
            return recursive and any(each.instruction.index < run.index for each in _filled(dockerfile, stage.index))
        if recursive:
            return True
        return any(name in text for name in names) or (sized and bool(names)) or ("*" in text and bool(names))

    return wanted


@lru_cache(maxsize=8)
def _brings_large_files(dockerfile: Dockerfile) -> bool:
    """Tell whether any single file that is copied may be large, by the look of the words alone."""
    return any(
        each.keyword in ("COPY", "ADD")
        and ("--from=" in each.value or "://" in each.value or _LARGE_WORD.search(each.value) is not None)
        for each in dockerfile.instructions
    )


@lru_cache(maxsize=8)
def _large_copies(dockerfile: Dockerfile, stage: int, sized: bool) -> tuple[int, tuple[str, ...]]:
    """Return where the first large copy stands, and the names of large files; few of them."""
    _, found = _sorted_copies(dockerfile, stage)
    large = [each for each in found if sized or each.looks_large]
    first = min((each.instruction.index for each in large), default=sys.maxsize)
    names = {posixpath.basename(each.path) for each in large if not each.is_tree}
    return first, tuple(sorted(names)[:_MOST])


def resolve(word: Word, scope: Scope, cwd: str | None) -> str | None:
    """Return the absolute path that a word names, variables filled in; None where it cannot be told."""
    text = word.text
    if not word.literal or "$" in text:
        filled = expand(text, {**scope.args, **scope.env})
        if not filled or "`" in filled or "(" in filled:
            return None
        text = filled
    if text.startswith("~"):
        return None
    if not text.startswith("/"):
        if cwd is None:
            return None
        text = posixpath.join(cwd, text)
    return normalise(text)


def copies_below(run: Run, path: str) -> list[Copied]:
    """Return what instructions below `run` copied to `path` or into it, as far as can be told; a bounded number."""
    paths, found = _sorted_copies(run.dockerfile, run.stage.index)
    result: list[Copied] = []
    prefix = path.rstrip("/") + "/"
    for start, stop in ((path, path + "\0"), (prefix, path.rstrip("/") + "0")):
        at = bisect_left(paths, start)
        while at < len(paths) and paths[at] < stop and len(result) < _MOST:
            if found[at].instruction.index < run.instruction.index:
                result.append(found[at])
            at += 1
    return sorted(result, key=lambda each: each.instruction.index)


def filled_by(run: Run, path: str) -> Instruction | None:
    """Return the RUN below `run` that filled a directory at `path` or below it, and left it there."""
    for each in _filled(run.dockerfile, run.stage.index):
        if each.instruction.index < run.instruction.index and f"{each.path}/".startswith(path.rstrip("/") + "/"):
            since = (other for other in run.earlier() if other.instruction.index >= each.instruction.index)
            if not any(may_remove(command, each.path) for other in since for command in other.commands):
                return each.instruction
    return None


@lru_cache(maxsize=8)
def _filled(dockerfile: Dockerfile, stage: int) -> tuple[Written, ...]:
    """Return the directories that RUNs filled on the way to a stage."""
    return tuple(
        written
        for owner, each in dockerfile.lineage(dockerfile.stages[stage])
        if each.keyword == "RUN" and any(map(each.value.__contains__, _FILLERS))
        for written in written_paths(each, owner, dockerfile.scope(owner, each))
        if written.is_directory and not any(mount.covers(written.path) for mount in each.mounts)
    )


@lru_cache(maxsize=8)
def _sorted_copies(dockerfile: Dockerfile, stage: int) -> tuple[list[str], list[Copied]]:
    found = sorted(_copies(dockerfile, dockerfile.stages[stage]), key=lambda each: each.path)
    return [each.path for each in found], found


def _copies(dockerfile: Dockerfile, stage: Stage) -> Iterator[Copied]:
    for owner, each in dockerfile.lineage(stage):
        if each.keyword in ("COPY", "ADD"):
            yield from _sources(owner, each, dockerfile.scope(owner, each))


def _sources(stage: Stage, each: Instruction, scope: Scope) -> Iterator[Copied]:
    words = each.words
    if len(words) < 2 or each.heredocs:
        return
    cwd = working_directory(stage, scope)
    *sources, target = words
    destination = resolve(target, scope, cwd)
    if destination is None:
        return
    into = target.text.endswith(("/", "/.")) or target.text == "." or len(sources) > 1
    into = into or any(char in source.text for source in sources for char in "*?[")
    for source in sources:
        name = posixpath.basename(source.text.split("?")[0].rstrip("/"))
        unpacked = each.keyword == "ADD" and "://" not in source.text and _ARCHIVE.search(name) is not None
        is_tree = unpacked or is_directory(source.text, each, into)
        if is_tree or not into:
            yield Copied(each, stage, source.text, destination, is_tree)
        elif name:
            yield Copied(each, stage, source.text, normalise(posixpath.join(destination, name)), is_tree)


def is_directory(source: str, instruction: Instruction, into: bool) -> bool:
    """Tell whether a source looks like a directory, whose content is copied."""
    text = source.rstrip("/")
    name = posixpath.basename(text)
    if "://" in source:
        return source.endswith(".git")
    if source.endswith("/") or name in ("", ".", "..", "*"):
        return True
    if name.startswith(".") or "." in name or "*" in name or _SMALL.search(name):
        return False
    target = instruction.words[-1].text
    if _BINARIES.match(target) or (into and target.rstrip("/").endswith("bin")):
        return False
    if into and instruction.flag("from") is not None:
        return False  # `COPY --from=build /app/server /usr/bin/`: one binary as likely as a tree
    return into or posixpath.basename(target.rstrip("/")) == name or instruction.flag("from") is None


def shown(path: str) -> str:
    """Return a path as a reader would write it."""
    return path.removeprefix(UNKNOWN_DIRECTORY)


# Commands that write elsewhere, whatever directory they run in.
_ELSEWHERE = frozenset(
    {
        "apt-get", "apt", "aptitude", "apk", "yum", "dnf", "microdnf", "zypper", "useradd", "groupadd",
        "adduser", "addgroup",
        "usermod", "groupmod", "deluser", "delgroup", "userdel", "passwd", "chpasswd", "rm", "rmdir", "true",
        ":", "set",
        "echo", "printf", "update-ca-certificates", "ldconfig", "locale-gen", "dpkg-reconfigure", "test", "[",
        "[[", "id",
        "chown", "chmod", "chgrp", "setcap", "a2enmod", "a2dismod", "a2ensite", "a2dissite", "docker-php-ext-install",
        "docker-php-ext-enable", "docker-php-ext-configure", "pecl", "ls", "which", "corepack", "cat",
        "sleep", "setfacl",
    }
)  # fmt: skip
# Commands that write nothing, whatever they name; of these, chown and chmod answer for each other only.
_HARMLESS = frozenset(
    {"rm", "rmdir", "ls", "cat", "test", "[", "[[", "chown", "chmod", "stat", "du", "true", "id", "set"}
)
_OPAQUE = frozenset(
    {"", "sh", "bash", "dash", "ash", "zsh", "make", ".", "source", "eval", "xargs", "su", "gosu", "find"}
)
_SEPARATORS = regex(r"[=:,;\s]")
_MOST_RUNS = 40
# Images that hold nothing where people put an application.
_OFFICIAL = regex(
    r"^(?:docker\.io/|public\.ecr\.aws/docker/)?(?:library/)?(?:alpine|almalinux|amazoncorretto|amazonlinux|buildpack-deps"
    r"|busybox|centos|debian|eclipse-temurin|elixir|erlang|fedora|golang|ibmjava|java|nginx|node|openjdk|oraclelinux|perl|php"
    r"|python|rockylinux|ruby|rust|scratch|ubuntu)(?::|@|$)"
)
_FOR_APPLICATIONS = regex(
    r"^/(?:app|code|srv|src|application|workspace|work|project|opt/\w|usr/src/\w|home/\w|data|var/www|web|www|site|server|api|bot"
    r"|deploy|build|run)"
)
_SYSTEM = regex(
    r"^(?:/|/(?:bin|boot|dev|etc|lib\w*|media|mnt|opt|proc|root|run|sbin|srv|sys|tmp|usr|var|home)"
    r"|/usr/(?!src/.).*|/var/(?!www|app|task).*|/etc/.*|/lib\w*/.*|/s?bin/.*|/tmp/.*|/root/.*)$"
)


def is_fed_by_copies_alone(run: Run, path: str, command: ShellCommand) -> bool:
    """Tell whether everything at `path` and below was copied there: no other instruction can have written to it.

    `command` is the one that asks. What the base image holds there is not known: see `may_be_in_base`.
    """
    if _SYSTEM.match(path) or path.startswith(UNKNOWN_DIRECTORY):
        return False
    if len(copies_below(run, path)) >= _MOST or _is_below_a_copy(run, path):
        return False
    runs = [*run.earlier(), run]
    if len(runs) > _MOST_RUNS:
        return False
    below = path + "/"
    for owner, each in run.dockerfile.before(run.stage, run.instruction):
        if each.keyword == "WORKDIR" and (_workdir_after(owner, each) or below).startswith(below):
            return False
        if each.keyword == "VOLUME" and path in each.value:
            return False
    return not any(_may_write_below(each, path, command) for each in runs)


def is_official(base: str) -> bool:
    """Tell whether a base is one of the official images whose users and directories are known."""
    return "onbuild" not in base and _OFFICIAL.match(base) is not None


def may_be_in_base(run: Run, path: str) -> bool:
    """Tell whether the base image may hold files at `path` already."""
    return not is_official(run.base) or _FOR_APPLICATIONS.match(path) is None


def _workdir_after(stage: Stage, each: Instruction) -> str | None:
    at = each.index - stage.start.index
    return (stage.scopes[at] if at < len(stage.scopes) else stage.end).workdir


def _is_below_a_copy(run: Run, path: str) -> bool:
    """Tell whether a tree was copied to a directory above `path`."""
    paths, found = _sorted_copies(run.dockerfile, run.stage.index)
    above = posixpath.dirname(path)
    while True:
        at = bisect_left(paths, above)
        while at < len(paths) and paths[at] == above:
            if found[at].is_tree:
                return True
            at += 1
        if above in ("/", ""):
            return False
        above = posixpath.dirname(above)


def _may_write_below(run: Run, path: str, but: ShellCommand) -> bool:
    if not run.instruction.script.parsed:
        return True
    cwd = working_directory(run.stage, run.scope)
    known = {**run.scope.args, **run.scope.env}
    for command in run.commands:
        if command is but:
            continue
        if command.name in ("cd", "pushd", "popd"):
            cwd = enter(cwd, command)
            continue
        if _writes_below(command, path, cwd, known, but.name):
            return True
    return False


def _writes_below(command: ShellCommand, path: str, cwd: str | None, known: dict[str, str | None], asking: str) -> bool:
    """Tell whether a command may leave files below `path`, or sets what the command called `asking` sets."""
    inside = cwd is None or cwd == path or cwd.startswith((path + "/", UNKNOWN_DIRECTORY))
    relative = posixpath.relpath(path, cwd) if cwd is not None and path.startswith(cwd.rstrip("/") + "/") else None
    texts = [*command.texts, *(each.target.text for each in command.redirects if each.target is not None)]
    redirected = any(">" in each.operator and each.target is not None for each in command.redirects)
    if any("$" in text for text in texts):
        texts = [expand(text, known) or text for text in texts]
    named = any(path in text for text in texts)
    mentions = named or (relative is not None and any(_is_below(text, relative) for text in texts))
    if command.name in _HARMLESS and not redirected and asking not in command.texts:
        return asking in (command.name, "chgrp") and (mentions or inside)
    if command.name == "mkdir":
        return any(
            "$" in text or (not text.startswith("/") and inside) or normalise(text).startswith(path + "/")
            for text in texts[1:]
            if not text.startswith("-")
        ) or (relative is not None and any(text.startswith(relative + "/") for text in texts))
    if command.name in _ELSEWHERE and not named and not (redirected and (inside or mentions)):
        return False
    if mentions or inside or command.name in _OPAQUE or command.words[0].text.startswith((".", "$")):
        return True
    return any("$" in text for text in texts)


def _is_below(text: str, relative: str) -> bool:
    parts = (part.removeprefix("./") for part in _SEPARATORS.split(text))
    return any(part == relative or part.startswith(relative + "/") for part in parts)
