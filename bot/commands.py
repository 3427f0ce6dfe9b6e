"""Commands: what people ask of dockslim in a comment, one a line: `/dockslim recheck`."""

from __future__ import annotations

import re
from dataclasses import dataclass

_LINE = re.compile(r"/dockslim(?:[ \t]+(.*))?", re.IGNORECASE)
_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})(.*)")


@dataclass(frozen=True, slots=True)
class Recheck:
    """Review the pull request again, now."""


@dataclass(frozen=True, slots=True)
class Unknown:
    """Something else that begins with /dockslim; `text` is the rest of the line."""

    text: str


Command = Recheck | Unknown


def parse_commands(body: str) -> tuple[Command, ...]:
    """Read the commands in a comment: only at the start of a line, where a reader sees them as text.

    What is quoted, inside a block of code or inside an HTML comment is none.
    """
    commands: list[Command] = []
    fence = ""
    is_hidden = False
    for line in body.split("\n"):
        if is_hidden:
            is_hidden = line.rfind("<!--") >= line.rfind("-->")
            continue
        mark = _FENCE.match(line)
        if fence:
            # CommonMark 4.5: a closing fence is at least as long as its opening one, with nothing after it.
            if mark and mark[1].startswith(fence) and not mark[2].strip():
                fence = ""
            continue
        if mark:
            fence = mark[1]
            continue
        opening = line.rfind("<!--")
        is_hidden = opening > line.rfind("-->") and "`" not in line[:opening]
        if found := _LINE.fullmatch(line.rstrip()):
            commands.append(_read(found[1] or ""))
    return tuple(commands)


def _read(text: str) -> Command:
    return Recheck() if text.strip().lower() == "recheck" else Unknown(text.strip()[:100])
