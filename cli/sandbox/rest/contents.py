"""Files, directories, blobs, trees and archives of a repository."""

from __future__ import annotations

import base64
import posixpath
import secrets

from cli.sandbox import payloads
from cli.sandbox.answers import Answer, RefusedError, not_found
from cli.sandbox.git import Commit, TreeEntry
from cli.sandbox.rest.routing import NEWEST_VERSION, READ_CONTENTS, Call, Endpoint
from cli.sandbox.state import Json, Repository

# GitHub Docs, "Get repository content": up to 1 MB in JSON, up to 100 MB raw; at most 1,000 names of a directory.
JSON_BYTES = 1024 * 1024
RAW_BYTES = 100 * 1024 * 1024
DIRECTORY_NAMES = 1000
# GitHub Docs, "Get a tree": the recursive limit.
TREE_ENTRIES = 100_000
LINK_STEPS = 10


def get_contents(call: Call) -> Answer:
    """GET /repos/{owner}/{repo}/contents/{path}."""
    repository = call.repository
    ref = call.query.get("ref") or repository.default_branch
    commit = repository.commit(ref)
    if commit is None:
        raise RefusedError(404, f"No commit found for the ref {ref}")
    path = call.parameters.get("path", "").strip("/")
    entry = repository.git.store.entry(commit.tree, path)
    if entry is None or ".." in path.split("/"):
        raise not_found()
    if entry.kind == "tree":
        return _directory(call, path, ref, entry)
    if entry.kind == "commit":
        return Answer(payloads.content(call.site.world, repository, path, ref, "submodule", entry.oid, 0))
    if entry.is_symlink:
        target = _follow_link(repository, commit, path, entry)
        if target is None:
            return _link(call, path, ref, entry)
        entry = target
    return _file(call, path, ref, entry)


def _file(call: Call, path: str, ref: str, entry: TreeEntry) -> Answer:
    data = call.repository.git.store.read(entry.oid)
    if len(data) > RAW_BYTES:
        raise _too_large("100 MB")
    if call.accepts("raw"):
        return Answer(data, media_type="application/vnd.github.raw; charset=utf-8")
    value = payloads.content(call.site.world, call.repository, path, ref, "file", entry.oid, len(data))
    if len(data) > JSON_BYTES:
        return Answer({**value, "content": "", "encoding": "none"})
    # Lines of 60 characters, each ended, as GitHub breaks them.
    encoded = base64.b64encode(data).decode()
    lines = [encoded[at : at + 60] + "\n" for at in range(0, len(encoded), 60)]
    return Answer({**value, "content": "".join(lines), "encoding": "base64"})


def _too_large(size: str) -> RefusedError:
    message = f"This API returns blobs up to {size} in size. The requested blob is too large to fetch via the API."
    return RefusedError(403, message, [{"resource": "Blob", "field": "data", "code": "too_large"}])


def _directory(call: Call, path: str, ref: str, entry: TreeEntry) -> Answer:
    store, world = call.repository.git.store, call.site.world
    kinds = {"tree": "dir", "commit": "submodule" if call.version == NEWEST_VERSION else "file"}
    listed = []
    for child in store.tree(entry.oid)[:DIRECTORY_NAMES]:
        kind = "symlink" if child.is_symlink else kinds.get(child.kind, "file")
        size = len(store.read(child.oid)) if child.kind == "blob" else 0
        place = f"{path}/{child.name}".lstrip("/")
        listed.append(payloads.content(world, call.repository, place, ref, kind, child.oid, size))
    if call.accepts("object"):
        whole = payloads.content(world, call.repository, path, ref, "dir", entry.oid, 0)
        return Answer({**whole, "entries": listed})
    return Answer(listed)


def _link(call: Call, path: str, ref: str, entry: TreeEntry) -> Answer:
    target = call.repository.git.store.read(entry.oid)
    value = payloads.content(call.site.world, call.repository, path, ref, "symlink", entry.oid, len(target))
    return Answer({**value, "target": target.decode(errors="replace")})


def _follow_link(repository: Repository, commit: Commit, path: str, entry: TreeEntry) -> TreeEntry | None:
    """Follow a link to a file inside the repository; any other is shown as a link."""
    store = repository.git.store
    for _ in range(LINK_STEPS):
        target = store.read(entry.oid).decode(errors="replace")
        path = posixpath.normpath(posixpath.join(posixpath.dirname(path), target))
        if path.startswith(("..", "/")):
            return None
        found = store.entry(commit.tree, path)
        if found is None or found.kind != "blob":
            return None
        if not found.is_symlink:
            return found
        entry = found
    return None


def get_blob(call: Call) -> Answer:
    """GET /repos/{owner}/{repo}/git/blobs/{sha}."""
    found = call.repository.git.store.find(call.parameters["sha"])
    if found is None or found[1] != "blob":
        raise not_found()
    if call.accepts("raw"):
        return Answer(found[2], media_type="application/vnd.github.raw; charset=utf-8")
    return Answer(payloads.blob(call.site.world, call.repository, found[0], found[2]))


def get_tree(call: Call) -> Answer:
    """GET /repos/{owner}/{repo}/git/trees/{sha}."""
    repository = call.repository
    commit = repository.commit(call.parameters["sha"])
    found = repository.git.store.find(commit.tree if commit else call.parameters["sha"])
    if found is None or found[1] != "tree":
        raise not_found()
    api = payloads.api_url(call.site.world, repository)
    entries = list(_walk(repository, api, found[0], "", "recursive" in call.query))
    return Answer(
        {
            "sha": found[0],
            "url": f"{api}/git/trees/{found[0]}",
            "tree": entries[:TREE_ENTRIES],
            "truncated": len(entries) > TREE_ENTRIES,
        }
    )


def _walk(repository: Repository, api: str, tree: str, prefix: str, recursive: bool) -> list[Json]:
    entries: list[Json] = []
    for entry in repository.git.store.tree(tree):
        path = prefix + entry.name
        value: Json = {"path": path, "mode": entry.mode, "type": entry.kind, "sha": entry.oid}
        if entry.kind == "blob":
            value["size"] = len(repository.git.store.read(entry.oid))
        if entry.kind != "commit":
            value["url"] = f"{api}/git/{entry.kind}s/{entry.oid}"
        entries.append(value)
        if recursive and entry.kind == "tree":
            entries += _walk(repository, api, entry.oid, f"{path}/", recursive)
    return entries


def get_git_commit(call: Call) -> Answer:
    """GET /repos/{owner}/{repo}/git/commits/{sha}."""
    found = call.repository.git.store.commit(call.parameters["sha"])
    if found is None:
        raise not_found()
    whole = payloads.commit(call.site.world, call.repository, found)
    inner = whole.pop("commit")
    kept = {"sha": whole["sha"], "node_id": whole["node_id"], "html_url": whole["html_url"]}
    inner.pop("comment_count")
    return Answer({**kept, **inner, "parents": whole["parents"]})


def get_archive(call: Call) -> Answer:
    """GET /repos/{owner}/{repo}/tarball/{ref}: a redirect to an address that needs no token."""
    ref = call.parameters.get("ref") or call.repository.default_branch
    commit = call.repository.commit(ref)
    if commit is None:
        raise not_found()
    ticket = secrets.token_urlsafe(16)
    call.site.archives[ticket] = (call.repository, commit.oid)
    place = f"{call.site.world.url}/_codeload/{call.repository.full_name}/legacy.tar.gz/{commit.oid}"
    return Answer(b"", 302, headers={"Location": f"{place}?token={ticket}"})


def archive(repository: Repository, oid: str) -> bytes:
    """Pack a commit as GitHub names it: owner-repo-sha/."""
    prefix = f"{repository.owner.login}-{repository.name}-{oid[:7]}/"
    return repository.git.run("archive", "--format=tar.gz", f"--prefix={prefix}", oid)


ROOT = "/repos/{owner}/{repo}"

ENDPOINTS = (
    Endpoint("GET", f"{ROOT}/contents", get_contents, (READ_CONTENTS,)),
    Endpoint("GET", f"{ROOT}/contents/", get_contents, (READ_CONTENTS,)),
    Endpoint("GET", f"{ROOT}/contents/{{path*}}", get_contents, (READ_CONTENTS,)),
    Endpoint("GET", f"{ROOT}/git/blobs/{{sha}}", get_blob, (READ_CONTENTS,)),
    Endpoint("GET", f"{ROOT}/git/trees/{{sha*}}", get_tree, (READ_CONTENTS,)),
    Endpoint("GET", f"{ROOT}/git/commits/{{sha}}", get_git_commit, (READ_CONTENTS,)),
    Endpoint("GET", f"{ROOT}/tarball", get_archive, (READ_CONTENTS,)),
    Endpoint("GET", f"{ROOT}/tarball/{{ref*}}", get_archive, (READ_CONTENTS,)),
)
