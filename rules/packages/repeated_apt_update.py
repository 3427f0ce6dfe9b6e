"""repeated-apt-update."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from functools import lru_cache

from rules.dockerfile import Dockerfile, ShellCommand
from rules.finding import Finding, Severity
from rules.packages.lists_in_layers import find_split
from rules.patterns import regex
from rules.rule import Bad, Rule, Surroundings
from rules.runs import Run, shipped_runs
from rules.tools import apt

# A source that was added in between asks for another update.
_ADDS_SOURCE = regex(
    r"sources\.list|add-apt-repository|apt-add-repository|apt-key|\.gpg|signed-by|nodesource|setup_\d+|setup\.deb|\.deb\b"
    r"|dpkg\s+--add-architecture|preferences\.d|apt/apt\.conf|keyring"
)


class RepeatedAptUpdate(Rule):
    """Package lists that are fetched for several installs of one stage.

    ## What it does
    Finds the second and later RUN of a shipped stage that runs `apt-get update` for an install, in this RUN or a later
    one, with nothing in between that would need it.

    ## Why it costs
    Time: each fetches the same lists anew. Bytes: each layer holds its own copy of dpkg's and debconf's databases;
    stated in neurodesk/neurocontainers#2493 for a whole image: 13 MB. Deleted lists cost nothing more.

    ## Fix safety
    No fix: several installs may be kept apart for the build cache, or because one needs what stands between them.

    ## When it is silent
    Only one RUN of the stage does so; one of the two removes packages again, which were for that RUN alone; a source, a
    key or an architecture is added at or after the first of them; the lists lie on a mount; the stage is not shipped.
    """

    code = "DS206"
    severity = Severity.INFO
    techniques = ("merge-run-with-cleanup",)
    triggers = ("apt",)
    good = (
        "FROM debian:12\nRUN apt-get update && apt-get install -y --no-install-recommends cron curl ca-certificates"
        " && rm -rf /var/lib/apt/lists/*\n",
    )
    bad = (
        Bad(
            "FROM debian:12\nRUN apt-get update && apt-get install -y --no-install-recommends cron"
            " && rm -rf /var/lib/apt/lists/*\n"
            "RUN apt-get update && apt-get install -y --no-install-recommends tzdata"
            " && rm -rf /var/lib/apt/lists/*\n",
            None,
        ),
    )

    def check(self, dockerfile: Dockerfile, surroundings: Surroundings) -> Iterator[Finding]:
        """Yield one finding for each RUN that repeats what one before it did."""
        if dockerfile.text.count("update") < 2:
            return
        stage = -1
        first: Run | None = None
        for run in shipped_runs(dockerfile, surroundings, ("apt", "/etc/apt", ".gpg", ".deb", "nodesource", "setup_")):
            if run.stage.index != stage:
                stage, first = run.stage.index, None
            if _ADDS_SOURCE.search(run.instruction.span.of(dockerfile.text)):
                first = None
                continue
            update = _update_before_install(run) or _update_split_from_install(run)
            if update is None or run.mounts(apt.LISTS):
                continue
            if first is None:
                first = run
                continue
            if _source_is_copied(first, run):
                first = run
                continue
            yield self.finding(
                run.instruction,
                update.span,
                "Package lists are fetched again",
                f"Line {first.instruction.line} fetched the same lists for its install; one RUN could do both.",
            )


def _update_before_install(run: Run) -> ShellCommand | None:
    if any(map(_takes_away_again, run.commands)):
        return None
    update = None
    for command in run.commands:
        if apt.updates(command):
            update = update or command
        elif update is not None and apt.installs(command):
            return update
    return None


def _takes_away_again(command: ShellCommand) -> bool:
    """Tell whether a command removes packages: what is installed for one RUN alone belongs into that RUN."""
    call = apt.read_apt(command)
    if call is None:
        return command.name == "apt-mark"
    return call.verb in ("remove", "purge") or call.has("--auto-remove", "--purge")


def _update_split_from_install(run: Run) -> ShellCommand | None:
    update, readers = find_split(run)
    return update if readers else None


def _source_is_copied(first: Run, run: Run) -> bool:
    """Tell whether a file that may name a source comes in between."""
    copies = _copied_sources(run.dockerfile, run.stage.index)
    at = bisect_right(copies, first.instruction.index)
    return at < len(copies) and copies[at] < run.instruction.index


@lru_cache(maxsize=8)
def _copied_sources(dockerfile: Dockerfile, stage: int) -> list[int]:
    return [
        each.index
        for each in dockerfile.stages[stage].instructions
        if each.keyword in ("COPY", "ADD") and ("/etc/apt" in each.value or _ADDS_SOURCE.search(each.value))
    ]
