"""copy-then-chown."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

from rules.dockerfile import Dockerfile, Scope
from rules.dockerfile.parse import expand
from rules.finding import Finding
from rules.layers.copied_trees import Copied, Sizes, may_touch_copies, shown
from rules.layers.metadata_changes import MOST_TOUCHED, Touched, flag_fix, flag_snippet, touched_copies
from rules.patterns import regex
from rules.rule import Bad, Rule, Surroundings
from rules.runs import Run, shipped_runs
from rules.tools import users

_OWNER = regex(r"[A-Za-z0-9_${}][A-Za-z0-9_${}-]*")


class CopyThenChown(Rule):
    """A copied tree whose owner a later RUN changes, so that it is in the image twice.

    ## What it does
    Finds `chown -R` and `chgrp -R` in a RUN of what a COPY or ADD brought in below it, or of what another RUN (`npm
    ci`, `git clone`, `tar`) made of that.

    ## Why it costs
    A layer holds whole files: changing the owner of a file copies it. Measured with Docker 20.10 (both builders) and
    buildah 1.28: 20.0 MB copied, then `chown -R`, makes a second layer of 20.0 MB, and it does so even where the files
    had that owner already. With `COPY --chown` there is none.

    ## Fix safety
    `--chown` goes to every COPY that feeds the tree, and the `chown` loses its `-R`: what is left of it sets the
    directory itself, which COPY does not where WORKDIR made it. Offered only where nothing but COPY wrote to the tree
    and the owner is known before the COPY: a number, a user that an official image brings, or one that a RUN above
    makes. Unsafe where the base image may hold files there: those keep their owner.

    ## When it is silent
    The `chown` stands in the RUN that wrote the files, and nothing copied lies below it; it names a single small file
    such as a script; it is conditional; the tree is on a mount; the stage is not shipped.
    """

    code = "DS103"
    techniques = ("chown-copy",)
    triggers = ("chown", "chgrp")
    good = (
        "FROM node:22\nWORKDIR /app\nCOPY --chown=node:node . .\n",
        "FROM debian:12\nRUN useradd app && mkdir /data && chown app /data\n",
    )
    bad = (
        Bad(
            "FROM node:22\nWORKDIR /app\nCOPY . .\nRUN chown -R node:node /app\nUSER node\n",
            "FROM node:22\nWORKDIR /app\nCOPY --chown=node:node . .\nRUN chown node:node /app\nUSER node\n",
        ),
        Bad(
            "FROM node:22\nWORKDIR /app\nCOPY package.json ./\nRUN npm ci --omit=dev && npm cache clean --force\n"
            "COPY . .\nRUN chown -R node:node /app\nUSER node\n",
            None,
        ),
    )

    def check(self, dockerfile: Dockerfile, surroundings: Surroundings) -> Iterator[Finding]:
        """Yield one finding for each command that changes the owner of what was copied."""
        if not any(map(dockerfile.text.__contains__, ("chown", "chgrp"))):
            return
        sizes = Sizes(surroundings.context)
        where = may_touch_copies(dockerfile, surroundings.context is not None)
        runs = shipped_runs(dockerfile, surroundings, ("chown", "chgrp"), where=where)
        found = ((run, touched) for run in runs for touched in touched_copies(run, sizes))
        for run, touched in islice(found, MOST_TOUCHED):
            if not touched.is_mode:
                yield self._report(run, touched)

    def _report(self, run: Run, touched: Touched) -> Finding:
        heaviest = touched.copies[0]
        line = heaviest.instruction.line
        path = shown(touched.path)
        if _is_redundant(touched):
            message = f"{touched.name} copies {path} into another layer and changes nothing"
            reason = (
                f"`--chown` on line {line} gave the files that owner; a chown that changes nothing still copies them."
            )
        else:
            message = f"{touched.name} copies {path} into another layer"
            reason = touched.reason("owner")
        fix = flag_fix(run, touched, "chown", lambda copied: _owner_at(run, touched, copied))
        snippet = flag_snippet(run, touched, "chown") if fix is None and _is_known_above(run, touched) else None
        return self.finding(run.instruction, touched.span, message, reason, fix, snippet=snippet)


def _is_known_above(run: Run, touched: Touched) -> bool:
    """Tell whether the owner exists at every COPY: BuildKit looks its name up there, and fails where it is not."""
    if touched.change is None:
        return False
    names = [name for name in touched.change.value.text.split(":") if name]
    return all(
        users.is_same_at(run, copied.stage, copied.instruction, name, touched.change.command)
        for copied in touched.copies
        for name in names
    )


def _is_redundant(touched: Touched) -> bool:
    """Tell whether every copy has a `--chown` with this very owner."""
    if touched.change is None:
        return False
    wanted = touched.change.value.text
    flags = [copied.instruction.flag("chown") for copied in touched.copies]
    return all(flag is not None and _same_owner(flag.value or "", wanted) for flag in flags)


def _same_owner(given: str, wanted: str) -> bool:
    return given.strip("\"'") in (wanted, f"{wanted}:{wanted}") or given == wanted.rstrip(":")


def _owner_at(run: Run, touched: Touched, copied: Copied) -> str | None:
    """Return what `--chown=` must say at one COPY to give what the command gives, None where that cannot be told."""
    if touched.change is None:
        return None
    raw = touched.change.value.span.of(run.dockerfile.text).strip("\"'")
    user, colon, group = raw.partition(":")
    if touched.change.command.name == "chgrp":
        user, group = "0", raw
    elif not colon:
        group = "0"  # chown leaves the group alone; `--chown=user` would not
    if colon and not group:
        return None
    scope = run.dockerfile.scope(copied.stage, copied.instruction)
    numeric = copied.instruction.flag("link") is not None
    for name in (user or "0", group):
        value = _known(name, run.scope, scope)
        if value is None or (numeric and not value.isdigit()):
            return None
        if not users.is_same_at(run, copied.stage, copied.instruction, value, touched.command):
            return None
    return f"{user or '0'}:{group}"


def _known(name: str, there: Scope, here: Scope) -> str | None:
    """Return the value of a name or variable that is the same at the COPY and at the chown."""
    if _OWNER.fullmatch(name) is None:
        return None
    if "$" not in name:
        return name
    first, second = (expand(name, {**scope.args, **scope.env}) for scope in (there, here))
    return first if first and first == second else None
