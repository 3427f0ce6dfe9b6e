"""What `docker save` writes in its two forms, laid out anew: the same image, packed."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import tarfile
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.rules.cases import table
from workers.builders.packed import find_packed
from workers.builders.saved import SavedError, lay_out
from workers.image import read_image

NEVER = float("inf")


def tar(entries: dict[str, bytes | str]) -> bytes:
    """Return a tar of files, and of links where a text says to what."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        for name, content in entries.items():
            entry = tarfile.TarInfo(name)
            if isinstance(content, str):
                entry.type, entry.linkname = tarfile.SYMTYPE, content
                archive.addfile(entry)
            else:
                entry.size = len(content)
                archive.addfile(entry, io.BytesIO(content))
    return stream.getvalue()


LAYERS = [tar({"a": bytes(90_000)}), tar({"b": b"b"}), tar({"a": bytes(90_000)})]
CONFIG = json.dumps(
    {
        "os": "linux",
        "architecture": "amd64",
        "rootfs": {"diff_ids": [f"sha256:{hashlib.sha256(each).hexdigest()}" for each in LAYERS]},
    }
).encode()
ONE = b'{"rootfs": {"diff_ids": ["sha256:0"]}}'


def listing(config: str, layers: Sequence[str], count: int = 1) -> bytes:
    return json.dumps([{"Config": config, "Layers": layers}] * count).encode()


FORMS = {
    "before 25": {
        "1/layer.tar": LAYERS[0],
        "2/layer.tar": LAYERS[1],
        "3/layer.tar": "../1/layer.tar",
        "c.json": CONFIG,
        "manifest.json": listing("c.json", ["1/layer.tar", "2/layer.tar", "3/layer.tar"]),
    },
    "since 25": {
        "blobs/sha256/1": LAYERS[0],
        "blobs/sha256/2": gzip.compress(LAYERS[1]),
        "blobs/sha256/c": CONFIG,
        "manifest.json": listing("blobs/sha256/c", [f"blobs/sha256/{each}" for each in (1, 2, 1)]),
    },
}


@pytest.mark.parametrize("form", FORMS)
def test_forms(tmp_path: Path, form: str) -> None:
    lay_out(io.BytesIO(tar(FORMS[form])), tmp_path, NEVER, {})
    image = read_image(tmp_path)
    assert [each.diff_id for each in image.layers] == json.loads(CONFIG)["rootfs"]["diff_ids"]
    assert [[entry.path for entry in each.contents.entries] for each in image.layers] == [["a"], ["b"], ["a"]]
    packed = [each.compressed or 0 for each in image.layers]
    assert 0 < packed[0] < 1000
    assert packed[0] == packed[2]
    # The next image has the very files.
    later = tmp_path / "later"
    later.mkdir()
    lay_out(io.BytesIO(tar(FORMS[form])), later, NEVER, find_packed([tmp_path]))
    assert read_image(later) == image
    blobs = [each.relative_to(tmp_path) for each in tmp_path.glob("blobs/*/*") if each.stat().st_nlink > 1]
    assert len(blobs) == 2


@table(
    ("entries", "reason"),
    {
        "no list": ({"a": b"a"}, "filename 'manifest.json' not found"),
        "no JSON": ({"manifest.json": b"{"}, "Expecting"),
        "another list": ({"manifest.json": b"3"}, "cannot unpack"),
        "two images": ({"c": CONFIG, "manifest.json": listing("c", [], 2)}, "too many values"),
        "fewer layers": ({"c": ONE, "manifest.json": listing("c", [])}, "shorter|longer"),
        "no layer": ({"c": ONE, "manifest.json": listing("c", ["x"])}, "filename 'x' not found"),
        "a layer that is a link to itself": ({"c": ONE, "x": "x", "manifest.json": listing("c", ["x"])}, "recursion"),
    },
)
def test_what_is_no_image(tmp_path: Path, entries: dict[str, bytes | str], reason: str) -> None:
    with pytest.raises(SavedError, match=reason):
        lay_out(io.BytesIO(tar(entries)), tmp_path, NEVER, {})


def test_an_archive_that_ends_early(tmp_path: Path) -> None:
    whole = tar(FORMS["since 25"])
    with pytest.raises(SavedError):
        lay_out(io.BytesIO(whole[: len(LAYERS[0]) // 2]), tmp_path, NEVER, {})


def test_out_of_time(tmp_path: Path) -> None:
    with pytest.raises(TimeoutError):
        lay_out(io.BytesIO(tar(FORMS["before 25"])), tmp_path, time.monotonic() - 1, {})
