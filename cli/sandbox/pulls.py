"""Pull requests: opening, editing and merging them."""

from __future__ import annotations

from cli.sandbox.anchors import settle
from cli.sandbox.answers import RefusedError, field_error, unprocessable
from cli.sandbox.comparisons import base_tip, between, merge_base
from cli.sandbox.conversation import next_number
from cli.sandbox.merges import merge_trees
from cli.sandbox.pushes import moved
from cli.sandbox.site import Site
from cli.sandbox.state import Account, PullRequest, Repository, now


def open_pull(
    site: Site,
    repository: Repository,
    head_repository: Repository,
    head: str,
    base: str,
    *,
    title: str,
    body: str | None,
    author: Account,
    draft: bool = False,
    maintainer_can_modify: bool = True,
) -> PullRequest:
    """Open a pull request from a branch of the repository or of one of its forks."""
    head_sha, base_sha = head_repository.branches.get(head), repository.branches.get(base)
    if head_sha is None:
        raise unprocessable(field_error("PullRequest", "head", "invalid"))
    if base_sha is None:
        raise unprocessable(field_error("PullRequest", "base", "invalid"))
    store = repository.git.store
    if merge_base(store, base_sha, head_sha) is None:
        raise _custom(f"The {head} branch has no history in common with {base}")
    if not between(store, base_sha, head_sha)[0]:
        raise _custom(f"No commits between {base} and {head}")
    label = f"{head_repository.owner.login}:{head}"
    if any(p.state == "open" and p.label == label and p.base_ref == base for p in repository.pulls):
        raise _custom(f"A pull request already exists for {label}.")
    pull = PullRequest(
        repository,
        next_number(repository),
        title,
        body,
        author,
        base_ref=base,
        base_sha=base_sha,
        head_ref=head,
        head_sha=head_sha,
        head_owner=head_repository.owner,
        head_repository=head_repository,
        draft=draft,
        maintainer_can_modify=maintainer_can_modify and head_repository is not repository,
    )
    repository.issues[pull.number] = pull
    repository.git.set_refs({f"refs/pull/{pull.number}/head": head_sha})
    site.world.remember(pull)
    site.events.pull_request(pull, "opened", author)
    return pull


def reopen(site: Site, pull: PullRequest, sender: Account) -> None:
    """Open a closed pull request again."""
    tip = pull.head_repository.branches.get(pull.head_ref) if pull.head_repository else None
    if pull.merged_at or tip is None or pull.base_ref not in pull.repository.branches:
        raise _custom("state cannot be changed. The head or base branch was deleted, or it was merged.")
    if tip != pull.head_sha and not pull.repository.git.store.is_ancestor(pull.head_sha, tip):
        raise _custom("state cannot be changed. The branch was force-pushed or recreated.")
    pull.state, pull.closed_at, pull.head_sha = "open", None, tip
    pull.base_sha, pull.updated_at = base_tip(pull), now()
    pull.repository.git.set_refs({f"refs/pull/{pull.number}/head": tip})
    for thread in pull.threads:
        settle(thread)
    site.events.pull_request(pull, "reopened", sender)


def set_draft(site: Site, pull: PullRequest, draft: bool, sender: Account) -> None:
    """Turn a draft into a pull request that is ready for review, or back."""
    if pull.draft != draft:
        pull.draft, pull.updated_at = draft, now()
        site.events.pull_request(pull, "converted_to_draft" if draft else "ready_for_review", sender)


def edit(
    site: Site,
    pull: PullRequest,
    sender: Account,
    *,
    title: str | None = None,
    body: str | None = None,
    base: str | None = None,
) -> None:
    """Change the title, the body or the base branch."""
    changes: dict[str, dict[str, object]] = {}
    if title is not None and title != pull.title:
        changes["title"] = {"from": pull.title}
        pull.title = title
    if body is not None and body != pull.body:
        changes["body"] = {"from": pull.body}
        pull.body = body
    if base is not None and base != pull.base_ref:
        if base not in pull.repository.branches:
            raise unprocessable(field_error("PullRequest", "base", "invalid"))
        changes["base"] = {"ref": {"from": pull.base_ref}, "sha": {"from": pull.base_sha}}
        pull.base_ref = base
        pull.base_sha = base_tip(pull)
        for thread in pull.threads:
            settle(thread)
    if changes:
        pull.updated_at = now()
        site.events.pull_request(pull, "edited", sender, changes=changes)


def merge(site: Site, pull: PullRequest, sender: Account) -> str:
    """Merge with a merge commit and return it."""
    repository, tip = pull.repository, base_tip(pull)
    tree = merge_trees(repository.git.store, tip, pull.head_sha)
    if pull.state != "open" or pull.draft or tree is None:
        raise RefusedError(405, "Pull Request is not mergeable")
    message = f"Merge pull request #{pull.number} from {pull.label.replace(':', '/')}\n\n{pull.title}"
    ref = f"refs/heads/{pull.base_ref}"
    sha = repository.git.write_commit(ref, (tip, pull.head_sha), {}, message, sender.signature(), tree)
    # Moving the base branch onto the merge commit is what marks the pull request merged.
    moved(site, repository, pull.base_ref, tip, sha, sender, forced=False)
    return sha


def _custom(message: str) -> RefusedError:
    return unprocessable(field_error("PullRequest", "base", "custom", message))
