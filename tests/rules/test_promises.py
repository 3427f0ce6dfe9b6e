"""What the gate makes of fixes that promise more than shell commands."""

from __future__ import annotations

import pytest

from rules.check import refuse
from rules.dockerfile import Dockerfile, parse
from rules.finding import Finding, Severity
from rules.fix import Applicability, Edit, Fix, Statement
from rules.surroundings import NOTHING_KNOWN

TEXT = "FROM debian:12-slim\nCOPY a /a\nRUN --mount=type=cache,target=/x make\nLABEL a=b\n"


def _refuse(old: str, new: str, **promise: tuple[object, ...]) -> str | None:
    dockerfile = parse(TEXT)
    at = TEXT.index(old)
    span = type(dockerfile.instructions[0].span)(at, at + len(old))
    fix = Fix((Edit(span, new),), Applicability.SAFE, **promise)  # type: ignore[arg-type]
    return refuse(dockerfile, [_finding(dockerfile, fix)], NOTHING_KNOWN)


def _finding(dockerfile: Dockerfile, fix: Fix) -> Finding:
    return Finding("DS900", "by-hand", Severity.WARNING, "m", "r.", dockerfile.instructions[1].span, 1, fix)


COPY: Statement = ("COPY", "a /a")
CHOWN: Statement = ("COPY", "--chown=1:1 a /a")


@pytest.mark.parametrize(
    ("removed", "added", "passes"),
    [
        ((COPY,), (CHOWN,), True),
        ((), (), False),
        ((COPY,), (), False),
        ((COPY,), (COPY,), False),
        ((CHOWN,), (CHOWN,), False),
    ],
    ids=["promised", "silent", "half", "other", "not-there"],
)
def test_an_instruction_changes_as_promised(
    removed: tuple[Statement, ...], added: tuple[Statement, ...], passes: bool
) -> None:
    reason = _refuse("COPY a", "COPY --chown=1:1 a", removed_instructions=removed, added_instructions=added)
    assert reason == (None if passes else "it changes an instruction that it should leave alone")


def test_an_instruction_moves_as_promised() -> None:
    moved = ("COPY a /a\nRUN --mount=type=cache,target=/x make\n", "RUN --mount=type=cache,target=/x make\nCOPY a /a\n")
    assert _refuse(*moved, removed_instructions=(COPY,), added_instructions=(COPY,)) is None


def test_a_mount_changes_as_promised_only() -> None:
    old, new = ("RUN", "--mount=type=cache,target=/x"), ("RUN", "--mount=type=cache,target=/y")
    assert _refuse("target=/x", "target=/y", removed=(old,), added=(new,)) is None
    assert "unexpected RUN --mount=type=cache,target=/y" in (_refuse("target=/x", "target=/y") or "")
