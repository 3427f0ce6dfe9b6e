"""What the App is told: one method per webhook event, sent only where the App is installed and subscribed."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from cli.sandbox import payloads
from cli.sandbox.state import (
    Account,
    CheckRun,
    CheckSuite,
    Installation,
    IssueComment,
    Json,
    PullRequest,
    Repository,
    Review,
    ReviewComment,
    Thread,
    World,
    stamp,
)
from cli.sandbox.webhooks import Delivery, Webhooks

# GitHub Docs, "Webhook events and payloads": what an App must be permitted to read to be sent an event.
# Events that are not listed here reach every App.
REQUIRED = {
    "pull_request": ("pull_requests",),
    "pull_request_review": ("pull_requests",),
    "pull_request_review_comment": ("pull_requests",),
    "pull_request_review_thread": ("pull_requests",),
    "issue_comment": ("issues",),
    "check_run": ("checks",),
    "check_suite": ("checks",),
    "push": ("contents",),
}
# Apps with checks:write get these without subscribing (GitHub Docs, "check_run" and "check_suite").
UNASKED = {
    ("check_suite", "requested"),
    ("check_suite", "rerequested"),
    ("check_run", "rerequested"),
    ("check_run", "requested_action"),
}
ALWAYS = {"installation", "installation_repositories", "ping"}


@dataclass(slots=True)
class Events:
    """Announces changes to the App."""

    world: World
    webhooks: Webhooks

    def _reaches(self, installation: Installation, event: str, action: str | None) -> bool:
        if event in ALWAYS:
            return True
        needed = REQUIRED.get(event, ())
        if installation.suspended_at or not all(name in installation.permissions for name in needed):
            return False
        unasked = (event, action) in UNASKED and installation.permissions.get("checks") == "write"
        return unasked or event in installation.events

    def _send(self, event: str, payload: Json, sender: Account, repository: Repository) -> None:
        installation = self.world.installation_for(repository)
        action = payload.get("action")
        if installation is None or not self._reaches(installation, event, action):
            return
        where: Json = {"repository": payloads.repository(self.world, repository)}
        if repository.owner.type == "Organization":
            where["organization"] = _organization(self.world, repository.owner)
        where["sender"] = payloads.account(self.world, sender)
        where["installation"] = {"id": installation.id, "node_id": installation.node_id}
        self._queue(event, action, {**payload, **where}, installation, repository)

    def _queue(
        self,
        event: str,
        action: str | None,
        payload: Json,
        installation: Installation | None,
        repository: Repository | None = None,
    ) -> None:
        body = json.dumps(payload, separators=(",", ":")).encode()
        ids = (installation.id if installation else None, repository.id if repository else None)
        self.webhooks.send(Delivery(event, action, body, *ids))

    def ping(self) -> None:
        """Say that the hook was set up."""
        app = self.world.app
        hook = {"type": "App", "id": app.hook_id, "name": "web", "active": True, "events": list(app.events)}
        self._queue("ping", None, {"zen": "Keep it logically awesome.", "hook_id": app.hook_id, "hook": hook}, None)

    def installation(self, it: Installation, action: str, sender: Account) -> None:
        """Say that the App was installed, removed, suspended or given new permissions."""
        payload: Json = {
            "action": action,
            "installation": payloads.installation(self.world, it),
            "repositories": [payloads.short_repository(one) for one in it.repositories],
            "requester": None,
            "sender": payloads.account(self.world, sender),
        }
        self._queue("installation", action, payload, it)

    def installation_repositories(
        self, it: Installation, added: Iterable[Repository], removed: Iterable[Repository], sender: Account
    ) -> None:
        """Say that repositories were added to or removed from an installation."""
        gained, lost = ([payloads.short_repository(one) for one in many] for many in (added, removed))
        action = "added" if gained else "removed"
        payload: Json = {
            "action": action,
            "installation": payloads.installation(self.world, it),
            "repository_selection": it.selection,
            "repositories_added": gained,
            "repositories_removed": lost,
            "requester": None,
            "sender": payloads.account(self.world, sender),
        }
        self._queue("installation_repositories", action, payload, it)

    def push(self, repository: Repository, ref: str, before: str, after: str, sender: Account, forced: bool) -> None:
        """Say that a ref moved."""
        store = repository.git.store
        gone, fresh = after == "0" * 40, before == "0" * 40
        head = None if gone else store.commit(after)
        payload: Json = {
            "ref": ref,
            "before": before,
            "after": after,
            "created": fresh,
            "deleted": gone,
            "forced": forced,
            "base_ref": None,
            "compare": f"{payloads.html_url(self.world, repository)}/compare/{before[:12]}...{after[:12]}",
            "commits": [],
            "head_commit": None,
            "pusher": {"name": sender.login, "email": f"{sender.login}@users.noreply.github.com"},
        }
        if head is not None:
            payload["head_commit"] = {
                "id": head.oid,
                "tree_id": head.tree,
                "distinct": True,
                "message": head.message,
                "timestamp": stamp(head.committer.when),
                "author": {"name": head.author.name, "email": head.author.email},
                "committer": {"name": head.committer.name, "email": head.committer.email},
            }
            payload["commits"] = [payload["head_commit"]]
        self._send("push", payload, sender, repository)

    def pull_request(self, pull: PullRequest, action: str, sender: Account, **extra: Any) -> None:
        """Say what happened to a pull request."""
        payload: Json = {
            "action": action,
            "number": pull.number,
            "pull_request": payloads.pull(self.world, pull),
            **extra,
        }
        self._send("pull_request", payload, sender, pull.repository)

    def issue_comment(self, comment: IssueComment, action: str, sender: Account, **extra: Any) -> None:
        """Say what happened to a comment in a conversation."""
        payload: Json = {
            "action": action,
            "issue": payloads.issue(self.world, comment.issue),
            "comment": payloads.issue_comment(self.world, comment),
            **extra,
        }
        self._send("issue_comment", payload, sender, comment.issue.repository)

    def review(self, review: Review, action: str, sender: Account) -> None:
        """Say what happened to a review."""
        shown = payloads.review(self.world, review)
        payload: Json = {
            "action": action,
            # Webhooks write the state in small letters, the API in capitals.
            "review": {**shown, "state": review.state.lower()},
            "pull_request": payloads.simple_pull(self.world, review.pull),
        }
        self._send("pull_request_review", payload, sender, review.pull.repository)

    def review_comment(self, comment: ReviewComment, action: str, sender: Account, **extra: Any) -> None:
        """Say what happened to a comment on lines."""
        pull = comment.thread.pull
        payload: Json = {
            "action": action,
            "comment": payloads.review_comment(self.world, comment),
            "pull_request": payloads.simple_pull(self.world, pull),
            **extra,
        }
        self._send("pull_request_review_comment", payload, sender, pull.repository)

    def thread(self, thread: Thread, action: str, sender: Account) -> None:
        """Say that a thread was resolved or not."""
        comments = [payloads.review_comment(self.world, comment) for comment in thread.comments]
        payload: Json = {
            "action": action,
            "thread": {"node_id": thread.node_id, "comments": comments},
            "pull_request": payloads.simple_pull(self.world, thread.pull),
        }
        self._send("pull_request_review_thread", payload, sender, thread.pull.repository)

    def check_run(self, run: CheckRun, action: str, sender: Account, **extra: Any) -> None:
        """Say what happened to a check run."""
        payload: Json = {"action": action, "check_run": payloads.check_run_event(self.world, run), **extra}
        self._send("check_run", payload, sender, run.suite.repository)

    def check_suite(self, suite: CheckSuite, action: str, sender: Account) -> None:
        """Say what happened to a check suite."""
        payload: Json = {"action": action, "check_suite": payloads.check_suite(self.world, suite)}
        self._send("check_suite", payload, sender, suite.repository)


def _organization(world: World, owner: Account) -> Json:
    url = f"{world.url}/orgs/{owner.login}"
    return {
        "login": owner.login,
        "id": owner.id,
        "node_id": owner.node_id,
        "url": url,
        "repos_url": f"{url}/repos",
        "events_url": f"{url}/events",
        "hooks_url": f"{url}/hooks",
        "issues_url": f"{url}/issues",
        "members_url": f"{url}/members{{/member}}",
        "public_members_url": f"{url}/public_members{{/member}}",
        "avatar_url": f"{world.url}/avatars/{owner.id}",
        "description": "",
    }
