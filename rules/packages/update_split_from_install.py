"""update-split-from-install."""

from __future__ import annotations

from collections.abc import Iterator

from rules.dockerfile import Dockerfile
from rules.finding import Finding
from rules.packages.lists_in_layers import find_split, read_lists
from rules.rule import Bad, Rule, Surroundings
from rules.runs import shipped_runs
from rules.tools import apt


class UpdateSplitFromInstall(Rule):
    """`apt-get update` in a layer of its own.

    ## What it does
    Finds a RUN that fetches package lists for an install in a later RUN.

    ## Why it costs
    The lists (19 MB and more, see apt-lists-left-behind) are shipped in a layer of their own, and no later RUN can
    delete them from it. With a warm build cache the install also reads lists of the day the layer was made, and
    fails once a package has moved on.

    ## Fix safety
    Safe where it is offered: the RUN does nothing else, the install follows with nothing in between that could
    matter, both run with the same flags, user and shell. The lists are deleted in the same RUN when nothing later
    reads them.

    ## When it is silent
    No later RUN installs from these lists; the lists lie on a mount; the stage is not shipped.
    """

    code = "DS205"
    aliases = (
        "docker-parfum:aptGetUpdatePrecedesInstall",
        "checkov:CKV_DOCKER_5",
        "trivy:AVD-DS-0017",
        "trivy:DS017",
        "trivy:DS-0017",
        "sonar:S6595",
    )
    techniques = ("apt-lists", "merge-run-with-cleanup")
    triggers = ("apt",)
    good = (
        "FROM debian:12\nRUN apt-get update && apt-get install -y --no-install-recommends cron"
        " && rm -rf /var/lib/apt/lists/*\n",
    )
    bad = (
        Bad(
            "FROM debian:12\nRUN apt-get update\nRUN apt-get install -y --no-install-recommends cron\n",
            "FROM debian:12\nRUN apt-get update && apt-get install -y --no-install-recommends cron"
            " && rm -rf /var/lib/apt/lists/*\n",
        ),
        Bad(
            "FROM debian:12\nRUN apt-get update && apt-get upgrade -y\n"
            "RUN apt-get install -y --no-install-recommends cron\n",
            None,
        ),
    )

    def check(self, dockerfile: Dockerfile, surroundings: Surroundings) -> Iterator[Finding]:
        """Yield one finding for each RUN whose lists are read by a later one."""
        for run in shipped_runs(dockerfile, surroundings, ("apt",)):
            update, readers = find_split(run)
            if update is None or not readers or run.mounts(apt.LISTS):
                continue
            lists = read_lists(dockerfile, surroundings.targets)
            fix = lists.offer(run)
            if not lists.is_spoken_of(run, fix):
                continue
            yield self.finding(
                run.instruction,
                update.span,
                "Package lists are fetched in one layer and used in another",
                f"Line {readers[0].instruction.line} installs from them; this layer keeps them for good.",
                fix,
            )
