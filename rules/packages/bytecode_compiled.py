"""bytecode-compiled."""

from __future__ import annotations

from collections.abc import Iterator

from rules.dockerfile import Dockerfile, Span
from rules.finding import Finding, Severity
from rules.rule import Bad, Rule, Surroundings
from rules.runs import shipped_runs
from rules.tools import pip


class BytecodeCompiled(Rule):
    """Bytecode that pip compiles beside every module, which spares every start the compiling.

    ## What it does
    Names each `pip install` of a shipped stage that compiles what it installs. It is off unless its own code is
    turned on (`rules: {DS227: on}` in `.github/dockslim.yml`, or `--select DS,DS227`): what it saves, every start of a
    container pays for.

    ## Why it costs
    Measured with Django 5.2.8 and gunicorn 23.0.0 on Python 3.11: 67.2 MB with bytecode, 57.5 MB with `--no-compile`.
    Measured as well, what it costs: importing both takes 0.65 s instead of 0.18 s in each new container.

    ## Fix safety
    None is offered. `--no-compile` is worth it where images are sent more often than they are started. uv compiles only
    where it is told to (`--compile-bytecode`), so there is nothing to say of it.

    ## When it is silent
    Unless it is turned on; `--no-compile` is there; the stage is not shipped. `PYTHONDONTWRITEBYTECODE` is about what
    Python writes when it imports, and keeps pip from nothing.
    """

    code = "DS227"
    severity = Severity.INFO
    is_default = False
    techniques = ("no-compile",)
    triggers = ("pip",)
    good = ("FROM python:3.12-slim\nRUN pip install --no-cache-dir --no-compile flask\n",)
    bad = (Bad("FROM python:3.12-slim\nRUN pip install --no-cache-dir flask\n", None),)

    def check(self, dockerfile: Dockerfile, surroundings: Surroundings) -> Iterator[Finding]:
        """Yield one finding for each command that compiles."""
        for run in shipped_runs(dockerfile, surroundings, self.triggers):
            for command in run.commands:
                call = pip.read_pip(command)
                if call is None or call.action is None or call.verb != "install" or call.has("--no-compile", "--help"):
                    continue
                yield self.finding(
                    run.instruction,
                    Span(command.words[0].span.start, call.action.span.end),
                    "pip compiles bytecode into the layer",
                    "`--no-compile` leaves it out, and every start of a container compiles anew.",
                )
