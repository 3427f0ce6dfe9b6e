"""Debian for builds: small images under their official names, and the hosts where apt finds packages in there.

The packages are those of the mirror that this machine's apt uses. An archive on loopback would be repeatable, and its
lists a few kilobytes: what lists weigh is a third of what is measured here.
"""

from __future__ import annotations

import io
import re
import tarfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from tests.workers.builders.registry import Registry, add_file, make_debian
from workers.registry import Registries, read_image

SLIM, FULL = "debian:bookworm-slim", "debian:bookworm"
_LEFT_OUT = ("doc", "info", "locale", "man", "lintian/overrides")
_IS_LEFT_OUT = re.compile(rf"\./usr/share/(?:{'|'.join(_LEFT_OUT)})/(?!.*/copyright$)")
_EXCLUDED = "".join(f"path-exclude /usr/share/{each}/*\n" for each in _LEFT_OUT)
_CLEAN = '"rm -f /var/cache/apt/archives/*.deb /var/cache/apt/archives/partial/*.deb /var/cache/apt/*.bin || true";'
_APT = f"""Acquire::GzipIndexes "true";
Acquire::Languages "none";
APT::Update::Post-Invoke {{ {_CLEAN} }};
DPkg::Post-Invoke {{ {_CLEAN} }};
Dir::Cache::pkgcache "";
Dir::Cache::srcpkgcache "";
"""


@dataclass(frozen=True)
class Debian:
    """Images in a registry that stands in for Docker Hub, and the hosts that apt in them asks."""

    registry: Registry
    registries: Registries
    hosts: tuple[str, ...]

    def resolve(self, reference: str) -> str | None:
        """Return where the registry has an image of Docker Hub, by digest."""
        image = read_image(reference)
        return self.registries.resolve(f"{self.registry.name}/{image.name}:{image.version}") if image else None

    def name(self, image: str) -> str:
        """Return what an official image is called in the registry."""
        return f"{self.registry.name}/library/{image}"


def push_debian(registry: Registry, registries: Registries, cache: Path) -> Debian:
    """Push Debian 12 in its two official forms, set up as those are; the full one is the slim one and a layer more."""
    whole = make_debian(cache)
    layers = [_filter(whole, lambda name: not _IS_LEFT_OUT.match(name), _AS_SLIM)]
    registry.push(f"library/{SLIM}", layers)
    layers.append(_filter(whole, lambda name: bool(_IS_LEFT_OUT.match(name)), {"etc/dpkg/dpkg.cfg.d/.wh.docker": ""}))
    registry.push(f"library/{FULL}", layers)
    return Debian(registry, registries, tuple(sorted(set(_hosts(whole)))))


_AS_SLIM = {
    "etc/apt/apt.conf.d/docker": _APT,
    "etc/dpkg/dpkg.cfg.d/docker-apt-speedup": "force-unsafe-io\n",
    "etc/dpkg/dpkg.cfg.d/docker": f"{_EXCLUDED}path-include /usr/share/doc/*/copyright\n",
}


def _filter(whole: bytes, keeps: Callable[[str], bool], more: dict[str, str]) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=io.BytesIO(whole)) as source, tarfile.open(fileobj=stream, mode="w") as archive:
        for entry in source:
            if keeps(entry.name if not entry.isdir() else f"{entry.name}/"):
                archive.addfile(entry, source.extractfile(entry) if entry.isreg() else None)
        for name, text in more.items():
            add_file(archive, name, text.encode())
    return stream.getvalue()


def _hosts(whole: bytes) -> Iterator[str]:
    with tarfile.open(fileobj=io.BytesIO(whole)) as archive:
        listed = archive.extractfile("./etc/apt/sources.list")
        assert listed is not None
        for address in re.findall(r"https?://\S+", listed.read().decode()):
            parts = urlsplit(address)
            yield f"{parts.hostname}:{parts.port or {'http': 80, 'https': 443}[parts.scheme]}"
