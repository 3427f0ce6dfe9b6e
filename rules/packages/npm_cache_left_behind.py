"""npm-cache-left-behind."""

from __future__ import annotations

from rules.dockerfile import Instruction, ShellCommand
from rules.fix import Fix
from rules.packages.cache_cleanup import run_again
from rules.packages.caches import Cache, CacheRule, name_place
from rules.patterns import regex
from rules.rule import Bad
from rules.runs import Run
from rules.tools import npm

_MOVES = regex(r"config set (?:-g |--global )?cache[ =]|\bcache ?=")


def _moves_cache(each: Instruction) -> bool:
    """Tell whether npm is told to keep its cache elsewhere: `npm config set cache /x`."""
    return each.keyword == "RUN" and "cache" in each.value and _MOVES.search(each.value) is not None


CACHE = Cache(
    hints=("npm",),
    fills=npm.fills_cache,
    empties=npm.empties_cache,
    place=npm.cache_directory,
    marks=regex(r"\.npm(?![\w-])|cache/npm|^/npm/?$|_cacache|npm-cache|npm_config_cache|NPM_CONFIG_CACHE"),
    configures=_moves_cache,
)


class NpmCacheLeftBehind(CacheRule):
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

    cache = CACHE

    def tell(self, run: Run, filler: ShellCommand) -> tuple[str, str, Fix | None]:
        """Name the directory, and let npm clean up."""
        call = npm.read_npm(filler)
        place = name_place(run, filler, npm.cache_directory(run.scope), "npm's cache")
        shown = f"`npm {call.verb if call is not None else ''}`"
        return (
            "npm's cache stays in the layer",
            f"{shown} keeps what it downloads in {place}, beside the installed copy.",
            run_again(run, filler, "cache", "clean", "--force"),
        )
