"""An image, laid out and counted: the pure core behind `dockslim size` and `dockslim compare`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from rules.dockerfile import Dockerfile
from workers.image.attribute import Attribution, attribute
from workers.image.limits import LIMITS, Limits
from workers.image.model import Cost, How, Image, Loss, Measurement, Package
from workers.image.overlay import Inode, Overlay
from workers.image.packages import find_owners, node_package


class _Sums(NamedTuple):
    folders: dict[str, int]
    packages: dict[Package, int]
    loose: dict[str, int]
    """Of no package."""


def measure(
    image: Image,
    dockerfile: Dockerfile | None = None,
    target: str | None = None,
    *,
    place: str = "image",
    limits: Limits = LIMITS,
) -> Measurement:
    """Count what each layer adds and takes away; with the Dockerfile, say which instruction it was.

    Raise ImageError where an engine could not extract the layers either.
    """
    overlay = Overlay(place, limits)
    owners: dict[str, Package] = {}
    written: list[_Sums] = []
    for layer in image.layers:
        files = overlay.add(layer.contents.entries)
        if layer.contents.databases:
            owners |= find_owners(layer.contents.databases, overlay.files)
        written.append(_sum_up(files, owners))
    losses = overlay.losses()
    found = attribute(image, dockerfile, target) if dockerfile is not None else None
    visible = _visible(overlay.files)
    return Measurement(
        image=image,
        costs=tuple(_cost(image, at, sums, losses, found) for at, sums in enumerate(written)),
        losses=losses,
        files=visible,
        packages=_sum_up(visible.items(), owners).packages,
    )


def _sum_up(files: Iterable[tuple[str, int]], owners: Mapping[str, Package]) -> _Sums:
    """Return the bytes of files by the directory that they lie in and by package."""
    sums = _Sums({}, {}, {})
    folders, packages, loose = sums.folders, sums.packages, sums.loose
    for path, size in files:
        folder = path.rpartition("/")[0]
        folders[folder] = folders.get(folder, 0) + size
        owner = owners.get(path)
        if owner is None and "node_modules/" in path:
            owner = node_package(path)
        if owner is not None:
            packages[owner] = packages.get(owner, 0) + size
        else:
            loose[folder] = loose.get(folder, 0) + size
    return sums


def _visible(files: Mapping[str, Inode]) -> dict[str, int]:
    """Return the size of each file; its bytes are counted once, at the first of its names."""
    seen: set[int] = set()
    visible = {}
    for path, inode in files.items():
        if inode.names > 1:
            visible[path] = 0 if id(inode) in seen else inode.size
            seen.add(id(inode))
        else:
            visible[path] = inode.size
    return visible


def _cost(
    image: Image,
    index: int,
    sums: _Sums,
    losses: tuple[Loss, ...],
    found: Attribution | None,
) -> Cost:
    def taken(how: How) -> int:
        return sum(loss.bytes for loss in losses if loss.loser == index and loss.how is how)

    layer = image.layers[index]
    return Cost(
        index=index,
        diff_id=layer.diff_id,
        created_by=layer.created_by,
        origin=found.origins[index] if found else None,
        is_base=index < found.base if found and found.base is not None else None,
        written=sum(sums.folders.values()),
        compressed=layer.compressed,
        lost=sum(loss.bytes for loss in losses if loss.writer == index),
        overwrote=taken(How.OVERWRITTEN),
        deleted=taken(How.DELETED),
        copied=taken(How.COPIED),
        packages=sums.packages,
        directories=sums.folders,
        loose=sums.loose,
    )
