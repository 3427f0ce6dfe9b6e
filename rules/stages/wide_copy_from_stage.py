"""wide-copy-from-stage."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

from rules.base_images.families import find_compiler
from rules.base_images.program import leaf_of, read_program
from rules.dockerfile import Dockerfile, Instruction, Stage
from rules.finding import Finding, Snippet
from rules.patterns import regex
from rules.rule import Bad, Rule, Surroundings
from rules.stages.builds import Build, find_build

_LANGUAGES = ("node", "java", "go", "rust")
_PLAIN_PATH = regex(r"[\w./@+:-]+")
_OUTPUTS = ("dist", "build", "public", "out", "www", "_site", ".next", ".output")
_SERVERS = regex(r"(?:^|/)(?:nginx|httpd|caddy|nginx-unprivileged|lighttpd)(?::|@|$)")
# Somebody has thought of what stays.
_CLEANS = regex(r"\bprune\b|--prod(?:uction)?\b|--omit|\brm -[^;&|\n]{0,200}(?:node_modules|src|target|\.git\b|\*)")
# A path, or a name with an extension, such as a health check or a preloaded script.
_NAMES_A_FILE = regex(r"(?:^|[\s\"'=])(?:\.{0,2}/)?[\w-][\w./-]*\.[a-z]{2,10}\b|^\.?/\w")
# Runs the sources themselves.
_RUNS_SOURCES = regex(r"\b(?:babel-node|ts-node|tsx|nodemon)\b")
_LEFT = {
    "node": "sources and development dependencies",
    "java": "sources, classes and the build's own files",
    "go": "sources",
    "rust": "sources and `target` with all its intermediate files",
}


class _Copy(NamedTuple):
    """A COPY --from of one folder, with absolute paths."""

    instruction: Instruction
    origin: Stage
    source: str
    target: str


class _Origin(NamedTuple):
    """A stage that builds: in which language, and into which folders its sources were copied or cloned."""

    language: str
    build: Build
    places: frozenset[str]

    def holds_sources(self, folder: str) -> bool:
        """Tell whether sources lie in a folder or below it."""
        return any(place == folder or place.startswith(folder + "/") for place in self.places)


class WideCopyFromStage(Rule):
    """All of a build stage's folder copied where its result would do.

    ## What it does
    Finds `COPY --from=build /app /app` in a shipped stage where `/app` of that stage holds the sources and all that the
    build made.

    ## Why it costs
    The second stage ships what the first was there to leave behind. Measured for a page made with React 18, Vite 5,
    TypeScript and ESLint: 72.6 MB in `node_modules` beside 0.15 MB in `dist`.

    ## Fix safety
    There is no edit that is right without knowing what the program reads. Where the program itself shows it (`node
    dist/main.js`, `java -jar target/app.jar`, a static server), the narrower lines are written out to be copied.

    ## When it is silent
    The source is a folder that holds results only; the sources of that stage lie elsewhere; that stage builds nothing,
    or cleans up behind the build (`npm prune`, `--omit=dev`, `rm -r`); the program runs from its sources (`ts-node`);
    the copying stage is not shipped.
    """

    code = "DS402"
    reads = ("COPY",)
    triggers = ("--from",)
    techniques = ("wide-copy",)
    good = (
        "FROM node:22 AS build\nWORKDIR /app\nCOPY . .\nRUN npm ci && npm run build\n"
        "FROM nginx:1.27\nCOPY --from=build /app/dist /usr/share/nginx/html\n",
        "FROM python:3.12 AS build\nRUN pip install --user --no-cache-dir flask\n"
        "FROM python:3.12-slim\nCOPY --from=build /root/.local /root/.local\n",
    )
    bad = (
        Bad(
            "FROM node:22 AS build\nWORKDIR /app\nCOPY . .\nRUN npm ci && npm run build\n"
            'FROM node:22-slim\nWORKDIR /app\nCOPY --from=build /app /app\nCMD ["node", "dist/main.js"]\n',
            None,
        ),
        Bad(
            "FROM rust:1.70 AS build\nWORKDIR /src\nCOPY . .\nRUN cargo build --release\n"
            'FROM debian:12-slim\nCOPY --from=build /src /src\nCMD ["/src/target/release/app"]\n',
            None,
        ),
    )

    def check(self, dockerfile: Dockerfile, surroundings: Surroundings) -> Iterator[Finding]:
        """Yield one finding for each wide COPY."""
        if len(dockerfile.stages) < 2:
            return
        for stage in dockerfile.shipped(surroundings.targets):
            program = read_program(dockerfile, leaf_of(dockerfile, stage))
            if any(each is not None and _RUNS_SOURCES.search(each.value) for each in program):
                continue
            copies = tuple(_copies(dockerfile, stage))
            targets = frozenset(copy.target for copy in copies)
            for copy in copies:
                origin = _origin(dockerfile, copy.origin.index)
                if origin is not None and origin.holds_sources(copy.source):
                    yield self._report(dockerfile, stage, copy, origin, targets)

    def _report(
        self, dockerfile: Dockerfile, stage: Stage, copy: _Copy, origin: _Origin, targets: frozenset[str]
    ) -> Finding:
        narrower = _narrower(dockerfile, stage, copy, origin.language, targets)
        name = (copy.instruction.flag("from") or copy.instruction.flags[0]).value
        flags = " ".join(flag.span.of(dockerfile.text) for flag in copy.instruction.flags)
        return self.finding(
            copy.instruction,
            copy.instruction.words[0].span,
            f"{_LEFT[origin.language].replace('`', '')} come along from stage {name}".capitalize(),
            f"Line {origin.build.instruction.line} builds in `{copy.source}`, and all of it is copied.",
            snippet=Snippet(
                "The result only; add what else the program reads at run time",
                "".join(f"COPY {flags} {source} {target}\n" for source, target in narrower),
            )
            if narrower
            else None,
        )


def _copies(dockerfile: Dockerfile, stage: Stage) -> Iterator[_Copy]:
    for each in stage.instructions:
        flag = each.flag("from") if each.keyword == "COPY" else None
        if flag is None or not flag.value or len(each.words) != 2 or each.heredocs:
            continue
        origin = _stage_of(dockerfile, flag.value, stage.index)
        source = _absolute(each.words[0].text, "/")
        target = _absolute(each.words[1].text, dockerfile.scope(stage, each).workdir or "/")
        if origin is not None and source is not None and target is not None and source != "/":
            yield _Copy(each, origin, source, target)


def _stage_of(dockerfile: Dockerfile, name: str, before: int) -> Stage | None:
    lowered = name.lower()
    for stage in dockerfile.stages[:before]:
        if stage.name == lowered or str(stage.index) == lowered:
            return stage
    return None


def _absolute(path: str, workdir: str) -> str | None:
    if not _PLAIN_PATH.fullmatch(path) or not _PLAIN_PATH.fullmatch(workdir):
        return None
    return posixpath.normpath(posixpath.join("/", workdir, path))


def _language(dockerfile: Dockerfile, stage: Stage) -> tuple[str, Build] | None:
    """Return what a stage builds, by its base image or, for other images, by its commands."""
    root = stage
    while root.parent is not None:
        root = dockerfile.stages[root.parent]
    compiler = find_compiler(root.base)
    for language in (compiler.language,) if compiler is not None else _LANGUAGES:
        build = find_build(dockerfile, stage, language) if language in _LANGUAGES else None
        if build is not None and (compiler is not None or build.command.name != "make"):
            return language, build
    return None


@lru_cache(maxsize=64)
def _origin(dockerfile: Dockerfile, index: int) -> _Origin | None:
    """Read a build stage, once for all that copies from it; None where it builds nothing or cleans up."""
    stage = dockerfile.stages[index]
    found = _language(dockerfile, stage)
    if found is None:
        return None
    places: set[str | None] = set()
    for owner, each in dockerfile.lineage(stage):
        if each.keyword == "RUN":
            if _CLEANS.search(each.value):
                return None
            if "git clone" in each.value:
                places.add(_absolute(".", dockerfile.scope(owner, each).workdir or "/"))
        elif _copies_a_tree(each):
            places.add(_absolute(each.words[-1].text, dockerfile.scope(owner, each).workdir or "/"))
    return _Origin(*found, frozenset(place for place in places if place is not None))


def _copies_a_tree(each: Instruction) -> bool:
    if each.keyword not in ("COPY", "ADD") or each.flag("from") is not None:
        return False
    return any(_is_tree(word.text) for word in each.words[:-1])


def _is_tree(source: str) -> bool:
    return source in (".", "./", "/", "*", "./*") or source.strip("./") in ("src", "cmd", "app", "lib")


def _narrower(
    dockerfile: Dockerfile, stage: Stage, copy: _Copy, language: str, targets: frozenset[str]
) -> list[tuple[str, str]]:
    """Return pairs of paths that are enough, as far as the program of the copying stage shows it."""
    leaf = leaf_of(dockerfile, stage)
    if (language == "node" and _SERVERS.search(stage.base)) or _uses_more(dockerfile, stage, copy):
        return []
    words = read_program(dockerfile, leaf).words
    if words is None:
        return []
    program = _program_path(words, language, leaf.end.workdir or "/")
    folder = copy.target.rstrip("/") + "/"
    if program is None or not program.startswith(folder) or program.endswith(".sh"):
        return []
    if program in targets or any(_names_a_file(word, program, folder, leaf) for word in words[1:]):
        return []
    inside = program.removeprefix(folder)
    if language == "node":
        head = inside.split("/", 1)[0]
        if head not in _OUTPUTS:
            return []
        kept = ("package.json", "node_modules", head)
        return [(f"{copy.source}/{each}", folder + each) for each in kept]
    return [(f"{copy.source}/{inside}", program)]


def _uses_more(dockerfile: Dockerfile, stage: Stage, copy: _Copy) -> bool:
    """Tell whether a line above the program works in the copied folder, so that it may need any of its files."""
    folder = re.compile(rf"(?<![\w.-]){re.escape(copy.target)}/")
    for owner, each in dockerfile.after(stage, copy.instruction):
        if each.index <= copy.instruction.index:
            continue
        workdir = dockerfile.scope(owner, each).workdir or "/"
        if each.keyword == "RUN" and f"{posixpath.normpath(workdir)}/".startswith(f"{copy.target}/"):
            return True
        if each.keyword in ("RUN", "ENV", "HEALTHCHECK", "COPY") and folder.search(each.value):
            return True
        if each.keyword == "HEALTHCHECK" and _NAMES_A_FILE.search(each.value):
            return True
    return any(each.keyword == "ENV" and folder.search(each.value) for _, each in dockerfile.lineage(stage))


def _names_a_file(word: str, program: str, folder: str, leaf: Stage) -> bool:
    """Tell whether an argument of the program is, or may be, another file of the copied folder."""
    path = _absolute(word.rpartition("=")[2], leaf.end.workdir or "/")
    return path is not None and path != program and path.startswith(folder) and _NAMES_A_FILE.search(word) is not None


def _program_path(words: tuple[str, ...], language: str, workdir: str) -> str | None:
    name = words[0].rpartition("/")[2]
    if language == "node":
        script = next((word for word in words[1:] if not word.startswith("-")), "") if name == "node" else ""
        return _absolute(script, workdir) if script else None
    if language == "java":
        archive = words[words.index("-jar") + 1] if "-jar" in words[:-1] and name == "java" else ""
        return _absolute(archive, workdir) if archive else None
    return _absolute(words[0], workdir) if "/" in words[0] else None
