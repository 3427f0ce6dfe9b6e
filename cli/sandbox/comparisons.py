"""Three-dot comparisons: what a head adds since it left its base."""

from __future__ import annotations

from dataclasses import dataclass

from cli.sandbox.diffs import Diff, FileChange, diff
from cli.sandbox.git import Commit, ObjectStore, Recent
from cli.sandbox.state import PullRequest


@dataclass(frozen=True, slots=True)
class Comparison:
    """A head against a base, seen from their merge base."""

    base: Commit
    head: Commit
    merge_base: Commit
    ahead: tuple[str, ...]
    behind: int

    @property
    def status(self) -> str:
        """GitHub's word for it."""
        if self.ahead:
            return "diverged" if self.behind else "ahead"
        return "behind" if self.behind else "identical"


_merge_bases: Recent[tuple[str, str], str | None] = Recent(4096)
_ranges: Recent[tuple[str, str], tuple[tuple[str, ...], int]] = Recent(1024)


def merge_base(store: ObjectStore, one: str, other: str) -> str | None:
    """Return the merge base of two commits, remembered."""
    if (one, other) in _merge_bases:
        return _merge_bases[one, other]
    return _merge_bases.remember((one, other), store.merge_base(one, other))


def between(store: ObjectStore, base: str, head: str) -> tuple[tuple[str, ...], int]:
    """Return the commits only in head, oldest first, and the number only in base, remembered."""
    if (base, head) in _ranges:
        return _ranges[base, head]
    return _ranges.remember((base, head), store.between(base, head))


def compare(store: ObjectStore, base: Commit, head: Commit) -> Comparison | None:
    """Compare two commits, or return None when they share no history."""
    common = merge_base(store, base.oid, head.oid)
    found = store.commit(common) if common else None
    if found is None:
        return None
    ahead, behind = between(store, base.oid, head.oid)
    return Comparison(base, head, found, ahead, behind)


def base_tip(pull: PullRequest) -> str:
    """Return the commit that a pull request is compared with.

    The tip of its base branch while it is open; once closed, the tip as it was then.
    """
    tip = pull.repository.branches.get(pull.base_ref) if pull.state == "open" else None
    return tip or pull.base_sha


def pull_base(pull: PullRequest, head: str | None = None) -> str:
    """Return the merge base of a pull request's base and its head (or an earlier head)."""
    tip = base_tip(pull)
    return merge_base(pull.repository.git.store, tip, head or pull.head_sha) or tip


def pull_diff(pull: PullRequest, head: str | None = None) -> Diff:
    """Return the diff that a pull request shows, at its head or at an earlier one."""
    return diff(pull.repository.git.store, pull_base(pull, head), head or pull.head_sha)


def pull_file(pull: PullRequest, path: str, head: str | None = None) -> FileChange | None:
    """Return one file of a pull request's diff."""
    return pull_diff(pull, head).by_path.get(path)


def pull_commits(pull: PullRequest) -> tuple[str, ...]:
    """Return the commits of a pull request, oldest first."""
    return between(pull.repository.git.store, base_tip(pull), pull.head_sha)[0]
