"""ignored-but-copied."""

from __future__ import annotations

from collections.abc import Iterator

from rules.context.copies import copies, is_broad, says_copy
from rules.context.leftovers import say_root
from rules.context.sent import clean, ignore_of, sent_files
from rules.dockerfile import Dockerfile
from rules.dockerfile.dockerignore import Ignore
from rules.finding import Finding, Severity
from rules.rule import Bad, Good, Rule, Surroundings
from rules.surroundings import Context

_FILES = {"package.json": 300, "src/index.js": 900, ".dockerignore": 5}


class IgnoredButCopied(Rule):
    """A COPY names a path that the ignore file keeps from the builder.

    ## What it does
    Finds a source of COPY or ADD, written out as a path, that a pattern of the `.dockerignore` leaves out and no later
    one lets in again, in any stage.

    ## Why it costs
    The build fails there: tried with buildah, a `COPY dist /app` of a folder that is there and ignored ends with "no
    items matching glob". Where it works nowadays, another ignore file or context is in use than the repository says.

    ## Fix safety
    Nothing is applied: whether the COPY or the pattern is meant cannot be seen.

    ## When it is silent
    Nobody looked into the repository, or its context cannot be told; the source is a glob or holds a variable; an
    exception of the ignore file may let something below it in.
    """

    code = "DS504"
    reads = ("COPY", "ADD")
    severity = Severity.INFO
    aliases = ("buildkit:CopyIgnoredFile",)
    good = (
        "FROM node:22-slim\nCOPY dist /app\nCOPY . .\n",
        Good(
            "FROM node:22-slim\nCOPY dist /app\nCOPY . .\n",
            Surroundings(context=Context(_FILES, ignore="dist\n!dist/app.js\n")),
        ),
    )
    bad = (
        Bad(
            "FROM node:22-slim\nCOPY . .\nCOPY dist /app\n",
            None,
            Surroundings(context=Context(_FILES, ignore="dist\n")),
        ),
    )

    def check(self, dockerfile: Dockerfile, surroundings: Surroundings) -> Iterator[Finding]:
        """Yield one finding for each source that is ignored."""
        context = surroundings.context
        if context is None or not context.ignore or not says_copy(dockerfile):
            return
        ignore = ignore_of(context)
        if ignore is None:
            return
        for copy in copies(dockerfile.stages):
            for word in copy.sources:
                if word.literal and not is_broad(word.text) and _is_ignored(clean(word.text), ignore, context):
                    yield self.finding(
                        copy.instruction,
                        word.span,
                        f"`{word.text}` is copied and ignored",
                        f"`{context.ignore_path}` keeps it from the builder, which misses it{say_root(context)}.",
                    )


def _is_ignored(path: str, ignore: Ignore, context: Context) -> bool:
    if any(char in path for char in "*?[\\") or not ignore.ignores(path):
        return False
    below = path + "/"
    if any(each.startswith(below) or each == path for each in sent_files(context) or (path,)):
        return False
    # What git does not track may be let in again by an exception all the same.
    exceptions = (each.text for each in ignore.patterns if each.is_exception)
    return not any(each.startswith((below, "*", "?", "[")) or "*" in each for each in exceptions)
