"""Engines as a second opinion: what they extract is what we measure, and what they build gets its lines."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.dockerfiles import run
from tests.engine import docker_host
from tests.workers.image.stacks import (
    Member,
    file,
    folder,
    hard_link,
    make_image,
    symlink,
    write_docker_archive,
    write_layer,
)
from workers.image import measure, read_image

pytestmark = pytest.mark.slow
STACKS: dict[str, list[list[Member]]] = {
    "all kinds": [
        [folder("a"), *(file(f"a/{at}", 100 + at) for at in range(20)), hard_link("b", "a/7"), symlink("c", "a")],
        [folder("a"), file("a/.wh.3", 0), file("a/4", 77), folder("d"), folder("d/e"), file("d/e/f", 500)],
        [folder("d"), file("d/.wh..wh..opq", 0), file("d/g", 12)],
        [file(".wh.c", 0), folder("c"), file("c/x", 99), file("a", 5)],
    ],
    "a directory in place of a symlink": [
        [folder("b"), file("b/x", 40), symlink("a", "b")],
        [folder("a"), file("a/.wh..wh..opq", 0), file("a/y", 3)],
    ],
    "a whiteout and its name again": [
        [folder("a"), file("a/x", 40), file("a/y", 2)],
        [folder("a"), file("a/.wh.x", 0), file("a/x", 5)],
    ],
    "hard links within a layer": [
        [file("x", 40), hard_link("y", "x")],
        [file("y", 40), hard_link("z", "y")],
        [file(".wh.z", 0)],
    ],
    "long names and others": [
        [file("n" * 90 + "/" + "o" * 90 + "/" + "p" * 90, 7), file("ünï", 3), file("\udcff", 1), file("a\nb", 2)],
    ],
    "a header for all, and a directory with a size": [[file("x", 4), folder("d"), file("d/y", 6)]],
}


@pytest.fixture(scope="module")
def docker() -> Iterator[list[str]]:
    """Return how to call an engine."""
    with docker_host() as host:
        yield ["docker", "--host", host]


def call(command: list[str], **options: object) -> str:
    """Run a command and return what it wrote."""
    return subprocess.run(command, check=True, capture_output=True, text=True, **options).stdout.strip()  # type: ignore[call-overload,no-any-return]


@pytest.mark.parametrize("layers", list(STACKS.values()), ids=list(STACKS))
@pytest.mark.parametrize("form", [tarfile.PAX_FORMAT, tarfile.GNU_FORMAT], ids=["pax", "gnu"])
def test_what_docker_extracts(layers: list[list[Member]], form: int, docker: list[str], tmp_path: Path) -> None:
    tars = [write_layer(layer, form) for layer in layers]
    path = write_docker_archive(make_image(tars), tmp_path / "image.tar")
    call([*docker, "load", "--input", str(path)])
    container = call([*docker, "create", "app:1", "/x"])
    try:
        with open(tmp_path / "export.tar", "wb") as export:
            subprocess.run([*docker, "export", container], check=True, stdout=export)
    finally:
        call([*docker, "rm", container])
        call([*docker, "rmi", "app:1"])
    ours = measure(read_image(path)).files
    with tarfile.open(tmp_path / "export.tar") as tar:
        theirs = {info.name: info.size for info in tar if info.isreg() or info.islnk()}
    # What an engine puts into every container it makes.
    made = ("dev/", "etc/", "proc/", "sys/", ".dockerenv")
    assert ours == {path: size for path, size in theirs.items() if not path.startswith(made)}


DOCKERFILE = """ARG BASE=scratch
FROM $BASE AS one
ENV A=1
COPY a \\
     /a
WORKDIR /w
FROM one
LABEL x=y
ADD b c /d/
COPY --from=one /a /w/
CMD ["/a"]
"""


@pytest.mark.parametrize("buildkit", ["0", "1"], ids=["classic", "buildkit"])
def test_an_image_of_the_engine(
    buildkit: str, docker: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Built, named by its reference, saved, measured, and attributed line for line."""
    for name, size in (("a", 30_000), ("b", 5_000), ("c", 700)):
        (tmp_path / name).write_bytes(b"x" * size)
    (tmp_path / "Dockerfile").write_text(DOCKERFILE)
    monkeypatch.setenv("DOCKER_HOST", docker[-1])
    monkeypatch.setenv("DOCKER_BUILDKIT", buildkit)
    tag = f"dockslim-test:{buildkit}"
    # Another CLI further ahead in PATH may want buildx for BuildKit; Debian's needs none.
    program = "/usr/bin/docker" if os.path.exists("/usr/bin/docker") else "docker"
    call([program, "build", "--quiet", "--tag", tag, str(tmp_path)])
    try:
        result = run("size", tag, "--dockerfile", tmp_path / "Dockerfile", "--format", "json")
        assert result.exit_code == 0
        layers = [(each["line"], each["end_line"], each["written"]) for each in json.loads(result.stdout)["layers"]]
        assert [layer for layer in layers if layer[2]] == [(4, 5, 30_000), (9, 9, 5_700), (10, 10, 30_000)]
        assert {layer[0] for layer in layers} == {4, 6, 9, 10}
    finally:
        call([*docker, "rmi", tag])
    gone = run("size", tag)
    assert gone.exit_code == 2
    assert "docker save: " in gone.stderr


@pytest.mark.skipif(shutil.which("buildah") is None or os.geteuid() != 0, reason="buildah and root are wanted")
def test_what_buildah_builds_and_mounts(tmp_path: Path) -> None:
    """Its own mount is counted by du, and its layers get their lines."""
    (tmp_path / "context").mkdir()
    for name, size in (("a", 30_000), ("b", 5_000), ("c", 700)):
        (tmp_path / "context" / name).write_bytes(b"x" * size)
    (tmp_path / "Dockerfile").write_text(DOCKERFILE.replace("WORKDIR /w\n", ""))
    place = [f"--root={tmp_path}/root", f"--runroot={tmp_path}/run", "--storage-driver=vfs"]
    buildah = ["buildah", *place]
    build = ["bud", "--quiet", "--layers", "--pull-never", "--format=docker", "--isolation=chroot", "--tag=app"]
    call([*buildah, *build, f"--file={tmp_path}/Dockerfile", str(tmp_path / "context")])
    call([*buildah, "push", "--quiet", "app", f"oci:{tmp_path}/layout"])
    container = call([*buildah, "from", "--pull-never", "app"])
    mounted = call([*buildah, "mount", container])
    listed = subprocess.run(["find", mounted, "-type", "f", "-print0"], check=True, capture_output=True).stdout
    command = ["du", "--files0-from=-", "--apparent-size", "--block-size=1", "--total"]
    counted = subprocess.run(command, input=listed, check=True, capture_output=True).stdout
    call([*buildah, "rm", container])
    result = run("size", tmp_path / "layout", "--dockerfile", tmp_path / "Dockerfile", "--format", "json")
    said = json.loads(result.stdout)
    assert said["visible"] == int(counted.split()[-2])
    assert [(each["line"], each["written"]) for each in said["layers"]] == [(4, 30_000), (8, 5_700), (9, 30_000)]
