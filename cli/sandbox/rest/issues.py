"""Issues, and the conversations of issues and pull requests."""

from __future__ import annotations

from cli.sandbox import payloads
from cli.sandbox.answers import Answer, not_found
from cli.sandbox.conversation import comment, delete, edit
from cli.sandbox.rest.repositories import ROOT
from cli.sandbox.rest.routing import READ_ISSUES, READ_PULLS, WRITE_ISSUES, WRITE_PULLS, Call, Endpoint
from cli.sandbox.state import IssueComment, node_id, stamp

READ = (READ_ISSUES, READ_PULLS)
WRITE = (WRITE_ISSUES, WRITE_PULLS)


def get_issue(call: Call) -> Answer:
    """GET .../issues/{number}."""
    call.need_for(call.issue, "read")
    return Answer(payloads.issue(call.site.world, call.issue))


def list_comments(call: Call) -> Answer:
    """GET .../issues/{number}/comments, in ascending order."""
    issue = call.issue
    call.need_for(issue, "read")
    since = call.query.get("since", "")
    found = [one for one in issue.comments.values() if (stamp(one.updated_at) or "") >= since]
    return call.page(found, lambda one: payloads.issue_comment(call.site.world, one))


def find_comment(call: Call) -> IssueComment:
    """Return the comment of the path."""
    found = call.site.world.nodes.get(node_id("IC", call.integer("comment")))
    if not isinstance(found, IssueComment) or found.issue.repository is not call.repository:
        raise not_found()
    return found


def post_comment(call: Call) -> Answer:
    """POST .../issues/{number}/comments."""
    issue = call.issue
    call.need_for(issue, "write")
    created = comment(call.site, issue, call.actor, call.fields("body").required("body"))
    value = payloads.issue_comment(call.site.world, created)
    return Answer(value, 201, headers={"Location": value["url"]})


def get_comment(call: Call) -> Answer:
    """GET .../issues/comments/{comment}."""
    found = find_comment(call)
    call.need_for(found.issue, "read")
    return Answer(payloads.issue_comment(call.site.world, found))


def patch_comment(call: Call) -> Answer:
    """PATCH .../issues/comments/{comment}."""
    found = find_comment(call)
    call.need_for(found.issue, "write")
    edit(call.site, found, call.fields("body").required("body"), call.actor)
    return Answer(payloads.issue_comment(call.site.world, found))


def remove_comment(call: Call) -> Answer:
    """DELETE .../issues/comments/{comment}."""
    found = find_comment(call)
    call.need_for(found.issue, "write")
    delete(call.site, found, call.actor)
    return Answer(b"", 204)


ENDPOINTS = (
    Endpoint("GET", f"{ROOT}/issues/comments/{{comment}}", get_comment, READ),
    Endpoint("PATCH", f"{ROOT}/issues/comments/{{comment}}", patch_comment, WRITE),
    Endpoint("DELETE", f"{ROOT}/issues/comments/{{comment}}", remove_comment, WRITE),
    Endpoint("GET", f"{ROOT}/issues/{{number}}", get_issue, READ),
    Endpoint("GET", f"{ROOT}/issues/{{number}}/comments", list_comments, READ),
    Endpoint("POST", f"{ROOT}/issues/{{number}}/comments", post_comment, WRITE),
)
