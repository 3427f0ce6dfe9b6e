"""GraphQL: one query reads a pull request, mutations resolve and hide, and errors answer 200."""

from __future__ import annotations

import base64
from dataclasses import replace
from typing import Any

import pytest

from tests.cli.sandbox.conftest import HEAD, World

pytestmark = pytest.mark.slow

PULL = 'repository(owner: "acme", name: "shop") { pullRequest(number: 1)'
GOOD = {"path": "Dockerfile", "line": 3, "body": "here"}

EVERYTHING = """
query Everything($expression: String!, $oid: GitObjectID!, $app: Int!) {
  viewer { login }
  rateLimit { limit cost remaining resetAt }
  repository(owner: "acme", name: "shop") {
    nameWithOwner
    defaultBranchRef { name target { oid } }
    file: object(expression: $expression) { __typename oid ... on Blob { text isBinary isTruncated byteSize } }
    tree: object(expression: "main:") { ... on Tree { entries { name path type mode object { oid } } } }
    missing: object(expression: "main:nowhere") { oid }
    commit: object(oid: $oid) {
      ... on Commit {
        oid
        file(path: "Dockerfile") { mode object { ... on Blob { byteSize } } }
        checkSuites(first: 1, filterBy: {appId: $app, checkName: "dockslim"}) {
          nodes {
            app { databaseId }
            checkRuns(first: 5, filterBy: {checkName: "dockslim"}) {
              nodes { databaseId name status conclusion externalId title summary }
            }
          }
        }
      }
    }
    pullRequest(number: 1) {
      id number state isDraft title body merged
      author { login __typename }
      baseRefName baseRefOid headRefName headRefOid isCrossRepository
      headRepository { nameWithOwner }
      comments(first: 100) {
        nodes { id databaseId body author { login __typename } viewerDidAuthor createdAt isMinimized }
        pageInfo { hasNextPage endCursor }
      }
      reviews(first: 100) { nodes { id databaseId body state author { login } viewerDidAuthor commit { oid } } }
      reviewThreads(first: 100) {
        nodes {
          id isResolved isOutdated isCollapsed viewerCanResolve path line originalLine startLine diffSide
          subjectType resolvedBy { login }
          comments(first: 1) {
            totalCount
            nodes { id databaseId body author { login __typename } viewerDidAuthor createdAt isMinimized }
          }
        }
        pageInfo { hasNextPage endCursor }
      }
    }
  }
}
"""


def test_everything_in_one_query(world: World) -> None:
    world.review(GOOD)
    world.bot.post(world.path("/issues/1/comments"), json={"body": "ours"})
    world.pull.comment("theirs")
    run = {"name": "dockslim", "head_sha": world.pull.head_sha, "conclusion": "neutral", "external_id": "7"}
    world.bot.post(world.path("/check-runs"), json=run)
    head = world.pull.head_sha

    answer = world.graphql(EVERYTHING, expression=f"{head}:Dockerfile", oid=head, app=world.sandbox.app_id)

    assert "errors" not in answer
    data = answer["data"]
    repository, pull = data["repository"], data["repository"]["pullRequest"]
    assert data["viewer"]["login"] == "dockslim[bot]"
    assert repository["file"]["text"] == HEAD
    assert repository["file"]["__typename"] == "Blob"
    assert [(one["name"], one["type"], one["mode"]) for one in repository["tree"]["entries"]] == [
        ("Dockerfile", "blob", 0o100644),
        ("src", "tree", 0o40000),
    ]
    assert repository["missing"] is None
    [suite] = repository["commit"]["checkSuites"]["nodes"]
    assert suite["checkRuns"]["nodes"][0] | {"databaseId": 0} == {
        "databaseId": 0,
        "name": "dockslim",
        "status": "COMPLETED",
        "conclusion": "NEUTRAL",
        "externalId": "7",
        "title": None,
        "summary": None,
    }
    assert (pull["state"], pull["headRefOid"], pull["headRefName"]) == ("OPEN", head, "feature")
    ours, theirs = pull["comments"]["nodes"]
    # A bot's login has no "[bot]" here, unlike in REST.
    assert ours["author"] == {"login": "dockslim", "__typename": "Bot"}
    assert (ours["viewerDidAuthor"], theirs["viewerDidAuthor"]) == (True, False)
    assert pull["reviews"]["nodes"][0]["state"] == "COMMENTED"
    [thread] = pull["reviewThreads"]["nodes"]
    assert (thread["line"], thread["isOutdated"], thread["isResolved"]) == (3, False, False)
    assert thread["viewerCanResolve"] is False
    assert thread["comments"]["totalCount"] == 1


def test_served_under_both_addresses(world: World) -> None:
    body = {"query": "{ viewer { login } }"}

    for path in ("/graphql", "/api/graphql"):
        assert world.bot.post(path, json=body).json()["data"]["viewer"]["login"] == "dockslim[bot]"


def blob(world: World, path: str) -> dict[str, Any]:
    query = """query ($expression: String!) { repository(owner: "acme", name: "shop") {
        object(expression: $expression) { ... on Blob { text isBinary isTruncated byteSize } } } }"""
    found: dict[str, Any] = world.graphql(query, expression=f"main:{path}")["data"]["repository"]["object"]
    return found


def test_blobs(world: World) -> None:
    big = "x" * 512_001
    world.repository.commit("main", {"binary": b"a\0b", "latin": b"caf\xe9\n", "big": big, "empty": ""})

    assert blob(world, "binary") == {"text": None, "isBinary": True, "isTruncated": False, "byteSize": 3}
    assert blob(world, "latin")["text"] == "caf\N{REPLACEMENT CHARACTER}\n"
    assert (blob(world, "big")["isTruncated"], len(blob(world, "big")["text"])) == (True, 512_000)
    assert blob(world, "empty")["text"] == ""


def test_outdated_thread(world: World) -> None:
    world.review(GOOD)
    world.repository.commit("feature", {"Dockerfile": HEAD.replace("curl", "wget")})

    query = f"{{ {PULL} {{ reviewThreads(first: 1) {{ nodes {{ isOutdated line originalLine }} }} }} }} }}"
    [thread] = world.graphql(query)["data"]["repository"]["pullRequest"]["reviewThreads"]["nodes"]

    assert thread == {"isOutdated": True, "line": None, "originalLine": 3}


def test_paging(world: World) -> None:
    for number in range(5):
        world.pull.comment(str(number))
    query = f"""query ($after: String) {{ {PULL} {{
        comments(first: 2, after: $after) {{ nodes {{ body }} pageInfo {{ hasNextPage endCursor }} }} }} }} }}"""
    seen, after = [], None
    while True:
        page = world.graphql(query, after=after)["data"]["repository"]["pullRequest"]["comments"]
        seen.append([node["body"] for node in page["nodes"]])
        after = page["pageInfo"]["endCursor"]
        if not page["pageInfo"]["hasNextPage"]:
            break
    assert seen == [["0", "1"], ["2", "3"], ["4"]]
    last = world.graphql(f"{{ {PULL} {{ comments(last: 2) {{ nodes {{ body }} }} }} }} }}")
    assert [node["body"] for node in last["data"]["repository"]["pullRequest"]["comments"]["nodes"]] == ["3", "4"]


@pytest.mark.parametrize(
    ("selection", "kind", "message"),
    [
        (
            "comments { totalCount }",
            "MISSING_PAGINATION_BOUNDARIES",
            "You must provide a `first` or `last` value to properly paginate the `comments` connection.",
        ),
        (
            "comments(first: 101) { totalCount }",
            "EXCESSIVE_PAGINATION",
            "Requesting 101 records on the `comments` connection exceeds the `first` limit of 100 records.",
        ),
    ],
)
def test_connections_need_bounds(world: World, selection: str, kind: str, message: str) -> None:
    [error] = world.graphql(f"{{ {PULL} {{ {selection} }} }} }}")["errors"]

    assert (error["type"], error["message"]) == (kind, message)
    assert error["path"] == ["repository", "pullRequest", "comments"]


def test_not_found(world: World) -> None:
    world.sandbox.create_repository("acme/hidden", {"a": "b"}, install=False)
    for name in ("nothing", "hidden"):
        answer = world.graphql(f'{{ repository(owner: "acme", name: "{name}") {{ name }} }}')
        assert answer["data"] == {"repository": None}
        [error] = answer["errors"]
        assert error["type"] == "NOT_FOUND"
        assert error["message"] == f"Could not resolve to a Repository with the name 'acme/{name}'."
    [error] = world.graphql('{ repository(owner: "acme", name: "shop") { pullRequest(number: 9) { id } } }')["errors"]
    assert error["message"] == "Could not resolve to a PullRequest with the number of 9."


def test_bad_queries_answer_200(world: World) -> None:
    for query in ("{ nonsense }", "{ viewer { login }", "query ($x: Int!) { viewer { login } }"):
        answer = world.graphql(query)
        assert answer["errors"][0]["message"]
        assert not answer.get("data")


def test_permission_for_contents(world: World) -> None:
    query = {"query": '{ repository(owner: "acme", name: "shop") { object(expression: "main:Dockerfile") { oid } } }'}
    with world.scoped(permissions={"pull_requests": "read"}) as client:
        answer = client.post("/graphql", json=query).json()

    assert answer["data"] == {"repository": {"object": None}}
    assert answer["errors"][0]["type"] == "FORBIDDEN"


RESOLVE = "mutation ($id: ID!) { resolveReviewThread(input: {threadId: $id}) { thread { isResolved } } }"


def test_resolving_needs_contents_write(world: World) -> None:
    world.review(GOOD)
    [thread] = world.pull.threads

    answer = world.graphql(RESOLVE, id=thread.node_id)
    assert answer["data"] == {"resolveReviewThread": None}
    assert answer["errors"][0]["type"] == "FORBIDDEN"
    assert answer["errors"][0]["message"] == "Resource not accessible by integration"
    assert thread.resolved_by is None

    world.sandbox.accept_permissions(world.repository, contents="write")
    with world.scoped() as client:
        body = {"query": RESOLVE, "variables": {"id": thread.node_id}}
        assert client.post("/graphql", json=body).json()["data"]["resolveReviewThread"]["thread"]["isResolved"]
        body["query"] = body["query"].replace("resolveReviewThread", "unresolveReviewThread")
        client.post("/graphql", json=body)
    assert thread.resolved_by is None
    assert [one.action for one in world.sandbox.deliveries][-2:] == ["resolved", "unresolved"]


def test_minimizing(world: World) -> None:
    comment = world.pull.comment("old news")
    mutation = """mutation ($id: ID!) { minimizeComment(input: {subjectId: $id, classifier: OUTDATED}) {
        minimizedComment { isMinimized minimizedReason } } }"""

    answer = world.graphql(mutation, id=comment.node_id)

    assert answer["data"]["minimizeComment"]["minimizedComment"] == {
        "isMinimized": True,
        "minimizedReason": "outdated",
    }
    assert world.graphql(mutation, id="IC_unknown")["errors"][0]["type"] == "NOT_FOUND"


def test_comments_are_edited_and_deleted(world: World) -> None:
    world.review(GOOD)
    [line] = world.pull.review_comments
    plain = world.pull.comment("old news")
    document = """mutation ($line: ID!, $plain: ID!) {
        a: updatePullRequestReviewComment(input: {pullRequestReviewCommentId: $line, body: "new line"}) {
            pullRequestReviewComment { body } }
        b: updateIssueComment(input: {id: $plain, body: "new"}) { issueComment { body } }
        c: updateIssueComment(input: {id: $line, body: "wrong kind"}) { issueComment { body } }
    }"""

    answer = world.graphql(document, line=line.node_id, plain=plain.node_id)

    assert answer["data"]["a"]["pullRequestReviewComment"]["body"] == line.body == "new line"
    assert answer["data"]["b"]["issueComment"]["body"] == plain.body == "new"
    # The others happen all the same.
    assert (answer["data"]["c"], answer["errors"][0]["type"]) == (None, "NOT_FOUND")
    document = """mutation ($line: ID!, $plain: ID!) {
        a: deletePullRequestReviewComment(input: {id: $line}) { clientMutationId }
        b: deleteIssueComment(input: {id: $plain}) { clientMutationId }
    }"""
    assert "errors" not in world.graphql(document, line=line.node_id, plain=plain.node_id)
    assert (world.pull.threads, world.pull.issue_comments) == ([], [])


def test_adding_comments(world: World) -> None:
    mutation = """mutation ($id: ID!, $body: String!) { addComment(input: {subjectId: $id, body: $body}) {
        commentEdge { node { body author { login } } } } }"""

    answer = world.graphql(mutation, id=world.pull.record.node_id, body="hello")
    assert answer["data"]["addComment"]["commentEdge"]["node"] == {"body": "hello", "author": {"login": "dockslim"}}
    refused = world.graphql(mutation, id=world.pull.record.node_id, body="x" * 65_537)
    assert "body is too long" in refused["errors"][0]["message"]


def test_the_log_names_the_operation(world: World) -> None:
    world.graphql("query Who { viewer { login } }")

    [request] = world.sandbox.requests
    assert (request.operation, request.path, request.counted) == ("Who", "/graphql", True)


COMMIT = """
mutation Commit($repository: String!, $branch: String!, $head: GitObjectID!, $contents: Base64String!) {
  createCommitOnBranch(input: {
    branch: {repositoryNameWithOwner: $repository, branchName: $branch}, expectedHeadOid: $head,
    message: {headline: "Shrink it", body: "By a bot"},
    fileChanges: {additions: [{path: "Dockerfile", contents: $contents}]}
  }) { commit { oid message } }
}
"""


def _commit(world: World, **changes: str) -> dict[str, Any]:
    contents = base64.b64encode(b"FROM scratch\n").decode()
    place = {"repository": "acme/shop", "branch": "feature", "head": world.pull.head_sha}
    return world.graphql(COMMIT, contents=contents, **(place | changes))


def test_commit_on_a_branch(world: World) -> None:
    before = world.pull.head_sha
    refused = _commit(world)
    assert refused["errors"][0]["type"] == "FORBIDDEN"
    world.sandbox.accept_permissions(world.repository, contents="write")
    with world.scoped() as client:
        strong = replace(world, bot=client)
        answer = _commit(strong)["data"]["createCommitOnBranch"]["commit"]
        assert answer == {"oid": world.pull.head_sha, "message": "Shrink it\n\nBy a bot"}
        assert world.pull.head_text("Dockerfile") == "FROM scratch\n"
        stale = _commit(strong, head=before)
        assert stale["data"] == {"createCommitOnBranch": None}
        assert [each["type"] for each in stale["errors"]] == ["STALE_DATA"]
        fork = world.sandbox.fork(world.repository, "mallory")
        head = fork.branches["feature"]
        assert _commit(strong, repository=fork.full_name, head=head)["errors"][0]["type"] == "FORBIDDEN"
        assert _commit(strong, repository="acme/none")["errors"][0]["type"] == "NOT_FOUND"
        assert _commit(strong, branch="none")["errors"][0]["type"] == "NOT_FOUND"
        world.repository.protect("feature")
        assert _commit(strong)["errors"][0]["type"] == "BRANCH_PROTECTION_RULE_VIOLATION"
    assert world.pull.head_sha == answer["oid"]


def test_comments_tell_of_edits_and_reactions(world: World) -> None:
    comment = world.pull.comment("hello")
    query = """query($id: ID!) { node(id: $id) { ... on IssueComment {
        lastEditedAt reactionGroups { content viewerHasReacted } } } }"""
    world.bot.post(world.path(f"/issues/comments/{comment.id}/reactions"), json={"content": "eyes"})
    found = world.graphql(query, id=comment.node_id)["data"]["node"]
    assert found["lastEditedAt"] is None
    assert [each["content"] for each in found["reactionGroups"] if each["viewerHasReacted"]] == ["EYES"]
    world.pull.edit_comment(comment, "changed")
    assert world.graphql(query, id=comment.node_id)["data"]["node"]["lastEditedAt"] is not None
