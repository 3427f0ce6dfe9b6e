"""Commits: files put onto a branch whole, where it still ends as it was read."""

from __future__ import annotations

import base64
from collections.abc import Mapping

from bot.github.client import Session
from bot.github.comments import Branch
from bot.github.failures import RefusedError

# The reference API would take a commit upon a head that a force push has taken back: this one compares the whole head.
_MUTATION = """mutation DockslimCommit(
  $repository: String!, $branch: String!, $head: GitObjectID!
  $headline: String!, $body: String!, $files: [FileAddition!]!
) {
  createCommitOnBranch(input: {
    branch: {repositoryNameWithOwner: $repository, branchName: $branch}
    expectedHeadOid: $head
    message: {headline: $headline, body: $body}
    fileChanges: {additions: $files}
  }) { commit { oid } }
}"""


def commit(session: Session, branch: Branch, head_sha: str, message: tuple[str, str], files: Mapping[str, str]) -> str:
    """Commit the texts of files to a branch that ends with `head_sha`, and return the new commit.

    `message` is its headline and its body. Raise RefusedError where GitHub does not take it.
    """
    additions = [
        {"path": path, "contents": base64.b64encode(text.encode()).decode("ascii")} for path, text in files.items()
    ]
    headline, body = message
    variables = {"repository": branch.repository, "branch": branch.name, "head": head_sha, "files": additions}
    answer = session.change(_MUTATION, {**variables, "headline": headline, "body": body})
    return str(answer["createCommitOnBranch"]["commit"]["oid"])


def is_stale(error: RefusedError) -> bool:
    """Tell whether GitHub refuses a commit because its branch has moved."""
    return "Expected branch to point to" in error.message
