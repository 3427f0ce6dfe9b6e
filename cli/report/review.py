"""A planned review in the terminal: comments with their place, suggestions as diffs."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby

from rich.console import Console
from rich.markdown import Markdown
from rich.padding import Padding
from rich.text import Text

from bot.review.model import Comment, Plan
from cli.trouble import one_line

_HIDDEN = re.compile(r"<!--.*?-->|</?(?:sub|details|summary)>|\u200b", re.DOTALL)
_FENCE = re.compile(r"(`{3,})(\w*)$")
_STYLES = {"-": "red", "+": "green", "@": "cyan"}


def show_plan(plan: Plan, texts: Mapping[str, str]) -> None:
    """Print a plan; `texts` are the files at the head, by their path."""
    console = Console(highlight=False)
    if plan.review is not None:
        _show_body(console, plan.review.body, ())
        for comment in plan.review.comments:
            _show_comment(console, comment, texts[comment.path].split("\n"))
    if plan.summary is not None:
        console.print(Text("Summary", "bold"))
        _show_body(console, plan.summary, ())
    console.print(Text(f"Check run: {plan.check.title} ({plan.check.conclusion})", "bold"), soft_wrap=True)


def _show_comment(console: Console, comment: Comment, lines: Sequence[str]) -> None:
    first = comment.start_line or comment.line
    place = f"{one_line(comment.path)}:{first}"
    if first < comment.line:
        place += f"-{comment.line}"
    console.print(Text(place, "bold"), soft_wrap=True)
    _show_body(console, comment.body, lines[first - 1 : comment.line])


def _show_body(console: Console, body: str, replaced: Sequence[str]) -> None:
    for info, lines in _split(_HIDDEN.sub("", body).split("\n")):
        if info is None:
            for paragraph in _gather(lines):
                console.print(Padding(Markdown(paragraph), (0, 0, 0, 2)))
            continue
        old = [f"-{line}" for line in replaced] if info == "suggestion" else []
        new = [f"+{line}" for line in lines] if info == "suggestion" else lines
        for line in (*old, *new):
            console.print(Text(f"    {line}", _STYLES.get(line[:1], "")), soft_wrap=True)
    console.print()


def _gather(lines: Sequence[str]) -> Iterator[str]:
    """Yield each line by itself, but the rows of a table together."""
    for is_row, group in groupby(filter(str.strip, lines), key=lambda line: line.startswith("|")):
        if is_row:
            yield "\n".join(group)
        else:
            yield from group


def _split(lines: Sequence[str]) -> Iterator[tuple[str | None, list[str]]]:
    """Yield prose with None and fenced blocks with what stands behind their fence, in order."""
    prose: list[str] = []
    at = 0
    while at < len(lines):
        opener = _FENCE.match(lines[at])
        if opener is None or opener[1] not in lines[at + 1 :]:
            prose.append(lines[at])
            at += 1
            continue
        end = lines.index(opener[1], at + 1)
        yield None, prose
        yield opener[2], list(lines[at + 1 : end])
        prose, at = [], end + 1
    yield None, prose
