"""ineffective-cleanup."""

from __future__ import annotations

from collections.abc import Iterator

from rules.dockerfile import Dockerfile, ShellCommand
from rules.finding import Finding
from rules.fix import Applicability, Edit, Fix
from rules.rule import Bad, Rule, Surroundings
from rules.runs import Run, shipped_runs
from rules.tools import apt
from rules.tools.cleanup import APT_LISTS, Ineffective, ineffective
from rules.tools.remove import removed_words

_FETCHERS = {
    "/var/cache/apk": ("apk",),
    "/var/cache/yum": ("yum",),
    "/var/cache/dnf": ("dnf", "microdnf"),
}


class IneffectiveCleanup(Rule):
    """A clean-up that deletes nothing.

    ## What it does
    Finds an `rm` that is meant for what a package manager leaves in the same RUN and misses it: a path that is
    misspelt (`/var/lib/pat/lists`, `/var/lib/apt/list/*`), a glob in quotes, which `rm` takes for a file with a star in
    its name, a glob in the exec form, which no shell expands. `rm -f` says nothing about a path that is not there.

    ## Why it costs
    What was to be deleted is shipped. On Debian 12.11 the package lists alone are 19.9 MB.

    ## Fix safety
    Safe: the path is written as it is, the quotes go. For apt's lists it is unsafe where a later RUN starts a script
    that may install packages without an update of its own. The exec form gets no fix.

    ## When it is silent
    The path is one that exists on such images; the RUN does not write what the `rm` is meant for; a later RUN reads the
    lists; the stage is not shipped.
    """

    code = "DS106"
    techniques = ("apt-lists", "delete-in-later-layer")
    triggers = ("rm",)
    good = (
        "FROM debian:12\nRUN apt-get update && apt-get install -y --no-install-recommends cron"
        " && rm -rf /var/lib/apt/lists/*\n",
    )
    bad = (
        Bad(
            "FROM debian:12\nRUN apt-get update && apt-get install -y --no-install-recommends cron"
            " && rm -rf /var/lib/pat/lists/*\n",
            "FROM debian:12\nRUN apt-get update && apt-get install -y --no-install-recommends cron"
            " && rm -rf /var/lib/apt/lists/*\n",
        ),
        Bad(
            "FROM debian:12\nRUN apt-get update && apt-get install -y --no-install-recommends cron"
            " && rm -rf '/var/lib/apt/lists/*'\n",
            "FROM debian:12\nRUN apt-get update && apt-get install -y --no-install-recommends cron"
            " && rm -rf /var/lib/apt/lists/*\n",
        ),
    )

    def check(self, dockerfile: Dockerfile, surroundings: Surroundings) -> Iterator[Finding]:
        """Yield one finding for each word that deletes nothing."""
        for run in shipped_runs(dockerfile, surroundings, ("rm -", '"rm"', "rm \\")):
            for command in run.commands:
                if command.name != "rm":
                    continue
                if command.from_exec:
                    yield from self._exec(run, command)
                for found in ineffective(command, dockerfile.text):
                    if _is_written(run, found.directory):
                        yield self._report(run, command, found)

    def _exec(self, run: Run, command: ShellCommand) -> Iterator[Finding]:
        for word in removed_words(command):
            if word.text.endswith("/*"):
                yield self.finding(
                    run.instruction,
                    word.span,
                    "Nothing is deleted here",
                    f"The exec form runs no shell, so `{word.text}` is the name of one file, which is not there.",
                )
                return

    def _report(self, run: Run, command: ShellCommand, found: Ineffective) -> Finding:
        reason = (
            "In quotes the star is not expanded: `rm` looks for one file of that name."
            if found.quoted
            else f"`{found.word.text}` is not there; `{found.directory}` is meant."
        )
        return self.finding(
            run.instruction, found.word.span, "This clean-up deletes nothing", reason, _fix(run, command, found)
        )


def _is_written(run: Run, directory: str) -> bool:
    """Tell whether this RUN fills the directory, and nothing on top of it reads what is there."""
    if run.mounts(directory):
        return False
    if directory == APT_LISTS:
        return any(apt.updates(command) for command in run.commands) and not apt.are_lists_used_later(run)
    return any(command.name in _FETCHERS.get(directory, ()) for command in run.commands)


def _fix(run: Run, command: ShellCommand, found: Ineffective) -> Fix | None:
    if not command.has_flag("-r", "-R", "--recursive"):
        return None
    words = tuple(found.text if word is found.word else word.text for word in command.words)
    script = run.later_script() if found.directory == APT_LISTS else None
    caution = f"Breaks the build if {script} installs packages without an apt-get update of its own." if script else ""
    removed, added = ((command.texts,), (words,)) if words != command.texts else ((), ())
    return Fix(
        (Edit(found.word.span, found.text),),
        Applicability.UNSAFE if caution else Applicability.SAFE,
        removed=removed,
        added=added,
        caution=caution,
    )
