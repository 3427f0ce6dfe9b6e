"""yarn-cache-left-behind."""

from __future__ import annotations

from collections.abc import Iterator

from rules.dockerfile import Dockerfile, Instruction, ShellCommand
from rules.finding import Finding
from rules.fix import Applicability, Fix
from rules.packages.cache_cleanup import run_again
from rules.packages.caches import Cache, left_behind, name_place
from rules.patterns import regex
from rules.rule import Bad, Good, Rule, Surroundings
from rules.runs import Run
from rules.surroundings import Context
from rules.tools import yarn


def _moves_cache(each: Instruction) -> bool:
    """Tell whether yarn is told to keep its cache elsewhere."""
    return each.keyword == "RUN" and "cache-folder" in each.value


CACHE = Cache(
    hints=("yarn",),
    fills=yarn.fills_cache,
    empties=yarn.empties_cache,
    place=yarn.cache_directory,
    marks=regex(
        r"share/\.cache|\.cache/yarn|\.cache(?:/\*)?$|yarn[-_]cache|YARN_CACHE|yarn cache dir"
        r"|^/(?:\S*/)?\.yarn/?$|^/yarn/?$"
    ),
    configures=_moves_cache,
)
_CLASSIC = Surroundings(context=Context({"package.json": 300, "yarn.lock": 9000}, texts={"package.json": "{}"}))
_BERRY = Surroundings(context=Context({"package.json": 300, ".yarnrc.yml": 30}, texts={"package.json": "{}"}))


class YarnCacheLeftBehind(Rule):
    """Packages that yarn keeps, unpacked, for a next time that never comes.

    ## What it does
    Finds `yarn`, `yarn install`, `yarn add` and `yarn global add` of yarn 1 whose cache ends up in the layer.

    ## Why it costs
    yarn 1 keeps every package unpacked and as an archive, for root below `/usr/local/share/.cache/yarn`. Measured with
    yarn 1.22.22: express, react, axios and pg make 12.3 MB of `node_modules` and 17 MB of cache; with typescript, vite,
    eslint and jest it is 140 MB and 541 MB, since the binaries of esbuild and rollup are kept for every platform.

    ## Fix safety
    Safe where the options or the repository tell that yarn 1 runs: `yarn cache clean` deletes nothing that is
    installed. Unsafe where nothing tells: the cache of yarn 2 and later may be what the program runs from.

    ## When it is silent
    The same RUN runs `yarn cache clean` or deletes the cache, or a directory above it; a cache or tmpfs mount covers
    it; `YARN_CACHE_FOLDER` or `--cache-folder` moves it out of sight; anything points to yarn 2 or later
    (`.yarnrc.yml`, `.yarn/`, corepack, `--immutable`, `packageManager`); the stage is not shipped.
    """

    code = "DS231"
    aliases = ("hadolint:DL3060", "docker-parfum:yarnCacheCleanAfterInstall")
    techniques = ("yarn-cache",)
    triggers = ("yarn",)
    good = (
        "FROM node:22-slim\nRUN yarn install --production && yarn cache clean\n",
        "FROM node:22-slim\nRUN --mount=type=cache,target=/usr/local/share/.cache yarn install --production\n",
        Good("FROM node:22-slim\nCOPY . .\nRUN yarn install\n", _BERRY),
    )
    bad = (
        Bad(
            "FROM node:22-slim\nCOPY package.json yarn.lock ./\nRUN yarn install --frozen-lockfile --production\n",
            "FROM node:22-slim\nCOPY package.json yarn.lock ./\nRUN yarn install --frozen-lockfile --production"
            " && yarn cache clean\n",
        ),
        Bad("FROM node:22-slim\nRUN yarn\n", "FROM node:22-slim\nRUN yarn && yarn cache clean\n", _CLASSIC),
    )

    def check(self, dockerfile: Dockerfile, surroundings: Surroundings) -> Iterator[Finding]:
        """Yield one finding for each RUN that leaves a cache."""
        for run, fillers in left_behind(CACHE, dockerfile, surroundings):
            last = fillers[-1]
            classic = yarn.is_classic(last, surroundings)
            if classic is False or yarn.may_be_berry(dockerfile):
                continue
            place = name_place(run, last, yarn.cache_directory(run.scope), "its cache")
            yield self.finding(
                run.instruction,
                last.span,
                "yarn's cache stays in the layer",
                f"yarn keeps what it downloads in {place}, beside the installed copy.",
                _fix(run, last, classic is True),
            )


def _fix(run: Run, last: ShellCommand, certain: bool) -> Fix | None:
    fix = run_again(run, last, "cache", "clean")
    if fix is None or certain:
        return fix
    caution = "Breaks the image if the repository uses Yarn 2 or later, whose cache may be what the program runs from."
    return fix._replace(applicability=Applicability.UNSAFE, caution=caution)
