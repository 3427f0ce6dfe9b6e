"""copy-then-chmod."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

from rules.dockerfile import Dockerfile, Span
from rules.edits import delete_lines, drop_command, is_lone_command
from rules.finding import Finding
from rules.fix import Applicability, Edit, Fix
from rules.layers.copied_trees import Copied, Sizes, copies_below, may_touch_copies, shown
from rules.layers.metadata_changes import MOST_TOUCHED, Touched, flag_fix, flag_snippet, touched_copies
from rules.patterns import regex
from rules.rule import Bad, Rule, Surroundings
from rules.runs import Run, shipped_runs
from rules.tools import frontend

_OCTAL = regex(r"0?[0-7]{3}")
_EXECUTABLE = frozenset({"+x", "a+x", "ugo+x"})
_NEEDS_BUILDKIT = "Needs BuildKit, which Docker before version 23 does not use by itself."
_HINTS = ("chmod",)


class CopyThenChmod(Rule):
    """A copied file or tree whose mode a later RUN changes, so that it is in the image twice.

    ## What it does
    Finds `chmod` in a RUN of what a COPY or ADD brought: `chmod -R` of a tree, and the mode of single files that may be
    large, such as a binary.

    ## Why it costs
    A layer holds whole files: changing the mode of a file copies it. Measured with Docker 20.10 (both builders) and
    buildah 1.28: 20.0 MB copied, then `chmod -R a+rX`, makes a second layer of 20.0 MB although not one mode changes.
    With `COPY --chmod` there is none.

    ## Fix safety
    A single file gets `COPY --chmod=755` (an octal mode is taken over as it is) and the `chmod` goes. For a tree with
    an octal mode `--chmod` goes to every COPY that feeds it, and the `chmod` loses its `-R`. Safe where the file shows
    that BuildKit builds it; unsafe otherwise, since the old builder does not know the flag. `+x` for a file of another
    stage or from an address is unsafe too: what mode it had is not known, it becomes 755.

    ## When it is silent
    The file is a script or the like, a few kilobytes that are not worth a word; `# syntax=` is older than the flag; the
    command is conditional; the tree is on a mount; the stage is not shipped. Symbolic modes of trees get no fix: COPY
    takes them only from Dockerfile syntax 1.14 on, and older builders ignore them without a word.
    """

    code = "DS104"
    aliases = ("tally:prefer-copy-chmod",)
    techniques = ("chmod-copy",)
    triggers = ("chmod",)
    good = (
        "FROM debian:12\nCOPY entrypoint.sh /\nRUN chmod +x /entrypoint.sh\n",
        "FROM debian:12\nCOPY --chmod=755 app.bin /usr/local/bin/app\n",
    )
    bad = (
        Bad(
            "FROM golang:1.23 AS build\nRUN go build -o /out/app .\n"
            "FROM debian:12\nCOPY --from=build /out/app /usr/local/bin/app\nRUN chmod 755 /usr/local/bin/app\n",
            "FROM golang:1.23 AS build\nRUN go build -o /out/app .\n"
            "FROM debian:12\nCOPY --chmod=755 --from=build /out/app /usr/local/bin/app\n",
        ),
        Bad("FROM debian:12\nCOPY . /app\nRUN chmod -R g=u /app\n", None),
    )

    def check(self, dockerfile: Dockerfile, surroundings: Surroundings) -> Iterator[Finding]:
        """Yield one finding for each command that changes the mode of what was copied."""
        if not any(map(dockerfile.text.__contains__, _HINTS)):
            return
        sizes = Sizes(surroundings.context)
        where = may_touch_copies(dockerfile, surroundings.context is not None)
        runs = shipped_runs(dockerfile, surroundings, _HINTS, where=where)
        found = ((run, touched) for run in runs for touched in touched_copies(run, sizes))
        for run, touched in islice(found, MOST_TOUCHED):
            if touched.is_mode:
                yield self._report(run, touched)

    def _report(self, run: Run, touched: Touched) -> Finding:
        fix = _fix(run, touched)
        snippet = flag_snippet(run, touched, "chmod") if fix is None and _octal(touched) is not None else None
        return self.finding(
            run.instruction,
            touched.span,
            f"{touched.name} copies {shown(touched.path)} into another layer",
            touched.reason("mode"),
            fix,
            snippet=snippet,
        )


def _octal(touched: Touched) -> str | None:
    change = touched.change
    if change is None or not change.value.literal or _OCTAL.fullmatch(change.value.text) is None:
        return None
    return change.value.text


def _fix(run: Run, touched: Touched) -> Fix | None:
    if touched.change is None or not frontend.allows(run.dockerfile, 2):
        return None
    mode = _octal(touched)
    if touched.change.recursion is not None:
        fix = flag_fix(run, touched, "chmod", lambda _: mode) if mode is not None else None
    else:
        fix = _file_fix(run, touched, mode)
    if fix is None or frontend.shows_buildkit(run.dockerfile):
        return fix
    return fix._replace(applicability=Applicability.UNSAFE, caution=f"{_NEEDS_BUILDKIT} {fix.caution}".rstrip())


def _file_fix(run: Run, touched: Touched, mode: str | None) -> Fix | None:
    """Move the mode of single files to the COPY that brings them, and drop the command."""
    change = touched.change
    if change is None or not change.plain or change.command.from_exec or change.command.wrappers:
        return None
    if mode is None and change.value.text not in _EXECUTABLE:
        return None
    if any(word.has_glob for word in change.paths) or len(touched.paths) != len(change.paths):
        return None
    edits: list[Edit] = []
    removed: list[tuple[str, str]] = []
    added: list[tuple[str, str]] = []
    caution = ""
    for path in touched.paths:
        copied = _only_copy(run, path)
        if copied is None or copied.stage is not run.stage or _is_mentioned(run, copied, touched):
            return None
        each = copied.instruction
        if each.flag("chmod") is not None or len(each.words) != 2:
            return None
        if mode is None and copied.from_elsewhere:
            caution = f"Sets mode 755, whatever {copied.source.rpartition('/')[2]} had before."
        value = f"--chmod={mode or '755'}"
        edits.append(Edit(Span(each.keyword_span.end, each.keyword_span.end), f" {value}"))
        removed.append((each.keyword, each.value))
        added.append((each.keyword, f"{value} {each.value}"))
    script = run.instruction.script
    if is_lone_command(script):
        gone: Edit | None = delete_lines(run.dockerfile, run.instruction)
        if any(
            each.line <= run.instruction.end_line and each.line >= run.instruction.line
            for each in run.dockerfile.comments
        ):
            return None
    else:
        gone = drop_command(run.dockerfile, script, change.command)
    if gone is None or run.instruction.flags:
        return None
    return Fix(
        (*edits, gone),
        Applicability.UNSAFE if caution else Applicability.SAFE,
        removed=(change.command.texts,),
        caution=caution,
        removed_instructions=tuple(removed),
        added_instructions=tuple(added),
    )


def _only_copy(run: Run, path: str) -> Copied | None:
    found = copies_below(run, path)
    return found[0] if len(found) == 1 and found[0].path == path and not found[0].is_tree else None


def _is_mentioned(run: Run, copied: Copied, touched: Touched) -> bool:
    """Tell whether a RUN between the two, or another command of this one, names the file: it may not be as copied."""
    name = copied.path.rpartition("/")[2]
    before = (each for each in run.earlier() if each.instruction.index > copied.instruction.index)
    if any(name in each.instruction.span.of(run.dockerfile.text) for each in before):
        return True
    text = run.instruction.value
    return text.count(name) != sum(word.text.count(name) for word in touched.command.words) and not _comes_first(
        run, touched
    )


def _comes_first(run: Run, touched: Touched) -> bool:
    """Tell whether the command is the first of its RUN, so that what follows sees the file as it is then."""
    return bool(run.commands) and run.commands[0] is touched.command
