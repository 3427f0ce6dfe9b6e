"""Layers and images for the tests, written with tarfile, and laid over one another on a real disk."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import os
import shutil
import tarfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.workers.image.zstd import compress
from workers.image import Image, read_image

Pack = Callable[[bytes], bytes]
PACKS: dict[str, Pack] = {"plain": bytes, "gzip": lambda data: gzip.compress(data, 1), "zstd": compress}
MEDIA = "application/vnd.oci.image"


@dataclass(frozen=True)
class Member:
    """One entry of a layer: a file has content, a link a target."""

    path: str
    type: bytes = tarfile.REGTYPE
    content: bytes = b""
    target: str = ""
    mtime: int = 1
    mode: int = 0o644

    def header(self) -> tarfile.TarInfo:
        """Return it as tarfile wants it."""
        info = tarfile.TarInfo(self.path)
        info.type, info.linkname, info.mtime, info.mode = self.type, self.target, self.mtime, self.mode
        info.size = len(self.content)
        return info


def file(path: str, content: bytes | int, mtime: int = 1) -> Member:
    """Return a file, of so many bytes where a number is given."""
    return Member(path, content=content if isinstance(content, bytes) else b"x" * content, mtime=mtime)


def folder(path: str) -> Member:
    """Return a directory."""
    return Member(path, tarfile.DIRTYPE, mode=0o755)


def symlink(path: str, target: str) -> Member:
    """Return a symlink."""
    return Member(path, tarfile.SYMTYPE, target=target)


def hard_link(path: str, target: str) -> Member:
    """Return one more name of a file."""
    return Member(path, tarfile.LNKTYPE, target=target)


def write_layer(members: Iterable[Member], form: int = tarfile.PAX_FORMAT) -> bytes:
    """Return a tar."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=form) as tar:
        for member in members:
            tar.addfile(member.header(), io.BytesIO(member.content))
    return buffer.getvalue()


def digest(data: bytes) -> str:
    """Return the digest of some bytes as images write it."""
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


@dataclass(frozen=True)
class Files:
    """An image as the files of a layout, by their path in it."""

    files: dict[str, bytes]
    config: str
    layers: tuple[str, ...]


def make_image(
    layers: Sequence[bytes],
    history: Sequence[tuple[str, bool]] | None = None,
    pack: Pack = bytes,
    platform: tuple[str, str] = ("linux", "amd64"),
) -> Files:
    """Return an image of tars; `history` has what made each layer, and whether it made none."""
    steps = [(f"RUN make {at}", False) for at in range(len(layers))] if history is None else history
    config = {
        "os": platform[0],
        "architecture": platform[1],
        "rootfs": {"type": "layers", "diff_ids": [digest(layer) for layer in layers]},
        "history": [{"created_by": text, **({"empty_layer": True} if empty else {})} for text, empty in steps],
    }
    files: dict[str, bytes] = {}

    def put(data: bytes, kind: str) -> dict[str, object]:
        files[f"blobs/sha256/{digest(data).removeprefix('sha256:')}"] = data
        return {"mediaType": f"{MEDIA}.{kind}", "digest": digest(data), "size": len(data)}

    packed = [put(pack(layer), "layer.v1.tar") for layer in layers]
    described = put(json.dumps(config).encode(), "config.v1+json")
    manifest = put(json.dumps({"schemaVersion": 2, "config": described, "layers": packed}).encode(), "manifest.v1+json")
    files["index.json"] = json.dumps({"schemaVersion": 2, "manifests": [manifest]}).encode()
    files["oci-layout"] = b'{"imageLayoutVersion": "1.0.0"}'
    names = [f"blobs/sha256/{str(each['digest']).removeprefix('sha256:')}" for each in (described, *packed)]
    return Files(files, names[0], tuple(names[1:]))


def write_layout(image: Files, directory: Path) -> Path:
    """Write an OCI layout and return its directory."""
    for name, data in image.files.items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return directory


def write_archive(image: Files, path: Path) -> Path:
    """Write an OCI archive and return its path."""
    path.write_bytes(write_layer(file(name, data) for name, data in image.files.items()))
    return path


def write_docker_archive(image: Files, path: Path) -> Path:
    """Write what `docker save` before 25 writes: a directory for each layer, and a list of them behind it."""
    config = image.files[image.config]
    named = {f"{at:064x}/layer.tar": image.files[layer] for at, layer in enumerate(image.layers)}
    hashed = f"{hashlib.sha256(config).hexdigest()}.json"
    listed = [{"Config": hashed, "RepoTags": ["app:1"], "Layers": list(named)}]
    files = {**named, hashed: config, "manifest.json": json.dumps(listed).encode()}
    path.write_bytes(write_layer(file(name, data) for name, data in files.items()))
    return path


def image_of(tmp_path: Path, *layers: Iterable[Member]) -> Image:
    """Return an image of these layers, read from an archive."""
    return read_image(write_archive(make_image([write_layer(layer) for layer in layers]), tmp_path / "image.tar"))


def lay(root: Path, layer: bytes) -> None:
    """Extract one more layer onto a directory, as an engine without a file system for layers does.

    In the order of its entries: parents are followed through symlinks, the last part of a path never is. Raise OSError
    where the kernel refuses.
    """
    with tarfile.open(fileobj=io.BytesIO(layer)) as tar:
        for info in tar:
            parent, name = os.path.split(info.name)
            real = os.path.realpath(root / parent)
            if name == ".wh..wh..opq":
                for child in os.listdir(real) if os.path.isdir(real) else ():
                    _clear(os.path.join(real, child))
                continue
            if name.startswith(".wh."):
                _clear(os.path.join(real, name.removeprefix(".wh.")))
                continue
            os.makedirs(real, exist_ok=True)
            path = os.path.join(real, name)
            if info.isdir() and os.path.isdir(path) and not os.path.islink(path):
                continue
            _clear(path)
            if info.isdir():
                os.mkdir(path)
            elif info.issym():
                os.symlink(info.linkname, path)
            elif info.islnk():
                folder, last = os.path.split(info.linkname)
                os.link(os.path.join(os.path.realpath(root / folder), last), path, follow_symlinks=False)
            else:
                content = tar.extractfile(info)
                assert content is not None
                Path(path).write_bytes(content.read())


def _clear(path: str) -> None:
    if os.path.isdir(path) and not os.path.islink(path):
        shutil.rmtree(path)
    elif os.path.lexists(path):
        os.unlink(path)


def files_on(root: Path) -> Iterator[tuple[str, os.stat_result]]:
    """Yield every regular file below a directory, by its path in it."""
    for directory, _, names in os.walk(root):
        for name in names:
            path = Path(directory) / name
            if path.is_file() and not path.is_symlink():
                yield str(path.relative_to(root)), path.stat()
