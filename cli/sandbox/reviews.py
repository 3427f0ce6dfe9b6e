"""Reviews, the comments in them, and the threads these start."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from cli.sandbox.anchors import Place, Problem, UnplaceableError, place, settle
from cli.sandbox.answers import RefusedError, field_error, unprocessable
from cli.sandbox.comparisons import pull_commits, pull_diff
from cli.sandbox.diffs import Diff
from cli.sandbox.site import Site
from cli.sandbox.state import (
    Account,
    Anchor,
    PullRequest,
    Review,
    ReviewComment,
    Subject,
    Thread,
    now,
)

Verdict = Literal["APPROVE", "REQUEST_CHANGES", "COMMENT"]

# github/docs, "Create a comment": 422 beyond this, on create and on update.
BODY_CHARACTERS = 65_536
TOO_LONG = f"body is too long (maximum is {BODY_CHARACTERS} characters)"

_STATES: dict[Verdict, Literal["APPROVED", "CHANGES_REQUESTED", "COMMENTED"]] = {
    "APPROVE": "APPROVED",
    "REQUEST_CHANGES": "CHANGES_REQUESTED",
    "COMMENT": "COMMENTED",
}


@dataclass(frozen=True, slots=True)
class Draft:
    """A comment that someone wants to post."""

    body: str
    anchor: Anchor
    position: int | None = None
    subject: Subject = "line"


def check_body(body: str, resource: str, *, required: bool = True) -> None:
    """Refuse a body that is blank or too long."""
    if len(body) > BODY_CHARACTERS:
        raise unprocessable(field_error(resource, "data", "unprocessable", TOO_LONG))
    if required and not body.strip():
        raise unprocessable(field_error(resource, "body", "missing_field"))


def create_review(
    site: Site,
    pull: PullRequest,
    author: Account,
    *,
    body: str = "",
    event: Verdict | None = None,
    commit_id: str | None = None,
    drafts: Sequence[Draft] = (),
) -> Review:
    """Post a review with all its comments, or nothing at all; without an event it stays pending."""
    commit = _reviewed_commit(pull, commit_id, "PullRequestReview")
    check_body(body, "PullRequestReview", required=False)
    if any(review.state == "PENDING" and review.author is author for review in pull.reviews):
        raise _refused("User can only have one pending review per pull request")
    _check_verdict(pull, author, event, body)
    diff = pull_diff(pull, commit)
    places = []
    for draft in drafts:
        check_body(draft.body, "PullRequestReviewComment")
        try:
            places.append(place(diff.by_path.get(draft.anchor.path), draft.anchor, draft.position))
        except UnplaceableError as error:
            # GitHub does not say which of the comments it was.
            raise _refused(_sentence(error.problems)) from error
    review = Review(pull, author, body, _STATES[event] if event else "PENDING", commit, now() if event else None)
    pull.reviews.append(review)
    site.world.remember(review)
    for draft, found in zip(drafts, places, strict=True):
        _start_thread(site, review, draft, found)
    if event:
        _announce(site, review)
    return review


def submit_review(site: Site, review: Review, event: Verdict, body: str | None) -> None:
    """Submit a pending review."""
    if review.state != "PENDING":
        raise _refused("Can not submit a review that is not pending")
    words = review.body if body is None else body
    check_body(words, "PullRequestReview", required=False)
    _check_verdict(review.pull, review.author, event, words)
    review.body, review.state, review.submitted_at = words, _STATES[event], now()
    _announce(site, review)


def _check_verdict(pull: PullRequest, author: Account, event: Verdict | None, body: str) -> None:
    if author is pull.author and event == "APPROVE":
        raise _refused("Review Can not approve your own pull request")
    if author is pull.author and event == "REQUEST_CHANGES":
        raise _refused("Review Can not request changes on your own pull request")
    # github/docs, "Create a review for a pull request": body is required for these two events.
    if event in {"COMMENT", "REQUEST_CHANGES"} and not body.strip():
        raise _refused("Review body can't be blank")


def _announce(site: Site, review: Review) -> None:
    site.events.review(review, "submitted", review.author)
    for comment in review.comments:
        site.events.review_comment(comment, "created", review.author)
    review.pull.updated_at = now()


def create_comment(
    site: Site, pull: PullRequest, author: Account, draft: Draft, commit_id: str | None
) -> ReviewComment:
    """Post one comment on lines, or on a file, in a review of its own."""
    commit = _reviewed_commit(pull, commit_id, "PullRequestReviewComment")
    check_body(draft.body, "PullRequestReviewComment")
    diff: Diff = pull_diff(pull, commit)
    try:
        found = place(diff.by_path.get(draft.anchor.path), draft.anchor, draft.position)
    except UnplaceableError as error:
        raise unprocessable(*map(_thread_error, error.problems)) from error
    review = _bare_review(site, pull, author, commit)
    comment = _start_thread(site, review, draft, found)
    _announce(site, review)
    return comment


def reply(site: Site, to: ReviewComment, author: Account, body: str) -> ReviewComment:
    """Answer the comment that started a thread."""
    if to.in_reply_to is not None:
        # GitHub Docs, "Create a reply for a review comment": replies to replies are not supported.
        raise unprocessable(
            field_error("PullRequestReviewComment", "in_reply_to", "invalid", "is not a top-level comment")
        )
    check_body(body, "PullRequestReviewComment")
    review = _bare_review(site, to.thread.pull, author, to.thread.commit)
    comment = ReviewComment(author, body, review, to.thread, to)
    _add(site, comment)
    _announce(site, review)
    return comment


def edit_comment(site: Site, comment: ReviewComment, body: str, sender: Account) -> None:
    """Replace what a comment says."""
    check_body(body, "PullRequestReviewComment")
    before, comment.body = comment.body, body
    comment.updated_at = comment.edited_at = now()
    site.events.review_comment(comment, "edited", sender, changes={"body": {"from": before}})


def delete_comment(site: Site, comment: ReviewComment, sender: Account) -> None:
    """Delete a comment; an empty thread goes with it, and so does a review that says nothing more."""
    thread, review = comment.thread, comment.review
    site.events.review_comment(comment, "deleted", sender)
    thread.comments.remove(comment)
    review.comments.remove(comment)
    site.world.forget(comment)
    for other in thread.comments:
        if other.in_reply_to is comment:
            other.in_reply_to = thread.comments[0] if other is not thread.comments[0] else None
    if not thread.comments:
        thread.pull.threads.remove(thread)
        site.world.forget(thread)
    if not review.comments and not review.body and review.state == "COMMENTED":
        review.pull.reviews.remove(review)
        site.world.forget(review)


def edit_review(site: Site, review: Review, body: str, sender: Account) -> None:
    """Replace a review's body."""
    check_body(body, "PullRequestReview")
    review.body = body
    site.events.review(review, "edited", sender)


def dismiss_review(site: Site, review: Review, sender: Account) -> None:
    """Dismiss an approval or a request for changes."""
    if review.state not in {"APPROVED", "CHANGES_REQUESTED"}:
        raise _refused(f"Can not dismiss a {review.state.lower()} pull request review")
    review.state = "DISMISSED"
    site.events.review(review, "dismissed", sender)


def delete_pending(site: Site, review: Review) -> None:
    """Throw a pending review away."""
    if review.state != "PENDING":
        raise _refused("Can not delete a non-pending pull request review")
    for comment in review.comments:
        comment.thread.pull.threads.remove(comment.thread)
        site.world.forget(comment, comment.thread)
    review.pull.reviews.remove(review)
    site.world.forget(review)


def resolve(site: Site, thread: Thread, by: Account | None, sender: Account) -> None:
    """Mark a thread resolved, or not."""
    if (thread.resolved_by is None) == (by is None):
        return
    thread.resolved_by = by
    site.events.thread(thread, "resolved" if by else "unresolved", sender)


def _reviewed_commit(pull: PullRequest, commit_id: str | None, resource: str) -> str:
    if commit_id is None or commit_id == pull.head_sha:
        return pull.head_sha
    if commit_id not in pull_commits(pull):
        problem = "commit_id is not part of the pull request"
        raise unprocessable(field_error(resource, "commit_id", "custom", problem))
    return commit_id


def _bare_review(site: Site, pull: PullRequest, author: Account, commit: str) -> Review:
    review = Review(pull, author, "", "COMMENTED", commit, now())
    pull.reviews.append(review)
    site.world.remember(review)
    return review


def _start_thread(site: Site, review: Review, draft: Draft, found: Place) -> ReviewComment:
    thread = Thread(
        review.pull,
        found.anchor,
        review.commit,
        found.diff_hunk,
        draft.subject,
        found.anchor,
        review.commit,
        found.position,
        found.position,
    )
    review.pull.threads.append(thread)
    site.world.remember(thread)
    if review.commit != review.pull.head_sha:
        settle(thread)
    comment = ReviewComment(review.author, draft.body, review, thread)
    _add(site, comment)
    return comment


def _add(site: Site, comment: ReviewComment) -> None:
    comment.thread.comments.append(comment)
    comment.review.comments.append(comment)
    site.world.remember(comment)


def _sentence(problems: Sequence[Problem]) -> str:
    return " and ".join(f"Pull request review thread {name.replace('_', ' ')} {what}" for name, what in problems)


def _thread_error(problem: Problem) -> dict[str, str]:
    name, what = problem
    qualified = f"pull_request_review_thread.{name}"
    error: dict[str, str] = field_error("PullRequestReviewComment", qualified, "custom", what)
    return error


def _refused(sentence: str) -> RefusedError:
    return unprocessable(sentence, message="Unprocessable Entity")
