"""Where a comment may stand in a diff, and where its lines are after a push."""

from __future__ import annotations

from dataclasses import dataclass, replace

from cli.sandbox.comparisons import pull_base, pull_diff, pull_file
from cli.sandbox.diffs import FileChange, Side, follow
from cli.sandbox.state import Anchor, PullRequest, Thread

Problem = tuple[str, str]
"""A field of the review thread, and what is wrong with it."""

BLANK_HUNK: Problem = ("diff_hunk", "can't be blank")


class UnplaceableError(Exception):
    """The diff does not show these lines."""

    def __init__(self, *problems: Problem) -> None:
        super().__init__(*problems)
        self.problems = problems


@dataclass(frozen=True, slots=True)
class Place:
    """An anchor that the diff shows."""

    anchor: Anchor
    diff_hunk: str
    position: int | None


def place(file: FileChange | None, anchor: Anchor, position: int | None = None) -> Place:
    """Find an anchor (or an older-style position) in a file's hunks, as strictly as GitHub does."""
    if file is None:
        raise UnplaceableError(("path", "could not be resolved"), BLANK_HUNK)
    if anchor.line is None and position is None:
        return Place(Anchor(anchor.path), "", 1)
    if position is not None and anchor.line is None:
        anchor = _from_position(file, anchor, position)
    line = anchor.line or 0
    found = file.locate(anchor.side, line)
    if found is None:
        raise UnplaceableError(("line", "must be part of the diff"), BLANK_HUNK)
    hunk, index = found
    if anchor.start_line is not None:
        start_side = anchor.start_side or anchor.side
        if start_side == anchor.side and anchor.start_line >= line:
            raise UnplaceableError(("start_line", "must precede the end line."))
        start = hunk.index(start_side, anchor.start_line)
        if start is None:
            raise UnplaceableError(("start_line", "must be part of the same hunk as the line."))
        if start >= index:
            raise UnplaceableError(("start_line", "must precede the end line."))
        anchor = replace(anchor, start_side=start_side)
    else:
        anchor = replace(anchor, start_side=None)
    return Place(anchor, hunk.excerpt(hunk.rows[index]), file.position(hunk, index))


def _from_position(file: FileChange, anchor: Anchor, position: int) -> Anchor:
    row = file.at_position(position)
    if row is None:
        raise UnplaceableError(("position", "is invalid"), BLANK_HUNK)
    if row.new is None:
        return replace(anchor, line=row.old, side="LEFT")
    return replace(anchor, line=row.new, side="RIGHT")


def settle(thread: Thread) -> None:
    """Follow a thread's lines to the head of its pull request; lines that are gone leave it outdated.

    The way always leads from where the thread began, so a force push that restores the lines restores it.
    """
    pull = thread.pull
    file = pull_file(pull, thread.original.path)
    moved = _moved(thread, pull) if file is not None else None
    try:
        found = place(file, moved) if moved is not None else None
    except UnplaceableError:
        found = None
    thread.current = found.anchor if found else None
    thread.position = found.position if found else None
    if found is not None:
        thread.commit = pull.head_sha


def _moved(thread: Thread, pull: PullRequest) -> Anchor | None:
    was = thread.original
    if was.line is None:
        return was
    line = _follow(thread, pull, was.side, was.line)
    start = None
    if was.start_line is not None:
        start = _follow(thread, pull, was.start_side or was.side, was.start_line)
        whole = was.start_side in {None, was.side}
        inside = range(was.start_line, was.line) if whole else ()
        # A range stands only while each of its lines does, one below the other.
        if line is None or start is None:
            return None
        for number in inside:
            if _follow(thread, pull, was.side, number) != start + (number - was.start_line):
                return None
        if whole and line - start != was.line - was.start_line:
            return None
    return replace(was, line=line, start_line=start) if line is not None else None


def _follow(thread: Thread, pull: PullRequest, side: Side, line: int) -> int | None:
    old = _blob(pull, thread.original_commit, thread.original.path, side)
    new = _blob(pull, pull.head_sha, thread.original.path, side)
    if old is None or new is None:
        return None
    return follow(pull.repository.git.store, old, new, line)


def _blob(pull: PullRequest, head: str, path: str, side: Side) -> str | None:
    if side == "LEFT":
        file = pull_diff(pull, head).by_path.get(path)
        path = (file.previous_path if file else None) or path
        head = pull_base(pull, head)
    commit = pull.repository.git.store.commit(head)
    entry = commit and pull.repository.git.store.entry(commit.tree, path)
    return entry.oid if entry else None
