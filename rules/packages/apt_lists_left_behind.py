"""apt-lists-left-behind."""

from __future__ import annotations

from collections.abc import Iterator

from rules.dockerfile import Dockerfile, ShellCommand
from rules.finding import UNKNOWN_SAVING, Finding
from rules.packages.apt_estimates import estimate_lists
from rules.packages.cache_cleanup import later_cleanup
from rules.packages.lists_in_layers import HINTS, read_lists
from rules.rule import Bad, Rule, Surroundings
from rules.runs import Run
from rules.sizes import format_bytes
from rules.tools import apt


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
    anew. Where the next RUN would fetch what only one deletes, it is appended to all; nowhere if one of them has to
    keep its own. Unsafe where a later RUN starts a script that may install packages
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
    triggers = HINTS
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
        lists = read_lists(dockerfile, surroundings.targets)
        for run, update, is_wanted in lists.left:
            fix = None if is_wanted else lists.offer(run)
            if is_wanted or not lists.is_spoken_of(run, fix):
                continue
            saving = UNKNOWN_SAVING
            if run.instruction.index in lists.holding:
                saving = estimate_lists(run, surroundings) or saving
            size = f"{format_bytes(saving.bytes)} of package" if saving.bytes is not None else "Package"
            yield self.finding(
                run.instruction,
                update.span,
                f"{size} lists stay in the layer",
                _reason(run, update),
                fix,
                saving,
            )


def _reason(run: Run, update: ShellCommand) -> str:
    later = later_cleanup(run, apt.surely_cleans_lists, "apt")
    if later is not None:
        return f"Line {later.line} deletes them in a later layer, which takes nothing out of this one."
    if update.name in ("bash", "sh"):
        return f"The script that adds a repository runs `apt-get update`, and nothing in this RUN deletes {apt.LISTS}."
    return f"`{_shown(update)}` writes them to `{apt.LISTS}`, and nothing in this RUN deletes them."


def _shown(command: ShellCommand) -> str:
    return "add-apt-repository" if command.name.endswith("-repository") else " ".join(command.texts)
