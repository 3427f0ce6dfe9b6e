"""Several RUNs shown as one, so that what the last of them removes never gets into a layer."""

from __future__ import annotations

import re

from rules.dockerfile import Instruction
from rules.edits import leaves_state
from rules.finding import Snippet
from rules.patterns import regex
from rules.runs import Run

# What may be moved in front of any RUN.
_INERT = frozenset({"LABEL", "MAINTAINER", "EXPOSE", "STOPSIGNAL"})
# Variables that say where an install finds its programs, libraries, settings and archives.
_REACHES_INSTALLS = regex(r"\b(?:PATH|LD_\w+|HOME|APT_\w+|\w+_proxy|TMPDIR)\b", re.IGNORECASE)
_OF_PACKAGES = ("/etc", "/usr", "/var", "/lib")
_MOST_LINES = 60
# Commands of an install that do the same in any directory, and make nothing that a COPY asks for.
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
    errexit = run.scope.errexit
    if not all(_is_plain(each, errexit) for each in runs) or not _may_move(runs, others):
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
    """Return what a RUN runs, in a shell of its own where what follows would notice: it changes its directory."""
    body = _body(each)
    if not leaves_state(each.script):
        return body
    # `((` would begin an arithmetic expression.
    return f"( {body} )" if body.startswith("(") or body.endswith(")") else f"({body})"


def _may_move(runs: list[Instruction], others: list[Instruction]) -> bool:
    """Tell whether all that stands between RUNs may stand in front of the first.

    Only that one is moved below them then: it has to be one of packages, at home everywhere.
    """
    moved = [each for each in others if each.keyword not in _INERT]
    if not moved:
        return True
    if not all(map(_is_movable, moved)) or moved[-1].index > runs[1].index:
        return False
    return all(command.name in _ANYWHERE for command in runs[0].commands)


def _is_movable(each: Instruction) -> bool:
    """Tell whether packages may be installed after an instruction: no user and no file of theirs has a part in it."""
    if each.keyword in ("COPY", "ADD"):
        return each.flag("chown") is None and not each.words[-1].text.startswith(_OF_PACKAGES)
    return each.keyword == "WORKDIR" or (each.keyword in ("ENV", "ARG") and not _REACHES_INSTALLS.search(each.value))


def _is_plain(each: Instruction, shell_errexit: bool) -> bool:
    script = each.script
    if not script.parsed or script.form != "shell" or each.flags or script.has_comment or script.has_heredoc:
        return False
    if len(script.statements) != 1:
        return False
    only = script.statements[0]
    # `-e` does not hold left of `&&`, inside of a loop or a group neither.
    if (shell_errexit or script.errexit) and only.kind != "command":
        return False
    return "||" not in only.operators and only.terminator != "&"
