"""Comments that ask for something: read with what it takes to decide, acknowledged by a reaction, answered once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bot.github.client import Session
from bot.github.pulls import PullState
from bot.github.snapshot import STATE, read_state

_PAGES = 300
"""Comments that are looked through for an answer of ours: those since the question."""


@dataclass(frozen=True, slots=True)
class Branch:
    """The head branch: where it is, "" where that is gone, and the message of its newest commit.

    `is_open` where its owner lets the base repository's maintainers push to it.
    """

    repository: str
    name: str
    message: str
    is_open: bool


@dataclass(frozen=True, slots=True)
class Question:
    """A comment, its number in REST, and the pull request that it stands on.

    `thread` is the number of the comment that its thread began with, None in the conversation; `about` is what that one
    says where we wrote it. `reactions` are ours.
    """

    id: int
    body: str
    asked_at: str
    is_edited: bool
    reactions: frozenset[str]
    thread: int | None
    about: str
    viewer: str
    pull: PullState
    branch: Branch


_AUTHOR = "author { __typename login }"
_FIELDS = "fullDatabaseId body createdAt lastEditedAt reactionGroups { content viewerHasReacted }"
_QUERY = f"""query DockslimCommand($owner: String!, $name: String!, $number: Int!, $comment: ID!) {{
  viewer {{ login }}
  repository(owner: $owner, name: $name) {{
    pullRequest(number: $number) {{
      {STATE} headRefName maintainerCanModify headRepository {{ nameWithOwner }}
      headRef {{ target {{ ... on Commit {{ message }} }} }}
    }}
  }}
  node(id: $comment) {{
    ... on IssueComment {{ {_FIELDS} }}
    ... on PullRequestReviewComment {{ {_FIELDS} replyTo {{ fullDatabaseId body {_AUTHOR} }} subjectType }}
  }}
}}"""


def read_question(session: Session, number: int, comment: str) -> Question:
    """Read a comment by its global ID, and its pull request; raise RefusedError where it is gone."""
    where = {"owner": session.repository.owner, "name": session.repository.name}
    answer = session.query(_QUERY, {**where, "number": number, "comment": comment})
    node, pull = answer["node"], answer["repository"]["pullRequest"]
    viewer = str(answer["viewer"]["login"])
    top = node.get("replyTo") or node
    return Question(
        id=int(node["fullDatabaseId"]),
        body=str(node["body"]),
        asked_at=str(node["createdAt"]),
        is_edited=node["lastEditedAt"] is not None,
        reactions=frozenset(
            each["content"].lower() for each in node["reactionGroups"] or () if each["viewerHasReacted"]
        ),
        thread=int(top["fullDatabaseId"]) if "subjectType" in node else None,
        about=str(top["body"]) if top is not node and _is_by(top, viewer) else "",
        viewer=viewer,
        pull=read_state(pull),
        branch=Branch(
            repository=str((pull["headRepository"] or {}).get("nameWithOwner", "")),
            name=str(pull["headRefName"]),
            message=str(((pull["headRef"] or {}).get("target") or {}).get("message", "")),
            is_open=bool(pull["maintainerCanModify"]),
        ),
    )


def react(session: Session, question: Question, content: str) -> None:
    """Add a reaction to a comment; one that stands already is left as it is."""
    kind = "issues" if question.thread is None else "pulls"
    session.write("POST", session.path(kind, "comments", question.id, "reactions"), {"content": content})


def answer(session: Session, number: int, question: Question, body: str) -> None:
    """Answer a comment where it was made."""
    if question.thread is None:
        path = session.path("issues", number, "comments")
    else:
        path = session.path("pulls", number, "comments", question.thread, "replies")
    session.write("POST", path, {"body": body})


def find_answer(session: Session, number: int, question: Question, marker: str) -> bool:
    """Tell whether a comment was answered: whether one of ours, since then, ends with a marker."""
    kind = "issues" if question.thread is None else "pulls"
    pages = session.read_pages(session.path(kind, number, "comments"), _PAGES, {"since": question.asked_at})
    # Whoever wrote a comment may be gone by now.
    ours = (each for each in pages if (each["user"] or {}).get("login") == question.viewer)
    return any(each["body"].rstrip().endswith(marker) for each in ours)


def _is_by(comment: Mapping[str, Any], viewer: str) -> bool:
    author = comment.get("author") or {}
    return author.get("__typename") == "Bot" and author["login"] == viewer.removesuffix("[bot]")
