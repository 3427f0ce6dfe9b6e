"""The sandbox in Python: what people do on GitHub, for the demo and the tests."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
import weakref
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Literal, Self

from cli.sandbox import checks, conversation, pulls, pushes, repositories, reviews, server, suggestions
from cli.sandbox.auth import Tokens
from cli.sandbox.events import Events
from cli.sandbox.faults import Faults
from cli.sandbox.git import Contents
from cli.sandbox.keys import new_key, public_half
from cli.sandbox.limits import RateLimits
from cli.sandbox.requests import RequestLog
from cli.sandbox.reviews import Verdict
from cli.sandbox.site import Site
from cli.sandbox.state import (
    Account,
    Anchor,
    App,
    CheckRun,
    Installation,
    Issue,
    IssueComment,
    PullRequest,
    Repository,
    Review,
    ReviewComment,
    Role,
    Thread,
    World,
)
from cli.sandbox.webhooks import Webhooks

PERMISSIONS: Mapping[str, str] = {
    "metadata": "read",
    "contents": "read",
    "pull_requests": "write",
    "checks": "write",
    "issues": "read",
}
EVENTS = (
    *("pull_request", "pull_request_review", "pull_request_review_comment", "pull_request_review_thread"),
    *("issue_comment", "check_run", "check_suite", "push"),
)
DELIVERY_SECONDS = 30.0


class SandboxError(Exception):
    """The sandbox was asked for something that cannot be."""


class Sandbox:
    """A GitHub of one's own, with one App registered on it."""

    def __init__(
        self,
        *,
        webhook_url: str | None = None,
        webhook_secret: str = "sandbox-webhook-secret",  # noqa: S107
        app_id: int = 1001,
        slug: str = "dockslim",
        permissions: Mapping[str, str] = PERMISSIONS,
        events: Sequence[str] = EVENTS,
        private_key: str | None = None,
    ) -> None:
        self.private_key = private_key or new_key()
        directory = Path(tempfile.mkdtemp(prefix="sandbox-github-"))
        owner = Account("dockslim-maintainers", "Organization")
        app = App(
            app_id,
            slug,
            slug.replace("-", " ").title() if "-" in slug else slug,
            f"Iv23li{app_id:014d}",
            owner,
            Account(f"{slug}[bot]", "Bot"),
            dict(permissions),
            tuple(events),
            public_half(self.private_key),
            webhook_secret,
            webhook_url,
        )
        world = World(app)
        world.clear()
        faults = Faults()
        webhooks = Webhooks(app, faults)
        self.site = Site(
            directory, world, Events(world, webhooks), webhooks, faults, RequestLog(), Tokens(), RateLimits()
        )
        self._finalizer = weakref.finalize(self, _dispose, self.site)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Stop delivering and delete the repositories; safe to call twice."""
        self._finalizer()

    def reset(self) -> None:
        """Forget everything but the App and the address, as if just started."""
        self.site.reset()

    @contextlib.contextmanager
    def serving(self, port: int = 0, host: str = "127.0.0.1") -> Iterator[str]:
        """Serve over HTTP until the block ends; gives the address."""
        with server.serve(self.site, host, port) as url:
            self.site.world.url = url
            yield url

    @property
    def url(self) -> str:
        """The address at which the sandbox is served."""
        return self.site.world.url

    @property
    def app_id(self) -> int:
        """The App's number."""
        return self.site.world.app.id

    @property
    def client_id(self) -> str:
        """The App's client ID."""
        return self.site.world.app.client_id

    @property
    def bot(self) -> str:
        """The login under which the App acts."""
        return self.site.world.app.bot.login

    @property
    def webhook_secret(self) -> str:
        """What deliveries are signed with."""
        return self.site.world.app.webhook_secret

    @property
    def webhook_url(self) -> str | None:
        """Where deliveries go; None records them without sending."""
        return self.site.world.app.webhook_url

    @webhook_url.setter
    def webhook_url(self, url: str | None) -> None:
        self.site.world.app.webhook_url = url

    @property
    def faults(self) -> Faults:
        """The failures that are switched on."""
        return self.site.faults

    @property
    def requests(self) -> RequestLog:
        """Every API request since the last `clear()`."""
        return self.site.requests

    @property
    def deliveries(self) -> Webhooks:
        """Every webhook delivery, oldest first."""
        return self.site.webhooks

    def wait_until_delivered(self, timeout: float = DELIVERY_SECONDS) -> None:
        """Wait until every queued webhook was delivered, or failed."""
        if not self.site.webhooks.wait(timeout):
            raise SandboxError(f"webhooks were still under way after {timeout} s")

    def create_repository(
        self,
        full_name: str,
        files: Mapping[str, Contents],
        *,
        private: bool = False,
        owner: Literal["Organization", "User"] = "Organization",
        install: bool = True,
    ) -> RepositoryHandle:
        """Create a repository with one commit on main, and install the App on it."""
        with self.site.world.lock:
            created = repositories.create(self.site, full_name, files, private=private, owner=owner)
            if install:
                repositories.install(self.site, created)
            return RepositoryHandle(self, created)

    def repository(self, full_name: str) -> RepositoryHandle:
        """Return a repository by its name."""
        found = self.site.world.repository(full_name)
        if found is None:
            raise SandboxError(f"there is no {full_name}")
        return RepositoryHandle(self, found)

    def install(self, repository: RepositoryHandle, permissions: Mapping[str, str] | None = None) -> Installation:
        """Install the App on a repository, or add the repository to its owner's installation."""
        with self.site.world.lock:
            return repositories.install(self.site, repository.record, permissions)

    def uninstall(self, repository: RepositoryHandle) -> None:
        """Remove a repository from its owner's installation."""
        with self.site.world.lock:
            repositories.uninstall(self.site, repository.record)

    def installation(self, repository: RepositoryHandle) -> Installation:
        """Return the installation that includes a repository."""
        found = self.site.world.installation_for(repository.record)
        if found is None:
            raise SandboxError(f"the App is not installed on {repository.full_name}")
        return found

    def accept_permissions(self, repository: RepositoryHandle, **permissions: str) -> None:
        """Change what the installation of a repository may do; "none" takes a permission away."""
        with self.site.world.lock:
            repositories.accept_permissions(self.site, self.installation(repository), permissions)

    def suspend(self, repository: RepositoryHandle, *, suspended: bool = True) -> None:
        """Suspend the installation of a repository, or end that."""
        with self.site.world.lock:
            repositories.suspend(self.site, self.installation(repository), suspended=suspended)

    def fork(self, repository: RepositoryHandle, login: str, name: str | None = None) -> RepositoryHandle:
        """Fork a repository into someone's account; the App is not installed there."""
        with self.site.world.lock:
            owner = self.site.world.account(login)
            return RepositoryHandle(self, repositories.fork(self.site, repository.record, owner, name))

    def open_pull_request(
        self,
        repository: RepositoryHandle,
        head: str | tuple[RepositoryHandle, str],
        base: str = "main",
        *,
        title: str = "Change the image",
        body: str | None = None,
        author: str = "alice",
        draft: bool = False,
        maintainer_can_modify: bool = True,
    ) -> PullRequestHandle:
        """Open a pull request from a branch, or from a fork's branch."""
        where, branch = (repository, head) if isinstance(head, str) else head
        with self.site.world.lock:
            record = pulls.open_pull(
                self.site,
                repository.record,
                where.record,
                branch,
                base,
                title=title,
                body=body,
                author=self.site.world.account(author),
                draft=draft,
                maintainer_can_modify=maintainer_can_modify,
            )
            return PullRequestHandle(self, record)

    def set_permission(self, repository: RepositoryHandle, login: str, role: Role) -> None:
        """Give someone a role on a repository; "none" takes them off."""
        with self.site.world.lock:
            repositories.set_role(self.site, repository.record, login, role)

    def user_token(self, login: str) -> str:
        """Hand out a personal access token, to act over HTTP as a person."""
        return self.site.tokens.issue_user(self.site.world.account(login))

    def expire_tokens(self) -> None:
        """Let every installation token end now."""
        self.site.tokens.expire()

    def set_rate_limit(self, requests: int, resource: str = "core") -> None:
        """Change the hourly allowance of every caller."""
        self.site.limits.allowances[resource] = requests

    def redeliver(self, delivery_id: int) -> None:
        """Send a delivery again, with the same GUID."""
        found = self.site.webhooks.find(delivery_id)
        if found is None:
            raise SandboxError(f"there is no delivery {delivery_id}")
        self.site.webhooks.send(found.again())

    def ping(self) -> None:
        """Send the `ping` event."""
        self.site.events.ping()


@dataclass(frozen=True, slots=True)
class RepositoryHandle:
    """One repository, and what people do with it."""

    sandbox: Sandbox
    record: Repository

    @property
    def full_name(self) -> str:
        """Owner and name."""
        return self.record.full_name

    @property
    def id(self) -> int:
        """The number of the repository."""
        return self.record.id

    @property
    def path(self) -> Path:
        """The bare repository on disk, which git can clone."""
        return self.record.git.directory

    @property
    def url(self) -> str:
        """The address of its page."""
        return f"{self.sandbox.url}/{self.full_name}"

    @property
    def branches(self) -> dict[str, str]:
        """The branches and their commits."""
        return dict(self.record.branches)

    def commit(
        self,
        branch: str,
        files: Mapping[str, Contents],
        message: str = "Change files",
        *,
        author: str = "alice",
        parent: str | None = None,
        force: bool = False,
    ) -> str:
        """Commit files to a branch and push: the branch is created where it is missing.

        The commit stands on the branch, or on `parent` (then an existing branch needs `force`). Whoever
        pushes is taken to have write access unless `set_permission` said otherwise.
        """
        site = self.sandbox.site
        with site.world.lock:
            account = site.world.account(author)
            self.record.collaborators.setdefault(account.login, "write")
            if not self.record.allows(account.login, "write"):
                raise SandboxError(f"{author} cannot push to {self.full_name}")
            return pushes.commit(site, self.record, branch, dict(files), message, account, parent=parent, force=force)

    def push(self, branch: str, commit: str, *, author: str = "alice", force: bool = False) -> None:
        """Point a branch at an existing commit."""
        site = self.sandbox.site
        with site.world.lock:
            pushes.push(site, self.record, branch, commit, site.world.account(author), force=force)

    def delete_branch(self, branch: str, *, author: str = "alice") -> None:
        """Delete a branch."""
        site = self.sandbox.site
        with site.world.lock:
            pushes.delete_branch(site, self.record, branch, site.world.account(author))

    def protect(self, branch: str) -> None:
        """Let nobody push to a branch any more."""
        self.record.protected.add(branch)

    def tag(self, name: str, commit: str) -> None:
        """Tag a commit."""
        with self.sandbox.site.world.lock:
            self.record.tags[name] = commit
            self.record.git.set_refs({f"refs/tags/{name}": commit})

    def text(self, path: str, ref: str | None = None) -> str:
        """Return a file as it is at a ref."""
        commit = self.record.commit(ref or self.record.default_branch)
        data = self.record.git.store.file(commit.oid, path) if commit else None
        if data is None:
            raise SandboxError(f"{self.full_name} has no {path} at {ref or self.record.default_branch}")
        return data.decode()

    def open_issue(self, title: str, body: str | None = None, author: str = "alice") -> IssueHandle:
        """Open an issue that is not a pull request."""
        site = self.sandbox.site
        with site.world.lock:
            opened = conversation.open_issue(site, self.record, title, body, site.world.account(author))
            return IssueHandle(self.sandbox, opened)

    def pull_request(self, number: int) -> PullRequestHandle:
        """Return a pull request by its number."""
        found = self.record.pull(number)
        if found is None:
            raise SandboxError(f"{self.full_name} has no pull request {number}")
        return PullRequestHandle(self.sandbox, found)

    def delete(self) -> None:
        """Delete this fork: pull requests from it lose their head repository."""
        if self.record.parent is None:
            raise SandboxError(f"{self.full_name} is not a fork")
        with self.sandbox.site.world.lock:
            repositories.forget_fork(self.sandbox.site, self.record)


@dataclass(frozen=True, slots=True)
class IssueHandle:
    """One issue."""

    sandbox: Sandbox
    record: Issue

    @property
    def number(self) -> int:
        """Its number, from the sequence it shares with pull requests."""
        return self.record.number

    @property
    def comments(self) -> list[IssueComment]:
        """Its comments, oldest first."""
        return list(self.record.comments.values())

    def comment(self, body: str, author: str = "alice") -> IssueComment:
        """Comment on it."""
        site = self.sandbox.site
        with site.world.lock:
            return conversation.comment(site, self.record, site.world.account(author), body)


@dataclass(frozen=True, slots=True)
class PullRequestHandle:
    """One pull request, and what people do with it."""

    sandbox: Sandbox
    record: PullRequest

    @property
    def number(self) -> int:
        """Its number."""
        return self.record.number

    @property
    def repository(self) -> RepositoryHandle:
        """The repository it is to be merged into."""
        return RepositoryHandle(self.sandbox, self.record.repository)

    @property
    def url(self) -> str:
        """The address of its page."""
        return f"{self.repository.url}/pull/{self.number}"

    @property
    def state(self) -> Literal["open", "closed"]:
        """Whether it is open."""
        return self.record.state

    @property
    def head_sha(self) -> str:
        """The newest commit."""
        return self.record.head_sha

    @property
    def base_sha(self) -> str:
        """The commit of the base branch that it was last compared with."""
        return self.record.base_sha

    @property
    def reviews(self) -> list[Review]:
        """The submitted reviews, oldest first."""
        return self.record.submitted()

    @property
    def review_comments(self) -> list[ReviewComment]:
        """The comments on lines, oldest first."""
        return self.record.review_comments()

    @property
    def threads(self) -> list[Thread]:
        """The conversations on lines, oldest first."""
        return list(self.record.threads)

    @property
    def issue_comments(self) -> list[IssueComment]:
        """The comments in the conversation, oldest first."""
        return list(self.record.comments.values())

    @property
    def check_runs(self) -> list[CheckRun]:
        """The check runs on the newest commit, oldest first."""
        suite = self.record.repository.suites.get(self.head_sha)
        return list(suite.runs) if suite else []

    def head_text(self, path: str) -> str:
        """Return a file as it is at the head."""
        return self.repository.text(path, self.head_sha)

    def _site(self) -> Site:
        return self.sandbox.site

    def _account(self, login: str) -> Account:
        return self.sandbox.site.world.account(login)

    def comment(self, body: str, author: str = "alice") -> IssueComment:
        """Comment in the conversation."""
        with self._site().world.lock:
            return conversation.comment(self._site(), self.record, self._account(author), body)

    def edit_comment(self, comment: IssueComment, body: str, author: str = "alice") -> None:
        """Edit a comment of the conversation."""
        with self._site().world.lock:
            conversation.edit(self._site(), comment, body, self._account(author))

    def delete_comment(self, comment: IssueComment | ReviewComment, author: str = "alice") -> None:
        """Delete a comment, of the conversation or on lines."""
        with self._site().world.lock:
            if isinstance(comment, ReviewComment):
                reviews.delete_comment(self._site(), comment, self._account(author))
            else:
                conversation.delete(self._site(), comment, self._account(author))

    def review(self, body: str, author: str = "bob", event: Verdict = "COMMENT") -> Review:
        """Review as a person would; for comments on lines see `comment_on`."""
        with self._site().world.lock:
            return reviews.create_review(self._site(), self.record, self._account(author), body=body, event=event)

    def comment_on(
        self, path: str, line: int, body: str, author: str = "bob", *, start_line: int | None = None
    ) -> ReviewComment:
        """Comment on lines of the new side of the diff."""
        draft = reviews.Draft(body, Anchor(path, line, "RIGHT", start_line))
        with self._site().world.lock:
            return reviews.create_comment(self._site(), self.record, self._account(author), draft, None)

    def reply(self, comment_id: int, body: str, author: str = "alice") -> ReviewComment:
        """Answer a comment on lines."""
        with self._site().world.lock:
            found = self._comment(comment_id)
            top = found.thread.comments[0]
            return reviews.reply(self._site(), top, self._account(author), body)

    def resolve(self, comment_id: int, author: str = "alice", *, resolved: bool = True) -> None:
        """Resolve the thread that a comment belongs to, or open it again."""
        with self._site().world.lock:
            thread, by = self._comment(comment_id).thread, self._account(author)
            reviews.resolve(self._site(), thread, by if resolved else None, by)

    def edit_review_comment(self, comment: ReviewComment, body: str, author: str = "alice") -> None:
        """Edit a comment on lines."""
        with self._site().world.lock:
            reviews.edit_comment(self._site(), comment, body, self._account(author))

    def _comment(self, comment_id: int) -> ReviewComment:
        for comment in self.record.review_comments():
            if comment.id == comment_id:
                return comment
        raise SandboxError(f"#{self.number} has no review comment {comment_id}")

    def apply_suggestion(self, comment_id: int, author: str = "alice") -> str:
        """Press "Commit suggestion" and return the new commit."""
        return self.apply_suggestions([comment_id], author)

    def apply_suggestions(self, comment_ids: Sequence[int], author: str = "alice") -> str:
        """Commit several suggestions as one batch and return the new commit."""
        with self._site().world.lock:
            comments = [self._comment(one) for one in comment_ids]
            return suggestions.apply(self._site(), comments, self._account(author))

    def rerequest(self, run: CheckRun, author: str = "alice") -> None:
        """Press "Re-run" on a check run."""
        with self._site().world.lock:
            checks.rerequest_run(self._site(), run, self._account(author))

    def rerequest_all(self, author: str = "alice") -> None:
        """Press "Re-run all checks"."""
        with self._site().world.lock:
            suite = checks.suite_for(self._site(), self.record.repository, self.head_sha)
            checks.rerequest_suite(self._site(), suite, self._account(author))

    def press(self, run: CheckRun, identifier: str, author: str = "alice") -> None:
        """Press a button that a check run offers."""
        with self._site().world.lock:
            checks.request_action(self._site(), run, identifier, self._account(author))

    def close(self, author: str = "alice") -> None:
        """Close it without merging."""
        with self._site().world.lock:
            if self.record.state == "open":
                pushes.close(self._site(), self.record, self._account(author))

    def reopen(self, author: str = "alice") -> None:
        """Open it again."""
        with self._site().world.lock:
            pulls.reopen(self._site(), self.record, self._account(author))

    def merge(self, author: str = "alice") -> str:
        """Merge it with a merge commit."""
        with self._site().world.lock:
            return pulls.merge(self._site(), self.record, self._account(author))

    def mark_ready(self, author: str = "alice") -> None:
        """Mark a draft ready for review."""
        with self._site().world.lock:
            pulls.set_draft(self._site(), self.record, False, self._account(author))

    def convert_to_draft(self, author: str = "alice") -> None:
        """Turn it into a draft."""
        with self._site().world.lock:
            pulls.set_draft(self._site(), self.record, True, self._account(author))

    def change_base(self, base: str, author: str = "alice") -> None:
        """Compare it with another branch."""
        with self._site().world.lock:
            pulls.edit(self._site(), self.record, self._account(author), base=base)

    def edit(self, *, title: str | None = None, body: str | None = None, author: str = "alice") -> None:
        """Change its title or description."""
        with self._site().world.lock:
            pulls.edit(self._site(), self.record, self._account(author), title=title, body=body)


def _dispose(site: Site) -> None:
    site.webhooks.close()
    site.close_stores()
    shutil.rmtree(site.directory, ignore_errors=True)
