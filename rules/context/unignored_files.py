"""unignored-files."""

from __future__ import annotations

from collections.abc import Iterator

from rules.context.copies import first_broad
from rules.context.leftovers import FLOOR, find_leftovers, name_all, say_root, show_lines
from rules.dockerfile import Dockerfile
from rules.finding import Finding, Provenance, Saving, Snippet
from rules.rule import Bad, Good, Rule, Surroundings
from rules.surroundings import Context

_FILES = {"app.py": 2_000, "docs/manual.pdf": 4_100_000, "demo.gif": 7_300_000, ".dockerignore": 5}


class UnignoredFiles(Rule):
    """The ignore file lets through files that nothing in the image uses.

    ## What it does
    Finds a `COPY .` or `ADD .` of a shipped stage whose `.dockerignore` leaves 1 MB or more of the repository in that
    neither the Dockerfile nor a manifest speaks of: documentation, tests, settings of CI and editors, videos at the
    root. Patterns are matched as BuildKit matches them, the last one that fits deciding.

    ## Why it costs
    The bytes of the tracked files themselves; the finding states them, summed over the repository's tree at this
    commit.

    ## Fix safety
    Nothing is applied: the ignore file is another file than the Dockerfile. Tests are named only where the build does
    not run them and no build file could list their folder; documentation only where neither code nor data lies in it.

    ## When it is silent
    Nobody looked into the repository, or its context cannot be told; there is no ignore file (no-dockerignore says
    so), or the builder refuses it; the stage is not shipped; it is less than 1 MB.
    """

    code = "DS502"
    reads = ("COPY", "ADD")
    techniques = ("dockerignore", "wide-copy")
    good = (
        "FROM python:3.13-slim\nCOPY . /app\n",
        Good(
            "FROM python:3.13-slim\nCOPY . /app\n",
            Surroundings(context=Context(_FILES, ignore=".git\ndocs\n*.gif\n")),
        ),
    )
    bad = (Bad("FROM python:3.13-slim\nCOPY . /app\n", None, Surroundings(context=Context(_FILES, ignore=".git\n"))),)

    def check(self, dockerfile: Dockerfile, surroundings: Surroundings) -> Iterator[Finding]:
        """Yield one finding for the first COPY of everything."""
        context = surroundings.context
        if context is None or context.ignore is None:
            return
        shipped = (first_broad(dockerfile, stage) for stage in dockerfile.shipped(surroundings.targets))
        copy = next(filter(None, shipped), None)
        if copy is None or copy.broad is None:
            return
        leftovers = find_leftovers(dockerfile, context)
        tracked = [each for each in leftovers if each.bytes]
        total = sum(each.bytes for each in tracked)
        if total < FLOOR:
            return
        yield self.finding(
            copy.instruction,
            copy.broad.span,
            f"{total / 1e6:.1f} MB are copied that nothing here uses",
            f"`{context.ignore_path}` lets {name_all(tracked)} through{say_root(context)}.",
            saving=Saving(total, Provenance.ESTIMATED, "the repository's tree"),
            snippet=Snippet(f"Lines for `{context.ignore_path}`", show_lines(leftovers), "text"),
        )
