"""uv-cache-left-behind."""

from __future__ import annotations

from collections.abc import Iterator

from rules.dockerfile import Dockerfile, Instruction, Span, Word
from rules.edits import insert_words, with_words
from rules.finding import Finding
from rules.fix import Applicability, Fix
from rules.rule import Bad, Rule, Surroundings
from rules.runs import Run, shipped_runs
from rules.tools import uv
from rules.tools.options import Call

FLAG = "--no-cache"
_VARIABLES = ("UV_NO_CACHE", "UV_CONFIG_FILE")
_HINTS = ("uv ", '"uv"')


class UvCacheLeftBehind(Rule):
    """Wheels, builds and index pages that uv keeps for a next time that never comes.

    ## What it does
    Finds `uv pip install`, `uv pip sync`, `uv sync`, `uv add` and `uv tool install` whose cache ends up in the layer.

    ## Why it costs
    It depends on how uv links. Measured with uv 0.13.9 and Django 5.2, as the tar that a layer is, environment alone
    and with the cache: 27.8 MB and 31.7 MB where uv hard-links from the cache, since a file counts once; 27.8 MB and
    55.8 MB under `UV_LINK_MODE=copy`, or where cache and environment lie on different file systems. What was built
    from source stays unpacked beside: Django from its source archive leaves a cache of 172 MB.

    ## Fix safety
    Safe: with `--no-cache` uv works in a temporary directory and deletes it. What is installed is the same.

    ## When it is silent
    `--no-cache`, `-n` or `--cache-dir` is given; `UV_NO_CACHE` is set by ENV, ARG, `export` or in front of the command;
    `uv.toml` or `pyproject.toml` says `no-cache`; the same RUN cleans, prunes or deletes the cache; a mount covers it;
    uv links symbolically, so that the cache is the environment; the stage is not shipped.
    """

    code = "DS221"
    techniques = ("pip-cache",)
    good = (
        "FROM python:3.12-slim\nRUN uv pip install --system --no-cache flask\n",
        "FROM python:3.12-slim\nENV UV_NO_CACHE=1\nRUN uv sync --locked\n",
        "FROM python:3.12-slim\nRUN --mount=type=cache,target=/root/.cache/uv uv sync --locked\n",
    )
    bad = (
        Bad(
            "FROM python:3.12-slim\nRUN uv sync --locked --no-dev\n",
            "FROM python:3.12-slim\nRUN uv sync --no-cache --locked --no-dev\n",
        ),
        Bad(
            "FROM python:3.12-slim\nENV UV_LINK_MODE=copy\nRUN uv pip install --system flask\n",
            "FROM python:3.12-slim\nENV UV_LINK_MODE=copy\nRUN uv pip install --no-cache --system flask\n",
        ),
    )

    def check(self, dockerfile: Dockerfile, surroundings: Surroundings) -> Iterator[Finding]:
        """Yield one finding for each install command."""
        for run in shipped_runs(dockerfile, surroundings, _HINTS, deferred=True):
            if _is_off(run, surroundings) or _is_mounted(run):
                continue
            for call, word in _uncleaned_installs(run):
                yield self._report(run, call, word)

    def _report(self, run: Run, call: Call, word: Word) -> Finding:
        copies = "copy" in (run.scope.variable("UV_LINK_MODE"), call.command.assignment("UV_LINK_MODE")) or (
            "--link-mode=copy" in call.command.texts
        )
        return self.finding(
            run.instruction,
            Span(call.command.words[0].span.start, word.span.end),
            "uv's cache stays in the layer",
            "uv copies here, so every installed file lies in the cache once more."
            if copies
            else "Index pages, builds and whatever uv cannot hard-link stay beside the installed files.",
            Fix(
                (insert_words(call.command, word, FLAG),),
                Applicability.SAFE,
                removed=(call.command.texts,),
                added=(with_words(call.command, word, FLAG),),
            ),
        )


def _is_off(run: Run, surroundings: Surroundings) -> bool:
    if any(run.scope.sets(name) for name in _VARIABLES) or run.scope.variable("UV_LINK_MODE") == "symlink":
        return True
    if any("UV_NO_CACHE" in name for command in run.commands for name, _ in command.assignments):
        return True
    return _configures(run.instruction) or run.is_preceded_by(_configures) or _is_off_in_project(surroundings)


def _configures(each: Instruction) -> bool:
    """Tell whether an instruction brings or writes a configuration of uv's that may turn the cache off."""
    if each.keyword in ("COPY", "ADD", "RUN"):
        return "uv.toml" in each.value or "UV_NO_CACHE" in each.value
    return False


def _is_off_in_project(surroundings: Surroundings) -> bool:
    texts = surroundings.context.texts if surroundings.context is not None else {}
    return any(
        "no-cache" in text for path, text in texts.items() if path.rpartition("/")[2] in ("pyproject.toml", "uv.toml")
    )


def _is_mounted(run: Run) -> bool:
    if run.mounts(uv.cache_directory(run.scope)):
        return True
    # The user's home may be another than the file shows: a mount that names a cache was meant for this.
    return any(
        mount.type in ("cache", "tmpfs") and mount.target and ("cache" in mount.target or "uv" in mount.target)
        for mount in run.instruction.mounts
    )


def _uncleaned_installs(run: Run) -> list[tuple[Call, Word]]:
    found: list[tuple[Call, Word]] = []
    for command in run.commands:
        if uv.cleans(command) or "clean" in command.name.lower():
            found = []
            continue
        call = uv.read_uv(command)
        word = uv.installing_word(call) if call is not None else None
        if call is None or word is None or call.has(FLAG, "-n", "--cache-dir", "--no-cache-dir"):
            continue
        if "symlink" in command.texts or "--link-mode=symlink" in command.texts:
            continue
        found.append((call, word))
    return found
