"""Reviews: posted whole, with their comments, or not at all."""

from __future__ import annotations

from typing import Any

from bot.github.client import Session
from bot.review.model import Comment, Review


def post_review(session: Session, number: int, head_sha: str, review: Review) -> int:
    """Post one review, and return its number. GitHub takes all of it or answers 422 without naming the culprit."""
    answer = session.write(
        "POST",
        session.path("pulls", number, "reviews"),
        {
            "commit_id": head_sha,
            "event": "COMMENT",
            "body": review.body,
            "comments": [_describe(comment) for comment in review.comments],
        },
    )
    return int(answer["id"])


def _describe(comment: Comment) -> dict[str, Any]:
    place: dict[str, Any] = {"path": comment.path, "line": comment.line, "side": "RIGHT", "body": comment.body}
    # GitHub refuses a start_line that is not before the line.
    if comment.start_line is not None and comment.start_line < comment.line:
        place |= {"start_line": comment.start_line, "start_side": "RIGHT"}
    return place
