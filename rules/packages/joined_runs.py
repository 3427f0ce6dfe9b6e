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
_MOVERS = frozenset({"cd", "pushd", "popd"})
# Commands of an install that do the same in any directory.
_ANYWHERE = frozenset({"apt-get", "apt", "apk", "yum", "dnf", "microdnf", "zypper", "set", "echo", "rm"})


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
    if not _run_where_they_ran(runs, [each.index for each in others if each.keyword == "WORKDIR"]):
        return None
    text = run.dockerfile.text
    bodies = [*map(_closed, runs[:-1]), _body(runs[-1])]
    joint = f" {run.dockerfile.escape}\n    && "
    lines = [each.span.of(text) for each in others]
    lines.append("RUN " + joint.join([*bodies, tail] if tail else bodies))
    return Snippet(
        f"{title}, in place of lines {first.line} to {last.end_line}", "\n".join(lines).replace("\r\n", "\n") + "\n"
    )


def _body(each: Instruction) -> str:
    return each.document[each.source.offset(each.arguments_start) : each.script.statements[-1].span.end].strip()


def _closed(each: Instruction) -> str:
    """Return what a RUN runs, in a shell of its own where it leaves its directory: what follows starts elsewhere."""
    body = _body(each)
    return f"({body})" if any(command.name in _MOVERS for command in each.commands) else body


def _run_where_they_ran(runs: list[Instruction], moves: list[int]) -> bool:
    """Tell whether every RUN starts in the directory where it started, with all WORKDIRs in front of the first."""
    if not moves:
        return True
    # Only the first RUN is moved below them, which then has to be one of packages, at home everywhere.
    return max(moves) < runs[1].index and all(command.name in _ANYWHERE for command in runs[0].commands)


def _is_plain(each: Instruction) -> bool:
    script = each.script
    if not script.parsed or script.form != "shell" or each.flags or script.has_comment or script.has_heredoc:
        return False
    if len(script.statements) != 1:
        return False
    only = script.statements[0]
    return "||" not in only.operators and only.terminator != "&"
