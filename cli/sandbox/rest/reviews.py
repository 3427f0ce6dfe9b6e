"""Reviews of a pull request and the comments on its lines."""

from __future__ import annotations

from typing import cast

from cli.sandbox import payloads
from cli.sandbox.answers import Answer, Fields, RefusedError, not_found
from cli.sandbox.diffs import Side
from cli.sandbox.rest.repositories import ROOT
from cli.sandbox.rest.routing import READ_PULLS, WRITE_PULLS, Call, Endpoint
from cli.sandbox.reviews import (
    Draft,
    Verdict,
    create_comment,
    create_review,
    delete_comment,
    delete_pending,
    dismiss_review,
    edit_comment,
    edit_review,
    reply,
    submit_review,
)
from cli.sandbox.state import Anchor, Review, ReviewComment, node_id

VERDICTS = ("APPROVE", "REQUEST_CHANGES", "COMMENT")
SIDES = ("LEFT", "RIGHT")
COMMENT_KEYS = ("path", "position", "body", "line", "side", "start_line", "start_side")


def _draft(fields: Fields) -> Draft:
    line, position = fields.number("line"), fields.number("position")
    subject = fields.choice("subject_type", ("line", "file")) or "line"
    if subject == "line" and line is None and position is None:
        problem = 'No subschema in "oneOf" matched.\n"position" wasn\'t supplied.\n"line" wasn\'t supplied.'
        raise RefusedError(422, f"Invalid request.\n\n{problem}")
    start = fields.number("start_line")
    start_side = fields.choice("start_side", (*SIDES, "side"))
    anchor = Anchor(
        fields.required("path"),
        line if subject == "line" else None,
        cast(Side, fields.choice("side", SIDES) or "RIGHT"),
        start,
        cast(Side, start_side) if start_side in SIDES else None,
    )
    file_level = subject == "file"
    body = fields.required("body")
    return Draft(body, anchor, None if file_level else position, "file" if file_level else "line")


def _review(call: Call) -> Review:
    identifier = call.integer("review")
    for review in call.pull.submitted(call.actor):
        if review.id == identifier:
            return review
    raise not_found()


def find_comment(call: Call) -> ReviewComment:
    """Return the comment of the path."""
    found = call.site.world.nodes.get(node_id("PRRC", call.integer("comment")))
    if not isinstance(found, ReviewComment) or found.thread.pull.repository is not call.repository:
        raise not_found()
    if found.review.state == "PENDING" and found.author is not call.actor:
        raise not_found()
    return found


def list_reviews(call: Call) -> Answer:
    """GET .../pulls/{number}/reviews, in chronological order."""
    return call.page(call.pull.submitted(call.actor), lambda review: payloads.review(call.site.world, review))


def post_review(call: Call) -> Answer:
    """POST .../pulls/{number}/reviews."""
    pull, fields = call.pull, call.fields("commit_id", "body", "event", "comments")
    event = cast("Verdict | None", fields.choice("event", VERDICTS))
    drafts = [_draft(comment) for comment in fields.objects("comments", COMMENT_KEYS) or []]
    review = create_review(
        call.site,
        pull,
        call.actor,
        body=fields.text("body") or "",
        event=event,
        commit_id=fields.text("commit_id"),
        drafts=drafts,
    )
    return Answer(payloads.review(call.site.world, review))


def get_review(call: Call) -> Answer:
    """GET .../pulls/{number}/reviews/{review}."""
    return Answer(payloads.review(call.site.world, _review(call)))


def update_review(call: Call) -> Answer:
    """PUT .../pulls/{number}/reviews/{review}."""
    review = _review(call)
    edit_review(call.site, review, call.fields("body").required("body"), call.actor)
    return Answer(payloads.review(call.site.world, review))


def remove_review(call: Call) -> Answer:
    """DELETE .../pulls/{number}/reviews/{review}."""
    review = _review(call)
    shown = payloads.review(call.site.world, review)
    delete_pending(call.site, review)
    return Answer(shown)


def post_events(call: Call) -> Answer:
    """POST .../pulls/{number}/reviews/{review}/events."""
    review, fields = _review(call), call.fields("body", "event")
    event = fields.choice("event", VERDICTS)
    if event is None:
        raise RefusedError(422, 'Invalid request.\n\n"event" wasn\'t supplied.')
    submit_review(call.site, review, cast(Verdict, event), fields.text("body"))
    return Answer(payloads.review(call.site.world, review))


def put_dismissal(call: Call) -> Answer:
    """PUT .../pulls/{number}/reviews/{review}/dismissals."""
    review = _review(call)
    call.fields("message", "event").required("message")
    dismiss_review(call.site, review, call.actor)
    return Answer(payloads.review(call.site.world, review))


def comments_of_review(call: Call) -> Answer:
    """GET .../pulls/{number}/reviews/{review}/comments."""
    world = call.site.world
    return call.page(_review(call).comments, lambda one: payloads.legacy_review_comment(world, one))


def comments_of_pull(call: Call) -> Answer:
    """GET .../pulls/{number}/comments."""
    return _listed(call, call.pull.review_comments(call.actor))


def comments_of_repository(call: Call) -> Answer:
    """GET .../pulls/comments."""
    found = [one for pull in call.repository.pulls for one in pull.review_comments(call.actor)]
    return _listed(call, found)


def _listed(call: Call, comments: list[ReviewComment]) -> Answer:
    descending = call.query.get("direction") == "desc" and "sort" in call.query
    ordered = sorted(comments, key=lambda one: one.id, reverse=descending)
    return call.page(ordered, lambda one: payloads.review_comment(call.site.world, one))


def post_comment(call: Call) -> Answer:
    """POST .../pulls/{number}/comments."""
    pull = call.pull
    fields = call.fields(*COMMENT_KEYS, "commit_id", "subject_type", "in_reply_to")
    answered = fields.number("in_reply_to")
    if answered is not None:
        return _replied(call, answered, fields.required("body"))
    commit = fields.required("commit_id")
    comment = create_comment(call.site, pull, call.actor, _draft(fields), commit)
    return _created(call, comment)


def post_reply(call: Call) -> Answer:
    """POST .../pulls/{number}/comments/{comment}/replies."""
    return _replied(call, call.integer("comment"), call.fields("body").required("body"))


def _replied(call: Call, identifier: int, body: str) -> Answer:
    for comment in call.pull.review_comments():
        if comment.id == identifier:
            return _created(call, reply(call.site, comment, call.actor, body))
    raise not_found()


def _created(call: Call, comment: ReviewComment) -> Answer:
    value = payloads.review_comment(call.site.world, comment)
    return Answer(value, 201, headers={"Location": value["url"]})


def get_comment(call: Call) -> Answer:
    """GET .../pulls/comments/{comment}."""
    return Answer(payloads.review_comment(call.site.world, find_comment(call)))


def patch_comment(call: Call) -> Answer:
    """PATCH .../pulls/comments/{comment}."""
    comment = find_comment(call)
    edit_comment(call.site, comment, call.fields("body").required("body"), call.actor)
    return Answer(payloads.review_comment(call.site.world, comment))


def remove_comment(call: Call) -> Answer:
    """DELETE .../pulls/comments/{comment}."""
    delete_comment(call.site, find_comment(call), call.actor)
    return Answer(b"", 204)


PULL = f"{ROOT}/pulls/{{number}}"
REVIEW = f"{PULL}/reviews/{{review}}"
COMMENT = f"{ROOT}/pulls/comments/{{comment}}"

ENDPOINTS = (
    Endpoint("GET", f"{PULL}/reviews", list_reviews, (READ_PULLS,)),
    Endpoint("POST", f"{PULL}/reviews", post_review, (WRITE_PULLS,)),
    Endpoint("GET", REVIEW, get_review, (READ_PULLS,)),
    Endpoint("PUT", REVIEW, update_review, (WRITE_PULLS,)),
    Endpoint("DELETE", REVIEW, remove_review, (WRITE_PULLS,)),
    Endpoint("POST", f"{REVIEW}/events", post_events, (WRITE_PULLS,)),
    Endpoint("PUT", f"{REVIEW}/dismissals", put_dismissal, (WRITE_PULLS,)),
    Endpoint("GET", f"{REVIEW}/comments", comments_of_review, (READ_PULLS,)),
    Endpoint("GET", f"{ROOT}/pulls/comments", comments_of_repository, (READ_PULLS,)),
    Endpoint("GET", f"{PULL}/comments", comments_of_pull, (READ_PULLS,)),
    Endpoint("POST", f"{PULL}/comments", post_comment, (WRITE_PULLS,)),
    Endpoint("POST", f"{PULL}/comments/{{comment}}/replies", post_reply, (WRITE_PULLS,)),
    Endpoint("GET", COMMENT, get_comment, (READ_PULLS,)),
    Endpoint("PATCH", COMMENT, patch_comment, (WRITE_PULLS,)),
    Endpoint("DELETE", COMMENT, remove_comment, (WRITE_PULLS,)),
)
