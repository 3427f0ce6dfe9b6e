"""compiler-base-shipped."""

from __future__ import annotations

import re
from collections.abc import Iterator

from rules.base_images.families import Compiler, find_compiler, find_runtime
from rules.base_images.program import read_program
from rules.base_images.swap import is_workbench, shipped_roots
from rules.dockerfile import Dockerfile, Stage
from rules.finding import Finding, Snippet
from rules.patterns import regex
from rules.rule import Bad, Rule, Surroundings
from rules.stages.builds import Build, find_build
from rules.stages.two_stages import make_plan, write_two_stages

# What is run in an image to work with the compiler, or to start the program anew with each change.
_TOOLS = frozenset(
    {
        "go", "gofmt", "golint", "golangci-lint", "gometalinter", "goreleaser", "ginkgo", "dlv", "reflex",
        "air", "realize", "fresh", "compiledaemon", "gin", "godep", "glide", "dep", "mage", "gopls", "godoc",
        "gox", "revive", "staticcheck", "cargo", "rustc", "rustup", "clippy", "mdbook", "cross", "mvn", "mvnw",
        "gradle", "gradlew", "gcc", "g++", "make", "cmake", "swift", "stack", "cabal", "ghc", "ghci", "sbt",
        "lein", "clj", "bash", "sh", "zsh", "sleep", "tail", "protoc", "buf", "gitlab-runner", "jenkins-slave",
    }
)  # fmt: skip
_SOURCES = regex(r"\bgo (?:run|test|get|build|install)\b|\bcargo (?:run|watch|build|install)\b|spring-boot:run|bootRun")


class CompilerBaseShipped(Rule):
    """An image with a compiler, shipped with the program that it compiled.

    ## What it does
    Finds a shipped stage that starts from `golang`, `rust`, `maven`, `gradle`, `gcc`, `swift`, `haskell` or `sbt`,
    builds a program there and runs it.

    ## Why it costs
    Only the program is needed to run it. Compressed, as Docker Hub states it for linux/amd64: `golang:1-bookworm` alone
    is 296.8 MB; a static Go program on `scratch` is as large as itself.

    ## Fix safety
    There is no edit of one line: a second stage is written out to be copied, where the file shows what to ship. Go is
    built without cgo and gets the certificates and time zones along; Java runs on the JRE of the same version. What
    else the program reads at run time has to be added by who knows it.

    ## When it is silent
    The stage is not shipped; nothing is built; no program is set, or it is the toolchain itself, a shell, or something
    that compiles at the start (`go run`); ONBUILD makes it a base for others; file or stage are named for development
    or CI.
    """

    code = "DS305"
    reads = ("FROM",)
    techniques = ("multi-stage", "build-tools-left", "base-slim", "base-alpine")
    good = (
        "FROM golang:1.22 AS build\nWORKDIR /src\nCOPY . .\nRUN CGO_ENABLED=0 go build -ldflags='-s -w' -o /server .\n"
        'FROM scratch\nCOPY --from=build /server /server\nCMD ["/server"]\n',
        'FROM golang:1.22\nRUN go install golang.org/x/lint/golint@latest\nENTRYPOINT ["golint"]\n',
    )
    bad = (
        Bad(
            "FROM golang:1.22\nWORKDIR /src\nCOPY . .\nRUN go build -ldflags='-s -w' -o /server .\nCMD [\"/server\"]\n",
            None,
        ),
        Bad(
            "FROM maven:3.9-eclipse-temurin-17\nWORKDIR /app\nCOPY . .\nRUN mvn -B package\n"
            'CMD ["java", "-jar", "target/app.jar"]\n',
            None,
        ),
    )

    def check(self, dockerfile: Dockerfile, surroundings: Surroundings) -> Iterator[Finding]:
        """Yield one finding for each shipped stage on a compiler's image that runs what it built."""
        for stage in shipped_roots(dockerfile, surroundings):
            compiler = find_compiler(stage.base)
            if compiler is None or not compiler.runtime or is_workbench(stage, surroundings):
                continue
            build = find_build(dockerfile, stage, compiler.language)
            if build is None or not runs_what_it_builds(dockerfile, stage) or _is_library(dockerfile, stage, build):
                continue
            yield self._report(dockerfile, stage, compiler, build)

    def _report(self, dockerfile: Dockerfile, stage: Stage, compiler: Compiler, build: Build) -> Finding:
        runtime = find_runtime(stage.base)
        return self.finding(
            stage.start,
            stage.start.words[0].span,
            f"The image ships {stage.base}, compiler and all",
            f"Line {build.instruction.line} builds the program, which needs no compiler to run.",
            snippet=two_stage_snippet(dockerfile, stage, compiler.language, runtime, build),
        )


def _is_library(dockerfile: Dockerfile, stage: Stage, build: Build) -> bool:
    """Tell whether `go get` or `go install` fetches something else than what the container runs."""
    texts = build.command.texts
    if texts[0] != "go" or texts[1] not in ("get", "install"):
        return False
    remote = [text for text in texts[2:] if not text.startswith(("-", ".")) and "." in text.split("/", 1)[0]]
    if not remote:
        return False
    words = read_program(dockerfile, stage).words
    name = words[0].rpartition("/")[2] if words else ""
    return not any(name == re.sub(r"@.*|/\.\.\.$", "", text).rpartition("/")[2] for text in remote)


def runs_what_it_builds(dockerfile: Dockerfile, stage: Stage) -> bool:
    """Tell whether a container of `stage` runs a program, and neither a tool nor something that compiles first.

    What others are built from, in this file or by ONBUILD, is none.
    """
    if dockerfile.children(stage) or any(each.keyword == "ONBUILD" for each in stage.instructions):
        return False
    program = read_program(dockerfile, stage)
    if program.entrypoint is None and program.command is None:
        return False
    if any(each is not None and _SOURCES.search(each.value) for each in program):
        return False
    words = program.words
    return words is None or words[0].rpartition("/")[2].lower() not in _TOOLS


def two_stage_snippet(
    dockerfile: Dockerfile, stage: Stage, language: str, runtime: str, build: Build
) -> Snippet | None:
    """Return the file in two stages, None where it does not show what to ship."""
    plan = make_plan(dockerfile, stage, language, runtime, build.command.texts)
    if plan is None:
        return None
    title = "The same in two stages; add what else the program reads at run time"
    if plan.runtime.startswith("nginx"):
        title = "The same in two stages, the built files served by nginx on port 80"
    return Snippet(title, write_two_stages(dockerfile, stage, plan))
