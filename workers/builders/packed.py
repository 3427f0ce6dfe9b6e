"""Layers that were packed for an earlier image: the builder leaves them out of the next one, and they are put back.

A builder keeps its layers unpacked, and packing that of a base image takes longer than what is built on it. A layout is
what the sandbox let out: only digests become part of a path. https://github.com/opencontainers/image-spec
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_DIGEST = re.compile(r"sha256:([0-9a-f]{64})")
_MOST_DOCUMENT = 8 << 20


@dataclass(frozen=True, slots=True)
class Packed:
    """A packed layer: its file, and how manifests describe it."""

    blob: Path
    descriptor: Mapping[str, Any]


def find_packed(layouts: Iterable[Path]) -> dict[str, Packed]:
    """Return the layers of layouts by their diff ids; one that cannot be read holds none."""
    found: dict[str, Packed] = {}
    for layout in layouts:
        try:
            _, manifest = _read_manifest(layout)
            config = _read(_blob(layout, manifest["config"]["digest"]))
            for diff_id, each in zip(config["rootfs"]["diff_ids"], manifest["layers"], strict=True):
                if _DIGEST.fullmatch(diff_id):
                    found[diff_id] = Packed(_blob(layout, each["digest"]), each)
        except (OSError, ValueError, LookupError, TypeError, RecursionError):
            continue
    return found


def put_back(layout: Path, packed: Mapping[str, Packed]) -> None:
    """Put packed layers into a layout where its manifest names what they unpack to; raise ValueError for no layout."""
    if any(each.is_symlink() for each in layout.rglob("*")):
        raise ValueError("there are symbolic links in it")
    try:
        index, manifest = _read_manifest(layout)
        missing = [packed[each["digest"]] for each in manifest["layers"] if each["digest"] in packed]
        if not missing:
            return
        manifest["layers"] = [
            packed[each["digest"]].descriptor if each["digest"] in packed else each for each in manifest["layers"]
        ]
        text = json.dumps(manifest).encode()
        digest = f"sha256:{hashlib.sha256(text).hexdigest()}"
        _blob(layout, digest).write_bytes(text)
        index["manifests"][0] |= {"digest": digest, "size": len(text)}
        (layout / "index.json").write_text(json.dumps(index), encoding="utf-8")
        for each in missing:
            blob = layout / "blobs" / "sha256" / each.blob.name
            if not blob.exists():
                os.link(each.blob, blob)
    except (OSError, LookupError, TypeError, RecursionError) as error:
        raise ValueError(f"it is no layout ({error!r:.200})") from error


def _read_manifest(layout: Path) -> tuple[Any, Any]:
    """Return the index and its only manifest."""
    index = _read(layout / "index.json")
    (listed,) = index["manifests"]
    return index, _read(_blob(layout, listed["digest"]))


def _blob(layout: Path, digest: str) -> Path:
    found = _DIGEST.fullmatch(digest)
    if found is None:
        raise ValueError(f"{digest!r:.100} is no sha256 digest")
    return layout / "blobs" / "sha256" / found[1]


def _read(path: Path) -> Any:
    if path.stat().st_size > _MOST_DOCUMENT:
        raise ValueError(f"{path.name} is larger than 8 MB")
    return json.loads(path.read_bytes())
