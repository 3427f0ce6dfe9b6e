"""What `docker save` writes, laid out as a registry would store it: an OCI layout with packed layers.

The two forms of it: https://github.com/moby/moby/tree/master/image/spec, until Docker 24 and since.
"""

from __future__ import annotations

import hashlib
import json
import os
import tarfile
import time
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, Any

from workers.builders.packed import Packed
from workers.image.source import CHUNK, GZIP, ZSTD

_OCI = "application/vnd.oci.image"


class SavedError(Exception):
    """What is wrong with an archive."""


def lay_out(archive: IO[bytes], into: Path, deadline: float, packed: Mapping[str, Packed]) -> None:
    """Write the one image of an archive into an empty directory; layers that are packed already are linked to.

    Raise SavedError where it is none, TimeoutError when `time.monotonic()` is past the deadline.
    """
    blobs = into / "blobs" / "sha256"
    blobs.mkdir(parents=True)
    try:
        with tarfile.open(fileobj=archive, mode="r:") as tar:
            (listed,) = json.load(_open(tar, "manifest.json"))
            config = _open(tar, listed["Config"]).read()
            named = zip(json.loads(config)["rootfs"]["diff_ids"], listed["Layers"], strict=True)
            layers = [
                _link(blobs, packed[diff_id]) if diff_id in packed else _add_layer(blobs, _open(tar, name), deadline)
                for diff_id, name in named
            ]
    except (tarfile.TarError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise SavedError(str(error) or type(error).__name__) from None
    media_type = f"{_OCI}.manifest.v1+json"
    described = _add(blobs, f"{_OCI}.config.v1+json", iter([config]))
    manifest = {"schemaVersion": 2, "mediaType": media_type, "config": described, "layers": layers}
    index = {"schemaVersion": 2, "manifests": [_add(blobs, media_type, iter([json.dumps(manifest).encode()]))]}
    (into / "index.json").write_text(json.dumps(index))
    (into / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')


def _open(tar: tarfile.TarFile, name: str) -> IO[bytes]:
    """Open a file, or what a link stands for: a layer that is there twice is written once."""
    found = tar.extractfile(name)
    if found is None:
        raise ValueError(f"{name} is no file")
    return found


def _link(blobs: Path, packed: Packed) -> Mapping[str, Any]:
    blob = blobs / packed.blob.name
    if not blob.exists():
        os.link(packed.blob, blob)
    return packed.descriptor


def _add_layer(blobs: Path, layer: IO[bytes], deadline: float) -> dict[str, Any]:
    head = layer.read(CHUNK)
    pieces = _read(head, layer, deadline)
    if head.startswith(GZIP):
        return _add(blobs, f"{_OCI}.layer.v1.tar+gzip", pieces)
    if head.startswith(ZSTD):
        return _add(blobs, f"{_OCI}.layer.v1.tar+zstd", pieces)
    return _add(blobs, f"{_OCI}.layer.v1.tar+gzip", _pack(pieces))


def _read(head: bytes, rest: IO[bytes], deadline: float) -> Iterator[bytes]:
    while head:
        if time.monotonic() > deadline:
            raise TimeoutError
        yield head
        head = rest.read(CHUNK)


def _pack(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """Pack as engines do when they push: gzip, level 6."""
    packer = zlib.compressobj(6, zlib.DEFLATED, 16 + zlib.MAX_WBITS)
    for piece in pieces:
        yield packer.compress(piece)
    yield packer.flush()


def _add(blobs: Path, media_type: str, pieces: Iterator[bytes]) -> dict[str, Any]:
    """Store a blob under its digest; return its descriptor."""
    digest, size = hashlib.sha256(), 0
    part = blobs / "part"
    with part.open("wb") as file:
        for piece in pieces:
            file.write(piece)
            digest.update(piece)
            size += len(piece)
    part.rename(blobs / digest.hexdigest())
    return {"mediaType": media_type, "digest": f"sha256:{digest.hexdigest()}", "size": size}
