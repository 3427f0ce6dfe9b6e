"""Apply every fix that `dockslim fix --unsafe` applies, and keep what was found at first sight."""

from __future__ import annotations

from dataclasses import dataclass

from cli.fix import fix_text
from rules.check import Report, check
from rules.dockerfile import parse


@dataclass(frozen=True)
class Outcome:
    """What the rules first said, the text after every fix, how many were made, and what is made of that text again."""

    first: Report
    text: str
    applied: int
    again: str


def fix_all(text: str) -> Outcome:
    """Fix to the end, then once more."""
    fixed = fix_text(text, unsafe=True)
    again = fix_text(fixed.text, unsafe=True) if fixed.text != text else fixed
    return Outcome(check(parse(text)), fixed.text, len(fixed.fixed), again.text)
