"""A repository as rules of this family see it."""

from __future__ import annotations

from typing import Any

from rules.finding import Finding
from rules.surroundings import Context, Surroundings
from tests.rules.cases import findings

P = "FROM python:3.13-slim\n"
MB = 1_000_000
FILES = {"app.py": 2_000, "docs/manual.pdf": 4 * MB, "tests/data.bin": 3 * MB, ".github/ci.yml": 900}


def around(files: dict[str, int] = FILES, **known: Any) -> Surroundings:
    """Return surroundings with this context, and the targets among what is known."""
    targets = known.pop("targets", frozenset())
    return Surroundings(context=Context(files, **known), targets=targets)


def one(code: str, text: str, surroundings: Surroundings) -> Finding:
    """Return the only finding."""
    (found,) = findings(code, text, surroundings)
    return found
