"""Findings by hand, for what no rule does yet: savings, fixes far apart, words that attack."""

from __future__ import annotations

from rules.dockerfile import Dockerfile, Span
from rules.finding import UNKNOWN_SAVING, Finding, Provenance, Saving, Severity
from rules.fix import Applicability, Edit, Fix


def replace_text(text: str, old: str, new: str, start: int = 0) -> Edit:
    """Return the edit that puts `new` in the place of the first `old`."""
    at = text.index(old, start)
    return Edit(Span(at, at + len(old)), new)


def fix(*edits: Edit, applicability: Applicability = Applicability.SAFE, caution: str = "") -> Fix:
    """Return a fix that promises nothing about its commands."""
    return Fix(edits, applicability, caution=caution)


def finding(
    dockerfile: Dockerfile,
    instruction: int,
    made: Fix | None = None,
    code: str = "DS900",
    saving: int | None = None,
    message: str = "Something stays in the layer",
    reason: str = "`it` is written here.",
    severity: Severity = Severity.WARNING,
) -> Finding:
    """Return a finding about one instruction."""
    saved = UNKNOWN_SAVING if saving is None else Saving(saving, Provenance.ESTIMATED, "the index of Debian 12")
    span = dockerfile.instructions[instruction].span
    return Finding(code, "by-hand", severity, message, reason, span, instruction, made, saved)
