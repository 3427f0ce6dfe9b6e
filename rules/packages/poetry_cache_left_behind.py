"""poetry-cache-left-behind."""

from __future__ import annotations

import re
from collections.abc import Iterator

from rules.dockerfile import Dockerfile, Instruction, ShellCommand, Span
from rules.finding import Finding
from rules.fix import Fix
from rules.packages.cache_cleanup import append_cleanup
from rules.packages.caches import Cache, left_behind
from rules.patterns import regex
from rules.rule import Bad, Rule, Surroundings
from rules.runs import Run
from rules.tools import poetry
from rules.tools.options import Call

_PLAIN_PATH = regex(r"(?:/[\w.-]+)+")
_DEFAULT = "~/.cache/pypoetry"
# `virtualenvs` lies there too, and holds the environment unless poetry is told otherwise.
_PARTS = ("artifacts", "cache")
_SETTING = regex(r"(?<!no-)cache-dir")  # pip's `--no-cache-dir` is another matter


def _configures(each: Instruction) -> bool:
    """Tell whether an instruction moves the cache."""
    return each.keyword == "RUN" and "poetry config" in each.value and _SETTING.search(each.value) is not None


CACHE = Cache(
    hints=("poetry",),
    fills=poetry.fills_poetry_cache,
    empties=lambda _: False,
    place=lambda scope: f"{poetry.poetry_cache(scope)}/{_PARTS[0]}",
    marks=regex(r"\.cache|CACHE|pypoetry"),
    configures=_configures,
)


# Before 1.1 pip did the installing, and poetry kept no archives.
_OLD = regex(r"\bpoetry(?:_version)?[\s\"']*(?:==?|@|~|\^)[\s\"'=]*(?:0\.|1\.0(?:\.|\b))", re.IGNORECASE)


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
    triggers = CACHE.hints
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
            "FROM python:3.12-slim\nRUN pip install --no-cache-dir poetry && poetry config virtualenvs.create false\n"
            "RUN poetry install --only main\n",
            "FROM python:3.12-slim\nRUN pip install --no-cache-dir poetry && poetry config virtualenvs.create false\n"
            "RUN poetry install --only main && rm -rf ~/.cache/pypoetry/artifacts ~/.cache/pypoetry/cache\n",
        ),
        Bad(
            "FROM python:3.12-slim\nENV POETRY_CACHE_DIR=/tmp/poetry\nRUN poetry install --no-cache --only main\n",
            "FROM python:3.12-slim\nENV POETRY_CACHE_DIR=/tmp/poetry\nRUN poetry install --no-cache --only main"
            " && rm -rf /tmp/poetry/artifacts /tmp/poetry/cache\n",
        ),
    )

    def check(self, dockerfile: Dockerfile, surroundings: Surroundings) -> Iterator[Finding]:
        """Yield one finding for each RUN that leaves archives in its layer."""
        if _OLD.search(dockerfile.text):
            return
        for run, fillers in left_behind(CACHE, dockerfile, surroundings):
            call = poetry.read_poetry(fillers[-1])
            assert call is not None and call.action is not None  # noqa: S101, PT018 - fills_poetry_cache looked at its verb
            yield self.finding(
                run.instruction,
                Span(call.command.words[0].span.start, call.action.span.end),
                "poetry's downloaded archives stay in the layer",
                _reason(run, call),
                _fix(run, fillers),
            )


def _reason(run: Run, call: Call) -> str:
    if call.has("--no-cache") or run.scope.sets("POETRY_NO_CACHE"):
        return "poetry's own `--no-cache` is about the answers of the index: archives are kept all the same."
    return f"`poetry {call.verb}` keeps every archive beside the installed copy."


def _fix(run: Run, fillers: list[ShellCommand]) -> Fix | None:
    directory = _directory(run)
    if directory is None or any(name == "HOME" for each in fillers for name, _ in each.assignments):
        return None
    paths = (f"{directory}/{part}" for part in _PARTS)
    return append_cleanup(run, fillers[-1], "rm", "-rf", *paths)


def _directory(run: Run) -> str | None:
    """Return the cache as it can be written in this RUN, None where it cannot be told."""
    if "poetry.toml" in run.dockerfile.text or _SETTING.search(run.dockerfile.text):
        return None
    if any("CACHE" in name for command in run.commands for name, _ in command.assignments):
        return None
    if not (run.scope.sets("POETRY_CACHE_DIR") or run.scope.sets("XDG_CACHE_HOME")):
        return _DEFAULT
    directory = poetry.poetry_cache(run.scope)
    return directory if _PLAIN_PATH.fullmatch(directory) else None
