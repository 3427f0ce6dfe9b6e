"""Notices: what a check run or a review says when there is more to say than `plan` knows of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from bot.configuration.model import FILE
from bot.review.fingerprint import REVIEW_MARKER, read_fingerprints, strip_markers, write_marker
from bot.review.markdown import code, fit, prose, shorten
from bot.review.model import Check, Comment, Review
from bot.review.render import quote


def not_reviewed(reason: str, delivery: str) -> Check:
    """Say that nobody looked, and why: neither a success nor a failure of the pull request."""
    return Check(
        "neutral",
        shorten(f"Not reviewed: {reason}", 250),
        "dockslim could not finish its review of this pull request.\n\n"
        f"Reason: {prose(reason)}.\n\n"
        'Press "Re-check" or comment `/dockslim recheck` to try again. '
        f"Whoever runs dockslim finds more in its log under {code(delivery)}.",
    )


def skipped(reason: str) -> Check:
    """Say that nobody was meant to look, and why."""
    return Check("skipped", f"Skipped: {reason}", f"dockslim did not review this pull request: {reason}.")


def add_notes(check: Check, notes: Sequence[str]) -> Check:
    """Return `check` with notes above its summary: what does not fit is cut off at the end."""
    return replace(check, summary="\n\n".join((*notes, check.summary)))


def say_left_out(paths: Sequence[str], most: int) -> str:
    """Say which Dockerfiles were not looked at because there are too many."""
    listed = [f"\n- {code(shorten(path, 300))}" for path in paths]
    head = f"dockslim reviews {most} Dockerfiles of one pull request. Not reviewed:\n"
    return fit(head, listed, lambda left: f"\n- and {left} more" if left else "", "", 20_000)


def say_unlisted(listed: int, changed: int) -> str:
    """Say that GitHub does not list all files."""
    return (
        f"GitHub lists {listed:,} of the {changed:,} files of this pull request. "
        "Dockerfiles beyond these were not reviewed."
    )


def say_preview(title: str) -> str:
    """Say what the check run would be called with the configuration that a pull request brings."""
    return (
        f"This pull request changes {code(FILE)}. Until it is merged, the file of the base branch counts. "
        f"With the new one: {prose(title)}."
    )


def say_preview_problems(problems: Sequence[str]) -> str:
    """Say what is wrong with the configuration that a pull request brings."""
    listed = "".join(f"\n- {prose(each)}" for each in problems)
    return f"This pull request changes {code(FILE)}, which would not be obeyed:\n{listed}"


def say_refused(count: int) -> str:
    """Say where the comments went that GitHub did not take."""
    comments = "1 comment" if count == 1 else f"{count} comments"
    return f"GitHub did not accept {comments} on the lines of the diff; the review says the same in its text."


def say_not_permitted(permission: str) -> str:
    """Say which permission is missing, and where it is given."""
    return f'the App lacks the permission "{permission}". An owner grants it under Settings, Integrations, GitHub Apps'


CONTINUED = "**dockslim** · part of one review that GitHub did not take as a whole."


def take_in(review: Review, refused: Sequence[Comment]) -> Review:
    """Return a review without comments whose body says what the refused ones would have said."""
    marks = set(read_fingerprints(review.body)).union(*(read_fingerprints(each.body) for each in refused))
    items = [f"\n\n{code(f'{shorten(each.path, 300)}:{each.line}')}\n{quote(each.body)}" for each in refused]
    body = fit(
        strip_markers(review.body),
        items,
        lambda left: f"\n\n{left} more did not fit here." if left else "",
        f"\n\n{REVIEW_MARKER}\n{write_marker(marks)}".rstrip(),
    )
    return Review(body, ())
