"""The values that a review is made of. All of them are plain: nothing here knows how GitHub is spoken to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from bot.review.measured import Measured, Proposed
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
    previous: str | None = None
    """The path that the pull request renames it from."""


@dataclass(frozen=True, slots=True)
class Said:
    """A comment of ours on lines, the first of its thread; `id` and `thread` are GitHub's.

    `fingerprints` is what it speaks of, nothing once that was settled. `is_closed` where its thread is resolved or the
    comment hidden, `is_answered` where somebody wrote below it.
    """

    id: str
    thread: str
    path: str
    body: str
    fingerprints: frozenset[str] = frozenset()
    is_closed: bool = False
    is_answered: bool = False


@dataclass(frozen=True, slots=True)
class Sticky:
    """The summary that stands on the pull request; `id` is GitHub's."""

    id: str
    body: str


@dataclass(frozen=True, slots=True)
class Standing:
    """What dockslim already said on the pull request, the oldest first.

    `fingerprints` are those of its reviews and of its comments; what was settled since is not among them. `ignored`
    are the codes of the rules that somebody silenced here. `measured` is what the builds of this very head gave,
    `withdrawn` the fingerprints of suggestions that did not build, at this head or an earlier one.
    """

    fingerprints: frozenset[str] = frozenset()
    comments: tuple[Said, ...] = ()
    summaries: tuple[Sticky, ...] = ()
    ignored: frozenset[str] = frozenset()
    measured: Measured | None = None
    withdrawn: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Offer:
    """What one click puts into a file, and the bytes that are known to be saved by it."""

    path: str
    lines: tuple[str, ...]
    bytes: int = 0


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a configuration comes from: the files that count, and what is wrong with those that do not.

    `notes` is Markdown: what else there is to say about what was read. `obeys` tells whether commands in comments are
    obeyed.
    """

    files: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    obeys: bool = True


@dataclass(frozen=True, slots=True)
class Comment:
    """One inline comment on the right side of the diff; `start_line` only where it is smaller than `line`."""

    path: str
    line: int
    body: str
    start_line: int | None = None
    offer: Offer | None = None


@dataclass(frozen=True, slots=True)
class Fixed:
    """A file as all of its suggestions together make it."""

    path: str
    text: str


@dataclass(frozen=True, slots=True)
class Fixes:
    """What one commit of all suggestions changes, and for which rules, by code and name.

    `said` is Markdown: how much that is, and what it leaves.
    """

    files: tuple[Fixed, ...]
    suggestions: int
    rules: tuple[str, ...]
    said: str


@dataclass(frozen=True, slots=True)
class Review:
    """One review: its body is never empty, since GitHub requires one for the event COMMENT."""

    body: str
    comments: tuple[Comment, ...]


@dataclass(frozen=True, slots=True)
class Annotation:
    """A remark of the check run on lines of a file; `level` is one of GitHub's."""

    path: str
    start: int
    end: int
    level: str
    title: str
    message: str


@dataclass(frozen=True, slots=True)
class Check:
    """The outcome of the check run; `conclusion` is one of GitHub's, "" while images are built that may make it fail.

    `offers_build` where somebody may ask for that by its button.
    """

    conclusion: str
    title: str
    summary: str
    annotations: tuple[Annotation, ...] = ()
    offers_build: bool = False


@dataclass(frozen=True, slots=True)
class Plan:
    """What one job posts: a review or nothing, a summary or nothing, and always a check.

    `told` are the codes of what the review tells, `settled` the comments whose findings the pull request no longer
    brings, `repeated` those that say what an older one says. `silenced` are the codes of ignored rules that a settled
    comment speaks of, by its id. `withdrawn` are the ids of settled comments whose suggestion did not build. `revised`
    are comments that say something else now. `suggestions` are those that one commit would apply, by path.
    """

    review: Review | None
    check: Check
    told: tuple[str, ...] = ()
    summary: str | None = None
    settled: tuple[Said, ...] = ()
    repeated: tuple[Said, ...] = ()
    silenced: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    withdrawn: frozenset[str] = frozenset()
    revised: tuple[tuple[Said, str], ...] = ()
    suggestions: Mapping[str, tuple[Proposed, ...]] = field(default_factory=dict)
