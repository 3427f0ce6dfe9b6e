"""Comments in conversations, reactions, and hiding."""

from __future__ import annotations

from cli.sandbox.reviews import check_body
from cli.sandbox.site import Site
from cli.sandbox.state import Account, Issue, IssueComment, Reaction, Repository, now


def open_issue(site: Site, repository: Repository, title: str, body: str | None, author: Account) -> Issue:
    """Open an issue that is not a pull request."""
    issue = Issue(repository, next_number(repository), title, body, author)
    repository.issues[issue.number] = issue
    site.world.remember(issue)
    return issue


def next_number(repository: Repository) -> int:
    """Return the number that the next issue or pull request gets: they share one sequence."""
    return max(repository.issues, default=0) + 1


def comment(site: Site, issue: Issue, author: Account, body: str) -> IssueComment:
    """Comment on an issue or pull request."""
    check_body(body, "IssueComment")
    created = IssueComment(author, body, issue)
    issue.comments[created.id] = created
    issue.updated_at = now()
    site.world.remember(created)
    site.events.issue_comment(created, "created", author)
    return created


def edit(site: Site, it: IssueComment, body: str, sender: Account) -> None:
    """Replace what a comment says."""
    check_body(body, "IssueComment")
    before, it.body = it.body, body
    it.updated_at = it.edited_at = now()
    site.events.issue_comment(it, "edited", sender, changes={"body": {"from": before}})


def delete(site: Site, it: IssueComment, sender: Account) -> None:
    """Delete a comment."""
    site.events.issue_comment(it, "deleted", sender)
    del it.issue.comments[it.id]
    site.world.forget(it)


def react(reactions: list[Reaction], user: Account, content: str) -> tuple[Reaction, bool]:
    """Add a reaction; one that stands already is returned instead (GitHub answers 200, not 201)."""
    for known in reactions:
        if known.user is user and known.content == content:
            return known, False
    added = Reaction(user, content)
    reactions.append(added)
    return added, True
