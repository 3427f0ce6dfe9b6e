"""Contents, blobs, trees, refs, commits, comparisons and archives."""

from __future__ import annotations

import base64
import io
import subprocess
import tarfile
from pathlib import Path

import pytest

from cli.sandbox import File
from tests.cli.sandbox.conftest import BASE, HEAD, World

pytestmark = pytest.mark.slow
RAW = {"Accept": "application/vnd.github.raw+json"}


def test_file_in_json(world: World) -> None:
    value = world.bot.get(world.path("/contents/Dockerfile")).json()

    assert (value["type"], value["encoding"], value["size"]) == ("file", "base64", len(BASE))
    assert base64.b64decode(value["content"]).decode() == BASE
    assert max(map(len, value["content"].splitlines())) == 60


@pytest.mark.parametrize("ref", ["feature", "refs/heads/feature", "v1", "sha", "refs/pull/1/head", "pull/1/head"])
def test_every_kind_of_ref(world: World, ref: str) -> None:
    world.repository.tag("v1", world.pull.head_sha)
    wanted = world.pull.head_sha if ref == "sha" else ref

    answer = world.bot.get(world.path("/contents/Dockerfile"), params={"ref": wanted}, headers=RAW)

    assert answer.text == HEAD
    assert answer.headers["content-type"].startswith("application/vnd.github.raw")


def test_missing_path_and_ref(world: World) -> None:
    assert world.bot.get(world.path("/contents/nowhere")).status_code == 404
    unknown = world.bot.get(world.path("/contents/Dockerfile"), params={"ref": "nope"})
    assert (unknown.status_code, unknown.json()["message"]) == (404, "No commit found for the ref nope")


def test_directory(world: World) -> None:
    top = world.bot.get(world.path("/contents")).json()

    assert [(one["name"], one["type"]) for one in top] == [("Dockerfile", "file"), ("src", "dir")]
    assert "content" not in top[0]
    assert [one["path"] for one in world.bot.get(world.path("/contents/src")).json()] == ["src/main.py"]


def test_links_and_submodules(world: World) -> None:
    world.repository.commit(
        "main",
        {
            "link": File(b"src/main.py", "120000"),
            "out": File(b"../../etc/passwd", "120000"),
            "sub": File(world.pull.head_sha.encode(), "160000"),
        },
    )

    assert world.bot.get(world.path("/contents/link"), headers=RAW).text == "print()\n"
    out = world.bot.get(world.path("/contents/out")).json()
    assert (out["type"], out["target"]) == ("symlink", "../../etc/passwd")
    assert world.bot.get(world.path("/contents/sub")).json()["type"] == "submodule"
    newest = {"X-GitHub-Api-Version": "2026-03-10"}
    for headers, kind in (({}, "file"), (newest, "submodule")):
        listed = world.bot.get(world.path("/contents"), headers=headers).json()
        assert next(one["type"] for one in listed if one["name"] == "sub") == kind


def test_more_than_a_megabyte_only_raw(world: World) -> None:
    big = b"x" * (1024 * 1024 + 1)
    world.repository.commit("main", {"big": big, "odd name #1 %.txt": "odd"})

    value = world.bot.get(world.path("/contents/big")).json()
    assert (value["encoding"], value["content"], value["size"]) == ("none", "", len(big))
    assert world.bot.get(world.path("/contents/big"), headers=RAW).content == big
    assert world.bot.get(world.path("/contents/odd%20name%20%231%20%25.txt"), headers=RAW).text == "odd"


def test_blob_and_tree(world: World) -> None:
    tree = world.bot.get(world.path("/git/trees/main"), params={"recursive": "1"}).json()

    assert [(one["path"], one["type"]) for one in tree["tree"]] == [
        ("Dockerfile", "blob"),
        ("src", "tree"),
        ("src/main.py", "blob"),
    ]
    assert tree["truncated"] is False
    blob = world.bot.get(world.path(f"/git/blobs/{tree['tree'][0]['sha']}")).json()
    assert base64.b64decode(blob["content"]).decode() == BASE


def test_refs(world: World) -> None:
    found = world.bot.get(world.path("/git/ref/pull/1/head")).json()

    assert (found["ref"], found["object"]["sha"]) == ("refs/pull/1/head", world.pull.head_sha)
    assert world.bot.get(world.path("/git/ref/heads/nope")).status_code == 404


def test_commit(world: World) -> None:
    value = world.bot.get(world.path("/commits/feature")).json()

    assert value["sha"] == world.pull.head_sha
    assert value["author"]["login"] == "alice"
    assert [one["filename"] for one in value["files"]] == ["Dockerfile"]
    assert value["stats"] == {"additions": 2, "deletions": 2, "total": 4}
    assert world.bot.get(world.path("/commits/nope")).status_code == 422


def test_compare_is_three_dot(world: World) -> None:
    start = world.repository.branches["main"]
    world.repository.commit("main", {"other": "moved on"})

    value = world.bot.get(world.path("/compare/main...feature")).json()

    assert value["merge_base_commit"]["sha"] == start
    assert (value["status"], value["ahead_by"], value["behind_by"]) == ("diverged", 1, 1)
    assert [one["filename"] for one in value["files"]] == ["Dockerfile"]
    assert value["files"][0]["patch"].startswith("@@ -1,6 +1,6 @@\n FROM debian:12-slim\n RUN apt-get update\n-RUN")
    assert not value["files"][0]["patch"].endswith("\n")


def test_compare_renames_binaries_and_ends_of_file(world: World) -> None:
    world.repository.commit("main", {"old.txt": LONG, "data.bin": b"\0\1"})
    world.repository.commit(
        "renames",
        {"old.txt": None, "new.txt": LONG + "more", "data.bin": b"\0\2", "Dockerfile": None, "empty": ""},
        parent="main",
    )

    files = {one["filename"]: one for one in world.bot.get(world.path("/compare/main...renames")).json()["files"]}

    assert (files["new.txt"]["status"], files["new.txt"]["previous_filename"]) == ("renamed", "old.txt")
    assert files["new.txt"]["patch"].endswith("+more\n\\ No newline at end of file")
    assert "patch" not in files["data.bin"]
    assert files["Dockerfile"]["status"] == "removed"
    assert files["empty"]["status"] == "added"
    assert "patch" not in files["empty"]


LONG = "".join(f"line {number}\n" for number in range(50))


def test_compare_pages_commits_but_not_files(world: World) -> None:
    for number in range(3):
        world.repository.commit("feature", {f"file{number}": "x"}, f"Commit {number}")

    first = world.bot.get(world.path("/compare/main...feature"), params={"per_page": 2})
    second = world.bot.get(first.links["next"]["url"])

    assert [one["commit"]["message"] for one in first.json()["commits"]] == ["Fetch with curl", "Commit 0"]
    assert len(first.json()["files"]) == 4
    assert "files" not in second.json()
    assert first.json()["total_commits"] == 4


def test_at_most_300_files(world: World) -> None:
    world.repository.commit("wide", {f"dir/file{number}": "x" for number in range(350)}, parent="main")

    assert len(world.bot.get(world.path("/compare/main...wide")).json()["files"]) == 300
    diff = world.bot.get(world.path("/compare/main...wide"), headers={"Accept": "application/vnd.github.diff"})
    assert diff.status_code == 406
    assert diff.json()["errors"][0]["code"] == "too_large"


def test_too_large_a_patch_is_left_out(world: World) -> None:
    world.repository.commit("long", {"lock": "x\n" * 20_001}, parent="main")

    [file] = world.bot.get(world.path("/compare/main...long")).json()["files"]

    assert file["additions"] == 20_001
    assert "patch" not in file


def test_tarball(world: World) -> None:
    answer = world.bot.get(world.path(f"/tarball/{world.pull.head_sha}"))
    assert answer.status_code == 302

    archive = world.bot.get(answer.headers["location"])

    with tarfile.open(fileobj=io.BytesIO(archive.content)) as tar:
        prefix = f"acme-shop-{world.pull.head_sha[:7]}"
        member = tar.extractfile(f"{prefix}/Dockerfile")
        assert member is not None
        assert member.read().decode() == HEAD
    assert world.bot.get(answer.headers["location"].partition("?")[0]).status_code == 404


def test_real_git_can_clone(world: World, tmp_path: Path) -> None:
    fork = world.sandbox.fork(world.repository, "mallory")
    fork.commit("patch", {"new": "file"}, author="mallory")
    for handle in (world.repository, fork):
        target = tmp_path / handle.record.owner.login
        subprocess.run(["git", "clone", "--quiet", str(handle.path), str(target)], check=True)
        assert (target / "Dockerfile").read_text() == BASE
        subprocess.run(["git", "fsck", "--strict"], cwd=target, check=True, capture_output=True)
