"""The contract of a rule."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Iterator
from inspect import cleandoc
from typing import ClassVar, NamedTuple

from rules.dockerfile import Dockerfile, Instruction, Span
from rules.finding import UNKNOWN_SAVING, Finding, Saving, Severity, Snippet
from rules.fix import Fix
from rules.surroundings import NOTHING_KNOWN, Surroundings

__all__ = ["Bad", "Good", "Rule", "Surroundings"]


class Good(NamedTuple):
    """A Dockerfile that the rule is silent about because of what is known around it."""

    text: str
    surroundings: Surroundings


class Bad(NamedTuple):
    """A Dockerfile that the rule objects to; `fixed` is what its fix makes of it, None where it offers none.

    `surroundings` is what the rule must know to object, where the text alone does not tell.
    """

    text: str
    fixed: str | None
    surroundings: Surroundings = NOTHING_KNOWN


class Rule(ABC):
    """A named habit that costs bytes. Stateless: what it needs, it is handed.

    The class docstring is the rule's page: what, why it costs (with a measured figure), fix safety, when it is silent.
    The class name is the rule's name; `good` and `bad` are its examples, its page and its first tests.
    """

    code: ClassVar[str]
    name: ClassVar[str]
    severity: ClassVar[Severity] = Severity.WARNING
    is_default: ClassVar[bool] = True
    """Whether the rule counts where a repository says nothing."""
    aliases: ClassVar[tuple[str, ...]] = ()
    """Equivalent rules elsewhere, such as `hadolint:DL3015`; their ignore pragmas count for this rule too."""
    techniques: ClassVar[tuple[str, ...]] = ()
    """What people do about it, by the names that `make recall` counts by, such as `apt-lists`."""
    triggers: ClassVar[tuple[str, ...]] = ()
    """Texts of which an instruction must hold one to give this rule a finding, or to take it away; empty: any may."""
    reads: ClassVar[tuple[str, ...]] = ("RUN",)
    """Keywords of the instructions in whose words it finds what it objects to."""
    good: ClassVar[tuple[str | Good, ...]]
    bad: ClassVar[tuple[Bad, ...]]

    def __init_subclass__(cls) -> None:
        cls.name = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "-", cls.__name__).lower()

    @property
    def summary(self) -> str:
        """What it is about in one sentence: the first paragraph of its page."""
        return " ".join(self.page.partition("\n\n")[0].split())

    @property
    def page(self) -> str:
        """What its docstring says, as Markdown."""
        return cleandoc(type(self).__doc__ or "")

    @abstractmethod
    def check(self, dockerfile: Dockerfile, surroundings: Surroundings) -> Iterator[Finding]:
        """Yield what this rule has to say about one Dockerfile."""

    def finding(
        self,
        instruction: Instruction,
        span: Span,
        message: str,
        reason: str,
        fix: Fix | None = None,
        saving: Saving = UNKNOWN_SAVING,
        snippet: Snippet | None = None,
        severity: Severity | None = None,
    ) -> Finding:
        """Return a finding that carries this rule's code, name and aliases, and its severity unless one is given."""
        return Finding(
            self.code,
            self.name,
            severity or self.severity,
            message,
            reason,
            span,
            instruction.index,
            fix,
            saving,
            self.aliases,
            snippet,
        )
