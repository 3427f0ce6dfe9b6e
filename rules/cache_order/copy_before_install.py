"""copy-before-install."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from typing import NamedTuple

from rules.cache_order.installs import HINTS, Install, locate, read_install, reads_no_source
from rules.context.copies import Copy, first_broad
from rules.context.sent import ignore_of, sent_files
from rules.dockerfile import Dockerfile, Instruction, ShellCommand, Span, Stage
from rules.finding import Finding
from rules.fix import Applicability, Command, Edit, Fix, Statement
from rules.layers.written_paths import working_directory
from rules.packages import npm_cache_left_behind, pip_cache_left_behind, yarn_cache_left_behind
from rules.packages.caches import fills_layer
from rules.patterns import regex
from rules.rule import Bad, Good, Rule, Surroundings
from rules.runs import Run
from rules.surroundings import Context
from rules.tools import yarn
from rules.tools.remove import removed_words

_NESTED = frozenset({"if", "loop", "case", "function", "substitution", "subshell", "pipeline", "negation"})
# What may stand between a COPY and the RUN below which it moves.
_INDIFFERENT = frozenset({"ENV", "ARG", "LABEL", "EXPOSE", "WORKDIR"})
# Variables by which an install is told of more files to read.
_CONFIGURES = regex(
    r"PIP_(?:CONSTRAINT|FIND_LINKS|CONFIG_FILE|REQUIREMENT|NO_INDEX)|npm_config_(?:user|global)config|BUNDLE_(?:GEMFILE|APP_CONFIG)"
    r"|GOFLAGS|GOWORK",
    re.IGNORECASE,
)
_PLAIN_PATH = regex(r"[\w./@+-]+")
_EXAMPLE = Surroundings(
    context=Context(
        {"package.json": 210, "package-lock.json": 90_000, "server.js": 1200, ".dockerignore": 13},
        ignore="node_modules\n",
        texts={"package.json": '{"name": "shop", "dependencies": {"express": "^5.1.0"}}'},
    )
)


class _Place(NamedTuple):
    """One install below a COPY of everything: what it takes to turn the two round."""

    stage: Stage
    copy: Copy
    run: Instruction
    installs: tuple[Install, ...]
    is_near: bool
    """Whether nothing stands between the two that a moved COPY would notice."""


class CopyBeforeInstall(Rule):
    """All sources are copied before the dependencies are installed, so that every change installs them again.

    ## What it does
    Finds a RUN that installs what a manifest lists (`npm ci`, `yarn`, `pnpm install`, `pip install -r`,
    `go mod download`, `bundle install`, `dotnet restore`) below a `COPY . .` of the same stage. Stages that are not
    shipped count too: this is about builds.

    ## Why it costs
    It saves builds and pushes, not bytes of the image. A layer is taken from the cache only while all that was copied
    before it is the same. Measured here: `pip install django pandas` writes 185 MB, and below `COPY . .` a changed
    README writes, pushes and pulls them again.

    ## Fix safety
    The manifests are copied first, then the install runs, then everything else is copied. One click only where the
    repository shows that the install reads nothing else: no install script or workspace in `package.json`, no path in
    `requirements.txt`, `go.mod` or `Gemfile`, and `node_modules` in the `.dockerignore`, without which a local one
    would be copied over the installed one. Else it is shown, with what speaks against it.

    ## When it is silent
    The manifest is not in the repository; there is nothing in the context but manifests; the RUN installs the source
    itself (`pip install .`, `-e`); it has a cache mount or binds its manifests; the same tool installed above the COPY
    already; the install is conditional or part of a pipeline.
    """

    code = "DS601"
    triggers = HINTS
    good = (
        "FROM node:22\nWORKDIR /app\nCOPY package.json package-lock.json ./\nRUN npm ci\nCOPY . .\n",
        Good(
            "FROM node:22\nWORKDIR /app\nCOPY . .\nRUN npm ci\n",
            Surroundings(context=Context({"package.json": 210, "package-lock.json": 90_000, "Dockerfile": 52})),
        ),
    )
    bad = (
        Bad(
            'FROM node:22\nWORKDIR /app\nCOPY . .\nRUN npm ci\nCMD ["node", "server.js"]\n',
            "FROM node:22\nWORKDIR /app\nCOPY package.json package-lock.json ./\nRUN npm ci\nCOPY . .\n"
            'CMD ["node", "server.js"]\n',
            _EXAMPLE,
        ),
        Bad(
            "FROM python:3.13\nWORKDIR /app\nCOPY . .\nRUN pip install --no-cache-dir -r requirements.txt\n",
            "FROM python:3.13\nWORKDIR /app\nCOPY requirements.txt ./\n"
            "RUN pip install --no-cache-dir -r requirements.txt\nCOPY . .\n",
        ),
    )

    def check(self, dockerfile: Dockerfile, surroundings: Surroundings) -> Iterator[Finding]:
        """Yield one finding for each RUN that installs below a COPY of everything."""
        for stage in dockerfile.stages:
            for place in _places(stage, dockerfile):
                finding = self._judge(dockerfile, place, surroundings)
                if finding is not None:
                    yield finding

    def _judge(self, dockerfile: Dockerfile, place: _Place, surroundings: Surroundings) -> Finding | None:
        context = surroundings.context
        manifests = _manifests(dockerfile, place, context)
        if context is not None and (manifests is None or _is_bare(context, manifests)):
            return None
        risk = _risk(dockerfile, place, context, manifests)
        install = place.installs[0]
        fix = _fix(dockerfile, place, manifests, surroundings) if manifests else None
        if fix is not None and risk:
            fix = fix._replace(applicability=Applicability.DISPLAY, caution="" if context is None else risk)
        return self.finding(
            place.run,
            install.command.span,
            f"Every change to a copied file runs `{install.name}` again",
            f"`{_said(place.copy)}` in line {place.copy.instruction.line} stands above it, which costs builds and"
            " pushes, not image size.",
            fix,
        )


def _said(copy: Copy) -> str:
    words = [word.text for word in (*copy.sources, copy.target)]
    return f"{copy.instruction.keyword} {' '.join(words)}"[:60]


def _places(stage: Stage, dockerfile: Dockerfile) -> Iterator[_Place]:
    copy = first_broad(dockerfile, stage)
    if copy is None:
        return
    seen: set[str] = set()
    is_near = True
    for each in stage.instructions:
        if each.keyword != "RUN":
            is_near = each is copy.instruction or (is_near and each.keyword in _INDIFFERENT)
            continue
        installs: tuple[Install, ...] = ()
        if any(map(each.span.of(dockerfile.text).__contains__, HINTS)) and dockerfile.scope(stage, each).is_posix:
            installs = _installs(each)
        new = tuple(install for install in installs if install.tool not in seen)
        seen |= {install.tool for install in installs}
        if each.index > copy.instruction.index and new and not any(flag.name == "mount" for flag in each.flags):
            yield _Place(stage, copy, each, new, is_near)
        # What has no use for the source may go on standing between the two.
        is_near = is_near and each.script.parsed and all(map(reads_no_source, each.commands))


def _installs(run: Instruction) -> tuple[Install, ...]:
    found = (read_install(command) for command in run.commands if not _NESTED.intersection(command.nesting))
    return tuple(each for each in found if each is not None)


def _manifests(dockerfile: Dockerfile, place: _Place, context: Context | None) -> tuple[str, ...] | None:
    """Return the files that the installs read, from the context's root.

    None where the repository does not have them; empty where it cannot be told which they are.
    """
    if place.copy.broad is None or any(each.name in ("cd", "pushd", "popd") for each in place.run.commands):
        return ()
    directory = working_directory(place.stage, dockerfile.scope(place.stage, place.run))
    before = working_directory(place.stage, dockerfile.scope(place.stage, place.copy.instruction))
    target = place.copy.target.text
    if directory is None or (before is None and not target.startswith("/")) or "$" in target:
        return ()
    root = posixpath.join(before or "/", target)
    found: dict[str, None] = {}
    for install in place.installs:
        for name in install.guess if context is None else (*install.manifests, *install.optional):
            path = locate(name, directory, root)
            if path is None:
                return ()
            if context is None or path in (sent_files(context) or ()):
                found[path] = None
            elif name in install.manifests:
                return None
    return tuple(found)


def _is_bare(context: Context, manifests: tuple[str, ...]) -> bool:
    """Tell whether the builder gets hardly more than the manifests, so that nothing is gained."""
    files = sent_files(context)
    if files is None:
        return False
    others = (path for path in files if path not in manifests and not _is_about_builds(path))
    return next(others, None) is None


def _is_about_builds(path: str) -> bool:
    name = posixpath.basename(path).lower()
    return "docker" in name or name in (".gitignore", "license", "readme.md", ".gitattributes", "package-lock.json")


def _risk(
    dockerfile: Dockerfile, place: _Place, context: Context | None, manifests: tuple[str, ...] | None
) -> str | None:
    """Return why the fix is to be read first, as a sentence; None where everything speaks for it."""
    if context is None or not manifests:
        return "The manifests are guessed."
    if any(posixpath.dirname(each) for each in manifests) and any(each.tool != "pip" for each in place.installs):
        return "The manifests do not lie at the context's root."
    scope = dockerfile.scope(place.stage, place.run)
    configured = next((name for name in (*scope.env, *scope.args) if _CONFIGURES.fullmatch(name)), None)
    if configured is not None:
        return f"`{configured}` may name more files that the install reads."
    for install in place.installs:
        found = install.risk(context.texts, context.files)
        if found is not None:
            return f"{found[0].upper()}{found[1:]} may need more files than these."
        ignore = ignore_of(context)
        if install.leaves and (ignore is None or not ignore.ignores(install.leaves)):
            return (
                f"Add `{install.leaves}` to the `.dockerignore` first, or a local one is copied over the installed one."
            )
    own = {install.command for install in place.installs}
    for command in place.run.commands:
        if command not in own and not reads_no_source(command):
            return f"`{command.name or 'another command'}` in the same RUN may need the source, and runs below it."
    return None


def _fix(dockerfile: Dockerfile, place: _Place, manifests: tuple[str, ...], surroundings: Surroundings) -> Fix | None:
    """Copy the manifests first; the COPY of everything moves below the RUN, or the install alone is done above both."""
    copy = place.copy.instruction
    lines = list(_copy_lines(dockerfile, place.copy, manifests))
    if not lines or copy.exec_words is not None or len(place.copy.sources) != 1 or "$" in copy.value:
        return None
    if copy.span.start != dockerfile.line_span(copy.line, copy.line).start:
        return None
    newline = dockerfile.newline
    added = tuple(_statement(line) for line in lines)
    own = {install.command for install in place.installs}
    moves = all(command in own or reads_no_source(command) for command in place.run.commands)
    if not place.is_near:
        return None
    if moves and _may_move(dockerfile, place):
        start, block = _block(dockerfile, copy)
        moved: Statement = (copy.keyword, copy.value)
        return Fix(
            (
                Edit(Span(start, copy.span.end), newline.join(lines)),
                Edit(Span(place.run.span.end, place.run.span.end), f"{newline}{block}"),
            ),
            Applicability.SAFE,
            removed_instructions=(moved,),
            added_instructions=(*added, moved),
        )
    if any(_takes_back(command, install) for command in place.run.commands for install in place.installs):
        return None  # an install above would keep in a layer what this RUN does not leave
    first = tuple({install.tool: install for install in reversed(place.installs)}.values())
    if any(each.from_exec or each.assignments or "\n" in each.span.of(dockerfile.text) for each in own):
        return None
    if any("/" in each.words[0].text and each is not place.run.commands[0] for each in own):
        return None  # what comes before it may make the program: `virtualenv /env && /env/bin/pip install`
    runs = [_alone(dockerfile, place, install, surroundings) for install in first]
    workdir = dockerfile.scope(place.stage, copy).workdir
    if workdir != dockerfile.scope(place.stage, place.run).workdir:
        return None
    at = copy.span.start
    return Fix(
        (Edit(Span(at, at), "".join(f"{line}{newline}" for line in (*lines, *(line for line, _ in runs)))),),
        Applicability.DISPLAY,
        added=tuple(command for _, commands in runs for command in commands),
        added_instructions=added,
    )


def _takes_back(command: ShellCommand, install: Install) -> bool:
    """Tell whether a command removes what an install brings, or some of it."""
    leaves = install.leaves
    return "prune" in command.texts or bool(leaves and any(leaves in word.text for word in removed_words(command)))


# What empties the cache of a tool behind its install.
_CLEANUPS = {
    "npm": (npm_cache_left_behind.CACHE, ("npm", "cache", "clean", "--force")),
    "yarn": (yarn_cache_left_behind.CACHE, ("yarn", "cache", "clean")),
}


def _alone(
    dockerfile: Dockerfile, place: _Place, install: Install, surroundings: Surroundings
) -> tuple[str, tuple[Command, ...]]:
    """Return an install as a RUN of its own that leaves no cache in a shipped layer, and the commands in it."""
    command = install.command
    line = f"RUN {command.span.of(dockerfile.text)}"
    run = Run(dockerfile, place.stage, place.run, dockerfile.scope(place.stage, place.run))
    if place.stage not in dockerfile.shipped(surroundings.targets):
        return line, (command.texts,)
    if install.tool == "pip" and pip_cache_left_behind.leaves(run, command):
        edit, words = pip_cache_left_behind.insert_flag(command)
        at = len("RUN ") + edit.span.start - command.span.start
        return line[:at] + edit.replacement + line[at:], (words,)
    cache, cleanup = _CLEANUPS.get(install.tool, (None, ()))
    if (
        cache is None
        or command.wrappers
        or not fills_layer(cache, run, command)
        or _is_berry(install, dockerfile, surroundings)
    ):
        return line, (command.texts,)
    return f"{line} && {' '.join(cleanup)}", (command.texts, cleanup)


def _is_berry(install: Install, dockerfile: Dockerfile, surroundings: Surroundings) -> bool:
    is_classic = install.tool != "yarn" or yarn.is_classic(install.command, surroundings)
    return is_classic is False or (install.tool == "yarn" and yarn.may_be_berry(dockerfile))


def _may_move(dockerfile: Dockerfile, place: _Place) -> bool:
    """Tell whether the COPY does the same below the RUN: to the same place, and with nothing of it used before."""
    copy, run = place.copy.instruction, place.run
    if run.heredocs or run.exec_words is not None or run.flags:
        return False
    if place.copy.target.text.startswith("/"):
        return True
    return dockerfile.scope(place.stage, copy).workdir == dockerfile.scope(place.stage, run).workdir


def _block(dockerfile: Dockerfile, copy: Instruction) -> tuple[int, str]:
    """Return where a COPY starts together with the comments right above it, and the text of both."""
    comments = {comment.line for comment in dockerfile.comments}
    line = copy.line
    while line - 1 in comments:
        line -= 1
    start = dockerfile.line_span(line, line).start if line != copy.line else copy.span.start
    return start, dockerfile.text[start : copy.span.end]


def _copy_lines(dockerfile: Dockerfile, copy: Copy, manifests: tuple[str, ...]) -> Iterator[str]:
    """Yield a COPY for each folder that has some of the manifests."""
    flags = [flag.span.of(dockerfile.text) for flag in copy.instruction.flags]
    if any(flag.name not in ("chown", "chmod", "link") for flag in copy.instruction.flags):
        return
    target = copy.target.text
    if not all(map(_PLAIN_PATH.fullmatch, (target, *(each.replace("*", "") for each in manifests)))):
        return
    target = "./" if target in (".", "./") else f"{target.rstrip('/')}/"
    for folder in dict.fromkeys(map(posixpath.dirname, manifests)):
        names = [each for each in manifests if posixpath.dirname(each) == folder]
        yield " ".join(("COPY", *flags, *names, f"{target}{folder}/" if folder else target))


def _statement(line: str) -> Statement:
    keyword, _, value = line.partition(" ")
    return keyword, value
