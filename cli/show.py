"""A pull request in the terminal: its reviews read as they do on GitHub, suggestions as diffs."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from markdown_it import MarkdownIt
from rich.console import Console
from rich.markdown import Markdown
from rich.padding import Padding
from rich.text import Text

from cli.sandbox import PullRequestHandle
from cli.sandbox.state import Review, ReviewComment

_markdown = MarkdownIt("commonmark")
_COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
_TAG = re.compile(r"</?(?:sub|details|summary)>")
_DIFF_STYLES = {"-": "red", "+": "green", "@": "cyan"}


def show_review(console: Console, pull: PullRequestHandle, review: Review) -> None:
    """Print a review and its comments in the order of the lines."""
    console.print(Text.assemble((review.author.login, "bold"), f" reviewed {review.commit[:7]}"))
    _show_body(console, review.body, ())
    for comment in sorted(
        review.comments, key=lambda each: (each.thread.original.path, each.thread.original.line or 0)
    ):
        _show_comment(console, pull, comment)


def _show_comment(console: Console, pull: PullRequestHandle, comment: ReviewComment) -> None:
    anchor = comment.thread.original
    last = anchor.line or 1
    first = anchor.start_line or last
    place = f"{anchor.path}:{first}" if first == last else f"{anchor.path}:{first}-{last}"
    console.print(Text(place, style="bold underline"))
    lines = pull.repository.text(anchor.path, comment.review.commit).splitlines()
    _show_body(console, comment.body, lines[first - 1 : last])


def _show_body(console: Console, body: str, replaced: Sequence[str]) -> None:
    for info, lines in _split(_COMMENT.sub("", body)):
        if info == "suggestion":
            lines = [f"-{line}" for line in replaced] + [f"+{line}" for line in lines]  # noqa: PLW2901
        for line in lines:
            if info is None:
                console.print(Padding(Markdown(_TAG.sub("", line)), (0, 0, 0, 2)), soft_wrap=False)
            else:
                console.print(Text(f"    {line}", _DIFF_STYLES.get(line[:1], "")), soft_wrap=True)
    console.print()


def _split(body: str) -> Iterator[tuple[str | None, list[str]]]:
    """Yield the parts of a comment in order: prose with None, fenced blocks with what stands behind their fence."""
    lines = body.split("\n")
    at = 0
    for token in _markdown.parse(body):
        if token.type != "fence" or token.level or token.map is None:
            continue
        start, end = token.map
        yield None, _said(lines[at:start])
        yield token.info.strip(), token.content.removesuffix("\n").split("\n")
        at = end
    yield None, _said(lines[at:])


def _said(lines: Sequence[str]) -> list[str]:
    return [line for line in lines if line.strip()]
