"""pipenv-cache-left-behind."""

from __future__ import annotations

from collections.abc import Iterator

from rules.dockerfile import Dockerfile, Span
from rules.finding import Finding
from rules.fix import Fix
from rules.packages.cache_cleanup import append_cache_cleanup, may_run_at_end
from rules.rule import Bad, Rule, Surroundings
from rules.runs import Run, shipped_runs
from rules.tools import poetry
from rules.tools.options import Call

_VARIABLES = ("PIP_NO_CACHE_DIR", "PIP_CONFIG_FILE")


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
        for run in shipped_runs(dockerfile, surroundings, ("pipenv",)):
            calls = _uncleaned_installs(run)
            if not calls or _is_off(run) or _is_mounted(run):
                continue
            last = calls[-1]
            assert last.action is not None  # noqa: S101 - _uncleaned_installs looked at its verb
            yield self.finding(
                run.instruction,
                Span(last.command.words[0].span.start, last.action.span.end),
                "pipenv's cache stays in the layer",
                f"`pipenv {last.verb}` keeps every wheel beside the installed copy.",
                _fix(run, calls),
            )


def _uncleaned_installs(run: Run) -> list[Call]:
    calls: list[Call] = []
    for command in run.commands:
        call = poetry.read_pipenv(command)
        cleared = call is not None and not call.verb and call.has("--clear")
        if cleared or poetry.deletes_cache(command, "pipenv") or "clean" in command.name.lower():
            calls = []
        elif call is not None and call.verb in ("install", "sync", "update") and not call.has("-h", "--help"):
            calls.append(call)
    return calls


def _is_off(run: Run) -> bool:
    if any(run.scope.sets(name) for name in _VARIABLES) or "PIP_NO_CACHE_DIR" in run.instruction.value:
        return True
    return any("extra-pip-args" in text for command in run.commands for text in command.texts)


def _is_mounted(run: Run) -> bool:
    return any(
        mount.type in ("cache", "tmpfs") and mount.target and ("cache" in mount.target or "pip" in mount.target)
        for mount in run.instruction.mounts
    )


def _fix(run: Run, calls: list[Call]) -> Fix | None:
    last = calls[-1].command
    action = calls[-1].action
    assert action is not None  # noqa: S101 - _uncleaned_installs looked at its verb
    # What stands before the subcommand says how pipenv is run: a path, `python -m`.
    program = []
    for word in last.words:
        if word is action or (word.text.startswith("-") and word.text != "-m"):
            break
        program.append(word)
    if last.assignments or not may_run_at_end(run, program[-1].text):
        return None
    return append_cache_cleanup(run, last, (*(word.text for word in program), "--clear"))
