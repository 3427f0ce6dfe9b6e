"""composer-development-packages."""

from __future__ import annotations

import json

from rules.finding import Severity
from rules.fix import Applicability
from rules.surroundings import Context, Surroundings
from tests.rules.cases import assert_fixed, assert_silent, findings, table

CODE = "DS243"
P = "FROM php:8.3-apache\nCOPY . .\n"
DEV = {"require": {"a/b": "1"}, "require-dev": {"phpunit/phpunit": "11"}}


def _around(manifest: object, path: str = "Dockerfile") -> Surroundings:
    return Surroundings(path, context=Context({"composer.json": 1}, texts={"composer.json": json.dumps(manifest)}))


KNOWN = _around(DEV)
SILENT = {
    "no-dev": P + "RUN composer install --no-dev\n",
    "env": P + "ENV COMPOSER_NO_DEV=1\nRUN composer install\n",
    "arg": P + "ARG COMPOSER_NO_DEV\nRUN composer install\n",
    "inline": P + "RUN COMPOSER_NO_DEV=1 composer install\n",
    "update": P + "RUN composer update\n",
    "require": P + "RUN composer require a/b\n",
    "global": P + "RUN composer global install\n",
    "elsewhere": P + "RUN composer install -d /opt/tool\n",
    "tested": P + "RUN composer install && vendor/bin/phpunit\n",
    "tested-later": P + "RUN composer install\nRUN composer test\n",
    "artisan": P + "RUN composer install\nRUN php artisan migrate\n",
    "script": P + "RUN composer install\nRUN ./setup.sh\n",
    "again-without": P + "RUN composer install && composer install --no-dev\n",
    "again-without-later": P + "RUN composer install\nRUN composer install --no-dev\n",
    "stage-named-test": "FROM php:8.3 AS test\nCOPY . .\nRUN composer install\n",
    "stage-not-shipped": "FROM php:8.3 AS b\nCOPY . .\nRUN composer install\nFROM php:8.3\nCOPY --from=b /v /v\n",
    "pragma": P + "# tally ignore=tally/php/composer-no-dev-in-production\nRUN composer install\n",
}
FIXED = {
    "install": ("composer install", "composer install --no-dev"),
    "options": ("composer install -n -o", "composer install --no-dev -n -o"),
    "phar": ("php composer.phar install", "php composer.phar install --no-dev"),
    "exec": ('["composer", "install"]', '["composer", "install", "--no-dev"]'),
    "lines": ("set -e; \\\n\tcomposer install; \\\n\tls", "set -e; \\\n\tcomposer install --no-dev; \\\n\tls"),
    "comment": ("composer install # x", "composer install --no-dev # x"),
    "then-dump": ("composer install && composer dump-autoload", "composer install --no-dev && composer dump-autoload"),
}
MANIFESTS = {
    "no-development": ({"require": {}}, "composer install", None),
    "hook": ({**DEV, "scripts": {"post-install-cmd": "x"}}, "composer install", False),
    "autoload-hook": ({**DEV, "scripts": {"post-autoload-dump": ["x"]}}, "composer install", False),
    "hook-not-run": ({**DEV, "scripts": {"post-install-cmd": "x"}}, "composer install --no-scripts", True),
    "other-scripts": ({**DEV, "scripts": {"test": "phpunit"}}, "composer install", True),
    "odd": ([1], "composer install", False),
}


@table("text", SILENT)
def test_silent(text: str) -> None:
    assert_silent(CODE, text, KNOWN)
    assert_silent(CODE, text)


@table(("before", "after"), FIXED)
def test_fixed(before: str, after: str) -> None:
    assert_fixed(CODE, f"{P}RUN {before}\n", f"{P}RUN {after}\n", KNOWN)
    for each in findings(CODE, f"{P}RUN {before}\n", KNOWN):
        assert each.fix is not None
        assert (each.fix.applicability, bool(each.fix.caution)) == (Applicability.UNSAFE, True)


@table(("manifest", "command", "fixed"), MANIFESTS)
def test_reads_the_manifest(manifest: object, command: str, fixed: bool | None) -> None:
    found = findings(CODE, f"{P}RUN {command}\n", _around(manifest))
    assert [each.fix is not None for each in found] == ([] if fixed is None else [fixed])


def test_is_information_where_nothing_is_known() -> None:
    found = findings(CODE, P + "RUN composer install\n")
    assert [(each.severity, each.fix) for each in found] == [(Severity.INFO, None)]


def test_silent_in_files_for_development() -> None:
    assert_silent(CODE, P + "RUN composer install\n", _around(DEV, "Dockerfile.dev"))
