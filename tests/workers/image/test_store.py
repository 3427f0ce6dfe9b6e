"""Images on disk: the forms they come in, and what is said of those that are none."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import os
import random
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

from tests.workers.image.stacks import (
    PACKS,
    Files,
    Member,
    Pack,
    digest,
    file,
    folder,
    hard_link,
    make_image,
    symlink,
    write_archive,
    write_docker_archive,
    write_layer,
    write_layout,
)
from tests.workers.image.zstd import wide
from workers.image import ImageError, Limits, measure, read_image, read_stream

LAYERS = [write_layer([folder("a"), file("a/x", 3000), file("{", 5)]), write_layer([file("a/.wh.x", 0), file("b", 7)])]
FORMS: dict[str, Callable[[Files, Path], Path]] = {
    "layout": write_layout,
    "archive": write_archive,
    "docker": write_docker_archive,
}
ZEROS = write_layer([file("zeros", 50_000_000)])


@pytest.fixture
def put(tmp_path: Path) -> Callable[[Files], Path]:
    """Return what writes an image as a layout."""
    return lambda image: write_layout(image, tmp_path / "image")


@pytest.mark.parametrize("pack", list(PACKS.values()), ids=list(PACKS))
@pytest.mark.parametrize("write", list(FORMS.values()), ids=list(FORMS))
def test_every_form(write: Callable[[Files, Path], Path], pack: Pack, tmp_path: Path) -> None:
    image = make_image(LAYERS, pack=pack)
    read = read_image(write(image, tmp_path / "image"))
    measured = measure(read)
    assert (measured.written, measured.visible, measured.lost) == (3012, 12, 3000)
    assert read.digest == digest(image.files[image.config])
    assert read.platform == "linux/amd64"
    assert [layer.created_by for layer in read.layers] == ["RUN make 0", "RUN make 1"]
    packed = sum(len(image.files[name]) for name in image.layers)
    assert measured.compressed == (None if pack is bytes else packed)


@pytest.mark.parametrize("pack", list(PACKS.values()), ids=list(PACKS))
@pytest.mark.parametrize("whole", list(PACKS.values()), ids=list(PACKS))
def test_from_a_pipe(pack: Pack, whole: Pack, tmp_path: Path) -> None:
    """As `docker save | gzip` gives it, in pieces as small as pipes make them."""
    data = whole(write_archive(make_image(LAYERS, pack=pack), tmp_path / "image.tar").read_bytes())
    reader, writer = os.pipe()

    def write() -> None:
        # Whoever has read what counts may not wait for the end of the tar.
        with suppress(BrokenPipeError), open(writer, "wb", buffering=0) as stream:
            for at in range(0, len(data), 777):
                stream.write(data[at : at + 777])

    writes = threading.Thread(target=write)
    writes.start()
    with open(reader, "rb", buffering=0) as stream:
        assert measure(read_stream(stream, "pipe")).visible == 12
    writes.join()


def test_a_layer_that_several_images_share_is_a_link(tmp_path: Path) -> None:
    """`docker save` before 25 writes it once."""
    image = make_image([LAYERS[0], LAYERS[0]])
    config = image.files[image.config]
    name = f"{hashlib.sha256(config).hexdigest()}.json"
    listed = json.dumps([{"Config": name, "Layers": ["a/layer.tar", "b/layer.tar"]}]).encode()
    for link in (symlink("b/layer.tar", "../a/layer.tar"), hard_link("b/layer.tar", "a/layer.tar")):
        members = [file("a/layer.tar", LAYERS[0]), link, file(name, config), file("manifest.json", listed)]
        (tmp_path / "image.tar").write_bytes(write_layer(members))
        assert measure(read_image(tmp_path / "image.tar")).written == 2 * 3005


def indexed(*images: Files, nested: bool = False) -> Files:
    """Return a layout with several images, in an index inside of an index where that is wanted."""
    files: dict[str, bytes] = {}
    listed = []
    for image in images:
        files |= image.files
        listed += json.loads(image.files["index.json"])["manifests"]
    index = json.dumps({"schemaVersion": 2, "manifests": listed}).encode()
    if nested:
        files[f"blobs/sha256/{hashlib.sha256(index).hexdigest()}"] = index
        index = json.dumps({"manifests": [{"digest": digest(index), "size": len(index)}]}).encode()
    return Files({**files, "index.json": index}, "", ())


ARM = make_image(LAYERS[:1], platform=("linux", "arm64"))
AMD = make_image(LAYERS)
PROVENANCE = make_image([], platform=("unknown", "unknown"))


@pytest.mark.parametrize("nested", [False, True])
def test_several_platforms(nested: bool, put: Callable[[Files], Path]) -> None:
    place = put(indexed(AMD, ARM, PROVENANCE, nested=nested))
    assert len(read_image(place, "linux/arm64").layers) == 1
    assert len(read_image(place, "linux/amd64").layers) == 2
    with pytest.raises(ImageError, match="images in it: linux/amd64, linux/arm64; one has to be chosen"):
        read_image(place)
    with pytest.raises(ImageError, match="no image for linux/s390x in it, but linux/amd64, linux/arm64"):
        read_image(place, "linux/s390x")


def test_a_platform_that_was_not_stored_is_left_out(put: Callable[[Files], Path]) -> None:
    """As after a pull for one platform, which keeps the index of all."""
    whole = indexed(AMD, ARM, nested=True)
    manifest = json.loads(ARM.files["index.json"])["manifests"][0]["digest"].removeprefix("sha256:")
    files = {name: data for name, data in whole.files.items() if name != f"blobs/sha256/{manifest}"}
    assert read_image(put(replace(whole, files=files))).platform == "linux/amd64"


def test_what_a_builder_attests_is_no_image(put: Callable[[Files], Path]) -> None:
    assert read_image(put(indexed(AMD, PROVENANCE))).platform == "linux/amd64"


def with_files(image: Files, **changed: bytes | None) -> Files:
    """Return an image with other content in files, named by what they are: config, index, layer0, ..."""
    names = {
        "config": image.config,
        "index": "index.json",
        **{f"layer{at}": name for at, name in enumerate(image.layers)},
    }
    files = dict(image.files)
    for what, data in changed.items():
        if data is None:
            del files[names[what]]
        else:
            files[names[what]] = data
    return replace(image, files=files)


def with_config(**changed: object) -> Files:
    """Return an image whose configuration says something else, digests put right."""
    config = {**json.loads(AMD.files[AMD.config]), **changed}
    manifest = json.loads(
        next(data for data in AMD.files.values() if data.startswith(b'{"schemaVersion": 2, "config"'))
    )
    return with_manifest(json.dumps(config).encode(), manifest)


def with_manifest(config: bytes, manifest: dict[str, object]) -> Files:
    """Return an image with this configuration and manifest."""
    manifest = {**manifest, "config": {"digest": digest(config), "size": len(config)}}
    data = json.dumps(manifest).encode()
    index = json.dumps({"manifests": [{"digest": digest(data), "size": len(data)}]}).encode()
    blobs = {f"blobs/sha256/{digest(each).removeprefix('sha256:')}": each for each in (config, data)}
    return Files({**AMD.files, **blobs, "index.json": index}, next(iter(blobs)), AMD.layers)


def damage(data: bytes) -> bytes:
    """Return data with other bytes behind its first ones."""
    return data[:4] + b"\xff" * 50 + data[54:]


GZIPPED = make_image(LAYERS, pack=PACKS["gzip"])
ZIPPED = make_image(LAYERS, pack=PACKS["zstd"])
OTHER = gzip.compress(LAYERS[1] + bytes(1024), 1)
HOSTILE: dict[str, tuple[Files, str]] = {
    "nothing": (Files({}, "", ()), "neither an OCI layout nor a docker-archive: no index.json, no manifest.json"),
    "no JSON": (with_files(AMD, index=b"{nonsense"), "index.json: no valid JSON"),
    "JSON without an end": (with_files(AMD, index=b"[" * 100_000), "index.json: no valid JSON"),
    "a number of a million digits": (with_files(AMD, index=b"1" * 1_000_000), "index.json: no valid JSON"),
    "no object": (with_files(AMD, index=b"[]"), "index.json: a JSON object is missing"),
    "no list": (with_files(AMD, index=b"{}"), "index.json: a JSON list is missing"),
    "no images": (with_files(AMD, index=b'{"manifests": []}'), "images in it: none"),
    "no digest": (with_files(AMD, index=b'{"manifests": [{}]}'), 'index.json: "digest" is missing'),
    "a way out": (
        with_files(AMD, index=b'{"manifests": [{"digest": "sha256:../../../../etc/passwd"}]}'),
        "index.json: 'sha256:../../../../etc/passwd' is no sha256 digest",
    ),
    "a manifest that is not there": (
        with_files(AMD, index=json.dumps({"manifests": [{"digest": f"sha256:{'0' * 64}"}]}).encode()),
        f"index.json: sha256:{'0' * 64} is named and not there",
    ),
    "a huge document": (
        with_files(AMD, index=b" " * (9 * 2**20)),
        "index.json: a document of more than 8,388,608 bytes",
    ),
    "another configuration": (
        with_files(AMD, config=b"{}"),
        f"{AMD.config}: its content has the digest {digest(b'{}')}",
    ),
    "no configuration": (with_files(AMD, config=None), f"{AMD.config} is named and not there"),
    "no layer": (with_files(AMD, layer1=None), f"layer {AMD.layers[1]} is named and not there"),
    "a short layer": (with_files(AMD, layer1=LAYERS[1][:600]), f"{AMD.layers[1]}: "),
    "a long layer": (
        with_files(AMD, layer1=LAYERS[1] + bytes(512)),
        f"{AMD.layers[1]}: {len(LAYERS[1]) + 512:,} bytes, and its manifest says {len(LAYERS[1]):,}",
    ),
    "a layer of text": (
        with_files(AMD, layer1=b"words " * 1000),
        f"{AMD.layers[1]}: neither a tar nor one packed with gzip or zstd",
    ),
    "another packed layer": (
        with_files(GZIPPED, layer1=OTHER),
        f"{GZIPPED.layers[1]}: its content has the digest {digest(OTHER)}",
    ),
    "a cut gzip": (
        with_files(GZIPPED, layer0=GZIPPED.files[GZIPPED.layers[0]][:-30]),
        f"{GZIPPED.layers[0]}: the gzip stream is cut off",
    ),
    "a damaged gzip": (
        with_files(GZIPPED, layer0=damage(GZIPPED.files[GZIPPED.layers[0]])),
        f"{GZIPPED.layers[0]}: no valid gzip stream",
    ),
    "a wrong checksum": (
        with_files(GZIPPED, layer0=GZIPPED.files[GZIPPED.layers[0]][:-8] + bytes(8)),
        f"{GZIPPED.layers[0]}: no valid gzip stream",
    ),
    "a cut zstd": (
        with_files(ZIPPED, layer0=ZIPPED.files[ZIPPED.layers[0]][:-3]),
        f"{ZIPPED.layers[0]}: the zstd stream is cut off",
    ),
    "a damaged zstd": (
        with_files(ZIPPED, layer0=damage(ZIPPED.files[ZIPPED.layers[0]])),
        f"{ZIPPED.layers[0]}: no valid zstd stream",
    ),
    "too few layers": (with_config(rootfs={"diff_ids": []}), "0 diff_ids for 2 layers"),
    "a diff_id of letters": (with_config(rootfs={"diff_ids": ["x", "y"]}), "'x' is no sha256 digest"),
    "no rootfs": (with_config(rootfs=None), "a JSON object is missing"),
    "a history of numbers": (with_config(history=[1, 2]), "a JSON object is missing"),
    "a thousand layers": (
        with_manifest(
            json.dumps({"os": "linux", "rootfs": {"diff_ids": [digest(LAYERS[0])] * 1000}}).encode(),
            {"layers": [{"digest": digest(LAYERS[0]), "size": len(LAYERS[0])}] * 1000},
        ),
        "1,000 layers, more than 512",
    ),
}


@pytest.mark.parametrize("form", ["layout", "archive"])
@pytest.mark.parametrize(("image", "reason"), list(HOSTILE.values()), ids=list(HOSTILE))
def test_hostile(image: Files, reason: str, form: str, tmp_path: Path) -> None:
    (tmp_path / "image").mkdir()
    place = FORMS[form](image, tmp_path / "image" / ("" if form == "layout" else "x.tar"))
    with pytest.raises(ImageError) as raised:
        read_image(place)
    assert str(raised.value).startswith(str(place))
    assert reason in str(raised.value)


def bomb(pack: Pack) -> Files:
    """Return an image of which a few kilobytes unpack to 500 MB."""
    return make_image([ZEROS] * 10, pack=pack)


@pytest.mark.parametrize("pack", [PACKS["gzip"], PACKS["zstd"]], ids=["gzip", "zstd"])
def test_a_bomb_is_left_when_the_limit_is_reached(pack: Pack, put: Callable[[Files], Path]) -> None:
    image = bomb(pack)
    place = put(image)
    with pytest.raises(ImageError, match="after zeros: the image unpacks to more than 120,000,000 bytes"):
        read_image(place, limits=Limits(unpacked=120_000_000))


def test_a_bomb_behind_the_end_of_a_tar(put: Callable[[Files], Path]) -> None:
    image = make_image([LAYERS[0]], pack=lambda data: gzip.compress(data + bytes(50_000_000), 1))
    with pytest.raises(ImageError, match="the image unpacks to more than 1,000,000 bytes"):
        read_image(put(image), limits=Limits(unpacked=1_000_000))


def test_a_bomb_that_wants_a_window(put: Callable[[Files], Path]) -> None:
    """zstd can ask for up to 2 GiB of memory to unpack; more than 128 MiB is refused."""
    data = wide(LAYERS[0])
    with pytest.raises(ImageError, match=r"no valid zstd stream \(.*memory"):
        read_image(put(make_image([LAYERS[0]], pack=lambda _: data)))


def test_directories_by_the_million(put: Callable[[Files], Path]) -> None:
    place = put(make_image([write_layer(folder(f"{at:0100}") for at in range(600))]))
    with pytest.raises(ImageError, match="more than 500 directories"):
        measure(read_image(place), limits=Limits(entries=500))
    with pytest.raises(ImageError, match="paths of the image's directories are too long"):
        measure(read_image(place), limits=Limits(paths=2000))


def test_steps_through_symlinks(put: Callable[[Files], Path]) -> None:
    """Paths that are short and lead far: each costs what it is long."""
    deep = "/".join(["a"] * 50)
    members: list[Member] = [folder(deep), symlink("l", "a")]
    members += [file(f"l/{'a/./' * 40}{at}/x", 0) for at in range(30)]
    place = put(make_image([write_layer(members)]))
    with pytest.raises(ImageError, match="more than 500 steps to find directories"):
        measure(read_image(place), limits=Limits(entries=500))


def test_the_same_file_twice_in_an_archive_is_the_last(tmp_path: Path) -> None:
    image = make_image(LAYERS)
    members = [file("index.json", b"nonsense"), *(file(name, data) for name, data in image.files.items())]
    (tmp_path / "image.tar").write_bytes(write_layer(members))
    assert measure(read_image(tmp_path / "image.tar")).visible == 12


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda _: None, "cannot be read: no such file or directory"),
        (lambda path: path.write_bytes(b""), "neither an OCI archive nor a docker-archive: it is no tar"),
        (lambda path: path.write_bytes(b"FROM debian\n"), "neither an OCI archive nor a docker-archive: it is no tar"),
        (lambda path: path.write_bytes(write_layer([])), "no index.json, no manifest.json"),
        (lambda path: path.write_bytes(gzip.compress(b"hello" * 200)), "no valid tar header follows"),
        (lambda path: path.mkdir(), "no index.json, no manifest.json"),
    ],
    ids=["nothing", "empty", "text", "an empty tar", "a gzip of text", "an empty directory"],
)
def test_no_image(make: Callable[[Path], object], reason: str, tmp_path: Path) -> None:
    make(tmp_path / "image")
    with pytest.raises(ImageError) as raised:
        read_image(tmp_path / "image")
    assert str(raised.value).startswith(f"{tmp_path / 'image'}: ")
    assert reason in str(raised.value)


@pytest.mark.parametrize("kind", ["symlink", "pipe"])
def test_a_layout_whose_files_are_none(kind: str, put: Callable[[Files], Path]) -> None:
    """A sandbox that wrote it might point out of it, or have us wait."""
    place = put(AMD)
    blob = place / AMD.layers[0]
    blob.unlink()
    if kind == "pipe":
        os.mkfifo(blob)
    else:
        blob.symlink_to("/etc/passwd")
    with pytest.raises(ImageError, match=r"no regular file|cannot be read: too many levels of symbolic links"):
        read_image(place)


def test_a_name_with_a_nul() -> None:
    with pytest.raises(ImageError, match="cannot be read"):
        read_image("a\0b")


def test_noise_is_refused(tmp_path: Path) -> None:
    """Bytes flipped anywhere in an archive: an image or an ImageError, and nothing else."""
    chance = random.Random(5)  # noqa: S311 - damage, not secrets
    for pack in PACKS.values():
        whole = write_archive(make_image(LAYERS, pack=pack), tmp_path / "image.tar").read_bytes()
        for _ in range(150):
            data = bytearray(whole)
            for _ in range(chance.randint(1, 10)):
                data[chance.randrange(len(data))] = chance.randrange(256)
            end = chance.choice((len(data), chance.randrange(len(data))))
            with suppress(ImageError):
                measure(read_stream(io.BytesIO(data[:end]), "x"))


@pytest.mark.parametrize("write", [write_layout, write_archive], ids=["layout", "archive"])
def test_indexes_that_name_one_thing_often(write: Callable[[Files, Path], Path], tmp_path: Path) -> None:
    """Four levels of 200 names each are 1,600,000,000 images, and one of them all."""
    image = make_image(LAYERS)
    files = dict(image.files)
    index = json.loads(files["index.json"])
    for _ in range(3):
        index["manifests"] *= 200
        data = json.dumps(index).encode()
        files[f"blobs/sha256/{digest(data).removeprefix('sha256:')}"] = data
        index["manifests"] = [{"digest": digest(data), "size": len(data)}]
    index["manifests"] *= 200
    files["index.json"] = json.dumps(index).encode()
    with pytest.raises(ImageError, match="documents that are named again and again"):
        read_image(write(Files(files, image.config, image.layers), tmp_path / "image"))


def test_one_layer_many_times(tmp_path: Path) -> None:
    """Twice is what `docker save` writes for layers without files."""
    layer = write_layer([file(f"f{at}", 1) for at in range(100)])
    place = write_archive(make_image([layer] * 5), tmp_path / "image.tar")
    assert measure(read_image(place)).written == 500
    with pytest.raises(ImageError, match="more than 300 entries"):
        read_image(place, limits=Limits(entries=300))
