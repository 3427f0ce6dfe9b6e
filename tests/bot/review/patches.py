"""Patches as GitHub makes them, Dockerfiles that real rules object to, and GitHub's own view of what was posted."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator
from dataclasses import dataclass

from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

from bot.review.model import ChangedFile, Comment

MARKDOWN = MarkdownIt("commonmark").enable("table").enable("strikethrough")
OUR_HTML = re.compile(
    r"<!-- dockslim:(?:review|summary|(?:fp|gone)=[0-9a-f,]+|ignored=[DS0-9,]+) -->|</?(?:sub|details)>"
    r"|<summary>(?:Without a comment: [\d,]+|What stood here)</summary>"
)


def git_diff(base: str | None, head: str, context: int = 3) -> str:
    """Return what GitHub's `patch` holds: hunks only, and a note where a last line has no newline."""
    old, new = (base or "").splitlines(keepends=True), head.splitlines(keepends=True)
    hunks = list(difflib.unified_diff(old, new, n=context))[2:]
    lines = [line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in hunks]
    return "".join(lines).removesuffix("\n")


def changed(head: str, base: str | None = None, path: str = "Dockerfile", context: int = 3) -> ChangedFile:
    """Return a file as the worker hands it over."""
    return ChangedFile(path, "added" if base is None else "modified", git_diff(base, head, context), head, base)


def right_sides(patch: str) -> Iterator[dict[int, str]]:
    """Yield the right-side lines of each hunk by their numbers, read the slow and obvious way."""
    for hunk in re.split(r"(?m)^(?=@@ )", patch):
        if not hunk.startswith("@@ "):
            continue
        header, *lines = hunk.removesuffix("\n").split("\n")
        number = int(re.search(r"\+(\d+)", header)[1])
        shown = [line[1:] for line in lines if line[:1] in "+ "]
        yield {number + at: line for at, line in enumerate(shown)}


def blocks(body: str, info: str) -> list[str]:
    """Return the contents of the fenced blocks of a kind, as a Markdown renderer sees them."""
    return [token.content for token in MARKDOWN.parse(body) if token.type == "fence" and token.info == info]


def inline_tokens(body: str) -> Iterator[Token]:
    """Yield every token of a rendered body, those inside paragraphs too."""
    for token in MARKDOWN.parse(body):
        yield token
        yield from token.children or ()


@dataclass(frozen=True)
class Button:
    """GitHub's "Commit suggestion" of one comment."""

    start: int
    end: int
    content: str

    @classmethod
    def of(cls, comment: Comment) -> Button | None:
        found = blocks(comment.body, "suggestion")
        assert len(found) <= 1
        start = comment.line if comment.start_line is None else comment.start_line
        return cls(start, comment.line, found[0]) if found else None

    def press(self, text: str) -> str:
        lines = text.split("\n")
        lines[self.start - 1 : self.end] = self.content.split("\n")[:-1]
        return "\n".join(lines)


_PACKAGES = st.sampled_from(["cron", "vim", "curl", "nginx", "git"])
_CHUNKS = st.one_of(
    st.sampled_from(
        [
            "WORKDIR /app",
            "COPY . .",
            "ENV A=1 \\\n    B=2",
            "# a comment",
            "",
            "RUN pip install flask",
            "RUN pip install --no-cache-dir flask",
            "RUN apk add curl",
            "RUN apt-get update",
            "RUN wget http://example.com/a.tgz -O /tmp/a.tgz",
            "RUN rm -rf /tmp/a.tgz",
            "RUN true && \\\n\n    # why\n    false",
            "RUN <<EOF\napt-get update\n````\necho '```suggestion'\napt-get install -y vim\nEOF",
            "COPY <<EOF /README.md\n```\ntext\n```\nEOF",
            "FROM alpine:3.20 AS other",
        ]
    ),
    _PACKAGES.map(lambda name: f"RUN apt-get install -y {name}"),
    _PACKAGES.map(lambda name: f"RUN apt-get update && apt-get install -y {name}"),
    _PACKAGES.map(lambda name: f"RUN apt-get update \\\n    && apt-get install -y \\\n        {name} \\\n        less"),
    _PACKAGES.map(lambda name: f"RUN apt-get update; apt-get install {name} `echo ``` || true`"),
)


@st.composite
def pull_requests(draw: st.DrawFn) -> tuple[str | None, str, int]:
    """Return the old text, the new text and the number of context lines of a pull request."""
    start = draw(
        st.sampled_from(["FROM debian:12-slim", 'FROM debian:12-slim\nSHELL ["/bin/bash", "-c"]', "FROM alpine:3.20"])
    )
    head = draw(st.lists(_CHUNKS, max_size=12))
    end = draw(st.sampled_from(["\n", "\n", "\n", ""]))
    base = None
    if draw(st.integers(0, 3)):
        kept = draw(st.lists(st.booleans(), min_size=len(head), max_size=len(head)))
        base = "\n".join([start, *(chunk for chunk, keep in zip(head, kept, strict=True) if keep)]) + end
    return base, "\n".join([start, *head]) + end, draw(st.sampled_from([3, 3, 0, 1]))
