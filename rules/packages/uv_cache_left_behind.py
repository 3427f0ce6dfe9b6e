"""uv-cache-left-behind."""

from __future__ import annotations

from collections.abc import Iterator

from rules.dockerfile import Dockerfile, Instruction, ShellCommand, Span
from rules.edits import insert_words, with_words
from rules.finding import Finding
from rules.fix import Applicability, Fix
from rules.packages.caches import Cache, left_behind
from rules.patterns import regex
from rules.rule import Bad, Rule, Surroundings
from rules.runs import Run
from rules.tools import uv

FLAG = "--no-cache"


def _configures(each: Instruction) -> bool:
    """Tell whether an instruction brings or writes a configuration of uv's, which may turn the cache off."""
    return each.keyword in ("COPY", "ADD", "RUN") and "uv.toml" in each.value


CACHE = Cache(
    hints=("uv ", '"uv"'),
    fills=uv.fills_cache,
    empties=uv.empties_cache,
    place=uv.cache_directory,
    # Not `/uv` itself: that is the program, copied from the image of uv.
    marks=regex(r"\.cache|CACHE|uv[-_]?cache|cache[-_/]uv"),
    switches=("UV_NO_CACHE", "UV_CONFIG_FILE"),
    configures=_configures,
)


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
    triggers = CACHE.hints
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
        for run, fillers in left_behind(CACHE, dockerfile, surroundings, deferred=True):
            if run.scope.variable("UV_LINK_MODE") == "symlink" or _is_off_in_project(surroundings):
                continue
            for command in fillers:
                yield self._report(run, command)

    def _report(self, run: Run, command: ShellCommand) -> Finding:
        call = uv.read_uv(command)
        word = uv.installing_word(call) if call is not None else None
        assert word is not None  # noqa: S101 - uv.fills_cache looked for it
        copies = "copy" in (run.scope.variable("UV_LINK_MODE"), command.assignment("UV_LINK_MODE"))
        return self.finding(
            run.instruction,
            Span(command.words[0].span.start, word.span.end),
            "uv's cache stays in the layer",
            "uv copies here, so every installed file lies in the cache once more."
            if copies or "--link-mode=copy" in command.texts
            else "Index pages, builds and whatever uv cannot hard-link stay beside the installed files.",
            Fix(
                (insert_words(command, word, FLAG),),
                Applicability.SAFE,
                removed=(command.texts,),
                added=(with_words(command, word, FLAG),),
            ),
        )


def _is_off_in_project(surroundings: Surroundings) -> bool:
    texts = surroundings.context.texts if surroundings.context is not None else {}
    return any(
        "no-cache" in text for path, text in texts.items() if path.rpartition("/")[2] in ("pyproject.toml", "uv.toml")
    )
