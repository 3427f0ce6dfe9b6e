"""Pull requests, their files and commits."""

from __future__ import annotations

from cli.sandbox import payloads
from cli.sandbox.answers import Answer, field_error, not_found, unprocessable
from cli.sandbox.comparisons import pull_base, pull_commits, pull_diff
from cli.sandbox.diffs import diff_text
from cli.sandbox.merges import consider
from cli.sandbox.pulls import edit, merge, open_pull, reopen
from cli.sandbox.pushes import close
from cli.sandbox.rest.repositories import ROOT, check_diff_size
from cli.sandbox.rest.routing import READ_CONTENTS, READ_PULLS, WRITE_CONTENTS, WRITE_PULLS, Call, Endpoint
from cli.sandbox.state import PullRequest

# GitHub Docs, "List pull requests files": a maximum of 3,000 files, "List commits": of 250 commits.
LISTED_FILES = 3000
LISTED_COMMITS = 250


def list_pulls(call: Call) -> Answer:
    """GET /repos/{owner}/{repo}/pulls."""
    state = call.query.get("state", "open")
    head, base = call.query.get("head"), call.query.get("base")
    found = [
        pull
        for pull in call.repository.pulls
        if state in {"all", pull.state} and (not head or pull.label == head) and (not base or pull.base_ref == base)
    ]
    newest_first = call.query.get("direction", "desc") == "desc"
    found.sort(key=lambda pull: pull.number, reverse=newest_first)
    return call.page(found, lambda pull: payloads.simple_pull(call.site.world, pull))


def create_pull(call: Call) -> Answer:
    """POST /repos/{owner}/{repo}/pulls."""
    fields = call.fields()
    owner, _, branch = fields.required("head").rpartition(":")
    heads = [call.repository, *call.repository.forks]
    head = next((one for one in heads if not owner or one.owner.login == owner), None)
    if head is None:
        raise unprocessable(field_error("PullRequest", "head", "invalid"))
    pull = open_pull(
        call.site,
        call.repository,
        head,
        branch,
        fields.required("base"),
        title=fields.required("title"),
        body=fields.text("body"),
        author=call.actor,
        draft=fields.flag("draft") or False,
    )
    return Answer(payloads.pull(call.site.world, pull), 201)


def get_pull(call: Call) -> Answer:
    """GET /repos/{owner}/{repo}/pulls/{number}."""
    pull = call.pull
    if call.accepts("diff"):
        check_diff_size(pull_diff(pull))
        text = diff_text(pull.repository.git.store, pull_base(pull), pull.head_sha)
        return Answer(text.encode(), media_type="application/vnd.github.diff; charset=utf-8")
    consider(pull)
    return Answer(payloads.pull(call.site.world, pull))


def update_pull(call: Call) -> Answer:
    """PATCH /repos/{owner}/{repo}/pulls/{number}."""
    pull, fields = call.pull, call.fields("title", "body", "state", "base", "maintainer_can_modify")
    state = fields.choice("state", ("open", "closed"))
    words = {name: fields.text(name) for name in ("title", "body", "base") if name in fields}
    edit(call.site, pull, call.actor, **words)
    if state == "closed" and pull.state == "open":
        close(call.site, pull, call.actor)
    elif state == "open" and pull.state == "closed":
        reopen(call.site, pull, call.actor)
    return Answer(payloads.pull(call.site.world, pull))


def list_files(call: Call) -> Answer:
    """GET /repos/{owner}/{repo}/pulls/{number}/files."""
    pull, world = call.pull, call.site.world
    files = pull_diff(pull).files
    return call.page(
        files,
        lambda file: payloads.file_change(world, pull.repository, file, pull.head_sha),
        most=LISTED_FILES,
    )


def list_commits(call: Call) -> Answer:
    """GET /repos/{owner}/{repo}/pulls/{number}/commits."""
    pull, store = call.pull, call.repository.git.store
    found = [commit for commit in map(store.commit, pull_commits(pull)) if commit is not None]
    return call.page(
        found,
        lambda commit: payloads.commit(call.site.world, pull.repository, commit),
        most=LISTED_COMMITS,
    )


def pulls_of_commit(call: Call) -> Answer:
    """GET /repos/{owner}/{repo}/commits/{ref}/pulls."""
    commit = call.commit(call.parameters["ref"])
    found = [pull for pull in call.repository.pulls if _contains(pull, commit.oid)]
    return call.page(found, lambda pull: payloads.simple_pull(call.site.world, pull))


def _contains(pull: PullRequest, oid: str) -> bool:
    return pull.head_sha == oid or (pull.state == "open" and oid in pull_commits(pull))


def merge_pull(call: Call) -> Answer:
    """PUT /repos/{owner}/{repo}/pulls/{number}/merge."""
    sha = merge(call.site, call.pull, call.actor)
    return Answer({"sha": sha, "merged": True, "message": "Pull Request successfully merged"})


def is_merged(call: Call) -> Answer:
    """GET /repos/{owner}/{repo}/pulls/{number}/merge."""
    if call.pull.merged_at is None:
        raise not_found()
    return Answer(b"", 204)


ENDPOINTS = (
    Endpoint("GET", f"{ROOT}/pulls", list_pulls, (READ_PULLS,)),
    Endpoint("POST", f"{ROOT}/pulls", create_pull, (WRITE_PULLS,)),
    Endpoint("GET", f"{ROOT}/pulls/{{number}}", get_pull, (READ_PULLS,)),
    Endpoint("PATCH", f"{ROOT}/pulls/{{number}}", update_pull, (WRITE_PULLS,)),
    Endpoint("GET", f"{ROOT}/pulls/{{number}}/files", list_files, (READ_PULLS,)),
    Endpoint("GET", f"{ROOT}/pulls/{{number}}/commits", list_commits, (READ_PULLS,)),
    Endpoint("GET", f"{ROOT}/pulls/{{number}}/merge", is_merged, (READ_CONTENTS,)),
    Endpoint("PUT", f"{ROOT}/pulls/{{number}}/merge", merge_pull, (WRITE_CONTENTS,)),
    Endpoint("GET", f"{ROOT}/commits/{{ref*}}/pulls", pulls_of_commit, (READ_PULLS,)),
)
