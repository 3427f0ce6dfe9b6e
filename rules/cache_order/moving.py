"""Instructions that move: which lines go with them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from rules.dockerfile import Dockerfile, Instruction, Span


class Block(NamedTuple):
    """An instruction with the comments right above it: its text, and its whole lines with the last one's end."""

    start: int
    text: str
    lines: Span


def block_of(dockerfile: Dockerfile, instruction: Instruction) -> Block | None:
    """Return what moves with an instruction, None where it shares a line or is indented."""
    comments = {comment.line for comment in dockerfile.comments}
    line = instruction.line
    if instruction.span.start != dockerfile.line_span(line, line).start:
        return None
    while line - 1 in comments:
        line -= 1
    start = dockerfile.line_span(line, line).start
    end = instruction.span.end
    after = dockerfile.text.find("\n", end)
    if after < 0 or dockerfile.text[end:after].strip():
        return None
    return Block(start, dockerfile.text[start:end], Span(start, after + 1))


def without_gaps(dockerfile: Dockerfile, blocks: Iterable[Block]) -> Iterator[Span]:
    """Yield the lines that blocks leave, each with the empty line below it where there is one above it too."""
    newline = dockerfile.newline
    reached = -1
    for block in blocks:
        start, end = block.lines
        if start == reached or dockerfile.text.endswith(newline * 2, 0, start):
            end += len(newline) if dockerfile.text.startswith(newline, end) else 0
            reached = end
        yield Span(start, end)
