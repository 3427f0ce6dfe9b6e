from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.workers.builders.debian import Debian, push_debian
from tests.workers.builders.registry import Registry, find_missing, make_busybox, serve_registry
from workers.builders.buildah import Buildah, find_version
from workers.builders.egress import Hosts
from workers.builders.model import Build, Limits
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
def debian(registry: Registry) -> Debian:
    registries = open_registries(f"http://{registry.name}")
    assert registries is not None
    return push_debian(registry, registries, CACHE)


@pytest.fixture(scope="session")
def stores(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("stores")


@dataclass
class Yard:
    """Builds over the registry of the tests."""

    registries: Registries
    buildah: Buildah
    work: Path

    def bench(self, limits: Limits = LIMITS, *, store: str = "tests", trusted: bool = True) -> Bench:
        work = self.work / f"work-{len(list(self.work.iterdir()))}"
        work.mkdir()
        return Bench(self.buildah, self.registries.resolve, self.registries.addresses, limits, store, work, trusted)

    def build(self, text: str, limits: Limits = LIMITS, context: Path | None = None, **more: str) -> Build:
        if context is None:
            context = self.work / "empty"
            context.mkdir(exist_ok=True)
        return self.bench(limits, **more).build(Source(context, text))  # type: ignore[arg-type]


@pytest.fixture(scope="session")
def open_yard(registry: Registry, stores: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Yard]:
    registries = open_registries(f"http://{registry.name}")
    assert registries is not None

    def open_one(*hosts: str) -> Yard:
        buildah = Buildah(stores, Hosts(hosts), (registry.name,), find_version())
        return Yard(registries, buildah, tmp_path_factory.mktemp("yard"))

    return open_one


@pytest.fixture(scope="session")
def yard(open_yard: Callable[..., Yard]) -> Yard:
    return open_yard()
