"""development-packages-shipped."""

from __future__ import annotations

from collections.abc import Iterator

from rules.dockerfile import Dockerfile, Instruction, ShellCommand, Word
from rules.finding import Finding, Severity
from rules.fix import Applicability, Edit, Fix
from rules.packages.runtime_packages import is_debian_12, runtime_packages
from rules.patterns import regex
from rules.rule import Bad, Rule, Surroundings
from rules.runs import Run, shipped_runs
from rules.tools import builds
from rules.tools.system_packages import HINTS, Operation, operations

# Headers of languages and of the C library, and what is more than headers.
_NOT_OF_A_LIBRARY = regex(
    r"(?:(?:lib)?python[\d.]*|ruby[\d.]*|php[\d.]*|libperl|perl|libc6?|musl|glibc|linux-libc|libstdc\+\+-?\d*|libgcc[\d-]*|gcc.*|g\+\+.*"
    r"|libtool|erlang.*|ocaml.*|libghc.*|lua.*|tcl.*|tk.*|java.*|libltdl|kernel.*|linux.*|texlive.*|dpkg|apt|golang.*|rustc?.*|llvm.*"
    r"|libclang.*|clang.*|ros-.*|cuda.*|libcudnn.*|libnccl.*|libnvinfer.*|r-base)-dev(?:el)?$"
)
# Their programs load a library by its bare name, which only the package of headers provides.
_LOADS_BY_NAME = regex(r"dotnet|aspnet|mono|openjdk|temurin|(?:^|/)java|jdk|jre|julia|corretto|tomcat|maven|gradle")
_CAUTION = "A program that loads a library by its bare name (`libpq.so`) finds it only with the package of headers."


class DevelopmentPackagesShipped(Rule):
    """Headers among the packages of an image in which nothing is compiled.

    ## What it does
    Finds `-dev` and `-devel` packages of libraries in a shipped stage that installs no compiler and compiles nothing
    afterwards: what it runs was built elsewhere, or comes ready-made, and needs the library alone.

    ## Why it costs
    By the package index of Debian 12, without recommends: `libpq-dev` takes 13 MB more than `libpq5`, `libssl-dev`
    12 MB more than `libssl3`, `libxml2-dev` 83 MB more than `libxml2`, `libmagickwand-dev` 296 MB more than
    `libmagickwand-6.q16-6`.

    ## Fix safety
    Shown, never applied by a click, and only where the base image certainly is Debian 12: names of libraries change
    from release to release. A program that loads a library by its bare name needs the link that only the `-dev`
    package brings.

    ## When it is silent
    Something is compiled later, or a script runs whose content the Dockerfile does not show; a compiler is named
    anywhere, or a language's own headers in the install; the same RUN removes the packages; Java, .NET, Mono or Julia
    run, which load libraries by name; the image is one to build in, by the signs that
    build-tools-left-behind reads; the stage is not shipped.
    """

    code = "DS213"
    techniques = ("build-tools-left",)
    triggers = ("-dev",)
    good = (
        "FROM python:3.12-slim-bookworm\nRUN apt-get update && apt-get install -y --no-install-recommends libpq5"
        " && rm -rf /var/lib/apt/lists/*\nCOPY --from=example/build /venv /venv\n",
    )
    bad = (
        Bad(
            "FROM python:3.12-slim-bookworm\nRUN apt-get update && apt-get install -y --no-install-recommends libpq-dev"
            " && rm -rf /var/lib/apt/lists/*\nCOPY --from=example/build /venv /venv\n",
            "FROM python:3.12-slim-bookworm\nRUN apt-get update && apt-get install -y --no-install-recommends libpq5"
            " && rm -rf /var/lib/apt/lists/*\nCOPY --from=example/build /venv /venv\n",
        ),
    )

    def check(self, dockerfile: Dockerfile, surroundings: Surroundings) -> Iterator[Finding]:
        """Yield one finding for each install that names headers."""
        for run in shipped_runs(dockerfile, surroundings, HINTS):
            if "-dev" not in run.instruction.span.of(dockerfile.text):
                continue
            for operation, headers in _installed_headers(run):
                if _may_be_needed(run, operation, surroundings):
                    continue
                yield self._report(run, operation, headers)

    def _report(self, run: Run, operation: Operation, headers: tuple[str, ...]) -> Finding:
        fix = _fix(run, operation, headers)
        return self.finding(
            run.instruction,
            operation.command.span,
            "Headers are installed where nothing is compiled",
            _reason(headers),
            fix,
            severity=None if any(map(runtime_packages, headers)) else Severity.INFO,
        )


def _installed_headers(run: Run) -> Iterator[tuple[Operation, tuple[str, ...]]]:
    """Yield the installs of headers that the RUN neither removes again nor accompanies by a compiler."""
    found = list(operations(run.commands, run.scope))
    if any(each.removes for each in found):
        return
    for operation in found:
        names = tuple(dict.fromkeys(operation.names))
        if any(map(_is_for_building, names)):
            continue
        headers = tuple(filter(builds.is_headers, names))
        if headers:
            yield operation, headers


def _is_for_building(name: str) -> bool:
    return builds.is_toolchain(name) or builds.is_workbench(name) or _NOT_OF_A_LIBRARY.match(name) is not None


def _may_be_needed(run: Run, operation: Operation, surroundings: Surroundings) -> bool:
    """Tell whether something may compile on top of this install, or load a library by its bare name."""
    dockerfile = run.dockerfile
    last = builds.last_use(dockerfile, run.stage.index)
    if last is not None and last[0].index > run.instruction.index:
        return True
    if any(command.span.start > operation.command.span.start for command, _ in builds.build_uses(run.commands)):
        return True
    if run.later_script() is not None or any(map(_is_script, run.commands)):
        return True
    if any(
        fact(run.instruction) or run.is_preceded_by(fact) or run.is_followed_by(fact)
        for fact in (builds.mentions_toolchain, _mentions_loader)
    ):
        return True
    if _LOADS_BY_NAME.search(run.base):
        return True
    return builds.is_wanted(dockerfile, run.stage, surroundings)


def _mentions_loader(each: Instruction) -> bool:
    return each.keyword in ("RUN", "CMD", "ENTRYPOINT", "ENV") and _LOADS_BY_NAME.search(each.value) is not None


def _is_script(command: ShellCommand) -> bool:
    """Tell whether a command runs a file of unknown content."""
    first = command.words[0] if command.words else None
    if first is not None and command.assignments and "=" in first.text:
        return False
    return first is None or not first.literal or "/" in first.text or command.name in ("sh", "bash", "xargs")


def _reason(headers: tuple[str, ...]) -> str:
    known = [(name, runtime_packages(name)) for name in headers]
    named = [f"`{name}` (`{found[0]}`)" for name, found in known if found]
    if not named:
        some = ", ".join(f"`{name}`" for name in headers[:4]) + (
            f" and {len(headers) - 4} more" if len(headers) > 4 else ""
        )
        return f"{some} {'is' if len(headers) == 1 else 'are'} for compiling; at run time the library alone is enough."
    some = ", ".join(named[:4]) + (f" and {len(headers) - 4} more" if len(headers) > 4 else "")
    return f"At run time the library alone is enough, by its name in Debian 12: {some}."


def _fix(run: Run, operation: Operation, headers: tuple[str, ...]) -> Fix | None:
    """Show the libraries in place of their headers, where every one of them has a known name."""
    command = operation.command
    if operation.manager != "apt" or not is_debian_12(run.base) or command.from_exec:
        return None
    edits: list[Edit] = []
    texts: list[str] = []
    present = set(operation.names)
    for word in command.words:
        names = runtime_packages(word.text) if _is_plain(word) and word.text in headers else ()
        fresh = [name for name in names if name not in present]
        if not names or not fresh:
            texts.append(word.text)
            continue
        present.update(fresh)
        edits.append(Edit(word.span, " ".join(fresh)))
        texts += fresh
    if len(edits) != len(headers):
        return None
    return Fix(tuple(edits), Applicability.DISPLAY, (command.texts,), (tuple(texts),), caution=_CAUTION)


def _is_plain(word: Word) -> bool:
    return word.literal and not word.quoted
