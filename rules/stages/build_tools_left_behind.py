"""build-tools-left-behind."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

from rules.dockerfile import Dockerfile, Instruction
from rules.edits import append_command
from rules.finding import Finding, Severity, Snippet
from rules.fix import Applicability, Fix
from rules.packages.joined_runs import show_joined
from rules.patterns import regex
from rules.rule import Bad, Good, Rule, Surroundings
from rules.runs import Run, shipped_runs
from rules.tools import builds
from rules.tools.system_packages import HINTS, Operation, operations

# Without one of these in its text, a file names no build package.
_TOOL_HINTS = ("-dev", "gcc", "g++", "make", "build-", "-sdk", "golang", "cargo", "maven", "clang", "evelopment")
_REMOVERS = ("purge", "remove", " del", "erase", " rm")
_PURGE = {
    "apt": ("apt-get", "purge", "-y", "--auto-remove"),
    "apk": ("apk", "del"),
    "rpm": ("dnf", "remove", "-y"),
    "zypper": ("zypper", "--non-interactive", "remove", "--clean-deps"),
}


class Left(NamedTuple):
    """Build packages that an install leaves, and the last command that may need them."""

    operation: Operation
    packages: tuple[str, ...]
    has_tools: bool
    """Whether a compiler or a build system is among them, not only headers."""
    user: Instruction
    use: str


class BuildToolsLeftBehind(Rule):
    """Compilers and headers that stay in the image after the last build.

    ## What it does
    Finds compilers, build systems and headers that apt, apk, dnf, yum or zypper install in a shipped stage, that later
    lines use only for building, and that the layer keeps.

    ## Why it costs
    Measured on Debian 12 with `build-essential`, `libpq-dev` and psycopg2 built from source: 393 MB above the base
    image with the tools left, 394 MB with a purge in a later RUN, 79 MB with install, build and purge in one RUN, 70 MB
    with a build stage from which only the virtual environment is copied. Headers without a compiler weigh less, so
    they are information only.

    ## Fix safety
    Nothing here is applied by a click. Where one RUN installs and builds, the fix shows the purge at its end; where
    several do, the snippet shows them as one. `-dev` packages that bring a library along are left out of it: the
    program may need the library, which is then to be named in the install. A build stage is the cleaner way: everything
    up to the last build moves into `FROM ... AS build`, and the shipped stage starts from the same base with the
    libraries needed at run time and copies what was built (`COPY --from=build /venv /venv`, or what
    `make install DESTDIR=/out` leaves in `/out`).

    ## When it is silent
    The same RUN removes the tools; the image is one to build, test or work in, by its path, its stage, its base, other
    packages or a bare shell as its command; its command builds something; something in it compiles while it runs
    (numba, torch, Jupyter, Julia, R, an online judge); it states no command and its base is no program's image; a later
    RUN removes them with apk (apk-build-dependencies says so); the base image brings the compiler itself; the stage is
    not shipped.
    """

    code = "DS401"
    techniques = ("build-tools-left", "multi-stage")
    triggers = _TOOL_HINTS
    good = (
        "FROM python:3.12-slim\nRUN apt-get update && apt-get install -y --no-install-recommends gcc libc6-dev"
        " && pip install --no-cache-dir uwsgi && apt-get purge -y --auto-remove gcc libc6-dev"
        ' && rm -rf /var/lib/apt/lists/*\nCMD ["uwsgi"]\n',
        "FROM alpine:3.20 AS build\nRUN apk add --no-cache gcc make musl-dev\nCOPY . /src\nRUN make -C /src\n"
        'FROM alpine:3.20\nCOPY --from=build /src/app /app\nCMD ["/app"]\n',
        Good(
            "FROM alpine:3.20\nRUN apk add --no-cache gcc make musl-dev\nCOPY . /src\nRUN make -C /src\n"
            'CMD ["/src/app"]\n',
            Surroundings(path="ci/Dockerfile"),
        ),
    )
    bad = (
        Bad(
            "FROM alpine:3.20\nRUN apk add --no-cache gcc make musl-dev\nCOPY . /src\nRUN make -C /src\n"
            'CMD ["/src/app"]\n',
            None,
        ),
        Bad(
            "FROM python:3.12-alpine\nRUN apk add --no-cache gcc musl-dev && pip install --no-cache-dir uwsgi\n",
            "FROM python:3.12-alpine\nRUN apk add --no-cache gcc musl-dev && pip install --no-cache-dir uwsgi"
            " && apk del gcc musl-dev\n",
        ),
    )

    def check(self, dockerfile: Dockerfile, surroundings: Surroundings) -> Iterator[Finding]:
        """Yield one finding for each RUN that leaves build tools."""
        seen: set[int] = set()
        for run in shipped_runs(dockerfile, surroundings, HINTS):
            left = find_left(run, run.base)
            if (
                left is None
                or (run.stage.index in seen and not left.has_tools)
                or builds.is_wanted(dockerfile, run.stage, surroundings)
            ):
                continue
            removal = _removed_later(run, left)
            if removal is not None and left.operation.manager == "apk":
                continue  # apk-build-dependencies says so where it happens
            seen.add(run.stage.index)
            yield self.finding(
                run.instruction,
                left.operation.command.span,
                "Build tools stay in the image" if left.has_tools else "Headers stay in the image",
                _reason(run, left, removal),
                _purge(run, left),
                snippet=_joined(run, left),
                severity=None if left.has_tools else Severity.INFO,
            )


_OF_DEBIAN = regex(r"^build-essential$|-dev$")


def find_left(run: Run, base: str) -> Left | None:
    """Return what the installs of one RUN leave on top of `base`.

    None where that is no toolchain, or nothing is built with it.
    """
    source = run.instruction.span.of(run.dockerfile.text)
    if "$" not in source and not any(map(source.__contains__, _TOOL_HINTS)):
        return None
    found: list[Operation] = []
    is_purged = False
    for operation in operations(run.commands, run.scope):
        if not operation.removes:
            # yum goes on without what it has no package of, such as Debian's names.
            is_foreign = operation.manager == "rpm"
            names = (name for name in operation.names if not (is_foreign and _OF_DEBIAN.search(name)))
            found.append(operation._replace(names=tuple(names)))
        elif not operation.names and not operation.sweeps:
            return None  # what it removes cannot be read
        else:
            gone = set(operation.names)
            is_purged = True
            found = [each for each in (_without(one, gone) for one in found) if each.names]
    if "apt-mark" in source and "auto" in source:
        return None  # `apt-mark auto '.*' > /dev/null; apt-mark manual ...; apt-get purge --auto-remove`
    if not found or any(builds.is_workbench(name) for each in found for name in each.names):
        return None
    left = dict.fromkeys(name for each in found for name in each.names)
    tools = tuple(filter(builds.is_toolchain, left))
    headers = tuple(filter(builds.is_headers, left))
    if builds.brings_compiler(base):
        tools, headers = (), tuple(name for name in headers if not builds.comes_with_compiler(name))
    if not tools and is_purged:
        return None  # whoever removes the compiler and keeps headers may mean to
    if tools == ("make",) and not headers:
        return None  # 0.2 MB on Alpine, 1.6 MB on Debian 12: not worth a RUN that does all
    first = next((each for each in found if not {*tools, *headers}.isdisjoint(each.names)), None)
    if first is None:
        return None
    user = _last_user(run, first, strong=not tools)
    if user is None:
        return None
    if user[1].split()[0] in _NEED_NO_GO and not _USES_GO.search(run.dockerfile.text):
        tools = tuple(name for name in tools if name not in ("golang", "golang-go", "go"))  # for whoever runs the image
    return Left(first, tools + headers, bool(tools), *user) if tools or headers else None


_NEED_NO_GO = frozenset({"gem", "bundle", "pip", "pip2", "pip3", "npm", "yarn"})
_USES_GO = regex(r"\bgo\s+(?:build|get|install|mod|run|generate)\b")


def _without(operation: Operation, gone: set[str]) -> Operation:
    if operation.virtual and operation.virtual in gone:
        return operation._replace(names=())
    return operation._replace(names=tuple(name for name in operation.names if name not in gone))


def _last_user(run: Run, operation: Operation, *, strong: bool) -> tuple[Instruction, str] | None:
    """Return the last RUN that may need the tools; with `strong`, one that makes native code for certain."""
    last = builds.last_use(run.dockerfile, run.stage.index, strong=strong)
    if last is not None and last[0].index > run.instruction.index:
        return last
    own = [
        use
        for command, use in builds.build_uses(run.commands)
        if command.span.start > operation.command.span.start and not (strong and builds.is_weak(use))
    ]
    return (run.instruction, own[-1]) if own else None


@lru_cache(maxsize=8)
def _removals(dockerfile: Dockerfile, stage: int) -> dict[str, Instruction]:
    """Return, for each package, the last RUN from the start of a stage on that removes it."""
    own = dockerfile.stages[stage]
    return {
        name: each
        for owner, each in dockerfile.after(own, own.start)
        if each.keyword == "RUN" and any(map(each.span.of(dockerfile.text).__contains__, _REMOVERS))
        for operation in operations(each.commands, dockerfile.scope(owner, each))
        if operation.removes
        for name in operation.names
    }


def _removed_later(run: Run, left: Left) -> Instruction | None:
    """Return the later RUN that removes one of the packages: that takes nothing out of this layer."""
    removals = _removals(run.dockerfile, run.stage.index)
    found = (removals.get(name) for name in (*left.packages, left.operation.virtual))
    return next((each for each in found if each is not None and each.index > run.instruction.index), None)


def _reason(run: Run, left: Left, removal: Instruction | None) -> str:
    shown = left.packages
    if removal is not None and not left.operation.virtual:
        removals = _removals(run.dockerfile, run.stage.index)
        shown = tuple(name for name in shown if removals.get(name) is removal)
    names = [f"`{name}`" for name in shown]
    some = ", ".join(names[:4]) + (f" and {len(names) - 4} more" if len(names) > 4 else "")
    verb = "is" if len(names) == 1 else "are"
    if removal is not None:
        return f"{some} {verb} removed in line {removal.line}, a later layer, which takes nothing out of this one."
    if left.user is run.instruction:
        return f"{some} {verb} needed by `{left.use}` in this RUN, and by nothing after it."
    return f"{some} {verb} installed here; line {left.user.line} (`{left.use}`) is the last that may build with them."


def _purge(run: Run, left: Left) -> Fix | None:
    """Show the purge at the end of the RUN that both installs and builds."""
    command = _purge_command(left)
    if left.user is not run.instruction or not run.scope.is_plain or not command or left.operation.command.nesting:
        return None
    text = _with_sudo(left, command)
    edit = append_command(run.dockerfile, run.instruction, text, shell_errexit=run.scope.errexit)
    if edit is None:
        return None
    return Fix((edit,), Applicability.DISPLAY, added=(command,), caution=_caution(left))


def _purge_command(left: Left) -> tuple[str, ...]:
    """Return what removes the tools, and of the headers those that bring no library along; empty for no tools."""
    manager = left.operation.manager
    words = _PURGE[manager]
    if manager == "rpm":
        words = (left.operation.command.name, *words[1:])
    if left.operation.virtual:
        return (*words, left.operation.virtual) if left.has_tools else ()
    names = [name for name in left.packages if builds.is_toolchain(name) or builds.is_bare_headers(name)]
    if any(" " in name for name in names):
        return ()  # a group of packages: what removes one differs from yum to dnf
    return (*words, *names) if left.has_tools else ()


def _caution(left: Left) -> str:
    kept = [name for name in left.packages if not builds.is_toolchain(name) and not builds.is_bare_headers(name)]
    if left.operation.manager == "apk" and not _CXX.isdisjoint(left.packages):
        return "Takes libstdc++ and libgcc along: name them in the install if what is built is C++."
    if kept and not left.operation.virtual:
        return f"Leaves {kept[0]} and its like: they bring libraries that the program may need; name those instead."
    return "Takes along what only these packages brought: name in the install what the program needs of it."


_CXX = frozenset({"g++", "build-base", "alpine-sdk"})


def _with_sudo(left: Left, command: tuple[str, ...]) -> str:
    return " ".join(("sudo", *command) if "sudo" in left.operation.command.wrappers else command)


def _joined(run: Run, left: Left) -> Snippet | None:
    """Show the RUNs from the install to the last build as one that ends with the purge."""
    command = _purge_command(left)
    if left.user is run.instruction or not command:
        return None
    return show_joined(run, left.user, "One RUN that installs, builds and purges", _with_sudo(left, command))
