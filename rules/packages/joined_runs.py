"""Several RUNs shown as one, so that what the last of them removes never gets into a layer."""

from __future__ import annotations

from rules.dockerfile import Instruction
from rules.finding import Snippet
from rules.runs import Run

# What may be moved in front of the first RUN without more than the build cache noticing.
_INDIFFERENT = frozenset(
    {"WORKDIR", "COPY", "ADD", "ENV", "ARG", "LABEL", "MAINTAINER", "EXPOSE", "VOLUME", "STOPSIGNAL"}
)
_MOST_LINES = 60


def show_joined(run: Run, last: Instruction, title: str, tail: str = "") -> Snippet | None:
    """Show the RUNs from `run` to `last` as one, with `tail` as its last command; None where that is not plain."""
    first = run.instruction
    if last.index <= first.index or last.end_line - first.line > _MOST_LINES:
        return None
    below = run.stage.start.index + 1
    between = run.stage.instructions[first.index - below : last.index - below + 1]
    if between[0] is not first or between[-1] is not last:
        return None
    runs = [each for each in between if each.keyword == "RUN"]
    others = [each for each in between if each.keyword != "RUN"]
    if any(each.keyword not in _INDIFFERENT for each in others) or not all(map(_is_plain, runs)):
        return None
    text = run.dockerfile.text
    bodies = [
        text[each.source.offset(each.arguments_start) : each.script.statements[-1].span.end].strip() for each in runs
    ]
    joint = f" {run.dockerfile.escape}\n    && "
    lines = [each.span.of(text) for each in others]
    lines.append("RUN " + joint.join([*bodies, tail] if tail else bodies))
    return Snippet(
        f"{title}, in place of lines {first.line} to {last.end_line}", "\n".join(lines).replace("\r\n", "\n") + "\n"
    )


def _is_plain(each: Instruction) -> bool:
    script = each.script
    if not script.parsed or script.form != "shell" or each.flags or script.has_comment or script.has_heredoc:
        return False
    if len(script.statements) != 1:
        return False
    only = script.statements[0]
    return "||" not in only.operators and only.terminator != "&"
