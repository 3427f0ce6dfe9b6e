"""What is wanted of the rules when they read one Dockerfile."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from rules.finding import Severity
from rules.rule import Rule


@dataclass(frozen=True, slots=True)
class Config:
    """Which rules count. Each entry is a code, a name, or the start of a code (`DS2`); any case."""

    select: frozenset[str] = frozenset()
    """Empty: all rules that are on by default."""
    on: frozenset[str] = frozenset()
    """Codes of what is turned on: a rule that is off by default counts where its own is here or in `select`."""
    ignore: frozenset[str] = frozenset()
    targets: frozenset[str] = frozenset()
    """Stages that are built as images of their own, by name."""
    floor: int = 1_000_000
    """Bytes: a finding that is known to save less is information only."""
    severities: Mapping[str, Severity] = field(default_factory=dict)
    """By code, in place of the rules' own."""
    roots: frozenset[str] = frozenset()
    """Folders that the file is said to be built from; "" is the repository's top."""

    def wants(self, rule: Rule | type[Rule]) -> bool:
        """Tell whether `rule` counts."""
        if not rule.is_default and not _names_itself(rule, self.select | self.on):
            return False
        if self.select and not _names(rule, self.select):
            return False
        return not _names(rule, self.ignore)


DEFAULT = Config()


def _names_itself(rule: Rule | type[Rule], entries: Iterable[str]) -> bool:
    return any(each.strip().lower() in (rule.code.lower(), rule.name) for each in entries)


def _names(rule: Rule | type[Rule], entries: Iterable[str]) -> bool:
    for entry in entries:
        lowered = entry.strip().lower()
        if lowered and (lowered == rule.name or rule.code.lower().startswith(lowered)):
            return True
    return False
