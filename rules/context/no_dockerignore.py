"""no-dockerignore."""

from __future__ import annotations

from collections.abc import Iterator

from rules.context.copies import first_broad
from rules.context.leftovers import find_leftovers, matter, name_all, say_root, show_lines
from rules.dockerfile import Dockerfile
from rules.finding import UNKNOWN_SAVING, Finding, Provenance, Saving, Snippet
from rules.rule import Bad, Good, Rule, Surroundings
from rules.surroundings import Context

_FILES = {"app.py": 2_000, "requirements.txt": 40, "docs/manual.pdf": 4_100_000, ".github/workflows/ci.yml": 900}


class NoDockerignore(Rule):
    """The whole context is copied into the image, and no ignore file leaves anything out.

    ## What it does
    Finds a `COPY .` or `ADD .` of a shipped stage whose context has no `.dockerignore`, nor a
    `<Dockerfile>.dockerignore`, and shows one with what is there: `.git`, `node_modules`, what `.gitignore` says a
    working copy holds, and tracked folders that neither the Dockerfile nor a manifest speaks of.

    ## Why it costs
    Everything in the folder becomes a layer, and any change to it makes that layer anew. Measured on full clones, the
    folder `.git` alone: docker-pi-hole 3.5 MB, NodeBB 140 MB, juice-shop 327 MB.

    ## Fix safety
    Nothing is applied: a suggestion cannot make a file. Read the lines before you take them; `.git` is left out of
    them where the build, its build files or an install's hooks seem to ask git, tests where the build seems to run or
    compile them, `.env` where pages are built with it, documentation where code or data lies in it.

    ## When it is silent
    Nobody looked into the repository, or its context cannot be told; the stage is not shipped; the COPY has
    `--exclude`; there is nothing to leave out that weighs something.
    """

    code = "DS501"
    reads = ("COPY", "ADD")
    techniques = ("dockerignore", "wide-copy")
    good = (
        "FROM python:3.13-slim\nCOPY . /app\n",
        Good(
            "FROM python:3.13-slim\nCOPY . /app\n",
            Surroundings(context=Context(_FILES, ignore=".git\n")),
        ),
    )
    bad = (Bad("FROM python:3.13-slim\nCOPY . /app\n", None, Surroundings(context=Context(_FILES))),)

    def check(self, dockerfile: Dockerfile, surroundings: Surroundings) -> Iterator[Finding]:
        """Yield one finding for the first COPY of everything."""
        context = surroundings.context
        if context is None or context.ignore is not None:
            return
        shipped = (first_broad(dockerfile, stage) for stage in dockerfile.shipped(surroundings.targets))
        copy = next(filter(None, shipped), None)
        leftovers = find_leftovers(dockerfile, context) if copy is not None else ()
        if copy is None or copy.broad is None or not matter(leftovers):
            return
        tracked = sum(each.bytes for each in leftovers)
        saving = Saving(tracked, Provenance.ESTIMATED, "the repository's tree") if tracked else UNKNOWN_SAVING
        yield self.finding(
            copy.instruction,
            copy.broad.span,
            "The whole context is copied, and no `.dockerignore` leaves anything out",
            f"With it {'come' if len(leftovers) > 1 else 'comes'} {name_all(leftovers)}{say_root(context)}.",
            saving=saving,
            snippet=Snippet(f"A new `{context.ignore_path}`", show_lines(leftovers), "text"),
        )
