"""Which builder this machine has, by DOCKSLIM_BUILDER."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path

from workers.builders.buildah import Buildah, find_version
from workers.builders.buildkit import open_buildkit
from workers.builders.docker import open_docker
from workers.builders.egress import read_hosts
from workers.builders.model import Builder
from workers.package_indexes import make_cache
from workers.registry import open_registries


def open_builder(environ: Mapping[str, str]) -> Builder | None:
    """Return the builder that is set, None for none. Raise ValueError with one sentence for a setting that is wrong."""
    name = environ.get("DOCKSLIM_BUILDER", "").strip().lower() or "none"
    if name == "none":
        return None
    if name not in ("buildah", "docker", "buildkit"):
        raise ValueError(f"{name[:40]!r} is no builder")
    hosts = read_hosts(environ.get("DOCKSLIM_BUILD_HOSTS", ""))
    if name != "buildah" and hosts:
        raise ValueError(f"DOCKSLIM_BUILD_HOSTS is set, and {name} keeps no RUN to some hosts")
    if name == "docker":
        return open_docker(environ)
    if name == "buildkit":
        return open_buildkit(environ)
    registries = open_registries(environ.get("DOCKSLIM_REGISTRIES", ""))
    addresses = registries.addresses if registries is not None else {}
    insecure = tuple(name for name, address in addresses.items() if address.startswith("http://"))
    stores = (make_cache(environ) or Path(tempfile.gettempdir(), "dockslim")) / "builds"
    return Buildah(stores, hosts, insecure, find_version())
