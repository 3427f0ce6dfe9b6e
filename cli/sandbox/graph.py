"""Resolvers: how the fields of GitHub's GraphQL schema read the facts."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeVar

from graphql import GraphQLResolveInfo

from cli.sandbox import conversation, payloads, pushes, reviews
from cli.sandbox.answers import RefusedError
from cli.sandbox.auth import Need, require
from cli.sandbox.checks import latest
from cli.sandbox.comparisons import pull_diff
from cli.sandbox.diffs import FileChange
from cli.sandbox.git import Commit, Contents, TreeEntry
from cli.sandbox.rest.routing import Call
from cli.sandbox.state import (
    Account,
    CheckRun,
    CheckSuite,
    Issue,
    IssueComment,
    Json,
    PullRequest,
    Reaction,
    Repository,
    Review,
    ReviewComment,
    Thread,
    node_id,
    stamp,
)

# GitHub's `Blob.text` holds at most this much of a file; `isTruncated` says so.
BLOB_BYTES = 512_000
# GitHub Docs, "Rate limits and query limits for the GraphQL API": `first` and `last` are 1 to 100.
PAGE_ITEMS = 100

Item = TypeVar("Item")
Info = GraphQLResolveInfo
Resolver = Callable[..., Any]


class GraphError(Exception):
    """An entry of `errors` with GitHub's type."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


@dataclass(frozen=True, slots=True)
class GitObject:
    """A git object as seen through one repository."""

    repository: Repository
    kind: str
    oid: str


@dataclass(frozen=True, slots=True)
class Ref:
    """A branch or tag."""

    repository: Repository
    prefix: str
    name: str
    oid: str


@dataclass(frozen=True, slots=True)
class Entry:
    """A name in a tree, with its path."""

    repository: Repository
    entry: TreeEntry
    path: str


@dataclass(frozen=True, slots=True)
class Viewer:
    """An account where the schema promises a User: bots keep their "[bot]" there."""

    account: Account


def type_name(value: Any) -> str:
    """Name the schema's type of a value."""
    if isinstance(value, Account):
        return value.type
    if isinstance(value, GitObject):
        return value.kind.capitalize()
    names = {
        Review: "PullRequestReview",
        ReviewComment: "PullRequestReviewComment",
        Thread: "PullRequestReviewThread",
    }
    return names.get(type(value), type(value).__name__)


def call_of(info: Info) -> Call:
    """Return the request that is being answered."""
    call: Call = info.context
    return call


def _permit(info: Info, repository: Repository, *needs: Need) -> None:
    """Refuse a field for want of a permission."""
    caller = call_of(info).caller
    if caller is None:
        raise GraphError("FORBIDDEN", "Resource not accessible by integration")
    try:
        require(caller, repository, needs)
    except RefusedError as refusal:
        raise GraphError("FORBIDDEN", refusal.message) from refusal


def _may(info: Info, repository: Repository, *needs: Need) -> bool:
    try:
        _permit(info, repository, *needs)
    except GraphError:
        return False
    return True


def _sees(info: Info, repository: Repository) -> bool:
    return _may(info, repository)


def _cursor(index: int) -> str:
    return base64.b64encode(f"cursor:v2:{index}".encode()).decode()


def _index(cursor: str) -> int:
    try:
        return int(base64.b64decode(cursor).decode().rpartition(":")[2])
    except ValueError as error:
        raise GraphError("INVALID_CURSOR_ARGUMENTS", f"`{cursor}` does not appear to be a valid cursor.") from error


def connection(
    info: Info,
    items: Sequence[Item],
    *,
    first: int | None = None,
    last: int | None = None,
    after: str | None = None,
    before: str | None = None,
) -> Json:
    """Page through a list by cursor, as strictly as GitHub."""
    name = info.field_name
    if first is None and last is None:
        message = f"You must provide a `first` or `last` value to properly paginate the `{name}` connection."
        raise GraphError("MISSING_PAGINATION_BOUNDARIES", message)
    for label, size in (("first", first), ("last", last)):
        if size is not None and size > PAGE_ITEMS:
            message = (
                f"Requesting {size} records on the `{name}` connection exceeds the `{label}` limit of 100 records."
            )
            raise GraphError("EXCESSIVE_PAGINATION", message)
        if size is not None and size < 0:
            raise GraphError("INVALID_PAGINATION", f"`{label}` on the `{name}` connection cannot be less than zero.")
    start = _index(after) + 1 if after else 0
    end = min(_index(before), len(items)) if before else len(items)
    if first is not None:
        end = min(end, start + first)
    if last is not None:
        start = max(start, end - last)
    nodes = list(items[start:end])
    return {
        "nodes": nodes,
        "totalCount": len(items),
        "pageInfo": {
            "hasNextPage": end < len(items),
            "hasPreviousPage": start > 0,
            "startCursor": _cursor(start) if nodes else None,
            "endCursor": _cursor(end - 1) if nodes else None,
        },
    }


# Query


def _repository(_: Any, info: Info, owner: str, name: str, **_ignored: Any) -> Repository:
    found = call_of(info).site.world.repository(f"{owner}/{name}")
    if found is None or not _sees(info, found):
        raise GraphError("NOT_FOUND", f"Could not resolve to a Repository with the name '{owner}/{name}'.")
    return found


def _viewer(_: Any, info: Info) -> Viewer:
    return Viewer(call_of(info).actor)


def _rate_limit(_: Any, info: Info, **_ignored: Any) -> Json:
    call = call_of(info)
    state = call.site.limits.state(call.caller.label if call.caller else "nobody", "graphql")
    reset = stamp(datetime.fromtimestamp(state["reset"], UTC))
    return {**state, "cost": 1, "nodeCount": 0, "resetAt": reset}


def _home(node: Any) -> Repository:
    """Return the repository that a node belongs to."""
    if isinstance(node, Repository):
        return node
    if isinstance(node, Issue | CheckSuite):
        return node.repository
    if isinstance(node, CheckRun):
        return node.suite.repository
    if isinstance(node, IssueComment):
        return node.issue.repository
    if isinstance(node, ReviewComment):
        return node.thread.pull.repository
    repository: Repository = node.pull.repository
    return repository


def find_node(info: Info, identifier: str) -> Any:
    """Return a node that the caller may see."""
    node = call_of(info).site.world.nodes.get(identifier)
    if node is None or not _sees(info, _home(node)):
        raise GraphError("NOT_FOUND", f"Could not resolve to a node with the global id of '{identifier}'.")
    return node


# Git


def _objects(repository: Repository, info: Info, expression: str | None = None, oid: str | None = None) -> Any:
    _permit(info, repository, Need("contents", "read"))
    if expression is None and oid is None:
        raise GraphError("INVALID_ARGUMENT", "Must provide either expression or oid.")
    if oid is not None:
        found = repository.git.store.find(oid)
        return GitObject(repository, found[1], found[0]) if found else None
    ref, colon, path = (expression or "").partition(":")
    commit = repository.commit(ref)
    if commit is None:
        bare = repository.git.store.find(ref)
        return GitObject(repository, bare[1], bare[0]) if bare and not colon else None
    if not colon:
        return GitObject(repository, "commit", commit.oid)
    entry = repository.git.store.entry(commit.tree, path)
    return GitObject(repository, entry.kind, entry.oid) if entry and entry.kind != "commit" else None


def _ref(repository: Repository, qualified: str) -> Ref | None:
    full = qualified if qualified.startswith("refs/") else f"refs/heads/{qualified}"
    oid = repository.refs().get(full)
    prefix, name = full.split("/", 2)[:2], full.split("/", 2)[2]
    return Ref(repository, "/".join(prefix) + "/", name, oid) if oid else None


def _read_blob(it: GitObject) -> bytes:
    return it.repository.git.store.read(it.oid)


def _is_binary(it: GitObject) -> bool:
    return b"\0" in _read_blob(it)


def _blob_text(it: GitObject, _info: Info) -> str | None:
    if _is_binary(it):
        return None
    return _read_blob(it)[:BLOB_BYTES].decode(errors="replace")


def _read_commit(it: GitObject) -> Commit:
    found = it.repository.git.store.commit(it.oid)
    if found is None:
        raise GraphError("NOT_FOUND", f"Could not resolve to a Commit with the oid '{it.oid}'.")
    return found


def _entries(it: GitObject, _info: Info) -> list[Entry]:
    return [Entry(it.repository, entry, entry.name) for entry in it.repository.git.store.tree(it.oid)]


def _entry_object(it: Entry, _info: Info) -> GitObject | None:
    return GitObject(it.repository, it.entry.kind, it.entry.oid) if it.entry.kind != "commit" else None


def _entry_size(it: Entry, _info: Info) -> int:
    return len(it.repository.git.store.read(it.entry.oid)) if it.entry.kind == "blob" else 0


def _commit_file(it: GitObject, _info: Info, path: str) -> Entry | None:
    entry = it.repository.git.store.entry(_read_commit(it).tree, path)
    return Entry(it.repository, entry, path) if entry else None


def _commit_node(repository: Repository, oid: str) -> GitObject:
    return GitObject(repository, "commit", oid)


# Checks


def _check_suites(it: GitObject, info: Info, filterBy: Json | None = None, **paging: Any) -> Json:  # noqa: N803
    _permit(info, it.repository, Need("checks", "read"))
    suite = it.repository.suites.get(it.oid)
    app = (filterBy or {}).get("appId")
    name = (filterBy or {}).get("checkName")
    wanted = suite is not None and app in {None, call_of(info).site.world.app.id}
    found = [suite] if suite is not None and wanted else []
    if name is not None:
        found = [one for one in found if any(run.name == name for run in one.runs)]
    return connection(info, found, **paging)


def _check_runs(it: CheckSuite, info: Info, filterBy: Json | None = None, **paging: Any) -> Json:  # noqa: N803
    wanted = filterBy or {}
    runs = sorted(it.runs, key=lambda run: run.id) if wanted.get("checkType") == "ALL" else latest(it.runs)
    found = [
        run
        for run in runs
        if wanted.get("checkName") in {None, run.name}
        and wanted.get("appId") in {None, call_of(info).site.world.app.id}
        and wanted.get("status") in {None, run.status.upper()}
    ]
    return connection(info, found, **paging)


# Pull requests


def _pull_request(repository: Repository, info: Info, number: int) -> PullRequest:
    _permit(info, repository, Need("pull_requests", "read"))
    found = repository.pull(number)
    if found is None:
        raise GraphError("NOT_FOUND", f"Could not resolve to a PullRequest with the number of {number}.")
    return found


def _pull_state(it: PullRequest, _info: Info) -> str:
    return "MERGED" if it.merged_at else it.state.upper()


def _pull_requests(
    repository: Repository,
    info: Info,
    states: list[str] | None = None,
    headRefName: str | None = None,  # noqa: N803
    baseRefName: str | None = None,  # noqa: N803
    **paging: Any,
) -> Json:
    _permit(info, repository, Need("pull_requests", "read"))
    found = [
        pull
        for pull in repository.pulls
        if (states is None or _pull_state(pull, info) in states)
        and headRefName in {None, pull.head_ref}
        and baseRefName in {None, pull.base_ref}
    ]
    return connection(info, found, **paging)


def _visible_head(it: PullRequest, info: Info) -> Repository | None:
    head = it.head_repository
    # A private fork outside of the installation is as good as deleted.
    return head if head and (not head.private or _sees(info, head)) else None


def _reviews(it: PullRequest, info: Info, states: Any = None, author: str | None = None, **paging: Any) -> Json:
    found = [
        review
        for review in it.submitted(call_of(info).actor)
        if (states is None or review.state in states) and author in {None, review.author.slug, review.author.login}
    ]
    return connection(info, found, **paging)


def _threads(it: PullRequest, info: Info, **paging: Any) -> Json:
    viewer = call_of(info).actor
    return connection(info, [thread for thread in it.threads if _visible(thread, viewer)], **paging)


def _visible(thread: Thread, viewer: Account) -> list[ReviewComment]:
    return [one for one in thread.comments if one.review.state != "PENDING" or one.author is viewer]


def _thread_comments(it: Thread, info: Info, skip: int | None = None, **paging: Any) -> Json:
    return connection(info, _visible(it, call_of(info).actor)[skip or 0 :], **paging)


def _can_resolve(it: Thread, info: Info) -> bool:
    """Say whether the viewer may resolve: an App needs contents:write for it (github/gh-aw#35726)."""
    return _may(info, it.pull.repository, Need("contents", "write"))


def _changed_files(it: PullRequest, info: Info, **paging: Any) -> Json:
    return connection(info, pull_diff(it).files, **paging)


def _pull_ref(repository: Repository | None, name: str) -> Ref | None:
    return _ref(repository, f"refs/heads/{name}") if repository else None


# Mutations


def _payload(input: Json, **values: Any) -> Json:  # noqa: A002
    return {"clientMutationId": input.get("clientMutationId"), **values}


def _resolve(resolved: bool) -> Resolver:
    def mutate(_: Any, info: Info, input: Json) -> Json:  # noqa: A002
        thread = find_node(info, input["threadId"])
        if not isinstance(thread, Thread):
            raise GraphError("NOT_FOUND", f"Could not resolve to a node with the global id of '{input['threadId']}'.")
        _permit(info, thread.pull.repository, Need("contents", "write"))
        _permit(info, thread.pull.repository, Need("pull_requests", "write"))
        call = call_of(info)
        reviews.resolve(call.site, thread, call.actor if resolved else None, call.actor)
        return _payload(input, thread=thread)

    return mutate


def _minimize(field: str) -> Resolver:
    def mutate(_: Any, info: Info, input: Json) -> Json:  # noqa: A002
        node = find_node(info, input["subjectId"])
        if not isinstance(node, IssueComment | Review | ReviewComment):
            raise GraphError("UNPROCESSABLE", "Subject can not be minimized.")
        _permit(info, _home(node), Need("pull_requests", "write"))
        classifier = input.get("classifier")
        node.minimized = classifier.lower().replace("_", "-") if classifier else None
        return _payload(input, **{field: node})

    return mutate


def _add_comment(_: Any, info: Info, input: Json) -> Json:  # noqa: A002
    issue = find_node(info, input["subjectId"])
    if not isinstance(issue, Issue):
        raise GraphError("UNPROCESSABLE", "Subject can not be commented on.")
    needed = "pull_requests" if isinstance(issue, PullRequest) else "issues"
    _permit(info, issue.repository, Need(needed, "write"))
    call = call_of(info)
    comment = conversation.comment(call.site, issue, call.actor, input["body"])
    edge = {"cursor": _cursor(len(issue.comments) - 1), "node": comment}
    return _payload(input, commentEdge=edge, subject=issue)


def _add_reply(_: Any, info: Info, input: Json) -> Json:  # noqa: A002
    thread = find_node(info, input["pullRequestReviewThreadId"])
    _permit(info, _home(thread), Need("pull_requests", "write"))
    call = call_of(info)
    return _payload(input, comment=reviews.reply(call.site, thread.comments[0], call.actor, input["body"]))


def _create_commit(_: Any, info: Info, input: Json) -> Json:  # noqa: A002
    where, call = input["branch"], call_of(info)
    branch, full_name = where.get("branchName"), where.get("repositoryNameWithOwner") or ""
    repository = call.site.world.repository(full_name)
    if repository is None or (repository.private and not _sees(info, repository)):
        raise GraphError("NOT_FOUND", f"Could not resolve to a Repository with the name '{full_name}'.")
    if not _may(info, repository, Need("contents", "write")):
        raise GraphError("FORBIDDEN", "Resource not accessible by integration")
    if branch not in repository.branches:
        raise GraphError("NOT_FOUND", f"Could not resolve to a node with the global id of '{branch}'.")
    expected = input["expectedHeadOid"]
    if repository.branches[branch] != expected:
        # ministryofjustice/modernisation-platform#11985 shows the whole answer.
        message = f'Expected branch to point to "{expected}" but it did not.  Pull and try again.'
        raise GraphError("STALE_DATA", message)
    changes: dict[str, Contents] = {each["path"]: None for each in input["fileChanges"]["deletions"]}
    changes |= {each["path"]: base64.b64decode(each["contents"]) for each in input["fileChanges"]["additions"]}
    message = "\n\n".join(filter(None, (input["message"]["headline"], input["message"].get("body"))))
    try:
        oid = pushes.commit(call.site, repository, branch, changes, message, call.actor)
    except pushes.ProtectedError as error:
        # Thinkmill/keystatic#1598: rulesets come with another type.
        raise GraphError("BRANCH_PROTECTION_RULE_VIOLATION", str(error)) from error
    ref = Ref(repository, "refs/heads/", branch, oid)
    return _payload(input, commit=GitObject(repository, "commit", oid), ref=ref)


def _find_comment(info: Info, identifier: str, kind: type[Item]) -> Item:
    """Return a comment of the right kind that the caller may change."""
    node = find_node(info, identifier)
    if not isinstance(node, kind):
        raise GraphError("NOT_FOUND", f"Could not resolve to a node with the global id of '{identifier}'.")
    _permit(info, _home(node), Need("pull_requests", "write"))
    return node


def _update_issue_comment(_: Any, info: Info, input: Json) -> Json:  # noqa: A002
    comment, call = _find_comment(info, input["id"], IssueComment), call_of(info)
    conversation.edit(call.site, comment, input["body"], call.actor)
    return _payload(input, issueComment=comment)


def _delete_issue_comment(_: Any, info: Info, input: Json) -> Json:  # noqa: A002
    comment, call = _find_comment(info, input["id"], IssueComment), call_of(info)
    conversation.delete(call.site, comment, call.actor)
    return _payload(input)


def _update_review_comment(_: Any, info: Info, input: Json) -> Json:  # noqa: A002
    comment, call = _find_comment(info, input["pullRequestReviewCommentId"], ReviewComment), call_of(info)
    reviews.edit_comment(call.site, comment, input["body"], call.actor)
    return _payload(input, pullRequestReviewComment=comment)


def _delete_review_comment(_: Any, info: Info, input: Json) -> Json:  # noqa: A002
    comment, call = _find_comment(info, input["id"], ReviewComment), call_of(info)
    reviews.delete_comment(call.site, comment, call.actor)
    return _payload(input, pullRequestReview=comment.review)


# The table


def _url(make: Callable[[Any, Any], str]) -> Resolver:
    return lambda it, info: make(call_of(info).site.world, it)


def _comment_url(it: IssueComment | ReviewComment, info: Info) -> str:
    world = call_of(info).site.world
    render = payloads.issue_comment(world, it) if isinstance(it, IssueComment) else payloads.review_comment(world, it)
    return str(render["html_url"])


def _account_url(it: Account, info: Info) -> str:
    return str(payloads.account(call_of(info).site.world, it)["html_url"])


_ACTOR: dict[str, Resolver] = {
    "id": lambda it, _: it.node_id,
    "databaseId": lambda it, _: it.id,
    # GitHub's GraphQL gives a bot's login without "[bot]"; REST gives it with.
    "login": lambda it, _: it.slug,
    "url": _account_url,
    "resourcePath": lambda it, _: f"/apps/{it.slug}" if it.is_bot else f"/{it.login}",
    "avatarUrl": lambda it, info, **_size: f"{call_of(info).site.world.url}/avatars/{it.id}",
}


def _user(field: str) -> Resolver:
    return lambda it, info, **arguments: _ACTOR[field](it.account if isinstance(it, Viewer) else it, info, **arguments)


def _reaction_groups(reactions: Sequence[Reaction], viewer: Account) -> list[Json]:
    names = {"+1": "THUMBS_UP", "-1": "THUMBS_DOWN"}
    return [
        {
            "content": names.get(content, content.upper()),
            "viewerHasReacted": any(one.content == content and one.user is viewer for one in reactions),
        }
        for content in payloads.REACTIONS
    ]


_COMMENT: dict[str, Resolver] = {
    "id": lambda it, _: it.node_id,
    "databaseId": lambda it, _: it.id,
    "fullDatabaseId": lambda it, _: str(it.id),
    "author": lambda it, _: it.author,
    "body": lambda it, _: it.body,
    "createdAt": lambda it, _: stamp(it.created_at),
    "updatedAt": lambda it, _: stamp(it.updated_at),
    "lastEditedAt": lambda it, _: stamp(it.edited_at),
    "reactionGroups": lambda it, info: _reaction_groups(it.reactions, call_of(info).actor),
    "isMinimized": lambda it, _: it.minimized is not None,
    "minimizedReason": lambda it, _: it.minimized,
    "viewerDidAuthor": lambda it, info: it.author is call_of(info).actor,
    "viewerCanMinimize": lambda it, info: _may(info, _home(it), Need("pull_requests", "write")),
    "url": _comment_url,
}

_OBJECT: dict[str, Resolver] = {
    "id": lambda it, _: f"{it.kind[0].upper()}_{it.oid}",
    "oid": lambda it, _: it.oid,
    "abbreviatedOid": lambda it, _: it.oid[:7],
}

RESOLVERS: Mapping[str, Mapping[str, Resolver]] = {
    "Query": {
        "repository": _repository,
        "viewer": _viewer,
        "rateLimit": _rate_limit,
        "node": lambda _, info, id: find_node(info, id),  # noqa: A006
        "nodes": lambda _, info, ids: [find_node(info, one) for one in ids],
    },
    "Mutation": {
        "resolveReviewThread": _resolve(resolved=True),
        "unresolveReviewThread": _resolve(resolved=False),
        "minimizeComment": _minimize("minimizedComment"),
        "unminimizeComment": _minimize("unminimizedComment"),
        "addComment": _add_comment,
        "addPullRequestReviewThreadReply": _add_reply,
        "createCommitOnBranch": _create_commit,
        "updateIssueComment": _update_issue_comment,
        "deleteIssueComment": _delete_issue_comment,
        "updatePullRequestReviewComment": _update_review_comment,
        "deletePullRequestReviewComment": _delete_review_comment,
    },
    "User": {
        **{name: _user(name) for name in _ACTOR},
        "login": lambda it, _: it.account.login if isinstance(it, Viewer) else it.login,
    },
    "Bot": _ACTOR,
    "Organization": _ACTOR,
    "Repository": {
        "id": lambda it, _: it.node_id,
        "databaseId": lambda it, _: it.id,
        "name": lambda it, _: it.name,
        "nameWithOwner": lambda it, _: it.full_name,
        "owner": lambda it, _: it.owner,
        "isPrivate": lambda it, _: it.private,
        "isFork": lambda it, _: it.parent is not None,
        "parent": lambda it, _: it.parent,
        "url": _url(payloads.html_url),
        "defaultBranchRef": lambda it, _: _pull_ref(it, it.default_branch),
        "ref": lambda it, _, qualifiedName: _ref(it, qualifiedName),  # noqa: N803
        "object": _objects,
        "pullRequest": _pull_request,
        "pullRequests": _pull_requests,
    },
    "Ref": {
        "id": lambda it, _: f"REF_{it.repository.id}_{it.prefix}{it.name}",
        "name": lambda it, _: it.name,
        "prefix": lambda it, _: it.prefix,
        "target": lambda it, _: _commit_node(it.repository, it.oid),
    },
    "Blob": {
        **_OBJECT,
        "byteSize": lambda it, _: len(_read_blob(it)),
        "isBinary": lambda it, _: _is_binary(it),
        "isTruncated": lambda it, _: len(_read_blob(it)) > BLOB_BYTES,
        "text": _blob_text,
    },
    "Tree": {**_OBJECT, "entries": _entries},
    "Tag": _OBJECT,
    "TreeEntry": {
        "name": lambda it, _: it.entry.name,
        "path": lambda it, _: it.path,
        "type": lambda it, _: it.entry.kind,
        "mode": lambda it, _: int(it.entry.mode, 8),
        "oid": lambda it, _: it.entry.oid,
        "size": _entry_size,
        "object": _entry_object,
    },
    "Commit": {
        **_OBJECT,
        "message": lambda it, _: _read_commit(it).message,
        "messageHeadline": lambda it, _: _read_commit(it).message.partition("\n")[0],
        "authoredDate": lambda it, _: stamp(_read_commit(it).author.when),
        "committedDate": lambda it, _: stamp(_read_commit(it).committer.when),
        "tree": lambda it, _: GitObject(it.repository, "tree", _read_commit(it).tree),
        "file": _commit_file,
        "checkSuites": _check_suites,
    },
    "App": {
        "id": lambda it, _: node_id("A", it.id),
        "databaseId": lambda it, _: it.id,
        "name": lambda it, _: it.name,
        "slug": lambda it, _: it.slug,
    },
    "CheckSuite": {
        "id": lambda it, _: it.node_id,
        "databaseId": lambda it, _: it.id,
        "app": lambda _, info: call_of(info).site.world.app,
        "commit": lambda it, _: _commit_node(it.repository, it.head_sha),
        "status": lambda it, _: it.status.upper(),
        "conclusion": lambda it, _: it.conclusion.upper() if it.conclusion else None,
        "createdAt": lambda it, _: stamp(it.created_at),
        "updatedAt": lambda it, _: stamp(it.updated_at),
        "checkRuns": _check_runs,
    },
    "CheckRun": {
        "id": lambda it, _: it.node_id,
        "databaseId": lambda it, _: it.id,
        "name": lambda it, _: it.name,
        "status": lambda it, _: it.status.upper(),
        "conclusion": lambda it, _: it.conclusion.upper() if it.conclusion else None,
        "externalId": lambda it, _: it.external_id,
        "detailsUrl": lambda it, _: it.details_url or None,
        "startedAt": lambda it, _: stamp(it.started_at),
        "completedAt": lambda it, _: stamp(it.completed_at),
        "title": lambda it, _: it.title,
        "summary": lambda it, _: it.summary,
        "text": lambda it, _: it.text,
        "checkSuite": lambda it, _: it.suite,
        "annotations": lambda it, info, **paging: connection(info, it.annotations, **paging),
        "url": lambda it, info: payloads.check_run(call_of(info).site.world, it)["html_url"],
    },
    "CheckAnnotation": {
        "path": lambda it, _: it.path,
        "message": lambda it, _: it.message,
        "title": lambda it, _: it.title,
    },
    "Issue": {
        "id": lambda it, _: it.node_id,
        "databaseId": lambda it, _: it.id,
        "number": lambda it, _: it.number,
        "title": lambda it, _: it.title,
        "body": lambda it, _: it.body or "",
        "author": lambda it, _: it.author,
        "url": _url(payloads.pull_url),
        "comments": lambda it, info, **paging: connection(info, list(it.comments.values()), **paging),
    },
    "PullRequest": {
        "id": lambda it, _: it.node_id,
        "databaseId": lambda it, _: it.id,
        "number": lambda it, _: it.number,
        "title": lambda it, _: it.title,
        "body": lambda it, _: it.body or "",
        "author": lambda it, _: it.author,
        "url": _url(payloads.pull_url),
        "permalink": _url(payloads.pull_url),
        "state": _pull_state,
        "closed": lambda it, _: it.state == "closed",
        "merged": lambda it, _: it.merged_at is not None,
        "mergedAt": lambda it, _: stamp(it.merged_at),
        "isDraft": lambda it, _: it.draft,
        "createdAt": lambda it, _: stamp(it.created_at),
        "updatedAt": lambda it, _: stamp(it.updated_at),
        "baseRef": lambda it, _: _pull_ref(it.repository, it.base_ref),
        "baseRefName": lambda it, _: it.base_ref,
        "baseRefOid": lambda it, _: it.base_sha,
        "baseRepository": lambda it, _: it.repository,
        "headRef": lambda it, _: _pull_ref(it.head_repository, it.head_ref),
        "headRefName": lambda it, _: it.head_ref,
        "headRefOid": lambda it, _: it.head_sha,
        "headRepository": _visible_head,
        "headRepositoryOwner": lambda it, _: it.head_owner if it.head_repository else None,
        "isCrossRepository": lambda it, _: it.is_cross_repository,
        "maintainerCanModify": lambda it, _: it.maintainer_can_modify,
        "additions": lambda it, _: pull_diff(it).additions,
        "deletions": lambda it, _: pull_diff(it).deletions,
        "changedFiles": lambda it, _: len(pull_diff(it).files),
        "files": _changed_files,
        "comments": lambda it, info, **paging: connection(info, list(it.comments.values()), **paging),
        "reviews": _reviews,
        "reviewThreads": _threads,
    },
    "PullRequestChangedFile": {
        "path": lambda it, _: it.path,
        "additions": lambda it, _: it.additions,
        "deletions": lambda it, _: it.deletions,
        "changeType": lambda it, _: _change_type(it),
    },
    "IssueComment": _COMMENT,
    "PullRequestReview": {
        **{name: _COMMENT[name] for name in ("id", "databaseId", "fullDatabaseId", "author", "body", "createdAt")},
        **{name: _COMMENT[name] for name in ("isMinimized", "minimizedReason", "viewerDidAuthor")},
        "state": lambda it, _: it.state,
        "commit": lambda it, _: _commit_node(it.pull.repository, it.commit),
        "submittedAt": lambda it, _: stamp(it.submitted_at),
        "url": lambda it, info: payloads.review(call_of(info).site.world, it)["html_url"],
        "comments": lambda it, info, **paging: connection(info, it.comments, **paging),
    },
    "PullRequestReviewThread": {
        "id": lambda it, _: it.node_id,
        "pullRequest": lambda it, _: it.pull,
        "path": lambda it, _: (it.current or it.original).path,
        "line": lambda it, _: it.current.line if it.current else None,
        "startLine": lambda it, _: it.current.start_line if it.current else None,
        "originalLine": lambda it, _: it.original.line,
        "originalStartLine": lambda it, _: it.original.start_line,
        "diffSide": lambda it, _: it.original.side,
        "startDiffSide": lambda it, _: it.original.start_side,
        "subjectType": lambda it, _: it.subject.upper(),
        "isResolved": lambda it, _: it.resolved_by is not None,
        "isOutdated": lambda it, _: it.is_outdated,
        "isCollapsed": lambda it, _: it.resolved_by is not None,
        "resolvedBy": lambda it, _: Viewer(it.resolved_by) if it.resolved_by else None,
        "viewerCanReply": lambda it, info: _may(info, it.pull.repository, Need("pull_requests", "write")),
        "viewerCanResolve": lambda it, info: it.resolved_by is None and _can_resolve(it, info),
        "viewerCanUnresolve": lambda it, info: it.resolved_by is not None and _can_resolve(it, info),
        "comments": _thread_comments,
    },
    "PullRequestReviewComment": {
        **_COMMENT,
        "path": lambda it, _: (it.thread.current or it.thread.original).path,
        "line": lambda it, _: it.thread.current.line if it.thread.current else None,
        "startLine": lambda it, _: it.thread.current.start_line if it.thread.current else None,
        "originalLine": lambda it, _: it.thread.original.line,
        "originalStartLine": lambda it, _: it.thread.original.start_line,
        "diffHunk": lambda it, _: it.thread.diff_hunk,
        "outdated": lambda it, _: it.thread.is_outdated,
        "subjectType": lambda it, _: it.thread.subject.upper(),
        "commit": lambda it, _: _commit_node(it.thread.pull.repository, it.thread.commit),
        "originalCommit": lambda it, _: _commit_node(it.thread.pull.repository, it.thread.original_commit),
        "pullRequestReview": lambda it, _: it.review,
        "replyTo": lambda it, _: it.in_reply_to,
    },
}


def _change_type(it: FileChange) -> str:
    return {"removed": "DELETED"}.get(it.status, it.status.upper())
