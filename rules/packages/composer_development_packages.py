"""composer-development-packages."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from rules.dockerfile import Dockerfile, Instruction, ShellCommand
from rules.edits import insert_words, with_words
from rules.finding import Finding, Severity
from rules.fix import Applicability, Fix
from rules.packages.development import is_for_development, is_harmless, name_some, read_manifest
from rules.rule import Bad, Good, Rule, Surroundings
from rules.runs import Run, shipped_runs
from rules.surroundings import Context
from rules.tools import composer
from rules.tools.options import Call

FLAG = "--no-dev"
_ASIDE = frozenset(
    {"dump-autoload", "dumpautoload", "clear-cache", "clearcache", "cc", "global", "self-update", "selfupdate",
     "config", "--version", "validate", "check-platform-reqs"}
)  # fmt: skip
# Scripts that composer runs by itself on an install, and that may load what is left out.
_HOOKS = ("pre-install-cmd", "post-install-cmd", "pre-autoload-dump", "post-autoload-dump", "auto-scripts")
_CAUTION = "Breaks the image if the program loads one of its require-dev packages at run time."
_MANIFEST = '{"require": {"monolog/monolog": "3"}, "require-dev": {"phpunit/phpunit": "11"}}'
_KNOWN = Surroundings(context=Context({"composer.json": 100}, texts={"composer.json": _MANIFEST}))
_NO_DEVELOPMENT = Surroundings(context=Context({"composer.json": 100}, texts={"composer.json": '{"require": {}}'}))


class ComposerDevelopmentPackages(Rule):
    """Test tools that composer installs where only the program runs.

    ## What it does
    Finds `composer install` in a shipped stage that installs the packages of `require-dev`, although nothing in the
    file tests with them.

    ## Why it costs
    Measured with composer 2.5.5: Symfony's console and http-kernel, twig and monolog make 2.3 MB of `vendor`; with
    phpunit, without anything that it needs itself, it is 3.9 MB.

    ## Fix safety
    Unsafe, and offered only where `composer.json` was read: it has `require-dev`, and composer runs no script of it on
    an install, or is told not to.

    ## When it is silent
    `--no-dev` is there, or `COMPOSER_NO_DEV` is set; a later command may test or build; file or stage are named after
    development, tests or CI; the stage is not shipped. Where the repository is not known, it is information only.
    """

    code = "DS243"
    aliases = ("tally:php:composer-no-dev-in-production",)
    techniques = ("dev-dependencies",)
    triggers = ("composer",)
    good = (
        "FROM php:8.3-apache\nCOPY . .\nRUN composer install --no-dev --no-cache\n",
        "FROM php:8.3-apache\nENV COMPOSER_NO_DEV=1\nCOPY . .\nRUN composer install --no-cache\n",
        Good("FROM php:8.3-apache\nCOPY . .\nRUN composer install --no-cache\n", _NO_DEVELOPMENT),
    )
    bad = (
        Bad(
            "FROM php:8.3-apache\nCOPY composer.* ./\nRUN composer install --no-cache\n",
            "FROM php:8.3-apache\nCOPY composer.* ./\nRUN composer install --no-dev --no-cache\n",
            _KNOWN,
        ),
        Bad("FROM php:8.3-apache\nCOPY . .\nRUN composer install --no-cache\n", None),
    )

    def check(self, dockerfile: Dockerfile, surroundings: Surroundings) -> Iterator[Finding]:
        """Yield one finding for each RUN that installs everything a manifest names."""
        for run in shipped_runs(dockerfile, surroundings, self.triggers):
            call = _last_install(run)
            if call is None or _is_off(run) or is_for_development(run, surroundings):
                continue
            behind = run.commands[run.commands.index(call.command) + 1 :]
            if not run.is_followed_by(_may_use) and all(map(_is_aside, behind)):
                yield from self._report(run, call, surroundings)

    def _report(self, run: Run, call: Call, surroundings: Surroundings) -> Iterator[Finding]:
        manifest = read_manifest(run, "composer.json", surroundings.context)
        if manifest is None:
            yield self.finding(
                run.instruction,
                call.command.span,
                "What composer.json names in require-dev is installed too",
                "Nothing in this file tests with it.",
                severity=Severity.INFO,
            )
            return
        names = manifest.get("require-dev")
        if isinstance(names, dict) and names:
            certain = call.has("--no-scripts") or not _has_hooks(manifest)
            yield self.finding(
                run.instruction,
                call.command.span,
                f"{len(names)} packages of require-dev are installed too",
                f"`composer.json` names {name_some(names)} among them, and nothing in this file tests with them.",
                _fix(call) if certain else None,
            )


def _last_install(run: Run) -> Call | None:
    found = None
    for command in run.commands:
        call = composer.read_composer(command)
        if call is not None and call.verb in ("install", "i"):
            wanted = not call.operands and not call.has(
                FLAG, "--dev", "-d", "--working-dir", "--dry-run", "--download-only"
            )
            found = call if wanted else None
    return found


def _is_off(run: Run) -> bool:
    if run.scope.sets("COMPOSER_NO_DEV"):
        return True
    return any(name == "COMPOSER_NO_DEV" for command in run.commands for name, _ in command.assignments)


def _may_use(each: Instruction) -> bool:
    return each.keyword == "RUN" and not (each.script.parsed and all(map(_is_aside, each.commands)))


def _is_aside(command: ShellCommand) -> bool:
    """Tell whether a command neither tests nor builds: a clean-up, a setting, an extension of PHP."""
    if is_harmless(command) or command.name in ("pecl", "pear") or command.name.startswith("docker-php-ext-"):
        return True
    call = composer.read_composer(command)
    return call is not None and call.verb in _ASIDE


def _has_hooks(manifest: dict[str, Any]) -> bool:
    scripts = manifest.get("scripts")
    return isinstance(scripts, dict) and any(name in scripts for name in _HOOKS)


def _fix(call: Call) -> Fix | None:
    if call.action is None:
        return None
    return Fix(
        (insert_words(call.command, call.action, FLAG),),
        Applicability.UNSAFE,
        removed=(call.command.texts,),
        added=(with_words(call.command, call.action, FLAG),),
        caution=_CAUTION,
    )
