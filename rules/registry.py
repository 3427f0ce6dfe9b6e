"""RULES: every rule there is, in the order of their codes."""

from __future__ import annotations

from rules.rule import Rule

RULES: tuple[Rule, ...] = ()
