"""composer-cache-left-behind."""

from __future__ import annotations

from rules.dockerfile import ShellCommand
from rules.fix import Fix
from rules.packages.cache_cleanup import run_again
from rules.packages.caches import Cache, CacheRule
from rules.patterns import regex
from rules.rule import Bad
from rules.runs import Run
from rules.tools import composer

CACHE = Cache(
    hints=("composer",),
    fills=composer.fills_cache,
    empties=composer.empties_cache,
    place=composer.cache_directory,
    marks=regex(r"\.composer(?!\.)|composer/cache|\.cache|COMPOSER_(?:HOME|CACHE)|composer[-_]cache"),
    switches=("COMPOSER_CACHE_DIR",),
)


class ComposerCacheLeftBehind(CacheRule):
    """Archives that composer keeps for a next time that never comes.

    ## What it does
    Finds `composer install`, `update`, `require` and `create-project` whose cache ends up in the layer.

    ## Why it costs
    composer keeps the archive of every package beside the unpacked copy. Measured with composer 2.5.5: Symfony's
    console and http-kernel, twig, monolog and phpunit make 3.9 MB of `vendor` and 1.2 MB of cache.

    ## Fix safety
    Safe: `composer clear-cache` is appended so that it runs only after success. It deletes archives and metadata,
    nothing that is installed.

    ## When it is silent
    `--no-cache` is there or `COMPOSER_CACHE_DIR` is set; the same RUN runs `composer clear-cache` or deletes the cache,
    or a directory above it; a cache or tmpfs mount covers it; the stage is not shipped. The fix is left out where
    composer is a file in the project (`php composer.phar`), or may be gone by the end of the RUN.
    """

    code = "DS244"
    techniques = ("composer-cache",)
    triggers = ("composer",)
    good = (
        "FROM php:8.3-cli\nRUN composer install --no-dev && composer clear-cache\n",
        "FROM php:8.3-cli\nRUN --mount=type=cache,target=/root/.composer/cache composer install --no-dev\n",
        "FROM php:8.3-cli\nENV COMPOSER_CACHE_DIR=/dev/null\nRUN composer install --no-dev\n",
    )
    bad = (
        Bad(
            "FROM php:8.3-cli\nRUN composer install --no-dev\n",
            "FROM php:8.3-cli\nRUN composer install --no-dev && composer clear-cache\n",
        ),
        Bad("FROM php:8.3-cli\nRUN php composer.phar install --no-dev\n", None),
    )

    cache = CACHE
    has_index = True

    def tell(self, run: Run, filler: ShellCommand) -> tuple[str, str, Fix | None]:
        """Let composer clean up, where it is a program."""
        return (
            "composer's cache stays in the layer",
            "The archive of every package is kept beside its unpacked copy.",
            run_again(run, filler, "clear-cache") if filler.name == "composer" else None,
        )
