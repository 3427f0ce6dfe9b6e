"""npm-cache-left-behind."""

from __future__ import annotations

import re
from collections.abc import Iterator

from rules.dockerfile import Dockerfile, Instruction, ShellCommand
from rules.finding import Finding
from rules.packages.cache_cleanup import run_again
from rules.packages.caches import Cache, left_behind
from rules.rule import Bad, Rule, Surroundings
from rules.tools import npm

_MOVES = re.compile(r"config set (?:-g |--global )?cache[ =]|\bcache ?=")


def _moves_cache(each: Instruction) -> bool:
    """Tell whether npm is told to keep its cache elsewhere: `npm config set cache /x`."""
    return each.keyword == "RUN" and "cache" in each.value and _MOVES.search(each.value) is not None


CACHE = Cache(
    hints=("npm",),
    fills=npm.fills_cache,
    empties=npm.empties_cache,
    place=npm.cache_directory,
    marks=re.compile(r"\.npm(?![\w-])|_cacache|npm-cache|npm_config_cache|NPM_CONFIG_CACHE"),
    configures=_moves_cache,
)


class NpmCacheLeftBehind(Rule):
    """Downloads that npm keeps for a next time that never comes.

    ## What it does
    Finds `npm install`, `npm ci` and `npm update` whose cache ends up in the layer.

    ## Why it costs
    npm keeps every package that it downloads below `~/.npm/_cacache`, beside the unpacked copy. Measured with npm 11:
    an `npm ci` of express, react, axios, pg, typescript, vite, eslint and jest makes 90 MB of `node_modules` and
    107 MB of cache; with `--omit=dev` (express, react, axios, pg) it is 12.5 MB and 23 MB.

    ## Fix safety
    Safe: `npm cache clean --force` is appended so that it runs only after success. It deletes downloads, nothing
    that is installed; npm 5 and later want `--force`, older ones ignore it.

    ## When it is silent
    The same RUN runs `npm cache clean` or deletes `~/.npm`, or a directory above it; a cache or tmpfs mount covers it;
    npm's configuration moves it; a later stage copies it; the stage is not shipped. The fix is left out where a later
    command of the RUN may take npm away.
    """

    code = "DS230"
    aliases = ("docker-parfum:npmCacheCleanAfterInstall", "docker-parfum:npmCacheCleanUseForce")
    techniques = ("npm-cache",)
    triggers = ("npm",)
    good = (
        "FROM node:22-slim\nRUN npm install -g serve && npm cache clean --force\n",
        "FROM node:22-slim\nRUN --mount=type=cache,target=/root/.npm npm install -g serve\n",
    )
    bad = (
        Bad(
            "FROM node:22-slim\nRUN npm install -g serve\n",
            "FROM node:22-slim\nRUN npm install -g serve && npm cache clean --force\n",
        ),
        Bad('FROM node:22-slim\nRUN ["npm", "install", "-g", "serve"]\n', None),
    )

    def check(self, dockerfile: Dockerfile, surroundings: Surroundings) -> Iterator[Finding]:
        """Yield one finding for each RUN that leaves a cache."""
        for run, fillers in left_behind(CACHE, dockerfile, surroundings):
            last = fillers[-1]
            yield self.finding(
                run.instruction,
                last.span,
                "npm's cache stays in the layer",
                f"`npm {_verb(last)}` keeps what it downloads in `{npm.cache_directory(run.scope)}`,"
                " beside the installed copy.",
                run_again(run, last, "cache", "clean", "--force"),
            )


def _verb(command: ShellCommand) -> str:
    call = npm.read_npm(command)
    return call.verb if call is not None else ""
