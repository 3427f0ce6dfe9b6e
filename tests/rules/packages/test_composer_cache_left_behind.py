"""composer-cache-left-behind."""

from __future__ import annotations

from rules.fix import Applicability, apply
from tests.rules.cases import assert_silent, findings, rule_test

CODE = "DS244"
P = "FROM php:8.3-cli\n"
CLEAN = "composer clear-cache"
SILENT = {
    "clear-cache": P + f"RUN composer install && {CLEAN}\n",
    "clearcache": P + "RUN composer install && composer clearcache\n",
    "cc": P + "RUN composer install && composer cc\n",
    "php-composer": P + "RUN php composer.phar install && php composer.phar clear-cache\n",
    "rm": P + "RUN composer install && rm -rf /root/.composer/cache\n",
    "rm-all": P + "RUN composer install && rm -rf ~/.composer\n",
    "rm-xdg": P + "RUN composer install && rm -rf /root/.cache\n",
    "rm-home": P + "ENV COMPOSER_HOME=/c\nRUN composer install && rm -rf /c/cache\n",
    "rm-variable": P + 'RUN composer install && rm -rf "$COMPOSER_HOME/cache"\n',
    "no-cache": P + "RUN composer install --no-cache\n",
    "off": P + "ENV COMPOSER_CACHE_DIR=/dev/null\nRUN composer install\n",
    "off-inline": P + "RUN COMPOSER_CACHE_DIR=/dev/null composer install\n",
    "moved-inline": P + "RUN COMPOSER_HOME=/composer composer global require vimeo/psalm\n",
    "mount": P + "RUN --mount=type=cache,target=/root/.composer/cache composer install\n",
    "mount-xdg": P + "RUN --mount=type=cache,target=/root/.cache/composer composer install\n",
    "mount-moved": P + "ENV COMPOSER_HOME=/tmp\nRUN --mount=type=cache,target=/tmp/cache composer install\n",
    "self-update": P + "RUN composer self-update && composer config -g x y\n",
    "dump": P + "RUN composer dump-autoload\n",
    "installer": P + "RUN curl -sS https://getcomposer.org/installer | php -- --filename=composer\n",
    "package": P + "RUN apt-get install -y composer\n",
    "stage-not-shipped": "FROM composer:2 AS b\nRUN composer install\nFROM php:8.3\nCOPY --from=b /app /app\n",
    "onbuild": P + "ONBUILD RUN composer install\n",
    "pragma": P + "# dockslim ignore=DS244\nRUN composer install\n",
}
FIXED = {
    "install": (P + "RUN composer install\n", P + f"RUN composer install && {CLEAN}\n"),
    "require": (P + "RUN composer require a/b\n", P + f"RUN composer require a/b && {CLEAN}\n"),
    "global": (P + "RUN composer global require a/b\n", P + f"RUN composer global require a/b && {CLEAN}\n"),
    "path": (P + "RUN /usr/bin/composer i\n", P + f"RUN /usr/bin/composer i && /usr/bin/{CLEAN}\n"),
    "garbage": (
        P + "RUN composer update && composer cc --gc\n",
        P + f"RUN composer update && composer cc --gc && {CLEAN}\n",
    ),
    "lines": (
        P + "RUN composer install \\\n      --no-dev \\\n      # fast\n      --prefer-dist\n",
        P + f"RUN composer install \\\n      --no-dev \\\n      # fast\n      --prefer-dist \\\n      && {CLEAN}\n",
    ),
    "set-e": (
        P + "RUN set -eux; \\\n\tcomposer install; \\\n\tchown -R www-data .\n",
        P + f"RUN set -eux; \\\n\tcomposer install; \\\n\tchown -R www-data .; \\\n\t{CLEAN}\n",
    ),
    "crlf": (
        "FROM php:8\r\nRUN cd /a && \\\r\n    composer install\r\n",
        f"FROM php:8\r\nRUN cd /a && \\\r\n    composer install && \\\r\n    {CLEAN}\r\n",
    ),
    "installer-deleted": (
        P + "RUN composer install && rm composer-setup.php\n",
        P + f"RUN composer install && rm composer-setup.php && {CLEAN}\n",
    ),
    "phar": (P + "RUN php composer.phar install\n", None),
    "exec": (P + 'RUN ["composer", "install"]\n', None),
    "removed": (P + "RUN composer install && apt-get purge -y composer\n", None),
    "deleted": (P + "RUN composer install && rm /usr/local/bin/composer\n", None),
    "php-removed": ("FROM alpine:3.20\nRUN composer install && apk del php83\n", None),
    "or-true": (P + "RUN composer install || true\n", None),
}

test_cases = rule_test(CODE, SILENT, FIXED, Applicability.SAFE)


def test_what_the_next_run_would_fetch_again_is_cleaned_up_in_both() -> None:
    text = "FROM composer:2\nRUN composer global require a/b\nRUN composer install\n"
    first, second = findings(CODE, text)
    assert first.fix is not None
    assert first.fix == second.fix
    assert apply(text, [first.fix]).count(" && composer clear-cache\n") == 2


def test_silent_where_a_comment_speaks_of_the_cache() -> None:
    assert_silent(CODE, "FROM composer:2\n# install it to fill the composer cache for children\nRUN composer install\n")
