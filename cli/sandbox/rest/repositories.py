"""`/repos/{owner}/{repo}`: itself, its commits, comparisons, refs and people."""

from __future__ import annotations

from cli.sandbox import payloads
from cli.sandbox.answers import Answer, RefusedError, not_found
from cli.sandbox.comparisons import compare
from cli.sandbox.diffs import EMPTY_TREE, PATCH_LINES, Diff, FileChange, diff, diff_text
from cli.sandbox.rest.routing import READ_CONTENTS, READ_METADATA, Call, Endpoint
from cli.sandbox.state import Json

# GitHub Docs, "Compare two commits": up to 300 files, all of them on the first page, and 250 commits.
COMPARED_FILES = 300
COMPARED_COMMITS = 250


def get_repository(call: Call) -> Answer:
    """GET /repos/{owner}/{repo}."""
    return Answer(payloads.full_repository(call.site.world, call.repository))


def get_permission(call: Call) -> Answer:
    """GET /repos/{owner}/{repo}/collaborators/{login}/permission."""
    login = call.parameters["login"]
    who = call.site.world.accounts.get(login.lower())
    if who is None:
        raise RefusedError(404, f"{login} is not a user")
    role = call.repository.role(who.login)
    # GitHub Docs: "maintain" is reported as write and "triage" as read; `role_name` is exact.
    permission = {"maintain": "write", "triage": "read"}.get(role, role)
    user: Json = {**payloads.account(call.site.world, who), "role_name": role}
    user["permissions"] = {
        "pull": call.repository.allows(who.login, "read"),
        "triage": call.repository.allows(who.login, "triage"),
        "push": call.repository.allows(who.login, "write"),
        "maintain": call.repository.allows(who.login, "maintain"),
        "admin": call.repository.allows(who.login, "admin"),
    }
    return Answer({"permission": permission, "role_name": role, "user": user})


def get_branch(call: Call) -> Answer:
    """GET /repos/{owner}/{repo}/branches/{branch}."""
    name, repository, world = call.parameters["branch"], call.repository, call.site.world
    found = repository.commit(repository.branches.get(name, ""))
    if found is None:
        raise RefusedError(404, "Branch not found")
    url = f"{payloads.api_url(world, repository)}/branches/{name}"
    body: Json = {"name": name, "commit": payloads.commit(world, repository, found), "protected": False}
    body["_links"] = {"self": url, "html": f"{payloads.html_url(world, repository)}/tree/{name}"}
    body["protection"] = {
        "enabled": False,
        "required_status_checks": {"enforcement_level": "off", "contexts": []},
    }
    body["protection_url"] = f"{url}/protection"
    return Answer(body)


def list_branches(call: Call) -> Answer:
    """GET /repos/{owner}/{repo}/branches."""
    api = payloads.api_url(call.site.world, call.repository)
    branches = sorted(call.repository.branches.items())
    return call.page(
        branches,
        lambda one: {
            "name": one[0],
            "commit": {"sha": one[1], "url": f"{api}/commits/{one[1]}"},
            "protected": False,
        },
    )


def get_commit(call: Call) -> Answer:
    """GET /repos/{owner}/{repo}/commits/{ref}."""
    found = call.commit(call.parameters["ref"])
    if call.accepts("sha"):
        return Answer(found.oid.encode(), media_type="application/vnd.github.sha; charset=utf-8")
    store = call.repository.git.store
    base = found.parents[0] if found.parents else EMPTY_TREE
    if call.accepts("diff"):
        return _diff_answer(diff_text(store, base, found.oid))
    changed = diff(store, base, found.oid)
    number, size = call.paging(default=COMPARED_FILES, most=COMPARED_FILES)
    files = changed.files[(number - 1) * size : number * size]
    counts = {"additions": changed.additions, "deletions": changed.deletions}
    body = {
        **payloads.commit(call.site.world, call.repository, found),
        "stats": {**counts, "total": sum(counts.values())},
        "files": _files(call, files, found.oid),
    }
    return Answer(body, headers=call.links(number, -(-len(changed.files) // size)))


def _files(call: Call, files: tuple[FileChange, ...], head: str) -> list[Json]:
    return [payloads.file_change(call.site.world, call.repository, file, head) for file in files]


def compare_commits(call: Call) -> Answer:
    """GET /repos/{owner}/{repo}/compare/{base}...{head}."""
    base_name, dots, head_name = call.parameters["spec"].partition("...")
    base, head = call.repository.commit(_ref(base_name)), call.repository.commit(_ref(head_name))
    if not dots or base is None or head is None:
        raise not_found()
    store = call.repository.git.store
    found = compare(store, base, head)
    if found is None:
        raise RefusedError(404, f"No common ancestor between {base_name} and {head_name}.")
    changed = diff(store, found.merge_base.oid, head.oid)
    if call.accepts("diff"):
        check_diff_size(changed)
        return _diff_answer(diff_text(store, found.merge_base.oid, head.oid))
    number, size = call.paging(default=COMPARED_COMMITS, most=COMPARED_COMMITS)
    shown = found.ahead[(number - 1) * size : number * size]
    commits = [commit for commit in map(store.commit, shown) if commit is not None]
    body = payloads.comparison(call.site.world, call.repository, found, commits)
    if number == 1:
        body["files"] = _files(call, changed.files[:COMPARED_FILES], head.oid)
    return Answer(body, headers=call.links(number, -(-len(found.ahead) // size)))


def _ref(name: str) -> str:
    # "owner:branch" names a fork; its objects are in the same network, so a sha needs no owner.
    return name.rpartition(":")[2]


def check_diff_size(changed: Diff) -> None:
    """Refuse a whole diff that GitHub would not render (406, as in reviewdog#1696)."""
    lines = sum((file.patch or "").count("\n") + 1 for file in changed.files)
    for name, over, most in (
        ("files", len(changed.files) > COMPARED_FILES, COMPARED_FILES),
        ("lines", lines > PATCH_LINES, PATCH_LINES),
    ):
        if over:
            message = f"Sorry, the diff exceeded the maximum number of {name} ({most})."
            raise RefusedError(406, message, [{"resource": "PullRequest", "field": "diff", "code": "too_large"}])


def _diff_answer(text: str) -> Answer:
    return Answer(text.encode(), media_type="application/vnd.github.diff; charset=utf-8")


def get_ref(call: Call) -> Answer:
    """GET /repos/{owner}/{repo}/git/ref/{ref}."""
    name = f"refs/{call.parameters['ref']}"
    oid = call.repository.refs().get(name)
    if oid is None:
        raise not_found()
    return Answer(_ref_json(call, name, oid))


def matching_refs(call: Call) -> Answer:
    """GET /repos/{owner}/{repo}/git/matching-refs/{ref}."""
    prefix = f"refs/{call.parameters['ref']}"
    found = sorted(item for item in call.repository.refs().items() if item[0].startswith(prefix))
    return Answer([_ref_json(call, name, oid) for name, oid in found])


def _ref_json(call: Call, name: str, oid: str) -> Json:
    api = payloads.api_url(call.site.world, call.repository)
    return {
        "ref": name,
        "node_id": f"REF_{call.repository.id}_{name}",
        "url": f"{api}/git/{name}",
        "object": {"type": "commit", "sha": oid, "url": f"{api}/git/commits/{oid}"},
    }


ROOT = "/repos/{owner}/{repo}"

ENDPOINTS = (
    Endpoint("GET", ROOT, get_repository, (READ_METADATA,)),
    Endpoint("GET", f"{ROOT}/collaborators/{{login}}/permission", get_permission, (READ_METADATA,)),
    Endpoint("GET", f"{ROOT}/branches", list_branches, (READ_CONTENTS,)),
    Endpoint("GET", f"{ROOT}/branches/{{branch*}}", get_branch, (READ_CONTENTS,)),
    Endpoint("GET", f"{ROOT}/compare/{{spec*}}", compare_commits, (READ_CONTENTS,)),
    Endpoint("GET", f"{ROOT}/git/ref/{{ref*}}", get_ref, (READ_CONTENTS,)),
    Endpoint("GET", f"{ROOT}/git/matching-refs/{{ref*}}", matching_refs, (READ_CONTENTS,)),
)

# Last of all: its `ref` may contain slashes, and so would swallow .../check-runs.
COMMIT = Endpoint("GET", f"{ROOT}/commits/{{ref*}}", get_commit, (READ_CONTENTS,))
