"""What a rule reports."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

from rules.dockerfile import Span
from rules.fix import Fix


class Severity(StrEnum):
    """How much a finding matters."""

    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


class Provenance(StrEnum):
    """How a number of bytes is known."""

    MEASURED = "measured"
    """Built and weighed."""
    ESTIMATED = "estimated"
    """Computed from figures that `Saving.source` names."""
    UNKNOWN = "unknown"


class Saving(NamedTuple):
    """Bytes that the image would lose, uncompressed; None unless measured or estimated."""

    bytes: int | None = None
    provenance: Provenance = Provenance.UNKNOWN
    source: str = ""


UNKNOWN_SAVING = Saving()


class Snippet(NamedTuple):
    """Text to copy where no edit of the Dockerfile does it: a new file, a rewritten stage.

    `title` says what it is and where it goes, as a sentence without a full stop; `language` is the fence's.
    """

    title: str
    text: str
    language: str = "dockerfile"


class Finding(NamedTuple):
    """One place where a habit costs bytes.

    `message` says what happens, with its cost where it is known; `reason` is one sentence about this very line.
    `instruction` is the index of the instruction that it is about, and `span` the words in it.
    """

    code: str
    name: str
    severity: Severity
    message: str
    reason: str
    span: Span
    instruction: int
    fix: Fix | None = None
    saving: Saving = UNKNOWN_SAVING
    aliases: tuple[str, ...] = ()
    snippet: Snippet | None = None
    is_small: bool = False
    """Whether it is known to save less than the repository cares for."""
