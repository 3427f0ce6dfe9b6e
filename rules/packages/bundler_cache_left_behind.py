"""bundler-cache-left-behind."""

from __future__ import annotations

import re

from rules.dockerfile import Scope, ShellCommand
from rules.fix import Fix
from rules.packages.cache_cleanup import append_cleanup
from rules.packages.caches import Cache, CacheRule
from rules.patterns import regex
from rules.rule import Bad
from rules.runs import Run
from rules.tools import ruby


def _never(_: ShellCommand) -> bool:
    return False


def _place(scope: Scope) -> str:
    return ruby.archive_directory(scope, "ruby") or "~"


CACHE = Cache(
    hints=("bundle",),
    fills=ruby.installs_bundle,
    empties=_never,
    place=_place,
    marks=regex(r"bundle/|/cache(?:/|$)|\.gem\b|vendor|GEM_HOME|BUNDLE_PATH"),
    configures=ruby.moves_bundle,
)


class BundlerCacheLeftBehind(CacheRule):
    """Archives of gems that bundler leaves beside the unpacked copies.

    ## What it does
    Finds `bundle install` on an image of ruby, or where GEM_HOME is set, whose archives end up in the layer.

    ## Why it costs
    bundler leaves the archive of every gem in `$GEM_HOME/cache`. Measured with bundler 2.3: the Ruby files of
    activesupport 6.1.7 and rack 2.2 are 1.36 MB and leave 0.3 MB of archives. Nothing reads them at run time: with the
    directory deleted, `bundle exec` runs.

    ## Fix safety
    Safe: `rm -rf $GEM_HOME/cache/*.gem`, with the directory written out, is appended so that it runs only after
    success.

    ## When it is silent
    The same RUN deletes the archives, or a directory above them; a cache mount covers them; `--path`, `--deployment`,
    BUNDLE_PATH or `bundle config` may put them elsewhere; the stage is not shipped.
    """

    code = "DS241"
    techniques = ("gem-cache",)
    triggers = ("bundle",)
    good = (
        "FROM ruby:3.3-slim\nRUN bundle install && rm -rf /usr/local/bundle/cache/*.gem\n",
        "FROM ruby:3.3-slim\nENV BUNDLE_PATH=/gems\nRUN bundle install\n",
    )
    bad = (
        Bad(
            "FROM ruby:3.3-slim\nRUN bundle install --jobs 4\n",
            "FROM ruby:3.3-slim\nRUN bundle install --jobs 4 && rm -rf /usr/local/bundle/cache/*.gem\n",
        ),
        Bad('FROM ruby:3.3-slim\nRUN ["bundle", "install"]\n', None),
    )

    cache = CACHE

    def tell(self, run: Run, filler: ShellCommand) -> tuple[str, str, Fix | None] | None:
        """Name the directory where it is known, and delete the archives."""
        directory = ruby.archive_directory(run.scope, run.base)
        if directory is None or not re.fullmatch(r"/[\w./-]+", directory):
            return None
        return (
            "Archives of gems stay in the layer",
            f"bundler leaves one for every gem in `{directory}`, beside the unpacked copy.",
            append_cleanup(run, filler, "rm", "-rf", f"{directory}/*.gem"),
        )
