"""The values that a review is made of. All of them are plain: nothing here knows how GitHub is spoken to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from rules.debian.index import PackageIndex
from rules.surroundings import Context


@dataclass(frozen=True, slots=True)
class ChangedFile:
    """A Dockerfile that a pull request changes.

    `patch` is GitHub's unified diff of the file without file headers, None where GitHub leaves it out.
    `head` and `base` are its texts at the head and at the merge base, bytes that are no UTF-8 as surrogate escapes;
    `base` is None where the file is new, and where it could not be read: then `base_unreadable` says so, and the diff
    alone tells what is new. `problem` is why `head` could not be read, in words for people. `context` and `targets`
    are what the repository tells about the file, `packages` and `image_sizes` what package indexes and registries do,
    as `Surroundings` holds them.
    """

    path: str
    status: str
    patch: str | None
    head: str
    base: str | None = None
    problem: str | None = None
    base_unreadable: bool = False
    context: Context | None = None
    targets: frozenset[str] = frozenset()
    packages: Mapping[str, PackageIndex] = field(default_factory=dict)
    image_sizes: Mapping[str, int | None] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Standing:
    """What dockslim already said on the pull request: the fingerprints in its own comments and reviews."""

    fingerprints: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Offer:
    """What one click puts into a file, and the bytes that are known to be saved by it."""

    path: str
    lines: tuple[str, ...]
    bytes: int = 0


@dataclass(frozen=True, slots=True)
class Comment:
    """One inline comment on the right side of the diff; `start_line` only where it is smaller than `line`."""

    path: str
    line: int
    body: str
    start_line: int | None = None
    offer: Offer | None = None


@dataclass(frozen=True, slots=True)
class Review:
    """One review: its body is never empty, since GitHub requires one for the event COMMENT."""

    body: str
    comments: tuple[Comment, ...]


@dataclass(frozen=True, slots=True)
class Check:
    """The outcome of the check run; `conclusion` is one of GitHub's."""

    conclusion: str
    title: str
    summary: str


@dataclass(frozen=True, slots=True)
class Plan:
    """What one job posts: a review or nothing, and always a check; `told` are the codes of what the review tells."""

    review: Review | None
    check: Check
    told: tuple[str, ...] = ()
