"""Which commands build, for each language that an image with a compiler stands for."""

from __future__ import annotations

from typing import NamedTuple

from rules.dockerfile import Dockerfile, Instruction, ShellCommand, Stage
from rules.patterns import regex

_HINTS = {
    "node": ("build", "tsc", "webpack"),
    "java": ("mvn", "gradle", "sbt", "lein", "ant"),
    "go": ("go ", '"go"', "make"),
    "rust": ("cargo",),
    "dotnet": ("dotnet",),
    "c": ("gcc", "g++", "make", "cc "),
    "swift": ("swift",),
    "haskell": ("stack", "cabal", "ghc"),
}
_MAVEN = frozenset({"package", "install", "verify", "deploy"})
_GRADLE = regex(
    r":?(?:[\w-]+:)*(?:build|assemble|bootJar|bootWar|shadowJar|installDist|war|jar|fatJar|distTar|distZip)$"
)
_SBT = regex(r"(?:assembly|stage|dist|universal:\w+|package)")
# What bundles, and the subcommand that does, empty where it does without one.
_BUNDLERS = (
    "ng",
    "vite",
    "next",
    "nuxt",
    "vue-cli-service",
    "nest",
    "gulp",
    "grunt",
    "ember",
    "react-scripts",
    "gatsby",
)
_NODE_TOOLS = {
    **dict.fromkeys((*_BUNDLERS, "parcel", "astro"), "build"),
    **dict.fromkeys(("tsc", "webpack", "rollup"), ""),
}


class Build(NamedTuple):
    """A command that builds, and the RUN that it stands in."""

    instruction: Instruction
    command: ShellCommand


def find_build(dockerfile: Dockerfile, stage: Stage, language: str) -> Build | None:
    """Return the last command of a stage that builds in `language`."""
    hints = _HINTS[language]
    found: Build | None = None
    for each in stage.runs():
        if (
            not (each.heredocs or any(map(each.value.__contains__, hints)))
            or not dockerfile.scope(stage, each).is_posix
        ):
            continue
        for command in each.commands:
            if _builds(command, language):
                found = Build(each, command)
    return found


def _builds(command: ShellCommand, language: str) -> bool:
    name, words = command.name, command.texts[1:]
    match language:
        case "node":
            return _builds_node(name, words)
        case "java":
            if name in ("mvn", "mvnw"):
                return not _MAVEN.isdisjoint(words)
            if name in ("gradle", "gradlew"):
                return any(_GRADLE.match(word) for word in words)
            return (name in ("sbt", "activator") and any(map(_SBT.search, words))) or (
                name == "lein" and "uberjar" in words
            )
        case "go":
            return (name == "go" and bool(words) and words[0] in ("build", "install", "get") and "-d" not in words) or (
                name == "make"
            )
        case "rust":
            return name == "cargo" and bool(words) and any(word in ("build", "install") for word in words[:2])
        case "dotnet":
            return name == "dotnet" and bool(words) and words[0] in ("publish", "build")
        case "c":
            return name in ("gcc", "g++", "cc", "c++", "make")
        case "swift":
            return name == "swift" and "build" in words[:1]
        case _:
            return name in ("stack", "cabal", "ghc") and (
                name == "ghc" or not {"build", "install"}.isdisjoint(words[:3])
            )


def _builds_node(name: str, words: tuple[str, ...]) -> bool:
    if name in ("npm", "yarn", "pnpm", "bun"):
        rest = [word for word in words if not word.startswith("-")]
        if rest[:1] in (["run"], ["run-script"], ["exec"]):
            rest = rest[1:]
        elif name == "npm":
            return False
        return bool(rest) and (rest[0].startswith("build") or rest[0] in _NODE_TOOLS)
    if name == "npx":
        rest = [word for word in words if not word.startswith("-")]
        return bool(rest) and _builds_node(rest[0], tuple(rest[1:]))
    wanted = _NODE_TOOLS.get(name)
    return wanted is not None and (not wanted or wanted in words)
