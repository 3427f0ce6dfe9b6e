"""The conversation: what we said is edited, hidden, resolved or deleted, many changes in one request."""

from __future__ import annotations

from collections.abc import Sequence

import structlog

from bot.github.client import Session
from bot.review.upkeep import Change, Kind

CHANGES_IN_A_REQUEST = 20
"""GitHub gives up on a request after ten seconds."""

_MUTATIONS = {
    Kind.EDIT: "updatePullRequestReviewComment(input: {{pullRequestReviewCommentId: {id}, body: {body}}})",
    Kind.HIDE: "minimizeComment(input: {{subjectId: {id}, classifier: RESOLVED}})",
    Kind.RESOLVE: "resolveReviewThread(input: {{threadId: {id}}})",
    Kind.DELETE: "deletePullRequestReviewComment(input: {{id: {id}}})",
    Kind.ADD_SUMMARY: "addComment(input: {{subjectId: {id}, body: {body}}})",
    Kind.EDIT_SUMMARY: "updateIssueComment(input: {{id: {id}, body: {body}}})",
    Kind.DELETE_SUMMARY: "deleteIssueComment(input: {{id: {id}}})",
}

log = structlog.get_logger("dockslim.github")


def make_changes(session: Session, changes: Sequence[Change]) -> None:
    """Make changes. Those that GitHub refuses are left: the next review finds what still has to be done."""
    for at in range(0, len(changes), CHANGES_IN_A_REQUEST):
        part = changes[at : at + CHANGES_IN_A_REQUEST]
        refused = session.mutate(_document(part), _variables(part))
        for alias, reason in refused.items():
            log.warning("change refused", change=part[int(alias[1:])].kind.name.lower(), reason=reason[:200])


def _document(changes: Sequence[Change]) -> str:
    declared = [f"$i{at}: ID!" for at, _ in enumerate(changes)]
    declared += [f"$b{at}: String!" for at, change in enumerate(changes) if change.body]
    fields = "\n".join(
        f"  c{at}: {_MUTATIONS[change.kind].format(id=f'$i{at}', body=f'$b{at}')} {{ clientMutationId }}"
        for at, change in enumerate(changes)
    )
    return f"mutation DockslimChanges({', '.join(declared)}) {{\n{fields}\n}}"


def _variables(changes: Sequence[Change]) -> dict[str, str]:
    bodies = {f"b{at}": change.body for at, change in enumerate(changes) if change.body}
    return bodies | {f"i{at}": change.id for at, change in enumerate(changes)}
