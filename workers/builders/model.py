"""What goes into a build, and what comes out of it. Sizes are bytes, times are seconds."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Limits:
    """What one build may use."""

    cpus: float = 2.0
    memory: int = 4 << 30
    processes: int = 1024
    disk: int = 10 * 10**9
    """All that the builder keeps for one repository, its cache included."""
    seconds: float = 900.0
    log: int = 1_000_000
    """Of a longer one, the middle is left out."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """One image to build. `context` is a directory of plain files; images are named by digest."""

    context: Path
    dockerfile: str
    target: str | None = None
    build_args: tuple[tuple[str, str], ...] = ()
    platform: str = ""
    """Such as `linux/arm64`; empty for that of the builder."""
    images: tuple[str, ...] = ()
    """The images that the Dockerfile names, as it names them: nothing else is pulled."""
    earlier: tuple[Path, ...] = ()
    """Layouts that this builder left, on the same disk: what is packed there need not be again."""


class Outcome(StrEnum):
    """How a build ended."""

    BUILT = "built"
    FAILED = "failed"
    """An instruction failed, as it would elsewhere."""
    LIMITED = "limited"
    """It was stopped at a limit."""
    IMPOSSIBLE = "impossible"
    """This builder cannot build it, or must not: that says nothing about the Dockerfile."""


@dataclass(frozen=True, slots=True)
class Step:
    """One instruction as the builder went through it; `line` is None where it does not fit the Dockerfile."""

    line: int | None
    text: str
    is_cached: bool


@dataclass(frozen=True, slots=True)
class Build:
    """What came of a recipe. `log` and `reason` may quote what the author of the Dockerfile wrote."""

    outcome: Outcome
    reason: str = ""
    """One sentence without a full stop; empty where it was built."""
    layout: Path | None = None
    """An OCI layout, where it was built."""
    steps: tuple[Step, ...] = ()
    log: str = ""
    seconds: float = 0.0

    @property
    def failed_line(self) -> int | None:
        """Return the line of the instruction at which it ended."""
        return self.steps[-1].line if self.steps and self.outcome in (Outcome.FAILED, Outcome.LIMITED) else None


@dataclass(frozen=True, slots=True)
class Ability:
    """Whether a builder works on this machine. `lacks` names the limits that nothing enforces here."""

    works: bool
    sentence: str
    lacks: tuple[str, ...] = ()

    @property
    def takes_strangers(self) -> bool:
        """Tell whether what strangers wrote may be built."""
        return self.works and not self.lacks


class Builder(Protocol):
    """Whoever builds images."""

    @property
    def name(self) -> str:
        """What DOCKSLIM_BUILDER calls it."""

    @property
    def version(self) -> tuple[int, ...]:
        """Its version, as far as it matters."""

    def examine(self) -> Ability:
        """Try out what works on this machine."""

    def build(self, recipe: Recipe, limits: Limits, store: str, into: Path) -> Build:
        """Build into the empty directory `into`; `store` names the cache of one repository at one level of trust."""
