"""Merging two heads without a working tree."""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path

from cli.sandbox.comparisons import base_tip, merge_base
from cli.sandbox.git import ObjectStore
from cli.sandbox.state import PullRequest

Sides = dict[str, tuple[str, str]]
"""Mode and object id by path."""


def _files(store: ObjectStore, commit: str | None) -> Sides:
    if commit is None:
        return {}
    listing = store.run("ls-tree", "-r", "-z", "--full-tree", commit)
    rows = (row.partition(b"\t") for row in listing.split(b"\0") if row)
    return {
        path.decode(errors="surrogateescape"): (about.split()[0].decode(), about.split()[2].decode())
        for about, _, path in rows
    }


def merge_trees(store: ObjectStore, ours: str, theirs: str) -> str | None:
    """Merge two commits into a tree, or return None when they conflict."""
    base = _files(store, merge_base(store, ours, theirs))
    left, right = _files(store, ours), _files(store, theirs)
    merged: Sides = {}
    for path in base.keys() | left.keys() | right.keys():
        was, here, there = base.get(path), left.get(path), right.get(path)
        if there in (here, was):
            chosen = here
        elif here == was:
            chosen = there
        elif was and here and there:
            oid = _merge_blobs(store, here[1], was[1], there[1])
            chosen = (here[0], oid) if oid else None
            if chosen is None:
                return None
        else:
            return None
        if chosen is not None:
            merged[path] = chosen
    return _write_tree(store, merged)


def _merge_blobs(store: ObjectStore, ours: str, base: str, theirs: str) -> str | None:
    with tempfile.TemporaryDirectory(prefix="sandbox-merge-") as directory:
        paths = [Path(directory, name) for name in ("ours", "base", "theirs")]
        for path, oid in zip(paths, (ours, base, theirs), strict=True):
            path.write_bytes(store.read(oid))
        merged = subprocess.run(
            ["git", "merge-file", "-p", "--quiet", *map(str, paths)], capture_output=True, check=False
        )
    return store.write_blob(merged.stdout) if merged.returncode == 0 else None


def _write_tree(store: ObjectStore, files: Sides) -> str:
    here: dict[str, tuple[str, str]] = {}
    below: dict[str, Sides] = {}
    for path, entry in files.items():
        directory, slash, rest = path.partition("/")
        if slash:
            below.setdefault(directory, {})[rest] = entry
        else:
            here[path] = entry
    here.update({name: ("040000", _write_tree(store, inside)) for name, inside in below.items()})
    kinds = {"040000": "tree", "160000": "commit"}
    listing = b"".join(
        f"{mode} {kinds.get(mode, 'blob')} {oid}\t".encode() + name.encode(errors="surrogateescape") + b"\0"
        for name, (mode, oid) in here.items()
    )
    return store.run("mktree", "-z", stdin=listing).decode().strip()


def consider(pull: PullRequest) -> None:
    """Work out lazily whether a pull request can be merged.

    GitHub Docs, "Get a pull request": the first answer after a change is null, and starts the test merge.
    """
    tip = base_tip(pull)
    if pull.state != "open":
        return
    if pull.mergeable_for != (tip, pull.head_sha):
        pull.mergeable_for, pull.mergeable, pull.merge_commit = (tip, pull.head_sha), None, None
    elif pull.mergeable is None:
        store = pull.repository.git.store
        tree = merge_trees(store, tip, pull.head_sha)
        pull.mergeable = tree is not None
        if tree is not None:
            message = f"Merge {pull.head_sha} into {tip}"
            ref = f"refs/pull/{pull.number}/merge"
            author = pull.author.signature()
            pull.merge_commit = pull.repository.git.write_commit(ref, (tip, pull.head_sha), {}, message, author, tree)
