"""Upkeep: what is changed on the pull request besides a new review, so that what stands there says what is so now."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum, auto

from bot.review.model import Plan, Standing
from bot.review.render import render_settled, render_withdrawn


class Kind(Enum):
    """What is done to a comment, or to the thread that it began."""

    EDIT = auto()
    HIDE = auto()
    RESOLVE = auto()
    DELETE = auto()
    ADD_SUMMARY = auto()
    EDIT_SUMMARY = auto()
    DELETE_SUMMARY = auto()


@dataclass(frozen=True, slots=True)
class Change:
    """One change: `id` is what GitHub calls the comment, the thread or, for a new summary, the pull request."""

    kind: Kind
    id: str
    body: str = ""


def find_changes(plan: Plan, standing: Standing, pull: str, head_sha: str, *, resolves: bool) -> Iterator[Change]:
    """Yield the changes that a plan asks for; none where everything says it already.

    A comment whose findings are gone is edited to say so, and its thread resolved; where the App may not do that, it
    is hidden, unless somebody has answered it.
    """
    for said in plan.settled:
        is_withdrawn = said.id in plan.withdrawn
        silenced = plan.silenced.get(said.id, ())
        body = render_withdrawn(said) if is_withdrawn else render_settled(said, head_sha, silenced)
        yield Change(Kind.EDIT, said.id, body)
        if resolves:
            yield Change(Kind.RESOLVE, said.thread)
        elif not said.is_answered:
            yield Change(Kind.HIDE, said.id)
    for said, body in plan.revised:
        yield Change(Kind.EDIT, said.id, body)
    for said in plan.repeated:
        yield Change(Kind.DELETE, said.id)
    stands, *others = standing.summaries or (None,)
    if plan.summary is not None:
        if stands is None:
            yield Change(Kind.ADD_SUMMARY, pull, plan.summary)
        elif stands.body != plan.summary:
            yield Change(Kind.EDIT_SUMMARY, stands.id, plan.summary)
    for other in others:
        if other is not None:
            yield Change(Kind.DELETE_SUMMARY, other.id)
