"""zypper-recommended-packages."""

from __future__ import annotations

from collections.abc import Iterator

from rules.dockerfile import Dockerfile, Instruction, Span
from rules.edits import insert_words, with_words
from rules.finding import Finding, Severity
from rules.fix import Applicability, Fix
from rules.rule import Bad, Rule, Surroundings
from rules.runs import Run, shipped_runs
from rules.tools import zypper
from rules.tools.options import Call

FLAG = "--no-recommends"


class ZypperRecommendedPackages(Rule):
    """Packages that zypper adds without being asked.

    ## What it does
    Finds `zypper install` that also installs what the named packages merely recommend.

    ## Why it costs
    It depends on the packages, and nobody measured it for zypper alone: the finding is information. What the same
    habit costs with apt was measured and stands at apt-recommended-packages.

    ## Fix safety
    Unsafe: a recommended package may be needed by something that nobody named. A pattern is little else than its
    recommends: with one in the list the fix is shown, not offered.

    ## When it is silent
    `--no-recommends` is there, or `solver.onlyRequires` was written to a configuration before; the base image is one
    of openSUSE or SUSE, whose makers set it; only files or URLs are installed; the install goes into another root; the
    stage is not shipped.
    """

    code = "DS212"
    severity = Severity.INFO
    techniques = ("zypper-recommends",)
    triggers = ("zypper",)
    good = (
        "FROM example/sles:15\nRUN zypper -n install --no-recommends curl && zypper clean --all\n",
        "FROM opensuse/leap:15.6\nRUN zypper -n install curl && zypper clean --all\n",
    )
    bad = (
        Bad(
            "FROM example/sles:15\nRUN zypper -n install curl && zypper clean --all\n",
            "FROM example/sles:15\nRUN zypper -n install --no-recommends curl && zypper clean --all\n",
        ),
    )

    def check(self, dockerfile: Dockerfile, surroundings: Surroundings) -> Iterator[Finding]:
        """Yield one finding for each install command."""
        for run in shipped_runs(dockerfile, surroundings, ("zypper",), deferred=True):
            if (
                zypper.leaves_recommends_out(run.base)
                or _configures(run.instruction)
                or run.is_preceded_by(_configures)
            ):
                continue
            for command in run.commands:
                call = zypper.read_zypper(command)
                if call is not None and call.verb in ("install", "in") and _installs_by_name(call):
                    yield self._report(run, call)

    def _report(self, run: Run, call: Call) -> Finding:
        command, action = call.command, call.action
        assert action is not None  # noqa: S101 - the caller looked at its verb
        risk = _risk(call)
        return self.finding(
            run.instruction,
            Span(command.words[0].span.start, action.span.end),
            "zypper installs what is merely recommended, too",
            f"`{FLAG}` leaves out what these packages can do without.",
            Fix(
                (insert_words(command, action, FLAG),),
                Applicability.DISPLAY if risk else Applicability.UNSAFE,
                removed=(command.texts,),
                added=(with_words(command, action, FLAG),),
                caution=risk or "Changes behaviour if something here relies on a package that another only recommends.",
            ),
        )


def _configures(each: Instruction) -> bool:
    if each.keyword in ("COPY", "ADD"):
        return "/etc/zypp" in each.value or "zypp.conf" in each.value
    return each.keyword == "RUN" and "onlyRequires" in each.value


def _installs_by_name(call: Call) -> bool:
    if call.has(FLAG, "--recommends", "-R", "--root", "--installroot", "--download-only", "-d"):
        return False
    return any(not (word.text.endswith(".rpm") or word.text.startswith(("/", "./", "http"))) for word in call.operands)


def _risk(call: Call) -> str:
    if any(not word.literal for word in call.operands):
        return "The list of packages is not written out here; try this build before you keep it."
    if call.has("-t", "--type") or any(word.text.startswith("pattern") for word in call.operands):
        return "A pattern names most of its packages as recommended; try this build before you keep it."
    return ""
