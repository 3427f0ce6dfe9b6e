"""Layers put back into layouts that were written without them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from workers.builders.packed import find_packed, put_back


def digest(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


DIFFS = [digest(f"layer {each}".encode()) for each in range(3)]


class Layout:
    """A layout as buildah writes it: what it was told to be packed already is named by its diff id, and not there."""

    def __init__(self, place: Path, diffs: Sequence[str], absent: Sequence[str] = ()) -> None:
        self.place = place
        (place / "blobs" / "sha256").mkdir(parents=True)
        layers = [
            {"digest": each, "size": 0, "mediaType": "tar"} if each in absent else self.put(f"packed {each}".encode())
            for each in diffs
        ]
        config = self.put(json.dumps({"rootfs": {"diff_ids": [*diffs]}}).encode())
        manifest = self.put(json.dumps({"config": config, "layers": layers}).encode())
        (place / "index.json").write_text(json.dumps({"manifests": [{**manifest, "annotations": {"a": "b"}}]}))

    def put(self, data: bytes) -> dict[str, Any]:
        self.blob(digest(data)).write_bytes(data)
        return {"digest": digest(data), "size": len(data), "mediaType": "some"}

    def blob(self, of: str) -> Path:
        return self.place / "blobs" / "sha256" / of.removeprefix("sha256:")

    def layers(self) -> list[dict[str, Any]]:
        (listed,) = json.loads((self.place / "index.json").read_text())["manifests"]
        text = self.blob(listed["digest"]).read_bytes()
        assert (digest(text), len(text)) == (listed["digest"], listed["size"])
        return json.loads(text)["layers"]


def test_put_back(tmp_path: Path) -> None:
    first = Layout(tmp_path / "first", DIFFS[:2])
    second = Layout(tmp_path / "second", DIFFS, absent=DIFFS[:2])
    packed = find_packed([first.place])
    assert set(packed) == set(DIFFS[:2])
    put_back(second.place, packed)
    assert second.layers()[:2] == first.layers()
    for each in second.layers():
        assert digest(second.blob(each["digest"]).read_bytes()) == each["digest"]
    # One file on the disk, and the next image finds all three.
    assert second.blob(first.layers()[0]["digest"]).samefile(first.blob(first.layers()[0]["digest"]))
    assert set(find_packed([first.place, second.place])) == set(DIFFS)


def test_nothing_to_put_back(tmp_path: Path) -> None:
    layout = Layout(tmp_path / "layout", DIFFS)
    before = (layout.place / "index.json").read_bytes()
    put_back(layout.place, find_packed([Layout(tmp_path / "other", ["sha256:" + "0" * 64]).place]))
    assert (layout.place / "index.json").read_bytes() == before


def test_twice_the_same_layer(tmp_path: Path) -> None:
    first = Layout(tmp_path / "first", DIFFS[:1])
    second = Layout(tmp_path / "second", [DIFFS[0], DIFFS[0]], absent=DIFFS[:1])
    put_back(second.place, find_packed([first.place]))
    assert second.layers() == first.layers() * 2


@pytest.mark.parametrize("place", ["index.json", "blobs", "blobs/sha256", "blobs/sha256/x"])
def test_links_lead_nowhere(tmp_path: Path, place: str) -> None:
    """What a build let out may be anything: nothing is written through a link."""
    packed = find_packed([Layout(tmp_path / "first", DIFFS[:1]).place])
    layout = Layout(tmp_path / "second", DIFFS[:1], absent=DIFFS[:1]).place
    if (layout / place).exists():
        (layout / place).rename(tmp_path / "elsewhere")
    (layout / place).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ValueError, match="symbolic links"):
        put_back(layout, packed)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        '{"manifests": []}',
        '{"manifests": [1]}',
        '{"manifests": [{"digest": "../../x"}]}',
        '{"manifests": [{"digest": ["sha256"]}]}',
        '{"manifests": [{"digest": "sha256:' + "0" * 64 + '"}]}',
    ],
)
def test_no_layout(tmp_path: Path, text: str) -> None:
    layout = Layout(tmp_path / "layout", DIFFS).place
    (layout / "index.json").write_text(text)
    assert find_packed([layout]) == {}
    with pytest.raises(ValueError, match=r"."):
        put_back(layout, {})


def test_what_is_no_digest_is_no_path(tmp_path: Path) -> None:
    """Diff ids become words of a command, digests become paths."""
    assert find_packed([Layout(tmp_path / "layout", ["sha256:; rm -rf /"]).place]) == {}
