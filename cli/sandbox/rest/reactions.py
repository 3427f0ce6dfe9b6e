"""Reactions to issues and comments."""

from __future__ import annotations

from collections.abc import Callable

from cli.sandbox import payloads
from cli.sandbox.answers import Answer, field_error, not_found, unprocessable
from cli.sandbox.auth import Access
from cli.sandbox.conversation import react
from cli.sandbox.rest.issues import READ, WRITE, find_comment
from cli.sandbox.rest.repositories import ROOT
from cli.sandbox.rest.reviews import find_comment as find_review_comment
from cli.sandbox.rest.routing import READ_PULLS, WRITE_PULLS, Call, Endpoint, Handler
from cli.sandbox.state import Reaction

Finder = Callable[[Call, Access], list[Reaction]]


def _of_issue(call: Call, access: Access) -> list[Reaction]:
    call.need_for(call.issue, access)
    return call.issue.reactions


def _of_issue_comment(call: Call, access: Access) -> list[Reaction]:
    found = find_comment(call)
    call.need_for(found.issue, access)
    return found.reactions


def _of_review_comment(call: Call, access: Access) -> list[Reaction]:
    _ = access
    return find_review_comment(call).reactions


def _lister(find: Finder) -> Handler:
    def list_reactions(call: Call) -> Answer:
        content = call.query.get("content")
        found = [one for one in find(call, "read") if content in {None, one.content}]
        return call.page(found, lambda one: payloads.reaction(call.site.world, one))

    return list_reactions


def _creator(find: Finder) -> Handler:
    def create_reaction(call: Call) -> Answer:
        content = call.fields("content").required("content")
        if content not in payloads.REACTIONS:
            raise unprocessable(field_error("Reaction", "content", "invalid"))
        reaction, added = react(find(call, "write"), call.actor, content)
        return Answer(payloads.reaction(call.site.world, reaction), 201 if added else 200)

    return create_reaction


def _remover(find: Finder) -> Handler:
    def delete_reaction(call: Call) -> Answer:
        reactions, identifier = find(call, "write"), call.integer("reaction")
        for reaction in reactions:
            if reaction.id == identifier:
                reactions.remove(reaction)
                return Answer(b"", 204)
        raise not_found()

    return delete_reaction


_PLACES = (
    (f"{ROOT}/issues/{{number}}/reactions", _of_issue, READ, WRITE),
    (f"{ROOT}/issues/comments/{{comment}}/reactions", _of_issue_comment, READ, WRITE),
    (f"{ROOT}/pulls/comments/{{comment}}/reactions", _of_review_comment, (READ_PULLS,), (WRITE_PULLS,)),
)

ENDPOINTS = tuple(
    endpoint
    for path, find, read, write in _PLACES
    for endpoint in (
        Endpoint("GET", path, _lister(find), read),
        Endpoint("POST", path, _creator(find), write),
        Endpoint("DELETE", f"{path}/{{reaction}}", _remover(find), write),
    )
)
