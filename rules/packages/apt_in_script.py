"""apt-in-script."""

from __future__ import annotations

from collections.abc import Iterator

from rules.dockerfile import Dockerfile, ShellCommand, Span
from rules.finding import Finding, Severity
from rules.fix import Applicability, Edit, Fix
from rules.patterns import regex
from rules.rule import Bad, Rule, Surroundings
from rules.runs import Run, shipped_runs
from rules.tools import apt

# Verbs that mean the same to both. `apt upgrade` also installs new packages, `apt-get upgrade` does not.
_COMMON = frozenset({"update", "install", "remove", "purge", "autoremove", "clean", "autoclean"})
# Images whose apt-get deletes what it downloaded, as apt does by itself (`/etc/apt/apt.conf.d/docker-clean`).
_DELETES_DOWNLOADS = regex(
    r"^(?:docker\.io/)?(?:library/)?(?:debian|ubuntu|buildpack-deps|python|node|ruby|golang|php|perl|rust|gcc|nginx|httpd"
    r"|postgres|mysql|mariadb|redis|openjdk|eclipse-temurin|maven|gradle|tomcat)(?::(?!.*alpine)|$)"
)


class AptInScript(Rule):
    """`apt` where a script should call `apt-get`.

    ## What it does
    Finds `apt install` and its like in a RUN.

    ## Why it costs
    No bytes. `apt` is made for people: it says at each run that it "does not have a stable CLI interface", and a script
    that relies on it may break with a release.

    ## Fix safety
    Safe where it is offered: `apt` becomes `apt-get` for verbs and options that mean the same to both. Not offered for
    `upgrade`, which means more to apt, for an install that another rule wants to change first, and on base images whose
    apt-get may keep what it downloads.

    ## When it is silent
    `apt-get` is called; the stage is not shipped.
    """

    code = "DS207"
    severity = Severity.INFO
    aliases = ("hadolint:DL3027", "checkov:CKV_DOCKER_9", "semgrep:dockerfile.best-practice.prefer-apt-get")
    techniques = ("other",)
    triggers = ("apt ", "apt\t", '"apt"')
    good = (
        "FROM debian:12\nRUN apt-get update && apt-get install -y --no-install-recommends cron"
        " && rm -rf /var/lib/apt/lists/*\n",
    )
    bad = (
        Bad(
            "FROM debian:12\nRUN apt update && apt install -y --no-install-recommends cron"
            " && rm -rf /var/lib/apt/lists/*\n",
            "FROM debian:12\nRUN apt-get update && apt-get install -y --no-install-recommends cron"
            " && rm -rf /var/lib/apt/lists/*\n",
        ),
    )

    def check(self, dockerfile: Dockerfile, surroundings: Surroundings) -> Iterator[Finding]:
        """Yield one finding for each RUN that calls apt."""
        for run in shipped_runs(dockerfile, surroundings, self.triggers):
            commands = [each for each in run.commands if each.name == "apt"]
            if not commands:
                continue
            first = commands[0].words
            yield self.finding(
                run.instruction,
                Span(first[0].span.start, first[min(1, len(first) - 1)].span.end),
                "apt is called by a script",
                "`apt` promises no stable command line; `apt-get` does.",
                _fix(run, commands),
            )


def _fix(run: Run, commands: list[ShellCommand]) -> Fix | None:
    if not _DELETES_DOWNLOADS.search(run.base) or not all(map(_means_the_same, commands)):
        return None
    if "apt-get" in run.instruction.script.functions:
        return None
    edits = []
    for command in commands:
        end = command.words[0].span.end
        edits.append(Edit(Span(end - len("apt"), end), "apt-get"))
    return Fix(
        tuple(edits),
        Applicability.SAFE,
        tuple(command.texts for command in commands),
        tuple((command.words[0].text + "-get", *command.texts[1:]) for command in commands),
    )


def _means_the_same(command: ShellCommand) -> bool:
    call = apt.read_apt(command)
    if call is None or call.verb not in _COMMON or command.words[0].quoted != command.from_exec:
        return False
    return call.verb != "install" or apt.skips_recommends(call)
