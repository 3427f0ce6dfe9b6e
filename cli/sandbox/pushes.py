"""Branches that move, and what follows from it for pull requests."""

from __future__ import annotations

from cli.sandbox.anchors import settle
from cli.sandbox.checks import open_suite
from cli.sandbox.comparisons import base_tip
from cli.sandbox.git import Contents
from cli.sandbox.site import Site
from cli.sandbox.state import Account, PullRequest, Repository, now

ZERO = "0" * 40


class PushRejectedError(Exception):
    """The branch may not move like that."""


class ProtectedError(PushRejectedError):
    """The branch is protected: it moves by merging reviewed pull requests only."""


def commit(
    site: Site,
    repository: Repository,
    branch: str,
    changes: dict[str, Contents],
    message: str,
    author: Account,
    *,
    parent: str | None = None,
    force: bool = False,
) -> str:
    """Commit changes to a branch, which is created where it is missing, and push it."""
    _check_protection(repository, branch)
    tip = repository.branches.get(branch)
    start = tip
    if parent is not None or tip is None:
        found = repository.commit(parent or repository.default_branch)
        if found is None and parent is not None:
            raise PushRejectedError(f"{repository.full_name} has no commit {parent}")
        start = found.oid if found else None
    if tip is not None and not force and start != tip:
        raise PushRejectedError(f"! [rejected] {branch} (non-fast-forward): use force")
    forced = tip is not None and start != tip
    sha = repository.git.write_commit(
        f"refs/heads/{branch}", [start] if start else [], changes, message, author.signature()
    )
    moved(site, repository, branch, tip, sha, author, forced=forced)
    return sha


def push(site: Site, repository: Repository, branch: str, sha: str, sender: Account, *, force: bool = False) -> None:
    """Point a branch at a commit that exists in the network."""
    _check_protection(repository, branch)
    tip = repository.branches.get(branch)
    fast_forward = tip is None or repository.git.store.is_ancestor(tip, sha)
    if not fast_forward and not force:
        raise PushRejectedError(f"! [rejected] {branch} (non-fast-forward): use force")
    repository.git.set_refs({f"refs/heads/{branch}": sha})
    moved(site, repository, branch, tip, sha, sender, forced=not fast_forward)


def moved(
    site: Site,
    repository: Repository,
    branch: str,
    before: str | None,
    after: str,
    sender: Account,
    *,
    forced: bool,
) -> None:
    """Tell everyone that a branch moved: its pull requests follow, those based on it may be merged by it."""
    if before == after:
        return
    repository.branches[branch] = after
    repository.pushed_at = now()
    followers = [pull for pull in _open(site) if _heads(pull, repository, branch)]
    _record_heads(followers, after)
    site.events.push(repository, f"refs/heads/{branch}", before or ZERO, after, sender, forced)
    open_suite(site, repository, after, branch, sender)
    for pull in followers:
        _synchronize(site, pull, after, sender)
    for pull in _open(site):
        if pull.repository is repository and pull.base_ref == branch:
            _rebase(site, pull, before, sender)


def delete_branch(site: Site, repository: Repository, branch: str, sender: Account) -> None:
    """Delete a branch; pull requests that need it are closed."""
    before = repository.branches.pop(branch)
    repository.git.set_refs({f"refs/heads/{branch}": None})
    site.events.push(repository, f"refs/heads/{branch}", before, ZERO, sender, False)
    for pull in _open(site):
        if _heads(pull, repository, branch) or (pull.repository is repository and pull.base_ref == branch):
            close(site, pull, sender)


def close(site: Site, pull: PullRequest, sender: Account, merged_as: str | None = None) -> None:
    """Close a pull request, merged or not."""
    pull.base_sha = base_tip(pull)
    pull.state = "closed"
    pull.closed_at = pull.updated_at = now()
    if merged_as is not None:
        pull.merged_at, pull.merged_by, pull.merge_commit = pull.closed_at, sender, merged_as
    site.events.pull_request(pull, "closed", sender)


def _check_protection(repository: Repository, branch: str) -> None:
    if branch in repository.protected:
        raise ProtectedError("At least 1 approving review is required by reviewers with write access.")


def _open(site: Site) -> list[PullRequest]:
    return [
        pull for repository in site.world.repositories.values() for pull in repository.pulls if pull.state == "open"
    ]


def _heads(pull: PullRequest, repository: Repository, branch: str) -> bool:
    return pull.head_repository is repository and pull.head_ref == branch


def _record_heads(pulls: list[PullRequest], after: str) -> None:
    for pull in pulls:
        pull.repository.git.set_refs({f"refs/pull/{pull.number}/head": after})


def _synchronize(site: Site, pull: PullRequest, after: str, sender: Account) -> None:
    before, pull.head_sha = pull.head_sha, after
    pull.base_sha = base_tip(pull)
    pull.updated_at = now()
    for thread in pull.threads:
        settle(thread)
    site.events.pull_request(pull, "synchronize", sender, before=before, after=after)


def _rebase(site: Site, pull: PullRequest, before: str | None, sender: Account) -> None:
    tip = base_tip(pull)
    if pull.repository.git.store.is_ancestor(pull.head_sha, tip):
        # GitHub marks a pull request merged once its base branch contains its head.
        close(site, pull, sender, merged_as=tip)
        pull.base_sha = before or tip
        return
    for thread in pull.threads:
        settle(thread)
