"""An image on disk or from a pipe: OCI layout, OCI archive, docker-archive. Nothing is extracted.

https://github.com/opencontainers/image-spec, image-layout.md, image-index.md, manifest.md, config.md; for `docker save`
moby's image/spec/spec.md.
"""

from __future__ import annotations

import hashlib
import json
import os
import posixpath
import re
import stat
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, BinaryIO, Protocol, TypeVar

from workers.image.limits import LIMITS, Budget, ImageError, Limits
from workers.image.model import Image, Layer, Step
from workers.image.packages import is_database
from workers.image.source import CHUNK, GZIP, ZSTD, FileSource, Hashed, Part, Source, StreamSource, unpack
from workers.image.tar import BLOCK, Contents, Entry, Kind, begins_tar, read_contents, walk

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}\Z")
_NESTING = 4
"""Of indexes within indexes, and of links within an archive."""
_ROOM = 8
"""For the documents of an archive, in the largest ones: all are kept, as what they are is only said at its end."""
_WHOLE = 1 << 62
"""More bytes than there are: an archive that ends when its source does."""

_BLOBS = "blobs/sha256/"
_NO_LAYER = "neither a tar nor one packed with gzip or zstd"
_Document = Mapping[str, object]
Kept = TypeVar("Kept")


@dataclass(frozen=True, slots=True)
class Stored:
    """A layer as it lies there: `size` is what it is stored in, packed or not."""

    contents: Contents
    size: int
    is_packed: bool


class _Blobs(Protocol):
    """The files of an image by their name."""

    place: str
    budget: Budget

    def document(self, name: str) -> bytes | None:
        """Return a small file, None where there is none of that name."""

    def layer(self, name: str) -> Stored | None:
        """Return what a layer holds, None where there is none of that name."""


def read_image(path: str | Path, platform: str | None = None, limits: Limits = LIMITS) -> Image:
    """Read an OCI layout directory, an OCI archive or a docker-archive; raise ImageError for what is none.

    `platform`, such as `linux/arm64`, chooses where there are several.
    """
    place = str(path)
    try:
        if os.path.isdir(path):
            return _resolve(_Layout(place, limits), platform)
        with open(path, "rb") as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                return read_stream(file, place, platform, limits)
            return _resolve(_Archive(FileSource(file), place, limits), platform)
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        raise ImageError(place, f"cannot be read: {_say(error)}") from None


def _say(error: OSError | ValueError) -> str:
    """Return what the system said, in the middle of a sentence."""
    said = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return f"{said[:1].lower()}{said[1:]}"


def read_stream(stream: IO[bytes], place: str, platform: str | None = None, limits: Limits = LIMITS) -> Image:
    """Read an archive as it comes out of a pipe, such as that of `docker save`; `place` is what errors name."""
    return _resolve(_Archive(StreamSource(stream), place, limits), platform)


class _Layout:
    """A directory with blobs that are opened when they are asked for."""

    def __init__(self, place: str, limits: Limits) -> None:
        self.place = place
        self.budget = Budget(limits)

    def document(self, name: str) -> bytes | None:
        with self._open(name) as file:
            if file is None:
                return None
            limit = self.budget.limits.document
            data = file.read(limit + 1)
        if len(data) > limit:
            raise ImageError(f"{self.place}: {name}", f"a document of more than {limit:,} bytes")
        self.budget.read_document(len(data), f"{self.place}: {name}")
        return data

    def layer(self, name: str) -> Stored | None:
        with self._open(name) as file:
            if file is None:
                return None
            source = FileSource(file)
            return _read_layer(source, source.size, source.read(BLOCK), self, name)

    @contextmanager
    def _open(self, name: str) -> Iterator[BinaryIO | None]:
        """Open a regular file and nothing else: a link may lead out of the layout, a pipe may never end."""
        try:
            fd = os.open(os.path.join(self.place, name), os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        except FileNotFoundError:
            yield None
            return
        except OSError as error:
            raise ImageError(f"{self.place}: {name}", f"cannot be read: {_say(error)}") from None
        with open(fd, "rb") as file:
            if not stat.S_ISREG(os.fstat(fd).st_mode):
                raise ImageError(f"{self.place}: {name}", "no regular file")
            yield file


class _Archive:
    """An archive, read once from front to back: which of its files are layers is only said at its end."""

    def __init__(self, source: Source, place: str, limits: Limits) -> None:
        self.place = place
        self.budget = Budget(limits)
        self._room = _ROOM * limits.document
        self._documents: dict[str, bytes | ImageError] = {}
        self._layers: dict[str, Stored | ImageError] = {}
        self._asked: set[str] = set()
        head = source.read(BLOCK)
        whole = Part(source, _WHOLE, head)
        inner = unpack(whole, head, place)
        if inner is None and not begins_tar(head):
            raise ImageError(place, "neither an OCI archive nor a docker-archive: it is no tar")
        entries = walk(inner or whole, place, Budget(limits), self._take)
        self._links = {
            entry.path: entry.target
            if entry.kind is Kind.HARD_LINK
            else posixpath.normpath(posixpath.join(posixpath.dirname(entry.path), entry.target))
            for entry in entries
            # `docker save` before 25 writes a layer that several images share once, and links to it.
            if entry.kind in (Kind.HARD_LINK, Kind.SYMLINK)
        }

    def document(self, name: str) -> bytes | None:
        found = _given(self._documents.get(self._follow(name, self._documents)))
        if found is not None:
            self.budget.read_document(len(found), f"{self.place}: {name}")
        return found

    def layer(self, name: str) -> Stored | None:
        found = _given(self._layers.get(self._follow(name, self._layers)))
        if found is None:
            if self.document(name) is not None:
                raise ImageError(f"{self.place}: {name}", _NO_LAYER)
            return None
        # Read once, but laid over the others as often as it is named.
        self.budget.spend(
            0, lambda: f"{self.place}: {name}", entries=len(found.contents.entries) if name in self._asked else 0
        )
        self._asked.add(name)
        return found

    def _follow(self, name: str, files: Mapping[str, object]) -> str:
        for _ in range(_NESTING):
            if name in files or name not in self._links:
                break
            name = self._links[name]
        return name

    def _take(self, entry: Entry, source: Source) -> int:
        content = Part(source, entry.size)
        head = content.read(BLOCK)
        place = f"{self.place}: {entry.path}"
        # It may be no layer at all, or one of another image: what is wrong only counts when it is asked for.
        if head.startswith((GZIP, ZSTD)) or begins_tar(head):
            try:
                self._layers[entry.path] = _read_layer(content, entry.size, head, self, entry.path)
            except ImageError as error:
                self._layers[entry.path] = error
        elif entry.size > min(self.budget.limits.document, self._room):
            said = f"a document of more than {self.budget.limits.document:,} bytes, or one behind many"
            self._documents[entry.path] = ImageError(place, said)
        else:
            self._room -= entry.size
            self._documents[entry.path] = head + content.read(content.left)
        return entry.size - content.left


def _given(found: Kept | ImageError | None) -> Kept | None:
    if isinstance(found, ImageError):
        raise found
    return found


def _read_layer(source: Source, stored: int, head: bytes, blobs: _Blobs, name: str) -> Stored:
    """Read a layer of `stored` bytes from a source of which `head` is read already.

    A packed one is held to the digest that it is named after. A plain one is not: only its headers are read.
    """
    place, budget = f"{blobs.place}: {name}", blobs.budget
    whole = Hashed(Part(source, stored, head))
    inner = unpack(whole, head, place)
    if inner is None:
        if not begins_tar(head):
            raise ImageError(place, _NO_LAYER)
        return Stored(read_contents(Part(source, stored, head), place, budget, is_database), stored, False)
    contents = read_contents(inner, place, budget, is_database)
    while rest := inner.skip(CHUNK):
        budget.spend(rest, lambda: place)
    whole.skip(stored)
    if name.startswith(_BLOBS) and whole.sha256.hexdigest() != name.removeprefix(_BLOBS):
        raise ImageError(place, f"its content has the digest sha256:{whole.sha256.hexdigest()}")
    return Stored(contents, stored, True)


@dataclass(frozen=True, slots=True)
class _Found:
    """An image that a manifest names: its configuration, and its layers with the sizes that the manifest gives them."""

    config: _Document
    config_name: str
    layers: tuple[tuple[str, int | None], ...]


def _resolve(blobs: _Blobs, wanted: str | None) -> Image:
    """Choose the one image that is there and read its layers."""
    listed = blobs.document("manifest.json") if isinstance(blobs, _Archive) else None
    index = None if listed is not None else blobs.document("index.json")
    if listed is not None:
        found = list(_read_list(blobs, _parse(listed, f"{blobs.place}: manifest.json")))
    elif index is not None:
        found = list(_descend(blobs, _parse(index, f"{blobs.place}: index.json"), "index.json", 0))
    else:
        raise ImageError(blobs.place, "neither an OCI layout nor a docker-archive: no index.json, no manifest.json")
    images = {each.config_name: each for each in found if not _platform(each.config).startswith("unknown/")}
    chosen = [each for each in images.values() if wanted in (None, _platform(each.config))]
    if len(chosen) != 1:
        platforms = ", ".join(sorted(_platform(each.config) for each in images.values())) or "none"
        said = f"images in it: {platforms}; " if wanted is None else f"no image for {wanted} in it, but {platforms}; "
        raise ImageError(blobs.place, f"{said}one has to be chosen" if chosen or wanted is None else said[:-2])
    return _read(blobs, chosen[0])


def _read_list(blobs: _Blobs, listed: object) -> Iterator[_Found]:
    """Read the manifest.json of `docker save`."""
    place = f"{blobs.place}: manifest.json"
    for each in _list(listed, place):
        entry = _document(each, place)
        name = _string(entry, "Config", place)
        layers = tuple((str(layer), None) for layer in _list(entry.get("Layers"), place))
        yield _Found(_fetch(blobs, name, _digest_in(name)), name, layers)


def _descend(blobs: _Blobs, index: object, name: str, depth: int) -> Iterator[_Found]:
    """Read the manifests of an index; those of platforms that were not stored with it are left out."""
    place = f"{blobs.place}: {name}"
    if depth > _NESTING:
        raise ImageError(place, f"indexes are nested more than {_NESTING} deep")
    absent = ""
    found = False
    for each in _list(_document(index, place).get("manifests"), place):
        digest = _string(_document(each, place), "digest", place)
        child = _blob(digest, place)
        data = blobs.document(child)
        if data is None:
            absent = absent or digest
            continue
        found = True
        document = _check(data, f"{blobs.place}: {child}", digest)
        if "manifests" in document:
            yield from _descend(blobs, document, child, depth + 1)
        else:
            yield _read_manifest(blobs, document, f"{blobs.place}: {child}")
    if absent and not found:
        raise ImageError(place, f"{absent} is named and not there")


def _read_manifest(blobs: _Blobs, manifest: _Document, place: str) -> _Found:
    digest = _string(_document(manifest.get("config"), place), "digest", place)
    name = _blob(digest, place)
    layers = []
    for each in _list(manifest.get("layers"), place):
        layer = _document(each, place)
        size = layer.get("size")
        layers.append((_blob(_string(layer, "digest", place), place), size if isinstance(size, int) else None))
    return _Found(_fetch(blobs, name, digest), name, tuple(layers))


def _read(blobs: _Blobs, found: _Found) -> Image:
    place = f"{blobs.place}: {found.config_name}"
    diff_ids = _list(_document(found.config.get("rootfs"), place).get("diff_ids"), place)
    if len(diff_ids) != len(found.layers):
        raise ImageError(place, f"{len(diff_ids)} diff_ids for {len(found.layers)} layers")
    limit = blobs.budget.limits.layers
    if len(diff_ids) > limit:
        raise ImageError(place, f"{len(diff_ids):,} layers, more than {limit:,}")
    history = tuple(_read_history(found.config, place))
    made = [step.created_by for step in history if not step.is_empty]
    layers = []
    for at, (diff_id, (name, size)) in enumerate(zip(diff_ids, found.layers, strict=True)):
        if not isinstance(diff_id, str) or not _DIGEST.match(diff_id):
            raise ImageError(place, f"{diff_id!r:.80} is no sha256 digest")
        read = blobs.layer(name)
        if read is None:
            raise ImageError(blobs.place, f"layer {name} is named and not there")
        if size is not None and size != read.size:
            raise ImageError(f"{blobs.place}: {name}", f"{read.size:,} bytes, and its manifest says {size:,}")
        created_by = made[at] if len(made) == len(diff_ids) else None
        layers.append(Layer(diff_id, created_by, read.size if read.is_packed else None, read.contents))
    return Image(_digest_of(found), _platform(found.config), tuple(layers), history)


def _read_history(config: _Document, place: str) -> Iterator[Step]:
    for each in _list(config.get("history") or [], place):
        step = _document(each, place)
        created_by, comment = step.get("created_by"), step.get("comment")
        yield Step(
            created_by if isinstance(created_by, str) else "",
            step.get("empty_layer") is True,
            comment if isinstance(comment, str) else "",
        )


def _platform(config: _Document) -> str:
    parts = (config.get("os"), config.get("architecture"), config.get("variant"))
    return "/".join(str(part) for part in parts if part)


def _digest_of(found: _Found) -> str:
    return _digest_in(found.config_name) or found.config_name


def _digest_in(name: str) -> str | None:
    """Return the digest that the name of a configuration is made of."""
    digest = f"sha256:{posixpath.basename(name).removesuffix('.json')}"
    return digest if _DIGEST.match(digest) else None


def _blob(digest: str, place: str) -> str:
    """Return the name of a blob. Nothing but a digest may become part of a path."""
    if not _DIGEST.match(digest):
        raise ImageError(place, f"{digest!r:.80} is no sha256 digest")
    return f"{_BLOBS}{digest.removeprefix('sha256:')}"


def _fetch(blobs: _Blobs, name: str, digest: str | None) -> _Document:
    data = blobs.document(name)
    if data is None:
        raise ImageError(blobs.place, f"{name} is named and not there")
    return _check(data, f"{blobs.place}: {name}", digest)


def _check(data: bytes, place: str, digest: str | None) -> _Document:
    actual = f"sha256:{hashlib.sha256(data).hexdigest()}"
    if digest is not None and actual != digest:
        raise ImageError(place, f"its content has the digest {actual}")
    return _document(_parse(data, place), place)


def _parse(data: bytes, place: str) -> object:
    try:
        parsed: object = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise ImageError(place, f"no valid JSON ({error})") from None
    return parsed


def _document(value: object, place: str) -> _Document:
    if not isinstance(value, dict):
        raise ImageError(place, "a JSON object is missing")
    return value


def _list(value: object, place: str) -> Sequence[object]:
    if not isinstance(value, list):
        raise ImageError(place, "a JSON list is missing")
    return value


def _string(document: _Document, key: str, place: str) -> str:
    value = document.get(key)
    if not isinstance(value, str):
        raise ImageError(place, f'"{key}" is missing')
    return value
