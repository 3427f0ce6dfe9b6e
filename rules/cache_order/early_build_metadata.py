"""early-build-metadata."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from rules.cache_order.installs import read_install, reads_no_source
from rules.cache_order.moving import Block, block_of, without_gaps
from rules.dockerfile import Dockerfile, Instruction, ShellCommand, Span, Stage
from rules.finding import Finding
from rules.fix import Applicability, Edit, Fix, Statement
from rules.patterns import regex
from rules.rule import Bad, Rule, Surroundings
from rules.tools.pip import read_pip

# Names that builds give another value each time; `ARG NGINX_COMMIT=abc123` has one to keep.
_NAME = regex(
    r"(?:\w+_)?(?:GIT_(?:SHA1?|COMMIT|REV|REVISION|HASH|REF|COMMIT_SHA|COMMIT_HASH|DESCRIBE)|COMMIT(?:_(?:SHA1?|ID|HASH|REF))?"
    r"|VCS_(?:REF|REVISION)|REVISION|SOURCE_COMMIT|BUILD_?(?:DATE|TIME|TIMESTAMP|NUMBER|NUM|ID|SHA|REV|REVISION|COMMIT)"
    r"|CI_COMMIT_\w+|GITHUB_(?:SHA|RUN_ID|RUN_NUMBER))",
    re.IGNORECASE,
)
_NO_VALUE = regex(
    r"[\"']?(?:unknown|dev|development|local|none|n/a|na|undefined|unset|empty|not[ _-]?set|0|)[\"']?", re.IGNORECASE
)
_HINTS = ("SHA", "COMMIT", "VCS", "REV", "BUILD", "sha", "commit", "vcs", "rev", "build", "Build", "Commit")
_HEAVY = ("apt-get", "apk", "yum", "dnf", "pip", "go mod", "bundle", "npm", "yarn", "pnpm", "gem", "microdnf", "conda")
_KEYS = regex(r"(?:^|\s)[\"']?([A-Za-z_][\w.-]*)[\"']?(?==|\s)")
_VARIABLE = regex(r"\$\{?(\w+)")
# Programs that have no use for the environment of a build.
_DEAF = frozenset(
    {
        "chmod",
        "chown",
        "ln",
        "useradd",
        "groupadd",
        "adduser",
        "addgroup",
        "usermod",
        "rm",
        "update-ca-certificates",
        "[",
        "test",
    }
)
_INSTALLERS = frozenset({"apt-get", "apk", "yum", "dnf", "microdnf"})


# What builds may well put the value into what it builds, by the environment.
_BUILDERS = frozenset(
    {"make", "gmake", "mvn", "mvnw", "gradle", "gradlew", "cargo", "sbt", "cmake", "webpack", "printenv", "env"}
)
_BUILDS = regex(
    r"(?:npm|yarn|pnpm) (?:run\b|build\b)"
    r"|(?:npx )?(?:next|vite|ng|react-scripts|webpack|nuxt|poetry|hatch|flit|uv) build\b"
    r"|go (?:build|install)\b|\S+ setup\.py|dotnet (?:build|publish|pack)\b|(?:\S+ -m )?pip[\d.]* install (?:-\S+ )*\."
)


class _Move(NamedTuple):
    """Such ARGs and what hangs on them, the first one's name, and the last RUN below that has no use for any."""

    name: str
    group: tuple[Instruction, ...]
    last: Instruction
    runs: int
    is_certain: bool


class EarlyBuildMetadata(Rule):
    """A value that changes with every build is declared above installs that do not use it.

    ## What it does
    Finds an `ARG GIT_SHA`, `ARG BUILD_DATE` and their like above a RUN that installs packages, where nothing up to
    there uses the value. Stages that are not shipped count too: this is about builds.

    ## Why it costs
    It saves builds and pushes, not bytes of the image. Docker's reference: every RUN below an ARG has it in its
    environment, so that another value is another RUN, and no cache fits. Measured here: below one,
    `pip install django pandas` writes, pushes and pulls 185 MB at every commit.

    ## Fix safety
    All such ARGs move below the last such RUN, with the ENV and LABEL that take values from them. Safe where every
    command in between is a package manager or handles files, and none names the value; else it is shown, since a
    script may read it from the environment.

    ## When it is silent
    The ARG has a default that looks like a value; an instruction other than ENV and LABEL uses it before the first
    install; no install follows, or none above a line that builds what was copied, and may put the value into it.
    """

    code = "DS602"
    reads = ("ARG",)
    triggers = _HINTS
    good = (
        "FROM debian:12-slim\nRUN apt-get update && apt-get install -y --no-install-recommends cron"
        " && rm -rf /var/lib/apt/lists/*\nARG GIT_SHA\nLABEL revision=$GIT_SHA\n",
    )
    bad = (
        Bad(
            "FROM debian:12-slim\nARG GIT_SHA\nLABEL org.opencontainers.image.revision=$GIT_SHA\nRUN apt-get update"
            " && apt-get install -y --no-install-recommends cron && rm -rf /var/lib/apt/lists/*\nCOPY app /app\n",
            "FROM debian:12-slim\nRUN apt-get update"
            " && apt-get install -y --no-install-recommends cron && rm -rf /var/lib/apt/lists/*\n"
            "ARG GIT_SHA\nLABEL org.opencontainers.image.revision=$GIT_SHA\nCOPY app /app\n",
        ),
        Bad(
            "FROM golang:1.25 AS build\nARG BUILD_DATE=unknown\nWORKDIR /src\nCOPY go.mod ./\nRUN go mod download\n"
            'COPY . .\nRUN go build -ldflags "-X main.date=$BUILD_DATE" -o /app .\n',
            "FROM golang:1.25 AS build\nWORKDIR /src\nCOPY go.mod ./\nRUN go mod download\nARG BUILD_DATE=unknown\n"
            'COPY . .\nRUN go build -ldflags "-X main.date=$BUILD_DATE" -o /app .\n',
        ),
    )

    def check(self, dockerfile: Dockerfile, surroundings: Surroundings) -> Iterator[Finding]:  # noqa: ARG002
        """Yield one finding for each stage with such ARGs."""
        if "ARG" not in dockerfile.text and "arg" not in dockerfile.text:
            return
        for stage in dockerfile.stages:
            move = _find_move(dockerfile, stage)
            if move is not None:
                yield self._report(dockerfile, move)

    def _report(self, dockerfile: Dockerfile, move: _Move) -> Finding:
        argument = move.group[0]
        return self.finding(
            argument,
            argument.span,
            f"A new `{move.name}` runs {move.runs} RUN {'line' if move.runs == 1 else 'lines'} below it again",
            f"Nothing up to line {move.last.end_line} uses it; this costs builds and pushes, not image size.",
            _fix(dockerfile, move),
        )


def _volatile(argument: Instruction) -> str | None:
    """Return the name of an ARG that gets another value with each build."""
    name, _, default = argument.value.strip().partition("=")
    if not _NAME.fullmatch(name) or not _NO_VALUE.fullmatch(default.strip()):
        return None
    return name


def _find_move(dockerfile: Dockerfile, stage: Stage) -> _Move | None:
    """Follow all such ARGs of a stage down to the first use: while one of them stays, nothing is gained."""
    names: set[str] = set()
    group: list[Instruction] = []
    moves: _Move | None = None
    runs = 0
    is_certain, has_sources = True, False
    for each in stage.instructions:
        name = _volatile(each) if each.keyword == "ARG" else None
        has_sources = has_sources or each.keyword in ("COPY", "ADD")
        if name is not None:
            names.add(name)
            group.append(each)
        if name is not None or not names:
            continue
        source = each.span.of(dockerfile.text)
        uses = any(known in source for known in names) and _uses(source, names)
        if each.keyword in ("ENV", "LABEL") and uses and (keys := _keys(each)) is not None:
            names |= keys if each.keyword == "ENV" else set()
            group.append(each)
            continue
        if uses or each.keyword == "ONBUILD" or (has_sources and each.keyword == "RUN" and _builds(each)):
            break
        if each.keyword == "RUN":
            runs += 1
            is_certain = is_certain and _is_deaf(each)
            if any(map(source.__contains__, _HEAVY)) and _installs(each):
                moves = _Move(_volatile(group[0]) or "", tuple(group), each, runs, is_certain)
    return moves


def _builds(run: Instruction) -> bool:
    return any(
        command.name in _BUILDERS or _BUILDS.match(" ".join((command.name, *command.texts[1:])))
        for command in run.commands
    )


def _uses(source: str, names: set[str]) -> bool:
    return any(re.search(rf"(?<!\w){re.escape(name)}(?!\w)", source) for name in names)


def _keys(instruction: Instruction) -> set[str] | None:
    """Return what an ENV or LABEL sets, None where it is not written as `NAME=value`."""
    pairs = [word.text.partition("=") for word in instruction.words]
    if not pairs or any(not sign or not key or "$" in key for key, sign, _ in pairs):
        return None
    return {key for key, _, _ in pairs}


def _is_deaf(run: Instruction) -> bool:
    return run.script.parsed and all(_hears_nothing(command) for command in run.commands)


def _hears_nothing(command: ShellCommand) -> bool:
    if command.name in _DEAF or reads_no_source(command):
        return True
    install = read_install(command)
    return install is not None and install.tool in ("pip", "go", "bundle")


def _installs(run: Instruction) -> bool:
    return any(
        (command.name in _INSTALLERS and any(word.text in ("install", "add") for word in command.arguments))
        or read_install(command) is not None
        or ((call := read_pip(command)) is not None and call.verb == "install")
        for command in run.commands
    )


def _fix(dockerfile: Dockerfile, move: _Move) -> Fix | None:
    blocks = [block_of(dockerfile, each) for each in move.group]
    if any(each is None for each in blocks) or move.last.heredocs or _sets_again(dockerfile, move):
        return None
    found: list[Block] = [each for each in blocks if each is not None]
    statements: tuple[Statement, ...] = tuple((each.keyword, each.value) for each in move.group)
    at = move.last.span.end
    newline = dockerfile.newline
    # As a paragraph of its own where paragraphs are what follows.
    gap = newline if dockerfile.text.startswith(newline * 2, at) else ""
    text = gap + "".join(f"{newline}{each.text}" for each in found)
    return Fix(
        (*(Edit(each, "") for each in without_gaps(dockerfile, found)), Edit(Span(at, at), text)),
        Applicability.SAFE if move.is_certain else Applicability.DISPLAY,
        removed_instructions=statements,
        added_instructions=statements,
    )


def _sets_again(dockerfile: Dockerfile, move: _Move) -> bool:
    """Tell whether one that moves passes an instruction that sets what it sets or reads: their order decides then."""
    moved = {each.index for each in move.group}
    for each in move.group:
        own = _keys(each) or {each.value.partition("=")[0].strip()}
        own |= set(_VARIABLE.findall(each.value))
        for passed in dockerfile.instructions[each.index + 1 : move.last.index]:
            if passed.index in moved or passed.keyword not in ("ENV", "ARG", "LABEL"):
                continue
            if own.intersection(_KEYS.findall(f"{passed.value} ")):
                return True
    return False
