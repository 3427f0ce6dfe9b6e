"""gem-documentation."""

from __future__ import annotations

from collections.abc import Iterator

from rules.dockerfile import Dockerfile, Instruction, ShellCommand
from rules.edits import insert_words, with_words
from rules.finding import Finding
from rules.fix import Applicability, Fix
from rules.patterns import regex
from rules.rule import Bad, Rule, Surroundings
from rules.runs import Run, shipped_runs
from rules.tools import ruby
from rules.tools.options import Call
from rules.tools.remove import removed_words

FLAG = "--no-document"
_TOLD = (
    "--no-document",
    "-N",
    "--no-doc",
    "--no-docu",
    "--no-ri",
    "--no-rdoc",
    "--document",
    "--ri",
    "--rdoc",
    "--help",
)
_CLEANED = regex(r"gem|/ri\b|(?<!share)/doc\b")


class GemDocumentation(Rule):
    """Documentation that gem makes for `ri`, which nobody asks in a container.

    ## What it does
    Finds `gem install` and `gem update` without `--no-document`, where the ruby comes from Debian or Ubuntu.

    ## Why it costs
    gem writes documentation of every method. Measured with ruby 3.1 of Debian 12: activesupport 6.1.7 is 1.0 MB and
    gets 2.2 MB of documentation, rack 2.2 is 0.4 MB and gets 0.9 MB.

    ## Fix safety
    Unsafe in name: `ri` shows nothing about these gems afterwards. No program reads this documentation.

    ## When it is silent
    The flag is there, or the older `--no-ri --no-rdoc`; a gemrc is written or copied; the same RUN deletes the
    documentation; the base is an image of ruby itself, whose gemrc has the flag, or Alpine, whose ruby makes none
    unless another package is there; the stage is not shipped. Where gem is older than 2.0, and does not know the
    flag, there is no fix.
    """

    code = "DS240"
    aliases = ("docker-parfum:gemUpdateNoDocument",)
    techniques = ("gem-documentation",)
    triggers = ("gem",)
    good = (
        "FROM debian:12-slim\nRUN gem install --no-document fpm\n",
        "FROM ruby:3.3-slim\nRUN gem install fpm\n",
    )
    bad = (
        Bad("FROM debian:12-slim\nRUN gem install fpm\n", "FROM debian:12-slim\nRUN gem install --no-document fpm\n"),
        Bad("FROM ubuntu:14.04\nRUN gem install fpm\n", None),
    )

    def check(self, dockerfile: Dockerfile, surroundings: Surroundings) -> Iterator[Finding]:
        """Yield one finding for each install."""
        for run in shipped_runs(dockerfile, surroundings, ("gem ", '"gem"'), deferred=True):
            if not ruby.makes_documentation(run.base) or run.scope.sets("GEMRC"):
                continue
            calls = [call for call in map(ruby.read_gem, run.commands) if call is not None and _documents(call)]
            if not calls or any(map(_cleans, run.commands)):
                continue
            if _configures(run.instruction) or run.is_preceded_by(_configures):
                continue
            for call in calls:
                yield self._report(run, call)

    def _report(self, run: Run, call: Call) -> Finding:
        return self.finding(
            run.instruction,
            call.command.span,
            "Documentation is installed with every gem",
            f"`gem {call.verb}` writes it for `ri` unless told not to.",
            _fix(call) if ruby.knows_no_document(run.base) else None,
        )


def _documents(call: Call) -> bool:
    return call.verb in ("install", "update") and not call.has(*_TOLD, "--system")


def _cleans(command: ShellCommand) -> bool:
    return any(_CLEANED.search(word.text) for word in removed_words(command)) or "clean" in command.name.lower()


def _configures(each: Instruction) -> bool:
    """Tell whether an instruction writes or copies a gemrc, or brings another ruby than the distribution's."""
    return any(word in each.value for word in ("gemrc", "rbenv", "ruby-build", "ruby-install"))


def _fix(call: Call) -> Fix | None:
    if call.action is None:
        return None
    return Fix(
        (insert_words(call.command, call.action, FLAG),),
        Applicability.UNSAFE,
        removed=(call.command.texts,),
        added=(with_words(call.command, call.action, FLAG),),
        caution="`ri` shows nothing about these gems afterwards.",
    )
