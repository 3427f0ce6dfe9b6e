"""apt-lists-left-behind."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from rules.dockerfile import Dockerfile, ShellCommand
from rules.finding import UNKNOWN_SAVING, Finding
from rules.fix import Fix
from rules.packages.apt_estimates import estimate_lists
from rules.packages.cache_cleanup import clean_together, is_hidden_cleanup, later_cleanup
from rules.packages.lists_cleanup import append_cleanup, join_cleanup
from rules.patterns import regex
from rules.rule import Bad, Rule, Surroundings
from rules.runs import Run, shipped_runs
from rules.sizes import format_bytes
from rules.tools import apt, playwright
from rules.tools.cleanup import ineffective

_HINTS = ("apt", "playwright", "nodesource", "packagecloud")
_WITHOUT_APT = regex(r"alpine|fedora|centos|rocky|almalinux|ubi\d|amazon|lambda|oraclelinux|suse|archlinux")


class AptListsLeftBehind(Rule):
    """Package lists that stay in the layer.

    ## What it does
    Finds RUN instructions that fetch apt's package lists and do not delete them in the same layer; `playwright install
    --with-deps`, `playwright install-deps`, Ubuntu's `add-apt-repository` and the set-up scripts of NodeSource and
    packagecloud fetch them as well.

    ## Why it costs
    On Debian 12.11 `apt-get update` leaves 19.9 MB under `/var/lib/apt/lists`. Deleting them in a later RUN frees
    nothing: the layer that holds them is shipped.

    ## Fix safety
    Safe: `rm -rf /var/lib/apt/lists/*` is appended so that it runs only after success; `apt-get update` makes the lists
    anew. It is appended to all RUNs that leave lists, since the next one would fetch what only one deletes; shown only
    where a RUN below keeps its own. Unsafe where a later RUN starts a script that may install packages
    without updating first.

    ## When it is silent
    The lists are deleted in any way that works (`rm -r -f`, `find -delete`, `apt-get dist-clean`, a directory above
    them), lie on a cache or tmpfs mount, or are used by a later RUN or a stage built on this one; the stage is not
    shipped. A clean-up that misses them, since its path is misspelt or its glob quoted, is what ineffective-cleanup
    (DS106) is about.
    """

    code = "DS202"
    aliases = ("hadolint:DL3009", "docker-parfum:aptGetInstallThenRemoveAptLists", "sonar:S6587")
    techniques = ("apt-lists",)
    triggers = _HINTS
    good = (
        "FROM debian:12\nRUN apt-get update && apt-get install -y --no-install-recommends cron"
        " && rm -rf /var/lib/apt/lists/*\n",
        "FROM debian:12\nRUN --mount=type=cache,target=/var/lib/apt apt-get update"
        " && apt-get install -y --no-install-recommends cron\n",
    )
    bad = (
        Bad(
            "FROM debian:12\nRUN apt-get update && apt-get install -y --no-install-recommends cron\n",
            "FROM debian:12\nRUN apt-get update && apt-get install -y --no-install-recommends cron"
            " && rm -rf /var/lib/apt/lists/*\n",
        ),
        Bad(
            "FROM debian:12\nRUN apt-get update \\\n    && apt-get install -y --no-install-recommends \\\n"
            "        cron\n",
            "FROM debian:12\nRUN apt-get update \\\n    && apt-get install -y --no-install-recommends \\\n"
            "        cron \\\n    && rm -rf /var/lib/apt/lists/*\n",
        ),
        Bad(
            "FROM ubuntu:22.04\nRUN apt-get update && apt-get install -y software-properties-common\n"
            "RUN add-apt-repository -y ppa:deadsnakes/ppa\n",
            "FROM ubuntu:22.04\nRUN apt-get update && apt-get install -y software-properties-common"
            " && rm -rf /var/lib/apt/lists/*\n"
            "RUN add-apt-repository -y ppa:deadsnakes/ppa && rm -rf /var/lib/apt/lists/*\n",
        ),
    )

    def check(self, dockerfile: Dockerfile, surroundings: Surroundings) -> Iterator[Finding]:
        """Yield one finding for each RUN that leaves lists in its layer."""
        left = leaving_lists(dockerfile, surroundings)
        for (run, update, is_wanted), fix in zip(left, _fixes(left), strict=True):
            if is_wanted:
                continue
            saving = estimate_lists(run, surroundings) or UNKNOWN_SAVING
            size = f"{format_bytes(saving.bytes)} of package" if saving.bytes is not None else "Package"
            yield self.finding(
                run.instruction,
                update.span,
                f"{size} lists stay in the layer",
                _reason(run, update),
                fix,
                saving,
            )


class _Left(NamedTuple):
    """A RUN that leaves lists, the command that fetched them, and whether they are to stay, for all that is known."""

    run: Run
    update: ShellCommand
    is_wanted: bool


def leaving_lists(dockerfile: Dockerfile, surroundings: Surroundings) -> list[_Left]:
    """Return the shipped RUNs that leave package lists in their layer."""
    return [
        _Left(run, update, apt.are_lists_used_later(run) or _is_misspelt(run))
        for run in shipped_runs(dockerfile, surroundings, _HINTS)
        if (update := _last_uncleaned_update(run)) is not None
        and not run.mounts(apt.LISTS)
        and not any("Dir::" in text for text in update.texts)
    ]


def _fixes(left: list[_Left]) -> Iterator[Fix | None]:
    """Yield a fix for each; what a join with the next RUN mends needs none of the others."""
    joined = [None if each.is_wanted else join_cleanup(each.run, each.run.instruction) for each in left]
    others = [each for each, join in zip(left, joined, strict=True) if join is None]
    fixes = [None if each.is_wanted else _fix(each.run, each.update) for each in others]
    if None in fixes:  # what is kept would be deleted in a later layer, where only a script fetches the lists anew
        hidden = [not apt.updates(each.update) and not playwright.installs_dependencies(each.update) for each in others]
        fixes = [None if is_hidden else fix for is_hidden, fix in zip(hidden, fixes, strict=True)]
    appended = iter(clean_together([(each.run, fix) for each, fix in zip(others, fixes, strict=True)]))
    return (join or next(appended) for join in joined)


def _fix(run: Run, update: ShellCommand) -> Fix | None:
    if not apt.updates(update) and not update.wrappers and (run.scope.user or "root") not in ("root", "0"):
        return None  # Playwright asks sudo itself, and what is appended would run without
    return append_cleanup(run, update)


def _is_misspelt(run: Run) -> bool:
    """Tell whether a clean-up is there and misses the lists: ineffective-cleanup mends it."""
    text = run.dockerfile.text
    return any(found.directory == apt.LISTS for command in run.commands for found in ineffective(command, text))


def _last_uncleaned_update(run: Run) -> ShellCommand | None:
    update = None
    for feeder, command in zip((None, *run.commands), run.commands, strict=False):
        hidden = playwright.installs_dependencies(command) and not _WITHOUT_APT.search(run.base)
        if hidden or apt.updates(command) or apt.adds_repository(command, feeder, run.base):
            update = command
        elif apt.cleans_lists(command) or _may_clean(command) or is_hidden_cleanup(run, command, apt.LISTS):
            update = None
    return update


def _may_clean(command: ShellCommand) -> bool:
    """Tell whether a command of unknown content looks like a clean-up, or xargs deletes what it is handed."""
    if command.name == "xargs":
        return "rm" in command.texts
    return "clean" in command.name.lower() and command.name != "apt-get"


def _reason(run: Run, update: ShellCommand) -> str:
    later = later_cleanup(run, apt.cleans_lists, "apt")
    if later is not None:
        return f"Line {later.line} deletes them in a later layer, which takes nothing out of this one."
    if update.name in ("bash", "sh"):
        return f"The script that adds a repository runs `apt-get update`, and nothing in this RUN deletes {apt.LISTS}."
    return f"`{_shown(update)}` writes them to `{apt.LISTS}`, and nothing in this RUN deletes them."


def _shown(command: ShellCommand) -> str:
    return "add-apt-repository" if command.name.endswith("-repository") else " ".join(command.texts)
