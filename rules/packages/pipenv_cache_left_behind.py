"""pipenv-cache-left-behind."""

from __future__ import annotations

from collections.abc import Iterator

from rules.dockerfile import Dockerfile, ShellCommand, Span
from rules.finding import Finding
from rules.fix import Fix
from rules.packages.cache_cleanup import append_cleanup, run_again
from rules.packages.caches import Cache, left_behind
from rules.patterns import regex
from rules.rule import Bad, Rule, Surroundings
from rules.runs import Run
from rules.tools import poetry
from rules.tools.options import Call

CACHE = Cache(
    hints=("pipenv",),
    fills=poetry.fills_pipenv_cache,
    empties=poetry.empties_pipenv_cache,
    place=poetry.pipenv_cache,
    marks=regex(r"\.cache|CACHE|/\.?pip(?:env)?(?:[/*\s]|$)"),
    switches=("PIP_NO_CACHE_DIR", "PIP_CONFIG_FILE"),
)

# pip and its like, unpacked once to be copied into each environment. Older versions keep them below ~/.local/share.
ENVIRONMENTS = Cache(
    hints=("pipenv",),
    fills=poetry.fills_virtualenv_cache,
    empties=lambda _: False,
    place=poetry.virtualenv_cache,
    marks=regex(r"virtualenv(?:[/*\s]|$)|\.cache/?\*?(?:\s|$)|CACHE"),
    switches=(
        "VIRTUALENV_OVERRIDE_APP_DATA",
        "VIRTUALENV_APP_DATA",
        "XDG_CACHE_HOME",
        "XDG_DATA_HOME",
        "PIPENV_SYSTEM",
        "VIRTUAL_ENV",
    ),
)
_REMOVAL = ("rm", "-rf", "~/.cache/virtualenv", "~/.local/share/virtualenv")


class PipenvCacheLeftBehind(Rule):
    """Wheels that pipenv keeps beside what it installed from them, and what it makes environments from.

    ## What it does
    Finds `pipenv install`, `sync` and `update` that leave `~/.cache/pipenv` in the layer, and those without `--system`
    that leave `~/.cache/virtualenv`.

    ## Why it costs
    pipenv points pip's cache there. Measured with pipenv 2026.10.3 and Django 5.2: 8.6 MB, as much as the wheels,
    beside an environment of 65.4 MB. Measured as well: `PIP_NO_CACHE_DIR=1` keeps it empty, and `pipenv install
    --clear` does not, since it clears before it installs. virtualenv 21.15, which makes the environment, keeps 12.7 MB
    more; `pipenv --clear` leaves them, and `PIP_NO_CACHE_DIR` as well.

    ## Fix safety
    Safe: `pipenv --clear` is appended, so that it runs only after success; it deletes the cache and touches no
    environment. A later install downloads anew. virtualenv copies what it keeps: the environment runs without it, which
    was tried.

    ## When it is silent
    `PIP_NO_CACHE_DIR` is set by ENV, ARG, `export` or in front of the command; pip's own `--no-cache-dir` is handed on;
    the same RUN clears or deletes a cache; a mount covers it, or names a cache; the stage is not shipped; the install
    stands behind ONBUILD. Of virtualenv: an environment is there already, or a variable moves what it keeps.
    """

    code = "DS223"
    triggers = CACHE.hints
    techniques = ("pip-cache",)
    good = (
        "FROM python:3.12-slim\nENV PIP_NO_CACHE_DIR=1\nRUN pipenv install --system --deploy\n",
        "FROM python:3.12-slim\nRUN pipenv sync --system && pipenv --clear\n",
    )
    bad = (
        Bad(
            "FROM python:3.12-slim\nRUN pipenv install --system --deploy\n",
            "FROM python:3.12-slim\nRUN pipenv install --system --deploy && pipenv --clear\n",
        ),
        Bad(
            "FROM python:3.12-slim\nENV PIP_NO_CACHE_DIR=1\nRUN pipenv sync\n",
            "FROM python:3.12-slim\nENV PIP_NO_CACHE_DIR=1\n"
            "RUN pipenv sync && rm -rf ~/.cache/virtualenv ~/.local/share/virtualenv\n",
        ),
    )

    def check(self, dockerfile: Dockerfile, surroundings: Surroundings) -> Iterator[Finding]:
        """Yield one finding for each RUN that leaves a cache of pipenv's in its layer."""
        wheels, environments = (
            {run.instruction.index: (run, fillers[-1]) for run, fillers in left_behind(cache, dockerfile, surroundings)}
            for cache in (CACHE, ENVIRONMENTS)
        )
        for at in sorted({*wheels, *environments}):
            run, filler = wheels.get(at) or environments[at]
            yield self._report(run, filler, at in wheels, at in environments)

    def _report(self, run: Run, filler: ShellCommand, has_wheels: bool, has_environment: bool) -> Finding:
        call = poetry.read_pipenv(filler)
        assert call is not None and call.action is not None  # noqa: S101, PT018 - fills_pipenv_cache looked at its verb
        keeps = []
        if has_wheels:
            keeps.append("keeps every wheel beside the installed copy")
        if has_environment:
            keeps.append("lets virtualenv keep what it made the environment from")
        return self.finding(
            run.instruction,
            Span(call.command.words[0].span.start, call.action.span.end),
            f"{'pipenv' if has_wheels else 'virtualenv'}'s cache stays in the layer",
            f"`pipenv {call.verb}` {' and '.join(keeps)}.",
            _fix(run, call, has_wheels, has_environment),
        )


def _fix(run: Run, call: Call, has_wheels: bool, has_environment: bool) -> Fix | None:
    command = call.command
    # What stands before the subcommand says how pipenv is run: a path, `python -m`.
    program = 3 if command.texts[1:2] == ("-m",) else 1
    if command.assignments or (has_environment and "sudo" in command.wrappers):
        return None  # with sudo, `~` is the home of another user
    if not has_wheels:
        return append_cleanup(run, command, *_REMOVAL)
    return run_again(run, command, "--clear", program=program, then=_REMOVAL if has_environment else ())
