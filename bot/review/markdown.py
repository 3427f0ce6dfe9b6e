"""Text that others wrote, made safe to stand in GitHub's Markdown: shown as it is, never obeyed."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Sequence

from rules.patterns import regex

# GitHub's limits are 65,536 characters for a body and 65,535 for a check's summary. Counted in bytes, which are never
# fewer, with room for what a proxy or a later edit adds.
LIMIT = 65_000

_ZERO_WIDTH = "\u200b"
_HIDDEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
_SPECIAL = regex(r"[\\`*_\[\]~|$]")
_ENTITIES = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}
_BLOCK_START = regex(r"^(?:([-+=#:])|(\d{1,9})([.)])(?!\S))")
# What GitHub turns into a mention, a link, or a reference that shows up on somebody else's issue.
_LINKED = regex(r"(@|#(?=\d)|\bGH(?=-\d)|:(?=//)|\bwww(?=\.))", re.IGNORECASE)


def size(text: str) -> int:
    """Return how many bytes `text` takes."""
    return len(text.encode())


def shorten(text: str, length: int) -> str:
    """Return at most `length` characters of `text`, an ellipsis in place of the rest."""
    return text if len(text) <= length else text[: length - 1] + "…"


def visible(text: str) -> str:
    """Return `text` with every character that hides, reorders or breaks lines spelt out; tab and newline stay."""
    return text if _is_harmless(text) else "".join(_spell(char) for char in text)


def is_plain(text: str) -> bool:
    """Tell whether what a reader sees of `text` is all there is to it."""
    return visible(text) == text


def escape(text: str) -> str:
    """Return one line of Markdown that reads as `text` does."""
    return _escape_start(_escape_inline(" ".join(text.split())))


def prose(text: str, length: int = 600) -> str:
    """Return a sentence as Markdown: what stands between backticks becomes a code span, the rest is escaped."""
    parts = shorten(" ".join(text.split()), length).split("`")
    if len(parts) % 2 == 0:
        return escape("`".join(parts))
    spans = (_escape_inline(part) if at % 2 == 0 else code(part) if part else r"\`\`" for at, part in enumerate(parts))
    return _escape_start("".join(spans))


def cell(markdown: str) -> str:
    """Return Markdown that ends no cell of a table: a pipe behind an even number of backslashes would."""
    return re.sub(r"(?<!\\)((?:\\\\)*)\|", r"\1\\|", markdown)


def code(text: str) -> str:
    """Return a code span that shows `text` on one line and that nothing inside can close."""
    line = visible(re.sub(r"[\t\r\n]+", " ", text))
    if not line.strip():
        return "` `"
    fence = "`" * (_longest_run(line) + 1)
    pad = " " if line[0] in "` " or line[-1] in "` " else ""
    return f"{fence}{pad}{line}{pad}{fence}"


def fence(lines: Sequence[str], info: str) -> str:
    """Return a fenced block of `lines` that no run of backticks inside can close; no lines make an empty block."""
    ticks = "`" * max(3, max(map(_longest_run, lines), default=0) + 1)
    return "\n".join((f"{ticks}{info}", *lines, ticks))


def fit(head: str, items: Sequence[str], rest: Callable[[int], str], tail: str, limit: int = LIMIT) -> str:
    """Return `head`, as many of `items` as the limit allows, what `rest` says of the number left out, and `tail`."""
    kept, room = 0, limit - size(head) - size(tail) - size(rest(len(items)))
    for item in items:
        room -= size(item)
        if room < 0:
            break
        kept += 1
    left = len(items) - kept
    return "".join((head, *items[:kept], rest(left), tail))


def _escape_inline(text: str) -> str:
    line = re.sub(r"[&<>]", lambda match: _ENTITIES[match[0]], visible(text))
    line = _SPECIAL.sub(r"\\\g<0>", line)
    return _LINKED.sub(rf"\1{_ZERO_WIDTH}", line)


def _escape_start(line: str) -> str:
    """Escape what would make a line a heading, a list or a rule."""
    return _BLOCK_START.sub(lambda m: rf"\{m[1]}" if m[1] else rf"{m[2]}\{m[3]}", line)


def _is_harmless(text: str) -> bool:
    return text.isascii() and text.replace("\n", "").replace("\t", "").isprintable()


def _spell(char: str) -> str:
    if char in "\n\t" or unicodedata.category(char) not in _HIDDEN:
        return char
    number = ord(char)
    if 0xDC80 <= number <= 0xDCFF:  # a byte that was no UTF-8
        return f"\\x{number - 0xDC00:02x}"
    if number <= 0xFF:
        return f"\\x{number:02x}"
    return f"\\u{number:04x}" if number <= 0xFFFF else f"\\U{number:08x}"


def _longest_run(text: str) -> int:
    return max(map(len, re.findall(r"`+", text)), default=0)
