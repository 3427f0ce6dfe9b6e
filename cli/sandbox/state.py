"""The facts the sandbox remembers: accounts, repositories, pull requests and what was said on them."""

from __future__ import annotations

import base64
import itertools
import struct
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

from cli.sandbox.diffs import Side
from cli.sandbox.git import BareRepository, Commit, Signature

Json = dict[str, Any]
Role = Literal["admin", "maintain", "write", "triage", "read", "none"]
Permissions = Mapping[str, str]
Subject = Literal["line", "file"]

ROLES: tuple[Role, ...] = ("none", "read", "triage", "write", "maintain", "admin")

_ids = {kind: itertools.count(start) for kind, start in {"small": 1001, "large": 1_700_000_001}.items()}


def now() -> datetime:
    """The time, to the second: GitHub's timestamps have no fractions."""
    return datetime.now(UTC).replace(microsecond=0)


def stamp(when: datetime | None) -> str | None:
    """Write a time as GitHub does."""
    return when.strftime("%Y-%m-%dT%H:%M:%SZ") if when else None


def new_id(kind: Literal["small", "large"] = "large") -> int:
    """Return a number never given before."""
    return next(_ids[kind])


def node_id(prefix: str, number: int) -> str:
    """Write a global node ID in GitHub's newer form."""
    return f"{prefix}_kwDO{base64.urlsafe_b64encode(struct.pack('>Q', number)).decode().rstrip('=')}"


@dataclass(eq=False, slots=True)
class Account:
    """A user, an organization, or a bot."""

    login: str
    type: Literal["User", "Organization", "Bot"]
    id: int = field(default_factory=lambda: new_id("small"))

    @property
    def node_id(self) -> str:
        """The global ID."""
        return node_id({"User": "U", "Organization": "O", "Bot": "BOT"}[self.type], self.id)

    @property
    def is_bot(self) -> bool:
        """Whether an App acts under this name."""
        return self.type == "Bot"

    @property
    def slug(self) -> str:
        """The login as GraphQL gives it: a bot's without "[bot]"."""
        return self.login.removesuffix("[bot]")

    def signature(self) -> Signature:
        """Sign a commit made now."""
        return Signature(self.login, f"{self.id}+{self.login}@users.noreply.github.com", now())


@dataclass(eq=False, slots=True)
class Reaction:
    """An emoji on a comment."""

    user: Account
    content: str
    id: int = field(default_factory=new_id)
    created_at: datetime = field(default_factory=now)


@dataclass(eq=False, slots=True)
class Comment:
    """What comments on issues and on lines have in common."""

    author: Account
    body: str
    id: int = field(default_factory=new_id, kw_only=True)
    created_at: datetime = field(default_factory=now, kw_only=True)
    updated_at: datetime = field(default_factory=now, kw_only=True)
    edited_at: datetime | None = field(default=None, kw_only=True)
    minimized: str | None = field(default=None, kw_only=True)
    reactions: list[Reaction] = field(default_factory=list, kw_only=True)


@dataclass(eq=False, slots=True)
class IssueComment(Comment):
    """A comment in the conversation of an issue or pull request."""

    issue: Issue

    @property
    def node_id(self) -> str:
        """The global ID."""
        return node_id("IC", self.id)


@dataclass(eq=False, slots=True)
class Issue:
    """An issue; every pull request is one."""

    repository: Repository
    number: int
    title: str
    body: str | None
    author: Account
    state: Literal["open", "closed"] = "open"
    id: int = field(default_factory=new_id)
    created_at: datetime = field(default_factory=now)
    updated_at: datetime = field(default_factory=now)
    closed_at: datetime | None = None
    comments: dict[int, IssueComment] = field(default_factory=dict)
    reactions: list[Reaction] = field(default_factory=list)

    @property
    def node_id(self) -> str:
        """The global ID."""
        return node_id("PR" if isinstance(self, PullRequest) else "I", self.id)


@dataclass(frozen=True, slots=True)
class Anchor:
    """The lines a comment is about; no line at all when it is about the whole file."""

    path: str
    line: int | None = None
    side: Side = "RIGHT"
    start_line: int | None = None
    start_side: Side | None = None


@dataclass(eq=False, slots=True)
class Thread:
    """A conversation about some lines: where it began, and where those lines are now (None: outdated)."""

    pull: PullRequest
    original: Anchor
    original_commit: str
    diff_hunk: str
    subject: Subject
    current: Anchor | None
    commit: str
    position: int | None = None
    original_position: int | None = None
    comments: list[ReviewComment] = field(default_factory=list)
    resolved_by: Account | None = None
    id: int = field(default_factory=new_id)

    @property
    def node_id(self) -> str:
        """The global ID."""
        return node_id("PRRT", self.id)

    @property
    def is_outdated(self) -> bool:
        """Whether the lines are no longer part of the diff."""
        return self.current is None


@dataclass(eq=False, slots=True)
class ReviewComment(Comment):
    """A comment on lines of the diff."""

    review: Review
    thread: Thread
    in_reply_to: ReviewComment | None = None

    @property
    def node_id(self) -> str:
        """The global ID."""
        return node_id("PRRC", self.id)


@dataclass(eq=False, slots=True)
class Review:
    """A review with the comments that were posted in it."""

    pull: PullRequest
    author: Account
    body: str
    state: Literal["APPROVED", "CHANGES_REQUESTED", "COMMENTED", "PENDING", "DISMISSED"]
    commit: str
    submitted_at: datetime | None
    comments: list[ReviewComment] = field(default_factory=list)
    minimized: str | None = None
    id: int = field(default_factory=new_id)
    created_at: datetime = field(default_factory=now)

    @property
    def node_id(self) -> str:
        """The global ID."""
        return node_id("PRR", self.id)


@dataclass(eq=False, slots=True)
class PullRequest(Issue):
    """A pull request."""

    base_ref: str = ""
    base_sha: str = ""
    head_ref: str = ""
    head_sha: str = ""
    head_owner: Account | None = None
    head_repository: Repository | None = None
    draft: bool = False
    maintainer_can_modify: bool = False
    merged_at: datetime | None = None
    merged_by: Account | None = None
    merge_commit: str | None = None
    mergeable: bool | None = None
    mergeable_for: tuple[str, str] | None = None
    threads: list[Thread] = field(default_factory=list)
    reviews: list[Review] = field(default_factory=list)

    @property
    def is_cross_repository(self) -> bool:
        """Whether the head is, or was, in a fork."""
        return self.head_repository is not self.repository

    @property
    def label(self) -> str:
        """The head as owner:branch."""
        return f"{self.head_owner.login if self.head_owner else 'unknown'}:{self.head_ref}"

    def review_comments(self, viewer: Account | None = None) -> list[ReviewComment]:
        """Every submitted comment in order of creation, with the viewer's own pending ones."""
        comments = (comment for thread in self.threads for comment in thread.comments)
        seen = (c for c in comments if c.review.state != "PENDING" or c.author is viewer)
        return sorted(seen, key=lambda comment: comment.id)

    def submitted(self, viewer: Account | None = None) -> list[Review]:
        """Every submitted review, with the viewer's own pending one."""
        return [review for review in self.reviews if review.state != "PENDING" or review.author is viewer]


@dataclass(frozen=True, slots=True)
class Annotation:
    """One remark of a check run on a file."""

    path: str
    start_line: int
    end_line: int
    annotation_level: str
    message: str
    start_column: int | None = None
    end_column: int | None = None
    title: str | None = None
    raw_details: str | None = None


@dataclass(frozen=True, slots=True)
class Action:
    """A button on a check run."""

    label: str
    description: str
    identifier: str


@dataclass(eq=False, slots=True)
class CheckSuite:
    """All check runs of the App on one commit."""

    repository: Repository
    head_sha: str
    head_branch: str | None
    runs: list[CheckRun] = field(default_factory=list)
    rerequested: bool = False
    id: int = field(default_factory=new_id)
    created_at: datetime = field(default_factory=now)
    updated_at: datetime = field(default_factory=now)

    @property
    def node_id(self) -> str:
        """The global ID."""
        return node_id("CS", self.id)

    @property
    def status(self) -> str:
        """What is still to do."""
        if self.rerequested or not self.runs:
            return "queued"
        return "completed" if all(run.status == "completed" for run in self.runs) else "in_progress"

    @property
    def conclusion(self) -> str | None:
        """The worst of its runs, once all have ended."""
        order = (
            *("failure", "timed_out", "action_required", "cancelled", "stale"),
            *("success", "neutral", "skipped"),
        )
        ended = {run.conclusion for run in self.runs}
        return next((c for c in order if c in ended), None) if self.status == "completed" else None


@dataclass(eq=False, slots=True)
class CheckRun:
    """A check run."""

    suite: CheckSuite
    name: str
    status: str = "queued"
    conclusion: str | None = None
    external_id: str = ""
    details_url: str = ""
    started_at: datetime | None = None
    completed_at: datetime | None = None
    title: str | None = None
    summary: str | None = None
    text: str | None = None
    annotations: list[Annotation] = field(default_factory=list)
    actions: tuple[Action, ...] = ()
    id: int = field(default_factory=new_id)

    @property
    def node_id(self) -> str:
        """The global ID."""
        return node_id("CR", self.id)

    @property
    def head_sha(self) -> str:
        """The commit that was checked."""
        return self.suite.head_sha


@dataclass(eq=False, slots=True)
class Repository:
    """A repository: its refs here and in git, its issues and pull requests, its people."""

    owner: Account
    name: str
    private: bool
    git: BareRepository
    parent: Repository | None = None
    description: str | None = None
    default_branch: str = "main"
    branches: dict[str, str] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    protected: set[str] = field(default_factory=set)
    collaborators: dict[str, Role] = field(default_factory=dict)
    issues: dict[int, Issue] = field(default_factory=dict)
    suites: dict[str, CheckSuite] = field(default_factory=dict)
    forks: list[Repository] = field(default_factory=list)
    id: int = field(default_factory=new_id)
    created_at: datetime = field(default_factory=now)
    pushed_at: datetime = field(default_factory=now)

    @property
    def full_name(self) -> str:
        """Owner and name."""
        return f"{self.owner.login}/{self.name}"

    @property
    def node_id(self) -> str:
        """The global ID."""
        return node_id("R", self.id)

    @property
    def pulls(self) -> Iterator[PullRequest]:
        """The pull requests, oldest first."""
        return (issue for issue in self.issues.values() if isinstance(issue, PullRequest))

    def pull(self, number: int) -> PullRequest | None:
        """Return a pull request by its number."""
        found = self.issues.get(number)
        return found if isinstance(found, PullRequest) else None

    def role(self, login: str) -> Role:
        """Return what someone may do: everyone may read what is public."""
        if login == self.owner.login:
            return "admin"
        return self.collaborators.get(login) or ("none" if self.private else "read")

    def allows(self, login: str, needed: Role) -> bool:
        """Say whether someone has at least a role."""
        return ROLES.index(self.role(login)) >= ROLES.index(needed)

    def refs(self) -> dict[str, str]:
        """Every ref by its full name."""
        return {
            **{f"refs/heads/{name}": oid for name, oid in self.branches.items()},
            **{f"refs/tags/{name}": oid for name, oid in self.tags.items()},
            **{f"refs/pull/{pull.number}/head": pull.head_sha for pull in self.pulls},
            **{
                f"refs/pull/{pull.number}/merge": pull.merge_commit
                for pull in self.pulls
                if pull.merge_commit and pull.mergeable and not pull.merged_at
            },
        }

    def commit(self, ref: str) -> Commit | None:
        """Resolve a branch, a tag, a full ref name or an object id to its commit.

        Ids of the whole fork network resolve: GitHub shares objects between a repository and its forks.
        """
        oid = self.branches.get(ref) or self.tags.get(ref)
        if oid is None and "/" in ref:
            refs = self.refs()
            oid = refs.get(ref) or refs.get(f"refs/{ref}")
        if oid is None and ref == "HEAD":
            oid = self.branches.get(self.default_branch)
        return self.git.store.commit(oid or ref)


@dataclass(eq=False, slots=True)
class Installation:
    """The App on one account: the permissions that were accepted and the repositories that were chosen."""

    account: Account
    permissions: dict[str, str]
    events: tuple[str, ...]
    repositories: list[Repository] = field(default_factory=list)
    selection: Literal["all", "selected"] = "selected"
    id: int = field(default_factory=lambda: new_id("small") + 50_000_000)
    created_at: datetime = field(default_factory=now)
    updated_at: datetime = field(default_factory=now)
    suspended_at: datetime | None = None

    @property
    def node_id(self) -> str:
        """The global ID."""
        return node_id("MDIzOkludGVncmF0aW9uSW5zdGFsbGF0aW9u", self.id)


Node = Issue | IssueComment | Review | ReviewComment | Thread | CheckRun | CheckSuite | Repository
"""What the global node ID of a request may lead to."""


@dataclass(eq=False, slots=True)
class App:
    """The App under test, as it is registered."""

    id: int
    slug: str
    name: str
    client_id: str
    owner: Account
    bot: Account
    permissions: dict[str, str]
    events: tuple[str, ...]
    public_key: str
    webhook_secret: str
    webhook_url: str | None = None
    hook_id: int = field(default_factory=lambda: new_id("small"))
    created_at: datetime = field(default_factory=now)


@dataclass(eq=False, slots=True)
class World:
    """Everything, behind one lock: whoever reads or writes more than one fact holds it."""

    app: App
    url: str = "http://127.0.0.1"
    lock: threading.RLock = field(default_factory=threading.RLock)
    accounts: dict[str, Account] = field(default_factory=dict)
    repositories: dict[str, Repository] = field(default_factory=dict)
    installations: dict[int, Installation] = field(default_factory=dict)
    nodes: dict[str, Node] = field(default_factory=dict)

    def remember(self, *things: Node) -> None:
        """Make things findable by their global ID."""
        self.nodes.update({thing.node_id: thing for thing in things})

    def forget(self, *things: Node) -> None:
        """Undo `remember`."""
        for thing in things:
            self.nodes.pop(thing.node_id, None)

    def clear(self) -> None:
        """Forget all but the App."""
        for facts in (self.accounts, self.repositories, self.installations, self.nodes):
            facts.clear()
        self.accounts[self.app.bot.login.lower()] = self.app.bot

    def account(self, login: str, kind: Literal["User", "Organization", "Bot"] = "User") -> Account:
        """Return an account, opened on first use; no person's login has brackets."""
        opened = Account(login, "Bot" if login.endswith("[bot]") else kind)
        return self.accounts.setdefault(login.lower(), opened)

    def repository(self, full_name: str) -> Repository | None:
        """Return a repository by its full name, in any case."""
        return self.repositories.get(full_name.lower())

    def installation_for(self, repository: Repository) -> Installation | None:
        """Return the installation that includes a repository."""
        candidates = self.installations.values()
        return next((one for one in candidates if repository in one.repositories), None)
