"""zypper-cache-left-behind."""

from __future__ import annotations

from collections.abc import Iterator

from rules.dockerfile import Dockerfile, ShellCommand, Span
from rules.edits import insert_words, with_words
from rules.finding import Finding
from rules.fix import Applicability, Fix
from rules.packages.cache_cleanup import append_cleanup, clean_together, later_cleanup
from rules.rule import Bad, Rule, Surroundings
from rules.runs import Run, shipped_runs
from rules.tools import zypper
from rules.tools.options import Call

FLAG = "--all"


class ZypperCacheLeftBehind(Rule):
    """Repository metadata of zypper that stay in the layer.

    ## What it does
    Finds `zypper install`, `update`, `dup` and `patch` without `zypper clean --all` behind them in the same RUN, and
    `zypper clean` that lacks `--all`: it deletes packages, which zypper does not keep anyway, and leaves the metadata.

    ## Why it costs
    zypper keeps the metadata of every repository twice under `/var/cache/zypp`: as downloaded, and as its solver reads
    them. Stated in suse-edge/edge-image-builder#213: 178 MB in `/var/cache/zypp` after an install, nothing after
    `zypper clean -a`.

    ## Fix safety
    Safe: the next zypper makes the cache anew. `zypper clean --all` is appended so that it runs only after success, or
    `--all` is added to the clean-up that is there.

    ## When it is silent
    `zypper clean -a`, `zypper cc --all` or `rm -rf /var/cache/zypp` stands behind the last install of the RUN; a cache
    or tmpfs mount covers the cache; `--cache-dir` puts it elsewhere; the install goes into another root; the stage is
    not shipped.
    """

    code = "DS210"
    aliases = (
        "hadolint:DL3036",
        "trivy:AVD-DS-0020",
        "trivy:DS020",
        "trivy:DS-0020",
        "semgrep:dockerfile.best-practice.missing-zypper-clean",
    )
    techniques = ("zypper-cache",)
    triggers = ("zypper",)
    good = (
        "FROM opensuse/leap:15.6\nRUN zypper --non-interactive install curl && zypper clean --all\n",
        "FROM opensuse/leap:15.6\nRUN zypper -n in curl && rm -rf /var/cache/zypp/*\n",
    )
    bad = (
        Bad(
            "FROM opensuse/leap:15.6\nRUN zypper --non-interactive install curl\n",
            "FROM opensuse/leap:15.6\nRUN zypper --non-interactive install curl && zypper clean --all\n",
        ),
        Bad(
            "FROM opensuse/leap:15.6\nRUN zypper -n in curl && zypper clean\n",
            "FROM opensuse/leap:15.6\nRUN zypper -n in curl && zypper clean --all\n",
        ),
    )

    def check(self, dockerfile: Dockerfile, surroundings: Surroundings) -> Iterator[Finding]:
        """Yield one finding for each RUN that leaves metadata in its layer."""
        left = list(_leaving(dockerfile, surroundings))
        fixes = clean_together([(run, _fix(run, install, partial)) for run, install, partial in left])
        for (run, install, partial), fix in zip(left, fixes, strict=True):
            assert install.action is not None  # noqa: S101 - _leaving looked at its verb
            yield self.finding(
                run.instruction,
                Span(install.command.words[0].span.start, install.action.span.end),
                "The metadata of zypper stay in the layer",
                _reason(run, install, partial),
                fix,
            )


def _leaving(dockerfile: Dockerfile, surroundings: Surroundings) -> Iterator[tuple[Run, Call, Call | None]]:
    """Yield the RUNs that leave metadata, the last command that fetched them, and a `clean` that does half of it."""
    for run in shipped_runs(dockerfile, surroundings, ("zypper",)):
        install, partial = _last_uncleaned(run)
        if install is not None and install.action is not None and not run.mounts(zypper.CACHE):
            yield run, install, partial


def _fix(run: Run, install: Call, partial: Call | None) -> Fix | None:
    if partial is not None:
        return _add(partial)
    return append_cleanup(run, install.command, "zypper", "clean", FLAG)


def _last_uncleaned(run: Run) -> tuple[Call | None, Call | None]:
    """Return the last install behind which nothing cleans up, and a `clean` behind it that does half of it."""
    install: Call | None = None
    partial: Call | None = None
    for command in run.commands:
        call = zypper.read_zypper(command)
        if call is not None and zypper.fetches(call):
            if not call.has("-R", "--root", "--installroot", "--cache-dir", "--raw-cache-dir", "--download-only", "-d"):
                install, partial = call, None
        elif zypper.cleans_cache(command) or _may_clean(command):
            install = partial = None
        elif call is not None and zypper.is_clean(call):
            partial = call
    return install, partial


def _may_clean(command: ShellCommand) -> bool:
    """Tell whether a command of unknown content looks like a clean-up, or hides one: `sh -c 'zypper clean'`."""
    if command.name in ("zypper", "echo", "printf"):
        return False
    line = " ".join(command.texts)
    return "clean" in command.name.lower() or ("clean" in line and "zypper" in line)


def _reason(run: Run, install: Call, partial: Call | None) -> str:
    if partial is not None:
        return f"`zypper {partial.verb}` without `{FLAG}` deletes packages only."
    later = later_cleanup(run, zypper.cleans_cache, "zypp")
    if later is not None:
        return f"Line {later.line} cleans up in a later layer, which takes nothing out of this one."
    return f"`zypper {install.verb}` fetches them, and nothing in this RUN runs `zypper clean {FLAG}`."


def _add(partial: Call) -> Fix | None:
    if partial.action is None or partial.has("-m", "-M", "--metadata", "--raw-metadata") or partial.operands:
        return None
    return Fix(
        (insert_words(partial.command, partial.action, FLAG),),
        Applicability.SAFE,
        removed=(partial.command.texts,),
        added=(with_words(partial.command, partial.action, FLAG),),
    )
