"""What building and measuring the images of a pull request gave. Plain values; names and reasons are untrusted text."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Size:
    """The bytes of one image: of its layers, of those as a registry stores them, and of what is in no container."""

    written: int
    compressed: int | None = None
    lost: int = 0


@dataclass(frozen=True, slots=True)
class Line:
    """The layers of one instruction, or of the base image, before and at the head; None where there are none.

    `place` says in words which it is. `first` and `last` are its lines at the head, 0 where it has none there. `parts`
    are the packages and directories that make it larger, each with its bytes.
    """

    place: str
    text: str
    before: int | None
    after: int | None
    first: int = 0
    last: int = 0
    parts: tuple[tuple[str, int], ...] = ()

    @property
    def growth(self) -> int:
        """Return how many bytes there are more."""
        return (self.after or 0) - (self.before or 0)


@dataclass(frozen=True, slots=True)
class Waste:
    """Bytes in a layer and not in the image: who wrote them, and who took them out, how."""

    bytes: int
    files: int
    directory: str
    writer: str
    loser: str
    how: str


@dataclass(frozen=True, slots=True)
class MeasuredImage:
    """One image before, at the head, and with all suggestions; a size is None where that was not measured.

    `problem` is why the head was not, in a sentence without a full stop; `log` is the end of what its build said.
    `notes` say what else did not work. `savings` has the bytes that single suggestions save, by their key.
    """

    path: str
    target: str = ""
    before: Size | None = None
    after: Size | None = None
    suggested: Size | None = None
    problem: str = ""
    log: str = ""
    notes: tuple[str, ...] = ()
    lines: tuple[Line, ...] = ()
    wastes: tuple[Waste, ...] = ()
    savings: Mapping[str, int] = field(default_factory=dict)

    @property
    def growth(self) -> int | None:
        """Return how many bytes the pull request adds, None where that is not known."""
        return self.after.written - self.before.written if self.before and self.after else None


@dataclass(frozen=True, slots=True)
class Measured:
    """The images of one head. `withdrawn` are the fingerprints of what suggestions were about that did not build.

    `problem` is why nothing was measured at all.
    """

    head_sha: str
    images: tuple[MeasuredImage, ...] = ()
    withdrawn: tuple[str, ...] = ()
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Proposed:
    """What one click puts in the place of lines `start` to `end`; `marks` are the fingerprints that it is about."""

    start: int
    end: int
    lines: tuple[str, ...]
    marks: tuple[str, ...]

    @property
    def key(self) -> str:
        """Return what it is known by."""
        return ",".join(sorted(self.marks))


@dataclass(frozen=True, slots=True)
class Excess:
    """An image that is larger than the configuration allows: by which key, how large it is, and the line to blame."""

    path: str
    target: str
    key: str
    limit: int
    bytes: int
    line: Line | None = None
