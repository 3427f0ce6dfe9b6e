"""Suggested changes: reading them out of a comment, and GitHub's button that commits them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from markdown_it import MarkdownIt

from cli.sandbox.git import Contents, File, FileMode
from cli.sandbox.pushes import commit
from cli.sandbox.reviews import resolve
from cli.sandbox.site import Site
from cli.sandbox.state import Account, PullRequest, ReviewComment, Thread

# What GitHub's pages say when a suggestion cannot be committed.
UNCHANGED = "This suggestion is invalid because no changes were made to the code."
CLOSED = "Suggestions cannot be applied while the pull request is closed."
DELETED_LINES = "Applying suggestions on deleted lines is not supported."
OUTDATED = "Outdated suggestions cannot be applied."
RESOLVED = "This suggestion has been applied or marked resolved."
PENDING = "Suggestions cannot be applied from pending reviews."
ONE_PER_LINE = "Only one suggestion per line can be applied in a batch."
NONE = "This comment contains no suggestion for lines."

_markdown = MarkdownIt("commonmark")


class SuggestionRefusedError(Exception):
    """GitHub does not offer to commit this suggestion; its notice says why."""


@dataclass(frozen=True, slots=True)
class Change:
    """Lines of a file, first to last and counted from 1, and what is to stand there instead."""

    path: str
    first: int
    last: int
    lines: tuple[str, ...]


def suggestions_in(body: str) -> list[tuple[str, ...]]:
    """Return the lines of each ```suggestion block of a comment, in order."""
    return [
        tuple(token.content.removesuffix("\n").split("\n")) if token.content else ()
        for token in _markdown.parse(body)
        if token.type == "fence" and token.info.strip().split(maxsplit=1)[:1] == ["suggestion"]
    ]


def change_of(comment: ReviewComment, number: int = 0) -> Change:
    """Return what a comment suggests, or refuse with GitHub's notice."""
    thread = comment.thread
    blocks = suggestions_in(comment.body)
    if number >= len(blocks) or thread.original.line is None:
        raise SuggestionRefusedError(NONE)
    if thread.pull.state == "closed":
        raise SuggestionRefusedError(CLOSED)
    if comment.review.state == "PENDING":
        raise SuggestionRefusedError(PENDING)
    if thread.resolved_by is not None:
        raise SuggestionRefusedError(RESOLVED)
    if thread.original.side == "LEFT" or thread.original.start_side == "LEFT":
        raise SuggestionRefusedError(DELETED_LINES)
    if thread.current is None or thread.current.line is None:
        raise SuggestionRefusedError(OUTDATED)
    last = thread.current.line
    change = Change(thread.current.path, thread.current.start_line or last, last, blocks[number])
    if replaced(_text(thread.pull, change.path), [change]) == _text(thread.pull, change.path):
        raise SuggestionRefusedError(UNCHANGED)
    return change


def notice(comment: ReviewComment) -> str | None:
    """Return GitHub's notice where it would grey out the button, None where it offers it."""
    try:
        change_of(comment)
    except SuggestionRefusedError as error:
        return str(error)
    return None


def replaced(text: bytes, changes: Iterable[Change]) -> bytes:
    """Replace exactly the lines of each change; what follows the last line's text stays as it was."""
    lines = text.split(b"\n")
    # The empty piece after a final newline is not a line.
    ended = lines[-1] == b""
    if ended:
        lines.pop()
    for change in sorted(changes, key=lambda one: -one.first):
        lines[change.first - 1 : change.last] = [line.encode() for line in change.lines]
    return b"\n".join(lines) + (b"\n" if ended and lines else b"")


def apply(site: Site, comments: Sequence[ReviewComment], by: Account) -> str:
    """Commit the suggestions of one comment, or of several as a batch, to the head branch."""
    pull = comments[0].thread.pull
    changes = [change_of(comment) for comment in comments]
    if _overlap(changes):
        raise SuggestionRefusedError(ONE_PER_LINE)
    head = pull.head_repository
    maintains = pull.maintainer_can_modify and pull.repository.allows(by.login, "write")
    if head is None or not (head.allows(by.login, "write") or maintains):
        raise SuggestionRefusedError(f"{by.login} cannot push to {pull.label}.")
    by_path: dict[str, list[Change]] = defaultdict(list)
    for change in changes:
        by_path[change.path].append(change)
    files: dict[str, Contents] = {
        path: File(replaced(_text(pull, path), wanted), _mode(pull, path)) for path, wanted in by_path.items()
    }
    sha = commit(site, head, pull.head_ref, files, _message(comments, list(files), by), by)
    threads: dict[int, Thread] = {comment.thread.id: comment.thread for comment in comments}
    for thread in threads.values():
        resolve(site, thread, by, by)
    return sha


def _message(comments: Sequence[ReviewComment], paths: list[str], by: Account) -> str:
    single = len(comments) == 1
    title = f"Update {paths[0].rpartition('/')[2]}" if single else "Apply suggestions from code review"
    # GitHub Docs, "Incorporating feedback in your pull request": the suggester becomes a co-author.
    signatures = {comment.author.login: comment.author.signature() for comment in comments}
    signatures.pop(by.login, None)
    authors = [f"Co-authored-by: {one.name} <{one.email}>" for one in signatures.values()]
    return "\n\n".join([title, "\n".join(authors)]) if authors else title


def _overlap(changes: Sequence[Change]) -> bool:
    ordered = sorted(changes, key=lambda one: (one.path, one.first))
    pairs = pairwise(ordered)
    return any(one.path == other.path and other.first <= one.last for one, other in pairs)


def _text(pull: PullRequest, path: str) -> bytes:
    return pull.repository.git.store.file(pull.head_sha, path) or b""


def _mode(pull: PullRequest, path: str) -> FileMode:
    store = pull.repository.git.store
    head = store.commit(pull.head_sha)
    entry = head and store.entry(head.tree, path)
    return "100755" if entry and entry.mode == "100755" else "100644"
