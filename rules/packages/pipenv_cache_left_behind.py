"""pipenv-cache-left-behind."""

from __future__ import annotations

import re
from collections.abc import Iterator

from rules.dockerfile import Dockerfile, Span
from rules.finding import Finding
from rules.fix import Fix
from rules.packages.cache_cleanup import run_again
from rules.packages.caches import Cache, left_behind
from rules.rule import Bad, Rule, Surroundings
from rules.runs import Run
from rules.tools import poetry
from rules.tools.options import Call

CACHE = Cache(
    hints=("pipenv",),
    fills=poetry.fills_pipenv_cache,
    empties=poetry.empties_pipenv_cache,
    place=poetry.pipenv_cache,
    marks=re.compile(r"\.cache|CACHE|/\.?pip(?:env)?(?:[/*\s]|$)"),
    switches=("PIP_NO_CACHE_DIR", "PIP_CONFIG_FILE"),
)


class PipenvCacheLeftBehind(Rule):
    """Wheels that pipenv keeps beside what it installed from them.

    ## What it does
    Finds `pipenv install`, `sync` and `update` that leave `~/.cache/pipenv` in the layer.

    ## Why it costs
    pipenv points pip's cache there. Measured with pipenv 2026.10.3 and Django 5.2: 8.6 MB, as much as the wheels,
    beside an environment of 65.4 MB. Measured as well: `PIP_NO_CACHE_DIR=1` keeps it empty, and `pipenv install
    --clear` does not, since it clears before it installs.

    ## Fix safety
    Safe: `pipenv --clear` is appended, so that it runs only after success; it deletes the cache and touches no
    environment. A later install downloads anew.

    ## When it is silent
    `PIP_NO_CACHE_DIR` is set by ENV, ARG, `export` or in front of the command; pip's own `--no-cache-dir` is handed on;
    the same RUN clears or deletes a cache; a mount covers it, or names a cache; the stage is not shipped; the install
    stands behind ONBUILD.
    """

    code = "DS223"
    triggers = CACHE.hints
    techniques = ("pip-cache",)
    good = (
        "FROM python:3.12-slim\nENV PIP_NO_CACHE_DIR=1\nRUN pipenv install --system --deploy\n",
        "FROM python:3.12-slim\nRUN pipenv sync && pipenv --clear\n",
    )
    bad = (
        Bad(
            "FROM python:3.12-slim\nRUN pipenv install --system --deploy\n",
            "FROM python:3.12-slim\nRUN pipenv install --system --deploy && pipenv --clear\n",
        ),
    )

    def check(self, dockerfile: Dockerfile, surroundings: Surroundings) -> Iterator[Finding]:
        """Yield one finding for each RUN that leaves pipenv's cache in its layer."""
        for run, fillers in left_behind(CACHE, dockerfile, surroundings):
            call = poetry.read_pipenv(fillers[-1])
            assert call is not None and call.action is not None  # noqa: S101, PT018 - fills_pipenv_cache looked at its verb
            yield self.finding(
                run.instruction,
                Span(call.command.words[0].span.start, call.action.span.end),
                "pipenv's cache stays in the layer",
                f"`pipenv {call.verb}` keeps every wheel beside the installed copy.",
                _fix(run, call),
            )


def _fix(run: Run, call: Call) -> Fix | None:
    command = call.command
    # What stands before the subcommand says how pipenv is run: a path, `python -m`.
    program = 3 if command.texts[1:2] == ("-m",) else 1
    return None if command.assignments else run_again(run, command, "--clear", program=program)
