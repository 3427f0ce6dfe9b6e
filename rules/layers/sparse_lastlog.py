"""sparse-lastlog."""

from __future__ import annotations

import re
from collections.abc import Iterator

from rules.dockerfile import Dockerfile, ShellCommand
from rules.dockerfile.parse import expand
from rules.edits import insert_words, with_words
from rules.finding import Finding, Provenance, Saving
from rules.fix import Applicability, Fix
from rules.patterns import regex
from rules.rule import Bad, Rule, Surroundings
from rules.runs import Run, shipped_runs

_LARGE = 99_999
_LARGEST = 0xFFFF_FFFF
_RECORD = 292
# From shadow 4.13 on useradd leaves a log alone that does not reach as far as the number.
_DEBIAN = regex(r"^(?:docker\.io/)?(?:library/)?debian(?::(?:1[2-9]|latest|stable|testing|unstable|sid)|$)")
_UBUNTU = regex(r"^(?:docker\.io/)?(?:library/)?ubuntu(?::(?:2[4-9]|latest|rolling|devel)|$)")
_SUITE = regex(r"[:-](?:bookworm|trixie|forky|sid|noble|plucky|questing)")


class SparseLastlog(Rule):
    """A user with a large number, for whom `useradd` makes log files with room for every number below.

    ## What it does
    Finds `useradd` with a number above 99,999 (`-u N`, `--uid N`, `--uid=N`, also from an ARG with a default) and
    without `-l`.

    ## Why it costs
    `/var/log/lastlog` and `/var/log/faillog` have a record for each number. The files are sparse, a layer is not.
    Measured with the useradd of Debian 11 (shadow 4.8.1) and number 1,000,000: 324.0 MB in the layer, and 0 with `-l`.
    The useradd of Debian 12 (shadow 4.13) makes no such file, measured as well.

    ## Fix safety
    Safe: `-l` keeps the new user out of both logs until the first login; `su` and `USER` do not need it.

    ## When it is silent
    `-l` or `--no-log-init` is there; the number is not known; the base is known to have the newer useradd; the same RUN
    deletes or empties the log; the stage is not shipped.
    """

    code = "DS110"
    aliases = ("hadolint:DL3046", "tally:dl3046")
    techniques = ("large-uid",)
    triggers = ("useradd",)
    good = (
        "FROM ubuntu:22.04\nRUN useradd -l -u 1000000 app\n",
        "FROM ubuntu:22.04\nRUN useradd -u 1000 app\n",
    )
    bad = (
        Bad(
            "FROM ubuntu:22.04\nRUN useradd --uid=1000000 app\n",
            "FROM ubuntu:22.04\nRUN useradd -l --uid=1000000 app\n",
        ),
    )

    def check(self, dockerfile: Dockerfile, surroundings: Surroundings) -> Iterator[Finding]:
        """Yield one finding for each `useradd` with a large number."""
        for run in shipped_runs(dockerfile, surroundings, ("useradd",)):
            if _has_new_useradd(run.base) or "lastlog" in run.instruction.value:
                continue
            for command in run.commands:
                if command.name != "useradd" or command.has_flag("-l", "--no-log-init"):
                    continue
                number = _number(run, command)
                if number is not None and _LARGE < number <= _LARGEST:
                    yield self._report(run, command, number)

    def _report(self, run: Run, command: ShellCommand, number: int) -> Finding:
        program = command.words[0]
        return self.finding(
            run.instruction,
            command.span,
            f"useradd with number {number} makes a large log file",
            f"`/var/log/lastlog` holds {_RECORD} bytes for each number up to {number}.",
            Fix(
                (insert_words(command, program, "-l"),),
                Applicability.SAFE,
                removed=(command.texts,),
                added=(with_words(command, program, "-l"),),
            ),
            Saving(_RECORD * (number + 1), Provenance.ESTIMATED, f"{_RECORD} bytes a number in /var/log/lastlog"),
        )


def _has_new_useradd(base: str) -> bool:
    return any(pattern.search(base) for pattern in (_DEBIAN, _UBUNTU, _SUITE))


def _number(run: Run, command: ShellCommand) -> int | None:
    """Return the number that `-u` or `--uid` gives, variables filled in."""
    value: str | None = None
    words = command.arguments
    for at, word in enumerate(words):
        text = word.text
        if text in ("-u", "--uid") or re.fullmatch(r"-[a-zA-Z]{1,8}u", text):
            value = words[at + 1].text if at + 1 < len(words) else None
        elif text.startswith("--uid="):
            value = text[6:]
        elif text.startswith("-u") and len(text) > 2:
            value = text[2:]
    if value is not None and "$" in value:
        value = expand(value, {**run.scope.args, **run.scope.env})
    return int(value) if value is not None and value.isascii() and value.isdigit() and len(value) < 12 else None
