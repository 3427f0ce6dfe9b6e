"""What keeps a command from doing its work, in one line."""

from __future__ import annotations

from bot.review.markdown import visible


class TroubleError(Exception):
    """Say what is wrong and where; `path` is a file, an option or a revision."""

    def __init__(self, path: str, reason: str, line: int | None = None) -> None:
        super().__init__(path, reason, line)
        self.path = path
        self.reason = reason
        self.line = line

    def __str__(self) -> str:
        place = self.path if self.line is None else f"{self.path}:{self.line}"
        return f"dockslim: {one_line(place)}: {one_line(self.reason)}"


def one_line(text: str) -> str:
    """Return `text` on one line, without a character that a terminal would obey."""
    return visible(text).replace("\n", "\\n").replace("\t", "\\t")
