"""poetry-cache-left-behind."""

from __future__ import annotations

import re
from collections.abc import Iterator

from rules.dockerfile import Dockerfile, Span
from rules.finding import Finding
from rules.fix import Fix
from rules.packages.cache_cleanup import append_cache_cleanup
from rules.rule import Bad, Rule, Surroundings
from rules.runs import Run, shipped_runs
from rules.tools import poetry
from rules.tools.options import Call

_PLAIN_PATH = re.compile(r"(?:/[\w.-]+)+")
_DEFAULT = "~/.cache/pypoetry"
# `virtualenvs` lies there too, and holds the environment unless poetry is told otherwise.
_PARTS = ("artifacts", "cache")


class PoetryCacheLeftBehind(Rule):
    """Wheels that poetry keeps beside what it installed from them.

    ## What it does
    Finds `poetry install`, `sync`, `add` and `update` that leave `~/.cache/pypoetry/artifacts` in the layer.

    ## Why it costs
    Every archive stays there. Measured with poetry 2.5.1 and Django 5.2: 8.4 MB of archives beside an environment of
    50.3 MB. Measured as well: `poetry --no-cache`, `POETRY_NO_CACHE=1` and `poetry cache clear --all` leave the same
    8.4 MB; they are about the answers of the index.

    ## Fix safety
    Safe: `rm -rf` of `artifacts` and `cache` is appended, so that it runs only after success. `virtualenvs`, which lies
    beside them and may be the environment, stays. A later install downloads anew.

    ## When it is silent
    The same RUN deletes a cache; a mount covers it, or names a cache; the cache directory is below `/tmp` and the RUN
    deletes there; `poetry config` moves it; the stage is not shipped; the install stands behind ONBUILD.
    """

    code = "DS222"
    techniques = ("pip-cache",)
    good = (
        "FROM python:3.12-slim\nRUN poetry install --only main"
        " && rm -rf ~/.cache/pypoetry/artifacts ~/.cache/pypoetry/cache\n",
        "FROM python:3.12-slim\nRUN --mount=type=cache,target=/root/.cache/pypoetry/artifacts"
        " poetry install --only main\n",
    )
    bad = (
        Bad(
            "FROM python:3.12-slim\nRUN poetry install --only main\n",
            "FROM python:3.12-slim\nRUN poetry install --only main"
            " && rm -rf ~/.cache/pypoetry/artifacts ~/.cache/pypoetry/cache\n",
        ),
        Bad(
            "FROM python:3.12-slim\nENV POETRY_CACHE_DIR=/tmp/poetry\nRUN poetry install --no-cache --only main\n",
            "FROM python:3.12-slim\nENV POETRY_CACHE_DIR=/tmp/poetry\nRUN poetry install --no-cache --only main"
            " && rm -rf /tmp/poetry/artifacts /tmp/poetry/cache\n",
        ),
    )

    def check(self, dockerfile: Dockerfile, surroundings: Surroundings) -> Iterator[Finding]:
        """Yield one finding for each RUN that leaves archives in its layer."""
        for run in shipped_runs(dockerfile, surroundings, ("poetry",)):
            calls = _uncleaned_installs(run)
            if not calls or _is_mounted(run):
                continue
            last = calls[-1]
            assert last.action is not None  # noqa: S101 - _uncleaned_installs looked at its verb
            yield self.finding(
                run.instruction,
                Span(last.command.words[0].span.start, last.action.span.end),
                "poetry's downloaded archives stay in the layer",
                _reason(run, last),
                _fix(run, calls),
            )


def _reason(run: Run, call: Call) -> str:
    if call.has("--no-cache") or run.scope.sets("POETRY_NO_CACHE"):
        return "poetry's own `--no-cache` is about the answers of the index: archives are kept all the same."
    return f"`poetry {call.verb}` keeps every archive beside the installed copy."


def _uncleaned_installs(run: Run) -> list[Call]:
    calls: list[Call] = []
    for command in run.commands:
        if poetry.deletes_cache(command, "poetry") or "clean" in command.name.lower():
            calls = []
            continue
        call = poetry.read_poetry(command)
        if call is not None and call.verb in ("install", "sync", "add", "update") and _downloads(call):
            calls.append(call)
        if call is not None and call.verb == "config" and "cache-dir" in command.texts:
            return []
    return calls


def _downloads(call: Call) -> bool:
    return not call.has("-h", "--help", "--dry-run", "--lock", "--only-root")


def _is_mounted(run: Run) -> bool:
    if run.mounts(poetry.poetry_cache(run.scope) + "/artifacts"):
        return True
    # The user's home may be another than the file shows: a mount that names a cache was meant for this.
    return any(
        mount.type in ("cache", "tmpfs") and mount.target and ("cache" in mount.target or "poetry" in mount.target)
        for mount in run.instruction.mounts
    )


def _fix(run: Run, calls: list[Call]) -> Fix | None:
    directory = _directory(run)
    if directory is None or any(name == "HOME" for call in calls for name, _ in call.command.assignments):
        return None
    paths = (f"{directory}/{part}" for part in _PARTS)
    return append_cache_cleanup(run, calls[-1].command, ("rm", "-rf", *paths))


def _directory(run: Run) -> str | None:
    """Return the cache as it can be written in this RUN, None where it cannot be told."""
    if "cache-dir" in run.dockerfile.text or "poetry.toml" in run.dockerfile.text:
        return None
    if any("CACHE" in name for command in run.commands for name, _ in command.assignments):
        return None
    if not (run.scope.sets("POETRY_CACHE_DIR") or run.scope.sets("XDG_CACHE_HOME")):
        return _DEFAULT
    if run.scope.variable("POETRY_CACHE_DIR") is None and run.scope.sets("POETRY_CACHE_DIR"):
        return None
    directory = poetry.poetry_cache(run.scope)
    return directory if _PLAIN_PATH.fullmatch(directory) else None
