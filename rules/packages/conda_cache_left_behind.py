"""conda-cache-left-behind."""

from __future__ import annotations

import re
from collections.abc import Iterator

from rules.dockerfile import Dockerfile, ShellCommand, Span
from rules.finding import Finding
from rules.fix import Fix
from rules.packages.cache_cleanup import append_cleanup, clean_together
from rules.packages.caches import Cache, left_behind
from rules.patterns import regex
from rules.rule import Bad, Rule, Surroundings
from rules.runs import Run
from rules.tools import conda
from rules.tools.options import Call

# Images whose conda knows `-f`, which came with 4.6: no tag, or one of a later release. For any other `--all` does most
# of it. Before 4.1 there was no `--all`.
_KNOWS_FORCE = regex(
    r"(?:^|/)(?:continuumio/(?:mini|ana)conda3|condaforge/[\w-]+|(?:quay\.io/)?jupyter/[\w-]+)"
    r"(?::(?:latest|4\.(?:[6-9]|1\d)|2\d|20(?:19|2\d)|python-3\.|lab-|hub-)[\w.-]*)?(?:@[\w:]+)?$"
)
_ANCIENT_CONDA = regex(r"conda[\w.-]{0,20}[:=-](?:4\.0|3\.\d{1,2}|2\.\d)\b", re.IGNORECASE)


CACHE = Cache(
    hints=("conda", "mamba"),
    fills=conda.fills_cache,
    empties=conda.empties_cache,
    place=conda.cache_directory,
    marks=regex("pkgs|PKGS"),
)


class CondaCacheLeftBehind(Rule):
    """Packages that conda keeps for a next environment that never comes.

    ## What it does
    Finds `conda install`, `create`, `update`, `env create` and `env update`, also of mamba and micromamba, that leave
    downloaded packages, the index of the channels and unlinked files in the layer.

    ## Why it costs
    conda keeps every package that it downloads beside what it unpacked from it. Two projects that added the clean-up
    state 1,700 MB before and 933 MB after (root-project/root-docker, together with another change), and 913 MB before
    and 651 MB after (rapidsai/ci-imgs, likewise).

    ## Fix safety
    Safe: `conda clean -afy` deletes archives, the index, logs and the package cache. Environments hold hard links or
    copies of their files, and those stay; a later install downloads anew. Where conda may be older than 4.6, which
    does not know `-f`, the fix is `--all`: it leaves what an environment links to, which costs nothing twice. One fix
    cleans up in all RUNs: after one alone, the next would fetch the index again. No fix is offered where conda is told
    to link softly (`allow_softlinks`): an environment would point into the cache.

    ## When it is silent
    The same RUN runs `conda clean` with a target that takes packages (`-a`, `-t`, `-p`, `-f`, `-tipsy`) behind the last
    install, or deletes a directory of packages; a cache mount names conda, mamba or its packages; the stage is not
    shipped; the install stands behind ONBUILD.
    """

    code = "DS220"
    triggers = CACHE.hints
    techniques = ("conda-cache",)
    good = (
        "FROM continuumio/miniconda3:24.7.1-0\nRUN conda install -y numpy && conda clean -afy\n",
        "FROM continuumio/miniconda3:24.7.1-0\nRUN --mount=type=cache,target=/opt/conda/pkgs conda install -y numpy\n",
    )
    bad = (
        Bad(
            "FROM continuumio/miniconda3:24.7.1-0\nRUN conda install -y numpy\n",
            "FROM continuumio/miniconda3:24.7.1-0\nRUN conda install -y numpy && conda clean -afy\n",
        ),
        Bad(
            "FROM mambaorg/micromamba:2.0.5\nCOPY env.yml /tmp/\nRUN micromamba install -y -n base -f /tmp/env.yml\n",
            "FROM mambaorg/micromamba:2.0.5\nCOPY env.yml /tmp/\nRUN micromamba install -y -n base -f /tmp/env.yml"
            " && micromamba clean --all --yes\n",
        ),
    )

    def check(self, dockerfile: Dockerfile, surroundings: Surroundings) -> Iterator[Finding]:
        """Yield one finding for each RUN that leaves packages in its layer."""
        left = list(left_behind(CACHE, dockerfile, surroundings))
        # The index of the channels, which is most, would be fetched again by the next.
        fixes = clean_together([(run, _fix(run, fillers)) for run, fillers in left])
        for (run, fillers), fix in zip(left, fixes, strict=True):
            call = conda.read_conda(fillers[-1])
            assert call is not None and call.action is not None  # noqa: S101, PT018 - conda.fills_cache looked at its verb
            name = conda.program(call.command)
            yield self.finding(
                run.instruction,
                Span(call.command.words[0].span.start, call.action.span.end),
                f"{name}'s downloaded packages stay in the layer",
                f"`{name} {_verb(call)}` keeps every archive beside the files it unpacked, and nothing in this RUN"
                " deletes them.",
                fix,
            )


def _verb(call: Call) -> str:
    return f"env {call.operands[0].text}" if call.verb == "env" else call.verb


def _fix(run: Run, fillers: list[ShellCommand]) -> Fix | None:
    text = run.dockerfile.text
    if "softlink" in text or "--offline" in text or _ANCIENT_CONDA.search(text):
        return None
    command = fillers[-1]
    program = command.words[0].text
    name = conda.program(command)
    if any(conda.program(each) != name for each in fillers):
        return None
    if any(variable == "PATH" for variable, _ in command.assignments) or not _may_run_at_end(run, program):
        return None
    options = ("-afy",) if name == "conda" and _KNOWS_FORCE.search(run.base) else ("--all", "--yes")
    return append_cleanup(run, command, program, "clean", *options)


_REMOVALS = frozenset({"uninstall", "remove", "del", "purge", "autoremove", "rm"})


def _may_run_at_end(run: Run, program: str) -> bool:
    """Tell whether conda, which no package manager owns, can be run again: not taken away, not named from a `cd`."""
    if "/" in program and program[0] not in "/~$\"'":
        return False
    name = program.rpartition("/")[2]
    return not any(name in command.texts and not _REMOVALS.isdisjoint(command.texts) for command in run.commands)
