from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.engine import start_engine
from tests.workers.builders.debian import Debian, push_debian
from tests.workers.builders.registry import Registry, find_missing, make_busybox, serve_registry, unpack_docker
from tests.workers.builders.relay import relay_buildkit
from workers.builders.buildah import Buildah, find_version
from workers.builders.choose import open_builder
from workers.builders.egress import Hosts
from workers.builders.model import Build, Builder, Limits, Recipe
from workers.builders.series import Bench, Source
from workers.registry import Registries, open_registries

LIMITS = Limits(memory=512 << 20, processes=256, disk=2 * 10**9, seconds=60.0, log=100_000)
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache", "dockslim-tests")


@pytest.fixture(scope="session")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    missing = find_missing()
    if missing and os.environ.get("CI"):
        pytest.fail(f"cannot build here: {missing}")
    if missing:
        pytest.skip(f"cannot build here: {missing}")
    with serve_registry(tmp_path_factory.mktemp("registry")) as found:
        yield found


@pytest.fixture(scope="session")
def busybox(registry: Registry) -> str:
    return registry.push("busybox:1", [make_busybox()])


@pytest.fixture(scope="session")
def debian(registry: Registry, registries: Registries) -> Debian:
    return push_debian(registry, registries, CACHE)


@pytest.fixture(scope="session")
def stores(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("stores")


@dataclass
class Yard:
    """Builds over the registry of the tests."""

    registries: Registries
    builder: Builder
    work: Path

    @property
    def buildah(self) -> Buildah:
        assert isinstance(self.builder, Buildah)
        return self.builder

    def bench(self, limits: Limits = LIMITS, *, store: str = "tests", trusted: bool = True) -> Bench:
        work = self.work / f"work-{len(list(self.work.iterdir()))}"
        work.mkdir()
        return Bench(self.builder, self.registries.resolve, self.registries.addresses, limits, store, work, trusted)

    def build(self, text: str, limits: Limits = LIMITS, context: Path | None = None, **more: str) -> Build:
        if context is None:
            context = self.work / "empty"
            context.mkdir(exist_ok=True)
        return self.bench(limits, **more).build(Source(context, text))  # type: ignore[arg-type]


@pytest.fixture(scope="session")
def registries(registry: Registry) -> Registries:
    found = open_registries(f"http://{registry.name}")
    assert found is not None
    return found


@pytest.fixture(scope="session")
def open_yard(
    registry: Registry, registries: Registries, stores: Path, tmp_path_factory: pytest.TempPathFactory
) -> Callable[..., Yard]:
    def open_one(*hosts: str) -> Yard:
        buildah = Buildah(stores, Hosts(hosts), (registry.name,), find_version())
        return Yard(registries, buildah, tmp_path_factory.mktemp("yard"))

    return open_one


@pytest.fixture(scope="session")
def yard(open_yard: Callable[..., Yard]) -> Yard:
    return open_yard()


@pytest.fixture
def context(tmp_path: Path) -> Path:
    (tmp_path / "context").mkdir()
    (tmp_path / "context" / "file").write_text("content\n")
    (tmp_path / "context" / "notes.md").write_text("notes\n")
    return tmp_path / "context"


def build(builder: Builder, text: str, context: Path, limits: Limits = LIMITS, store: str = "tests") -> Build:
    """Build what nothing has looked at before."""
    into = context.parent / f"image-{len(list(context.parent.iterdir()))}"
    into.mkdir()
    return builder.build(Recipe(context, text), limits, store, into)


@pytest.fixture(scope="session")
def old_engine(engine_host: str) -> dict[str, str]:
    """Return what a worker's environment holds of an engine: Debian 12's, whose client knows BuildKit by itself."""
    return {"DOCKSLIM_BUILDER": "docker", "DOCKER_HOST": engine_host, "PATH": "/usr/bin:/bin"}


@pytest.fixture(scope="session")
def new_engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """Return the same of Debian 13's, with buildx, and images in the store of containerd as a new Docker has them."""
    programs = unpack_docker(CACHE)
    settings = tmp_path_factory.mktemp("engine") / "daemon.json"
    settings.write_text('{"features": {"containerd-snapshotter": true}}')
    with start_engine(f"--config-file={settings}", programs=str(programs)) as host:
        path = f"{programs}:/usr/bin:/bin"
        yield {"DOCKSLIM_BUILDER": "docker", "DOCKER_HOST": host, "PATH": path, "DOCKER_CONFIG": str(programs)}


@pytest.fixture(scope="session")
def buildkit(request: pytest.FixtureRequest) -> Iterator[dict[str, str]]:
    """Return the same of a daemon: the one that BUILDKIT_HOST names, else that in Debian 13's engine."""
    programs = unpack_docker(CACHE)
    environ = {"DOCKSLIM_BUILDER": "buildkit", "PATH": f"{programs}:/usr/bin:/bin", "DOCKER_CONFIG": str(programs)}
    if "BUILDKIT_HOST" in os.environ:
        yield {**environ, "BUILDKIT_HOST": os.environ["BUILDKIT_HOST"]}
        return
    with relay_buildkit(request.getfixturevalue("new_engine")["DOCKER_HOST"]) as address:
        yield {**environ, "BUILDKIT_HOST": address}


ENDS = ("old_engine", "new_engine", "buildkit")
"""All that is asked through Docker's client."""


@pytest.fixture(scope="session")
def each_yard(request: pytest.FixtureRequest, registries: Registries, tmp_path_factory: pytest.TempPathFactory) -> Yard:
    """Builds with a builder that the test names."""
    found = request.getfixturevalue(request.param)
    if isinstance(found, Yard):
        return found
    builder = open_builder(found)
    assert builder is not None
    return Yard(registries, builder, tmp_path_factory.mktemp("yard"))
