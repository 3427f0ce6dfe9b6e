"""bundler-development-gems."""

from __future__ import annotations

from collections.abc import Iterator

from rules.dockerfile import Dockerfile, Instruction, ShellCommand
from rules.finding import Finding, Snippet
from rules.packages.development import is_for_development, manifest_of
from rules.patterns import regex
from rules.rule import Bad, Good, Rule, Surroundings
from rules.runs import Run, shipped_runs
from rules.surroundings import Context
from rules.tools import ruby

_GROUP = regex(r"group[s:( \t]{1,9}[^\n]{0,60}?\b(development|test)\b")
_TESTS = regex(
    r"rspec|rubocop|minitest|cucumber|brakeman|\bguard\b|\bspring\b|rake (?:test|spec)|rails (?:test|db:test)"
)
_SNIPPET = 'ENV BUNDLE_WITHOUT="development:test"\n'
_GEMFILE = "source 'https://rubygems.org'\ngem 'rack'\ngroup :development, :test do\n  gem 'rspec'\nend\n"
_KNOWN = Surroundings(context=Context({"Gemfile": 90}, texts={"Gemfile": _GEMFILE}))
_NO_GROUP = Surroundings(context=Context({"Gemfile": 40}, texts={"Gemfile": "gem 'rack'\n"}))
_INSTALL = "RUN bundle install && rm -rf /usr/local/bundle/cache/*.gem\n"


class BundlerDevelopmentGems(Rule):
    """Gems for development and tests that bundler installs where only the program runs.

    ## What it does
    Finds `bundle install` in a shipped stage that installs the groups `development` and `test` of a Gemfile that was
    read.

    ## Why it costs
    What they hold is installed for nothing. How much that is depends on the Gemfile; no figure is made up.

    ## Fix safety
    No edit is offered, since programs may load these groups by `Bundler.require`. The comment brings the line to set
    above the install. It has to be ENV: measured with bundler 2.3, `bundle exec` fails where `BUNDLE_WITHOUT` was only
    set for the install.

    ## When it is silent
    BUNDLE_WITHOUT, `--without` or `bundle config` says so; the file tests; the Gemfile was not read or has neither
    group; file or stage are named after development, tests or CI; the stage is not shipped.
    """

    code = "DS242"
    aliases = ("tally:ruby:missing-bundle-without-development",)
    techniques = ("dev-dependencies",)
    triggers = ("bundle",)
    good = (
        f'FROM ruby:3.3-slim\nENV BUNDLE_WITHOUT="development:test"\nCOPY Gemfile* ./\n{_INSTALL}',
        Good(f"FROM ruby:3.3-slim\nCOPY Gemfile* ./\n{_INSTALL}", _NO_GROUP),
    )
    bad = (Bad(f"FROM ruby:3.3-slim\nCOPY Gemfile* ./\n{_INSTALL}", None, _KNOWN),)

    def check(self, dockerfile: Dockerfile, surroundings: Surroundings) -> Iterator[Finding]:
        """Yield one finding for each install."""
        context = surroundings.context
        if context is None or not any(path.rpartition("/")[2] == "Gemfile" for path in context.texts):
            return
        for run in shipped_runs(dockerfile, surroundings, self.triggers):
            command = next((each for each in run.commands if _installs(each)), None)
            if command is None or _is_told(run) or is_for_development(run, surroundings):
                continue
            path = manifest_of(run, "Gemfile", context)
            groups = set(_GROUP.findall(context.texts.get(path, ""))) if path is not None else set()
            if not groups or _TESTS.search(dockerfile.text):
                continue
            yield self.finding(
                run.instruction,
                command.span,
                "Gems for development and tests are installed too",
                f"`Gemfile` has {' and '.join(f'a group `{each}`' for each in sorted(groups))}.",
                snippet=Snippet("To leave them out, set this above the install", _SNIPPET),
            )


def _installs(command: ShellCommand) -> bool:
    call = ruby.read_bundle(command)
    return call is not None and call.verb in ("", "install") and not call.has("--without", "--version", "-v", "--help")


def _is_told(run: Run) -> bool:
    if run.scope.sets("BUNDLE_WITHOUT") or run.scope.sets("BUNDLE_ONLY"):
        return True
    if any(name.startswith("BUNDLE_") for command in run.commands for name, _ in command.assignments):
        return True
    return _configures(run.instruction) or run.is_preceded_by(_configures)


def _configures(each: Instruction) -> bool:
    return each.keyword in ("RUN", "COPY", "ADD") and ("without" in each.value or ".bundle" in each.value)
