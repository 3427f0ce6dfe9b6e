"""The RUN instructions that rules look at: shipped, read by a POSIX shell, understood."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from operator import itemgetter
from typing import NamedTuple

from rules.dockerfile import Dockerfile, Instruction, Scope, ShellCommand, Stage
from rules.patterns import regex
from rules.rule import Surroundings

Fact = Callable[[Instruction], bool]

_WINDOWS = regex(r"windows|nanoserver|servercore", re.IGNORECASE)
_SHELLS = frozenset({"sh", "bash", "dash", "ash", "zsh", "ksh", "source", "."})
_PROVISIONERS = frozenset(
    {"make", "rake", "ansible", "ansible-playbook", "puppet", "chef-client", "chef-solo", "salt-call", "xargs", "su"}
)
_INTERPRETED = regex(r"\.(?:py|pl|rb|js)$")
# What the source of a RUN, in lower case, must hold for one of these to be in it: most need not be read as shell.
_MAY_HIDE = regex(
    r"\.(?:sh|bash|py|pl|rb|js)\b|\./|\b(?:ba|da|a|z|k)?sh\b|<<|\b(?:source|make|rake|ansible|puppet|chef|salt|xargs|su)\b"
    r"|(?:^run|[;&|({\n]|\b(?:do|then|else|sudo))\s*\.?\s*[\"']?[.$]"
)
_SCRIPT = regex(r"\.(?:sh|bash)$|^\./")
_ASSIGNS = regex(r"\w+\+?=")
# What xargs mostly runs.
_HARMLESS = frozenset(
    {"chmod", "chown", "cp", "echo", "grep", "kill", "ln", "mkdir", "mv", "rm", "sed", "strip", "touch"}
)
# What comes with sources and looks at the system without changing it.
_CONFIGURES = frozenset({"configure", "Configure", "config", "buildconf", "autogen.sh"})


# A line of a RUN that was meant as an instruction of its own, but for a `\` above: such a RUN does not do what it says.
_SWALLOWED = regex(
    r"\n[ \t]*(?:FROM|RUN|CMD|LABEL|MAINTAINER|EXPOSE|ENV|ADD|COPY|ENTRYPOINT|VOLUME|USER|WORKDIR|ARG|ONBUILD"
    r"|STOPSIGNAL|HEALTHCHECK|SHELL)[ \t]"
)


class Run(NamedTuple):
    """One RUN with all that holds when it runs; `deferred` marks the RUN behind an ONBUILD."""

    dockerfile: Dockerfile
    stage: Stage
    instruction: Instruction
    scope: Scope
    deferred: bool = False

    @property
    def base(self) -> str:
        """Return the image that everything below this RUN starts from."""
        stage = self.stage
        while stage.parent is not None:
            stage = self.dockerfile.stages[stage.parent]
        return stage.base

    @property
    def commands(self) -> tuple[ShellCommand, ...]:
        """Return its simple commands."""
        return self.instruction.commands

    def mounts(self, path: str) -> bool:
        """Tell whether a cache or tmpfs mount keeps `path` out of the layer."""
        return any(mount.covers(path) for mount in self.instruction.mounts)

    def later(self) -> Iterator[Run]:
        """Yield every RUN on top of this one: in its stage and in the stages built from it."""
        for stage, each in self.dockerfile.after(self.stage, self.instruction):
            if each.keyword == "RUN":
                yield Run(self.dockerfile, stage, each, self.dockerfile.scope(stage, each))

    def earlier(self) -> Iterator[Run]:
        """Yield every RUN below this one, the oldest first."""
        for stage, each in self.dockerfile.before(self.stage, self.instruction):
            if each.keyword == "RUN":
                yield Run(self.dockerfile, stage, each, self.dockerfile.scope(stage, each))

    def is_preceded_by(self, fact: Fact) -> bool:
        """Tell whether `fact` holds for an instruction below this one."""
        first = _first(self.dockerfile, self.stage.index, fact)
        return first is not None and first < self.instruction.index

    def is_followed_by(self, fact: Fact) -> bool:
        """Tell whether `fact` holds for an instruction on top of this one."""
        last = _last(self.dockerfile, self.stage.index, fact)
        return last is not None and last > self.instruction.index

    def later_script(self) -> str | None:
        """Name the first script on top of this RUN whose content the Dockerfile does not show."""
        scripts = _scripts(self.dockerfile, self.stage.index)
        at = bisect_right(scripts, self.instruction.index, key=itemgetter(0))
        return scripts[at][1] if at < len(scripts) else None


# What is asked of every RUN about all the others is found out once for each stage: asking anew would cost the square
# of a file's length.
@lru_cache(maxsize=128)
def _first(dockerfile: Dockerfile, stage: int, fact: Fact) -> int | None:
    above = dockerfile.lineage(dockerfile.stages[stage])
    return next((each.index for _, each in above if fact(each)), None)


@lru_cache(maxsize=128)
def _last(dockerfile: Dockerfile, stage: int, fact: Fact) -> int | None:
    own = dockerfile.stages[stage]
    found = [each.index for _, each in dockerfile.after(own, own.start) if fact(each)]
    return found[-1] if found else None


@lru_cache(maxsize=8)
def _scripts(dockerfile: Dockerfile, stage: int) -> tuple[tuple[int, str], ...]:
    own = dockerfile.stages[stage]
    return tuple(
        (each.index, script)
        for _, each in dockerfile.after(own, own.start)
        if each.keyword == "RUN" and _MAY_HIDE.search(each.span.of(dockerfile.text).lower())
        for script in opaque_scripts(each)
    )


def shipped_runs(
    dockerfile: Dockerfile,
    surroundings: Surroundings,
    hints: Iterable[str],
    *,
    deferred: bool = False,
    where: Callable[[Stage, Instruction], bool] | None = None,
) -> Iterator[Run]:
    """Yield the RUNs whose layers are shipped and whose source holds one of `hints`.

    Not those that have swallowed another instruction: they do not build, or not what was meant.
    `hints` and `where` keep the shell parser away from what a rule has no interest in. With `deferred`, also those
    behind ONBUILD.
    """
    hints = tuple(hints)
    for run, source in _candidates(dockerfile, surroundings.targets):
        if run.deferred and not deferred:
            continue
        instruction = run.instruction
        if not (any(map(source.__contains__, hints)) or instruction.heredocs):
            continue
        if (where is None or where(run.stage, instruction)) and instruction.script.parsed:
            yield run


@lru_cache(maxsize=8)
def _candidates(dockerfile: Dockerfile, targets: frozenset[str]) -> tuple[tuple[Run, str], ...]:
    """Return the RUNs of the shipped stages that a POSIX shell reads, or none, and their sources."""
    return tuple(
        (Run(dockerfile, stage, run, scope, run is not each), run.value)
        for stage in dockerfile.shipped(targets)
        if not _WINDOWS.search(stage.base)
        for each, scope in zip(stage.instructions, stage.scopes, strict=True)
        for run in (each.trigger or each,)
        if run.keyword == "RUN"
        and (run.exec_words is not None or scope.is_posix)
        and (run.heredocs or not _SWALLOWED.search(run.span.of(dockerfile.text)))
    )


def opaque_scripts(run: Instruction) -> Iterator[str]:
    """Yield `./setup.sh`, `bash x`, `curl ... | sh` of one RUN, whose content the Dockerfile does not show."""
    if not run.script.parsed:
        yield "a RUN that could not be read"
    for command in run.commands:
        name = command.words[0].text if command.words else ""
        if command.name in _CONFIGURES and not command.has_flag("--install-deps"):
            continue
        if _SCRIPT.search(name):
            yield name
        elif command.name in _SHELLS:
            file = next((word.text for word in command.arguments if not word.text.startswith("-")), None)
            if command.has_flag("-s") or (file is None and not command.has_flag("-c")):
                yield "a script read from a pipe"
            elif not command.has_flag("-c"):
                yield str(file)
        elif command.name in _PROVISIONERS:
            if command.name != "xargs" or _HARMLESS.isdisjoint(command.texts):
                yield command.name
        elif command.words and not command.words[0].literal and not _ASSIGNS.match(name):
            yield "a command that a variable names"
        elif len(command.words) > 1 and _INTERPRETED.search(command.words[1].text):
            yield command.words[1].text
