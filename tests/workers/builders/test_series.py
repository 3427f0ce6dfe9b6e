"""Base, head and head with suggestions, built for real."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from tests.workers.builders.conftest import Yard
from tests.workers.builders.registry import Registry, make_busybox
from tests.workers.builders.serving import serving
from workers.builders.context import read_context
from workers.builders.model import Build, Outcome
from workers.builders.sandbox import SandboxError, open_store
from workers.builders.series import Source, build_series

pytestmark = pytest.mark.slow


@pytest.fixture
def context(tmp_path: Path) -> Path:
    (tmp_path / "context").mkdir()
    (tmp_path / "context" / "main.py").write_text("print()\n")
    return tmp_path / "context"


def sizes(build: Build) -> list[int]:
    """Return the compressed sizes of the layers of what was built."""
    return [each.stat().st_size for each in blobs(build)]


def blobs(build: Build) -> list[Path]:
    """Return the layers of what was built."""
    assert build.layout is not None, build
    index = json.loads((build.layout / "index.json").read_text())
    manifest = json.loads(_blob(build.layout, index["manifests"][0]["digest"]).read_bytes())
    found = [_blob(build.layout, each["digest"]) for each in manifest["layers"]]
    assert [each.stat().st_size for each in found] == [each["size"] for each in manifest["layers"]]
    return found


def _blob(layout: Path, digest: str) -> Path:
    return layout / "blobs" / Path(*digest.split(":"))


@pytest.mark.parametrize("each_yard", ["yard", "new_engine", "buildkit"], indirect=True)
def test_three(each_yard: Yard, busybox: str, context: Path) -> None:
    # Two of the builders share a cache.
    start = f"FROM {busybox}\nCOPY . /app\nRUN sleep 3; head -c 1000000 /dev/urandom > /a; : {time.time_ns()}\n"
    head = f"{start}RUN head -c 3000000 /dev/urandom > /b\nRUN rm /b\n"
    lean = f"{start}RUN head -c 3000000 /dev/urandom > /b && rm /b\n"
    told: list[str] = []
    series = build_series(
        each_yard.bench(), Source(context, start), Source(context, head), ["join"], lambda _: lean, told.append
    )
    assert series.base is not None
    assert series.suggested is not None
    assert told == ["base", "head", "suggestions"]
    assert series.withdrawn == ()
    saved = sum(sizes(series.head)) - sum(sizes(series.suggested))
    assert 2_990_000 < saved < 3_010_000
    # What they share is built once, and is the same layer.
    assert [step.is_cached for step in series.head.steps] == [False, True, True, False, False]
    assert [step.line for step in series.head.steps] == [1, 2, 3, 4, 5]
    assert sizes(series.base) == sizes(series.head)[:3] == sizes(series.suggested)[:3]
    # Packed once: the next images have the very file.
    kept = [blobs(each) for each in (series.base, series.head, series.suggested)]
    for one, other, another in zip(*(each[:3] for each in kept), strict=True):
        assert one.samefile(other)
        assert one.samefile(another)
    assert series.head.seconds + series.suggested.seconds < 1.3 * 2 * series.base.seconds


@pytest.mark.parametrize("each_yard", ["yard", "old_engine"], indirect=True)
def test_tags_mean_the_same_for_all(registry: Registry, each_yard: Yard, context: Path) -> None:
    image = registry.push("moving:1", [make_busybox()], Labels={"state": "old"})

    def move(said: str) -> None:
        if said == "head":
            registry.push("moving:1", [make_busybox()], Labels={"state": "new"})

    text = f"FROM {image}\nRUN echo > /x\n"
    series = build_series(each_yard.bench(), Source(context, text), Source(context, text), progress=move)
    for build in (series.base, series.head):
        assert build is not None
        assert build.layout is not None
        index = json.loads((build.layout / "index.json").read_text())
        manifest = json.loads(_blob(build.layout, index["manifests"][0]["digest"]).read_bytes())
        config = json.loads(_blob(build.layout, manifest["config"]["digest"]).read_bytes())
        assert config["config"]["Labels"]["state"] == "old"


@pytest.mark.parametrize("bad", [(), (2,), (0, 3), (0, 1, 2, 3, 4)], ids=str)
def test_suggestions_that_break_it(yard: Yard, busybox: str, context: Path, bad: Sequence[int]) -> None:
    def write(chosen: Sequence[int]) -> str:
        lines = [f"RUN exit {each + 1}" if each in bad else f"RUN echo {each} > /{each}" for each in sorted(chosen)]
        return "\n".join([f"FROM {busybox}", *lines, ""])

    head = Source(context, f"FROM {busybox}\n")
    series = build_series(yard.bench(), None, head, range(5), write)
    assert series.withdrawn == tuple(bad)
    assert (series.suggested is None) == (len(bad) == 5)
    if series.suggested is not None:
        assert len(sizes(series.suggested)) == 1 + 5 - len(bad)


@pytest.mark.parametrize("failures", [1, 2], ids=["once", "twice"])
def test_a_host_that_stumbles(open_yard: Callable[..., Yard], busybox: str, context: Path, failures: int) -> None:
    """What fails once is no fault of a suggestion."""
    answers = [503] * failures + [200]

    with serving(lambda _: (answers.pop(0), b"")) as (port, _):
        address = f"127.0.0.1:{port}"
        head = f"FROM {busybox}\n"
        lean = f"{head}RUN http_proxy=http://127.0.0.1:3128 wget -q -O /got http://{address}/\n"
        bench = open_yard(address).bench()
        series = build_series(bench, None, Source(context, head), ["lean"], lambda some: lean if some else head)
    assert series.withdrawn == (("lean",) if failures == 2 else ())
    assert (series.suggested is None) == (failures == 2)


def test_what_cannot_be_built(yard: Yard, busybox: str, context: Path) -> None:
    texts = {
        f"FROM {busybox}\nCOPY --link main.py /\n": "line 2: buildah 1.28 does not know COPY --link",
        f"FROM {busybox}x\n": f"line 1: the registry does not have {busybox}x",
        "FROM evil.example/x\n": "line 1: evil.example is not one of the registries that dockslim may use",
    }
    for text, reason in texts.items():
        found = build_series(yard.bench(), None, Source(context, text)).head
        assert (found.outcome, found.reason) == (Outcome.IMPOSSIBLE, reason)
    found = yard.bench().build(Source(context, f"FROM {busybox}\n", platform="linux/s390x"))
    assert found.reason == "this builder is for linux/amd64, not linux/s390x"


@pytest.mark.parametrize("each_yard", ["yard", "old_engine"], indirect=True)
@pytest.mark.parametrize("name", [".dockerignore", ".containerignore"])
def test_one_ignore_file_counts(each_yard: Yard, busybox: str, context: Path, name: str) -> None:
    """Docker's own for this Dockerfile: none beside it, and none that only buildah knows, hides files from it."""
    (context / "Dockerfile").write_text(f"FROM {busybox}\nCOPY kept /kept\n")
    (context / "Dockerfile.dockerignore").write_text("other\n")
    for each in ("kept", name):
        (context / each).write_text("kept\n")
    found = read_context(context, "", "Dockerfile")
    build = each_yard.build(found.dockerfile, context=found.directory)
    assert build.outcome is Outcome.BUILT, build.log


def test_no_room_for_a_store(yard: Yard, busybox: str, tmp_path: Path) -> None:
    """What this machine lacks is no failure of anybody's, and none of the worker's."""
    (tmp_path / "stores").write_text("in the way")
    yard = Yard(yard.registries, replace(yard.buildah, stores=tmp_path / "stores"), yard.work)
    build = yard.build(f"FROM {busybox}\n")
    assert (build.outcome, build.reason) == (Outcome.IMPOSSIBLE, "the store cannot be made: file exists")
    with pytest.raises(SandboxError, match="the store cannot be made"):
        open_store(tmp_path, "large", 1 << 62)
    with pytest.raises(SandboxError, match="the store cannot be made"):
        open_store(tmp_path, "small", 1024)
    assert sorted(each.name for each in tmp_path.iterdir()) == ["stores"]
