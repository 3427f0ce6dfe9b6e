"""The JSON that GitHub makes of the facts, for REST answers and webhooks alike."""

from __future__ import annotations

import base64
from collections import Counter
from collections.abc import Iterable
from urllib.parse import quote

from cli.sandbox.comparisons import Comparison, pull_commits, pull_diff
from cli.sandbox.diffs import FileChange
from cli.sandbox.git import Commit, Signature
from cli.sandbox.state import (
    Account,
    Annotation,
    CheckRun,
    CheckSuite,
    Comment,
    Installation,
    Issue,
    IssueComment,
    Json,
    PullRequest,
    Reaction,
    Repository,
    Review,
    ReviewComment,
    World,
    node_id,
    stamp,
)
from cli.sandbox.webhooks import Delivery

REACTIONS = ("+1", "-1", "laugh", "confused", "heart", "hooray", "eyes", "rocket")

_ACCOUNT_LINKS = {
    "followers_url": "/followers",
    "following_url": "/following{/other_user}",
    "gists_url": "/gists{/gist_id}",
    "starred_url": "/starred{/owner}{/repo}",
    "subscriptions_url": "/subscriptions",
    "organizations_url": "/orgs",
    "repos_url": "/repos",
    "events_url": "/events{/privacy}",
    "received_events_url": "/received_events",
}

_REPOSITORY_LINKS = {
    "archive_url": "/{archive_format}{/ref}",
    "assignees_url": "/assignees{/user}",
    "blobs_url": "/git/blobs{/sha}",
    "branches_url": "/branches{/branch}",
    "collaborators_url": "/collaborators{/collaborator}",
    "comments_url": "/comments{/number}",
    "commits_url": "/commits{/sha}",
    "compare_url": "/compare/{base}...{head}",
    "contents_url": "/contents/{+path}",
    "contributors_url": "/contributors",
    "deployments_url": "/deployments",
    "downloads_url": "/downloads",
    "events_url": "/events",
    "forks_url": "/forks",
    "git_commits_url": "/git/commits{/sha}",
    "git_refs_url": "/git/refs{/sha}",
    "git_tags_url": "/git/tags{/sha}",
    "hooks_url": "/hooks",
    "issue_comment_url": "/issues/comments{/number}",
    "issue_events_url": "/issues/events{/number}",
    "issues_url": "/issues{/number}",
    "keys_url": "/keys{/key_id}",
    "labels_url": "/labels{/name}",
    "languages_url": "/languages",
    "merges_url": "/merges",
    "milestones_url": "/milestones{/number}",
    "notifications_url": "/notifications{?since,all,participating}",
    "pulls_url": "/pulls{/number}",
    "releases_url": "/releases{/id}",
    "stargazers_url": "/stargazers",
    "statuses_url": "/statuses/{sha}",
    "subscribers_url": "/subscribers",
    "subscription_url": "/subscription",
    "tags_url": "/tags",
    "teams_url": "/teams",
    "trees_url": "/git/trees{/sha}",
}


def api_url(world: World, repository: Repository) -> str:
    """Return a repository's address in the API."""
    return f"{world.url}/repos/{repository.full_name}"


def html_url(world: World, repository: Repository) -> str:
    """Return a repository's address in a browser."""
    return f"{world.url}/{repository.full_name}"


def pull_url(world: World, pull: Issue) -> str:
    """Return a pull request's (or issue's) address in a browser."""
    kind = "pull" if isinstance(pull, PullRequest) else "issues"
    return f"{html_url(world, pull.repository)}/{kind}/{pull.number}"


def account(world: World, who: Account) -> Json:
    """Describe an account."""
    url = f"{world.url}/users/{quote(who.login)}"
    return {
        "login": who.login,
        "id": who.id,
        "node_id": who.node_id,
        "avatar_url": f"{world.url}/avatars/{who.id}",
        "gravatar_id": "",
        "url": url,
        "html_url": f"{world.url}/apps/{who.slug}" if who.is_bot else f"{world.url}/{who.login}",
        **{name: url + suffix for name, suffix in _ACCOUNT_LINKS.items()},
        "type": who.type,
        "user_view_type": "public",
        "site_admin": False,
    }


def app(world: World) -> Json:
    """Describe the App."""
    it = world.app
    return {
        "id": it.id,
        "client_id": it.client_id,
        "slug": it.slug,
        "node_id": node_id("A", it.id),
        "owner": account(world, it.owner),
        "name": it.name,
        "description": "",
        "external_url": f"{world.url}/apps/{it.slug}",
        "html_url": f"{world.url}/apps/{it.slug}",
        "created_at": stamp(it.created_at),
        "updated_at": stamp(it.created_at),
        "permissions": dict(it.permissions),
        "events": list(it.events),
    }


def installation(world: World, it: Installation) -> Json:
    """Describe an installation."""
    return {
        "id": it.id,
        "client_id": world.app.client_id,
        "account": account(world, it.account),
        "repository_selection": it.selection,
        "access_tokens_url": f"{world.url}/app/installations/{it.id}/access_tokens",
        "repositories_url": f"{world.url}/installation/repositories",
        "html_url": f"{world.url}/settings/installations/{it.id}",
        "app_id": world.app.id,
        "app_slug": world.app.slug,
        "target_id": it.account.id,
        "target_type": it.account.type,
        "permissions": dict(it.permissions),
        "events": list(it.events),
        "created_at": stamp(it.created_at),
        "updated_at": stamp(it.updated_at),
        "single_file_name": None,
        "has_multiple_single_files": False,
        "single_file_paths": [],
        "suspended_by": None,
        "suspended_at": stamp(it.suspended_at),
    }


def short_repository(repository: Repository) -> Json:
    """Describe a repository as installation events do."""
    return {
        "id": repository.id,
        "node_id": repository.node_id,
        "name": repository.name,
        "full_name": repository.full_name,
        "private": repository.private,
    }


def repository(world: World, it: Repository) -> Json:
    """Describe a repository in full."""
    api, html = api_url(world, it), html_url(world, it)
    opened = sum(issue.state == "open" for issue in it.issues.values())
    value: Json = {
        **short_repository(it),
        "owner": account(world, it.owner),
        "html_url": html,
        "description": it.description,
        "fork": it.parent is not None,
        "url": api,
        **{name: api + suffix for name, suffix in _REPOSITORY_LINKS.items()},
        "git_url": f"git:{html.partition(':')[2]}.git",
        "ssh_url": f"git@{world.url.partition('//')[2]}:{it.full_name}.git",
        "clone_url": f"{html}.git",
        "svn_url": html,
        "mirror_url": None,
        "homepage": None,
        "language": "Dockerfile",
        "license": None,
        "size": 0,
        "forks": len(it.forks),
        "forks_count": len(it.forks),
        "network_count": len(it.forks),
        "stargazers_count": 0,
        "subscribers_count": 0,
        "watchers": 0,
        "watchers_count": 0,
        "open_issues": opened,
        "open_issues_count": opened,
        "default_branch": it.default_branch,
        "has_issues": True,
        "has_projects": True,
        "has_wiki": True,
        "has_pages": False,
        "has_downloads": True,
        "has_discussions": False,
        "archived": False,
        "disabled": False,
        "is_template": False,
        "web_commit_signoff_required": False,
        "topics": [],
        "allow_forking": True,
        "visibility": "private" if it.private else "public",
        "pushed_at": stamp(it.pushed_at),
        "created_at": stamp(it.created_at),
        "updated_at": stamp(it.pushed_at),
        "use_squash_pr_title_as_default": False,
    }
    return value


def full_repository(world: World, it: Repository) -> Json:
    """Describe a repository as its own endpoint does: with its parent."""
    value = repository(world, it)
    if it.parent is not None:
        value["parent"] = value["source"] = repository(world, it.parent)
    return value


def association(repository: Repository, who: Account) -> str:
    """Return someone's `author_association`, which is for display only."""
    if who is repository.owner:
        return "OWNER"
    if who.login in repository.collaborators:
        return "MEMBER" if repository.owner.type == "Organization" else "COLLABORATOR"
    merged = any(pull.author is who and pull.merged_at for pull in repository.pulls)
    return "CONTRIBUTOR" if merged else "NONE"


def _branch(world: World, label: str, ref: str, sha: str, it: Repository | None, owner: Account) -> Json:
    return {
        "label": label,
        "ref": ref,
        "sha": sha,
        "user": account(world, owner),
        "repo": repository(world, it) if it else None,
    }


def simple_pull(world: World, pull: PullRequest) -> Json:
    """Describe a pull request as lists do."""
    api, html = api_url(world, pull.repository), pull_url(world, pull)
    url, issue = f"{api}/pulls/{pull.number}", f"{api}/issues/{pull.number}"
    statuses = f"{api}/statuses/{pull.head_sha}"
    owner = pull.head_owner or world.account("ghost")
    base = pull.repository.owner
    return {
        "url": url,
        "id": pull.id,
        "node_id": pull.node_id,
        "html_url": html,
        "diff_url": f"{html}.diff",
        "patch_url": f"{html}.patch",
        "issue_url": issue,
        "number": pull.number,
        "state": pull.state,
        "locked": False,
        "title": pull.title,
        "user": account(world, pull.author),
        "body": pull.body,
        "created_at": stamp(pull.created_at),
        "updated_at": stamp(pull.updated_at),
        "closed_at": stamp(pull.closed_at),
        "merged_at": stamp(pull.merged_at),
        "merge_commit_sha": pull.merge_commit,
        "assignee": None,
        "assignees": [],
        "requested_reviewers": [],
        "requested_teams": [],
        "labels": [],
        "milestone": None,
        "draft": pull.draft,
        "commits_url": f"{url}/commits",
        "review_comments_url": f"{url}/comments",
        "review_comment_url": f"{api}/pulls/comments{{/number}}",
        "comments_url": f"{issue}/comments",
        "statuses_url": statuses,
        "head": _branch(world, pull.label, pull.head_ref, pull.head_sha, pull.head_repository, owner),
        "base": _branch(world, f"{base.login}:{pull.base_ref}", pull.base_ref, pull.base_sha, pull.repository, base),
        "_links": {
            "self": {"href": url},
            "html": {"href": html},
            "issue": {"href": issue},
            "comments": {"href": f"{issue}/comments"},
            "review_comments": {"href": f"{url}/comments"},
            "review_comment": {"href": f"{api}/pulls/comments{{/number}}"},
            "commits": {"href": f"{url}/commits"},
            "statuses": {"href": statuses},
        },
        "author_association": association(pull.repository, pull.author),
        "auto_merge": None,
        "active_lock_reason": None,
    }


def pull(world: World, it: PullRequest) -> Json:
    """Describe a pull request in full."""
    diff = pull_diff(it)
    state = {True: "clean", False: "dirty", None: "unknown"}[it.mergeable]
    return {
        **simple_pull(world, it),
        "merged": it.merged_at is not None,
        "mergeable": it.mergeable,
        "rebaseable": it.mergeable,
        "mergeable_state": "draft" if it.draft and it.mergeable else state,
        "merged_by": account(world, it.merged_by) if it.merged_by else None,
        "comments": len(it.comments),
        "review_comments": len(it.review_comments()),
        "maintainer_can_modify": it.maintainer_can_modify,
        "commits": len(pull_commits(it)),
        "additions": diff.additions,
        "deletions": diff.deletions,
        "changed_files": len(diff.files),
    }


def file_change(world: World, it: Repository, change: FileChange, head: str) -> Json:
    """Describe one file of a diff."""
    path = quote(change.path)
    value: Json = {
        "sha": change.oid,
        "filename": change.path,
        "status": change.status,
        "additions": change.additions,
        "deletions": change.deletions,
        "changes": change.additions + change.deletions,
        "blob_url": f"{html_url(world, it)}/blob/{head}/{path}",
        "raw_url": f"{html_url(world, it)}/raw/{head}/{path}",
        "contents_url": f"{api_url(world, it)}/contents/{path}?ref={head}",
    }
    if change.previous_path is not None:
        value["previous_filename"] = change.previous_path
    if change.patch is not None:
        value["patch"] = change.patch
    return value


def _signature(it: Signature) -> Json:
    return {"name": it.name, "email": it.email, "date": stamp(it.when)}


def commit(world: World, it: Repository, found: Commit) -> Json:
    """Describe a commit."""
    api, html = api_url(world, it), html_url(world, it)
    known = {who: world.accounts.get(who.lower()) for who in (found.author.name, found.committer.name)}
    author, committer = known[found.author.name], known[found.committer.name]
    return {
        "sha": found.oid,
        "node_id": f"C_{found.oid}",
        "commit": {
            "author": _signature(found.author),
            "committer": _signature(found.committer),
            "message": found.message,
            "tree": {"sha": found.tree, "url": f"{api}/git/trees/{found.tree}"},
            "url": f"{api}/git/commits/{found.oid}",
            "comment_count": 0,
            "verification": {
                "verified": False,
                "reason": "unsigned",
                "signature": None,
                "payload": None,
                "verified_at": None,
            },
        },
        "url": f"{api}/commits/{found.oid}",
        "html_url": f"{html}/commit/{found.oid}",
        "comments_url": f"{api}/commits/{found.oid}/comments",
        "author": account(world, author) if author else None,
        "committer": account(world, committer) if committer else None,
        "parents": [
            {"sha": parent, "url": f"{api}/commits/{parent}", "html_url": f"{html}/commit/{parent}"}
            for parent in found.parents
        ],
    }


def comparison(world: World, it: Repository, found: Comparison, commits: Iterable[Commit]) -> Json:
    """Describe a comparison, without its files."""
    api, html = api_url(world, it), html_url(world, it)
    spec = f"{found.base.oid}...{found.head.oid}"
    owner = it.owner.login
    permalink = f"{html}/compare/{owner}:{found.base.oid[:7]}...{owner}:{found.head.oid[:7]}"
    return {
        "url": f"{api}/compare/{spec}",
        "html_url": f"{html}/compare/{spec}",
        "permalink_url": permalink,
        "diff_url": f"{html}/compare/{spec}.diff",
        "patch_url": f"{html}/compare/{spec}.patch",
        "base_commit": commit(world, it, found.base),
        "merge_base_commit": commit(world, it, found.merge_base),
        "status": found.status,
        "ahead_by": len(found.ahead),
        "behind_by": found.behind,
        "total_commits": len(found.ahead),
        "commits": [commit(world, it, one) for one in commits],
    }


def blob(world: World, it: Repository, oid: str, data: bytes) -> Json:
    """Describe a blob with its contents."""
    return {
        "sha": oid,
        "node_id": f"B_{oid}",
        "size": len(data),
        "url": f"{api_url(world, it)}/git/blobs/{oid}",
        "content": base64.encodebytes(data).decode(),
        "encoding": "base64",
    }


def content(world: World, it: Repository, path: str, ref: str, kind: str, oid: str, size: int) -> Json:
    """Describe a path, without its contents."""
    api, html = api_url(world, it), html_url(world, it)
    quoted = quote(path)
    place = "tree" if kind == "dir" else "blob"
    url = f"{api}/contents/{quoted}?ref={quote(ref, safe='')}"
    git = f"{api}/git/{place}s/{oid}"
    page = f"{html}/{place}/{quote(ref, safe='')}/{quoted}"
    raw = f"{html}/raw/{quote(ref, safe='')}/{quoted}" if kind in {"file", "symlink"} else None
    return {
        "name": path.rpartition("/")[2],
        "path": path,
        "sha": oid,
        "size": size,
        "url": url,
        "html_url": page,
        "git_url": git,
        "download_url": raw,
        "type": kind,
        "_links": {"self": url, "git": git, "html": page},
    }


def reaction(world: World, it: Reaction) -> Json:
    """Describe a reaction."""
    return {
        "id": it.id,
        "node_id": node_id("REA", it.id),
        "user": account(world, it.user),
        "content": it.content,
        "created_at": stamp(it.created_at),
    }


def _reactions(url: str, reactions: list[Reaction]) -> Json:
    counts = Counter(reaction.content for reaction in reactions)
    return {
        "url": f"{url}/reactions",
        "total_count": len(reactions),
        **{content: counts[content] for content in REACTIONS},
    }


def _comment(world: World, it: Comment, where: Repository, url: str) -> Json:
    return {
        "url": url,
        "id": it.id,
        "user": account(world, it.author),
        "created_at": stamp(it.created_at),
        "updated_at": stamp(it.updated_at),
        "body": it.body,
        "author_association": association(where, it.author),
        "reactions": _reactions(url, it.reactions),
    }


def _via_app(world: World, author: Account) -> Json:
    return {"performed_via_github_app": app(world) if author is world.app.bot else None}


def issue_comment(world: World, it: IssueComment) -> Json:
    """Describe a comment in a conversation."""
    api = api_url(world, it.issue.repository)
    return {
        **_comment(world, it, it.issue.repository, f"{api}/issues/comments/{it.id}"),
        "node_id": it.node_id,
        "html_url": f"{pull_url(world, it.issue)}#issuecomment-{it.id}",
        "issue_url": f"{api}/issues/{it.issue.number}",
        **_via_app(world, it.author),
    }


def issue(world: World, it: Issue) -> Json:
    """Describe an issue, or a pull request as the issue that it is."""
    api = api_url(world, it.repository)
    url = f"{api}/issues/{it.number}"
    html = pull_url(world, it)
    value: Json = {
        "url": url,
        "repository_url": api,
        "labels_url": f"{url}/labels{{/name}}",
        "comments_url": f"{url}/comments",
        "events_url": f"{url}/events",
        "html_url": html,
        "id": it.id,
        "node_id": it.node_id,
        "number": it.number,
        "title": it.title,
        "user": account(world, it.author),
        "labels": [],
        "state": it.state,
        "locked": False,
        "assignee": None,
        "assignees": [],
        "milestone": None,
        "comments": len(it.comments),
        "created_at": stamp(it.created_at),
        "updated_at": stamp(it.updated_at),
        "closed_at": stamp(it.closed_at),
        "author_association": association(it.repository, it.author),
        "active_lock_reason": None,
        "body": it.body,
        "reactions": _reactions(url, it.reactions),
        "timeline_url": f"{url}/timeline",
        "state_reason": None,
        **_via_app(world, it.author),
    }
    if isinstance(it, PullRequest):
        value["draft"] = it.draft
        value["pull_request"] = {
            "url": f"{api}/pulls/{it.number}",
            "html_url": html,
            "diff_url": f"{html}.diff",
            "patch_url": f"{html}.patch",
            "merged_at": stamp(it.merged_at),
        }
    return value


def review(world: World, it: Review) -> Json:
    """Describe a review; one that is pending has no `submitted_at`."""
    url = f"{api_url(world, it.pull.repository)}/pulls/{it.pull.number}"
    html = f"{pull_url(world, it.pull)}#pullrequestreview-{it.id}"
    value: Json = {
        "id": it.id,
        "node_id": it.node_id,
        "user": account(world, it.author),
        "body": it.body,
        "state": it.state,
        "html_url": html,
        "pull_request_url": url,
        "author_association": association(it.pull.repository, it.author),
        "_links": {"html": {"href": html}, "pull_request": {"href": url}},
        "commit_id": it.commit,
    }
    return {**value, "submitted_at": stamp(it.submitted_at)} if it.submitted_at else value


def review_comment(world: World, it: ReviewComment) -> Json:
    """Describe a comment on lines; those of an outdated one are null, its `original_` ones stay."""
    thread = it.thread
    api = api_url(world, thread.pull.repository)
    url, pull_api = f"{api}/pulls/comments/{it.id}", f"{api}/pulls/{thread.pull.number}"
    html = f"{pull_url(world, thread.pull)}#discussion_r{it.id}"
    was, current = thread.original, thread.current
    value: Json = {
        **_comment(world, it, thread.pull.repository, url),
        "pull_request_review_id": it.review.id,
        "node_id": it.node_id,
        "diff_hunk": thread.diff_hunk,
        "path": (current or was).path,
        "commit_id": thread.commit,
        "original_commit_id": thread.original_commit,
        "html_url": html,
        "pull_request_url": pull_api,
        "_links": {"self": {"href": url}, "html": {"href": html}, "pull_request": {"href": pull_api}},
        "start_line": current.start_line if current else None,
        "original_start_line": was.start_line,
        "start_side": was.start_side,
        "line": current.line if current else None,
        "original_line": was.line,
        "side": was.side,
        "position": thread.position,
        "original_position": thread.original_position,
        "subject_type": thread.subject,
    }
    return {**value, "in_reply_to_id": it.in_reply_to.id} if it.in_reply_to else value


def legacy_review_comment(world: World, it: ReviewComment) -> Json:
    """Describe a comment as the list of one review's comments does: by position, without lines."""
    value = review_comment(world, it)
    dropped = {
        *("line", "original_line", "start_line", "original_start_line", "start_side", "side"),
        "subject_type",
    }
    return {name: part for name, part in value.items() if name not in dropped}


def _pull_reference(world: World, it: PullRequest) -> Json:
    head = it.head_repository or it.repository
    return {
        "url": f"{api_url(world, it.repository)}/pulls/{it.number}",
        "id": it.id,
        "number": it.number,
        "head": {"ref": it.head_ref, "sha": it.head_sha, "repo": _reference(world, head)},
        "base": {"ref": it.base_ref, "sha": it.base_sha, "repo": _reference(world, it.repository)},
    }


def _reference(world: World, it: Repository) -> Json:
    return {"id": it.id, "url": api_url(world, it), "name": it.name}


def _pulls_at(world: World, it: CheckSuite) -> list[Json]:
    # GitHub Docs, "Check runs": `pull_requests` is empty when the head is in a fork.
    return [
        _pull_reference(world, pull)
        for pull in it.repository.pulls
        if pull.state == "open" and pull.head_sha == it.head_sha and not pull.is_cross_repository
    ]


def check_suite(world: World, it: CheckSuite) -> Json:
    """Describe a check suite."""
    api = api_url(world, it.repository)
    found = it.repository.git.store.commit(it.head_sha)
    return {
        "id": it.id,
        "node_id": it.node_id,
        "head_branch": it.head_branch,
        "head_sha": it.head_sha,
        "status": it.status,
        "conclusion": it.conclusion,
        "url": f"{api}/check-suites/{it.id}",
        "before": found.parents[0] if found and found.parents else None,
        "after": it.head_sha,
        "pull_requests": _pulls_at(world, it),
        "app": app(world),
        "created_at": stamp(it.created_at),
        "updated_at": stamp(it.updated_at),
        "rerequestable": True,
        "runs_rerequestable": True,
        "latest_check_runs_count": len(it.runs),
        "check_runs_url": f"{api}/check-suites/{it.id}/check-runs",
        "head_commit": _head_commit(found),
    }


def listed_check_suite(world: World, it: CheckSuite) -> Json:
    """Describe a check suite as REST does: with its repository."""
    return {**check_suite(world, it), "repository": repository(world, it.repository)}


def _head_commit(found: Commit | None) -> Json | None:
    if found is None:
        return None
    return {
        "id": found.oid,
        "tree_id": found.tree,
        "message": found.message,
        "timestamp": stamp(found.committer.when),
        "author": {"name": found.author.name, "email": found.author.email},
        "committer": {"name": found.committer.name, "email": found.committer.email},
    }


def check_run(world: World, it: CheckRun) -> Json:
    """Describe a check run."""
    where = it.suite.repository
    url = f"{api_url(world, where)}/check-runs/{it.id}"
    html = f"{html_url(world, where)}/runs/{it.id}"
    return {
        "id": it.id,
        "name": it.name,
        "node_id": it.node_id,
        "head_sha": it.head_sha,
        "external_id": it.external_id,
        "url": url,
        "html_url": html,
        "details_url": it.details_url or html,
        "status": it.status,
        "conclusion": it.conclusion,
        "started_at": stamp(it.started_at),
        "completed_at": stamp(it.completed_at),
        "output": {
            "title": it.title,
            "summary": it.summary,
            "text": it.text,
            "annotations_count": len(it.annotations),
            "annotations_url": f"{url}/annotations",
        },
        "check_suite": {"id": it.suite.id},
        "app": app(world),
        "pull_requests": _pulls_at(world, it.suite),
    }


def check_run_event(world: World, it: CheckRun) -> Json:
    """Describe a check run as webhooks do: with its suite."""
    suite = check_suite(world, it.suite)
    return {**check_run(world, it), "check_suite": suite, "deployment": None}


def annotation(world: World, it: CheckRun, one: Annotation) -> Json:
    """Describe one annotation."""
    return {
        "path": one.path,
        "blob_href": f"{api_url(world, it.suite.repository)}/contents/{quote(one.path)}?ref={it.head_sha}",
        "start_line": one.start_line,
        "start_column": one.start_column,
        "end_line": one.end_line,
        "end_column": one.end_column,
        "annotation_level": one.annotation_level,
        "title": one.title,
        "message": one.message,
        "raw_details": one.raw_details,
    }


def delivery(it: Delivery) -> Json:
    """Describe a webhook delivery as the log lists it."""
    return {
        "id": it.id,
        "guid": it.guid,
        "delivered_at": stamp(it.delivered_at),
        "redelivery": it.redelivery,
        "duration": it.duration,
        "status": it.status,
        "status_code": it.status_code,
        "event": it.event,
        "action": it.action,
        "installation_id": it.installation_id,
        "repository_id": it.repository_id,
        "throttled_at": None,
    }


def full_delivery(it: Delivery) -> Json:
    """Describe a webhook delivery with what was sent and answered."""
    return {
        **delivery(it),
        "url": it.url or "",
        "request": {"headers": it.request_headers, "payload": it.payload},
        "response": {"headers": it.response_headers, "payload": it.response_body},
    }
