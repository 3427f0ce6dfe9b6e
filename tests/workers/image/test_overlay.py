"""What layers make of one another: held against their extraction onto a disk, to the byte."""

from __future__ import annotations

import subprocess
import tarfile
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from hypothesis import assume, given, note, settings
from hypothesis import strategies as st

from tests.workers.image.stacks import (
    Member,
    file,
    files_on,
    folder,
    hard_link,
    image_of,
    lay,
    make_image,
    symlink,
    write_archive,
    write_layer,
)
from workers.image import ImageError, Measurement, measure, read_image
from workers.image.model import How

NAMES = ("a", "b", "c")
PATHS = tuple(f"{one}/{two}" if one else two for one in ("", "a", "b", "a/b") for two in NAMES)
FORMATS = (tarfile.PAX_FORMAT, tarfile.GNU_FORMAT, tarfile.USTAR_FORMAT)


@dataclass(frozen=True)
class Node:
    """What a layer has under one name."""

    kind: str
    whiteout: bool = False
    """Whether it also says that what was there is gone."""
    opaque: bool = False
    children: tuple[tuple[str, Node], ...] = ()
    target: str = ""
    size: int = 0
    mtime: int = 1


LEAVES = st.one_of(
    st.builds(
        Node,
        st.just("file"),
        whiteout=st.booleans(),
        size=st.sampled_from((0, 8, 9, 511, 512, 513, 1500)),
        mtime=st.sampled_from((1, 2)),
    ),
    st.just(Node("nothing", whiteout=True)),
    st.builds(Node, st.just("symlink"), target=st.sampled_from(("a", "b", "c", "b/c", "a/b", "a/a/a", "missing"))),
    st.builds(Node, st.just("link"), target=st.sampled_from(PATHS)),
)


def folders(below: st.SearchStrategy[Node]) -> st.SearchStrategy[Node]:
    """Return directories of these."""
    return st.builds(
        Node,
        st.just("folder"),
        whiteout=st.booleans(),
        opaque=st.booleans(),
        children=st.dictionaries(st.sampled_from(NAMES), below, max_size=3).map(lambda found: tuple(found.items())),
    )


LAYERS = st.builds(
    lambda root, bare, form: (root, bare, form),
    folders(LEAVES | folders(LEAVES | folders(LEAVES))),
    st.booleans(),
    st.sampled_from(FORMATS),
)


def members_of(node: Node, path: str, *, bare: bool) -> Iterator[Member]:
    """Yield the entries of a layer, parents first; a bare one only has its leaves, and hides nothing."""
    if not bare:
        if path:
            yield folder(path)
        if node.opaque:
            yield file(f"{path}/.wh..wh..opq".lstrip("/"), 0)
        for name, child in node.children:
            if child.whiteout:
                yield file(f"{path}/.wh.{name}".lstrip("/"), 0)
    for name, child in node.children:
        place = f"{path}/{name}".lstrip("/")
        match child.kind:
            case "file":
                yield file(place, child.size, child.mtime)
            case "symlink":
                yield symlink(place, child.target)
            case "link":
                yield hard_link(place, child.target)
            case "folder":
                yield from members_of(child, place, bare=bare)


def number(layers: Iterable[Iterable[Member]]) -> Iterator[list[Member]]:
    """Yield layers whose files say, in their first eight bytes, which one each is and who wrote it."""
    count = 0
    for at, layer in enumerate(layers):
        written = []
        for member in layer:
            if member.type == tarfile.REGTYPE and len(member.content) >= 8:
                count += 1
                numbered = f"{at:02}{count:06}".encode() + member.content[8:]
                written.append(replace(member, content=numbered))
            else:
                written.append(member)
        yield written


def replaces_what_it_links_to(members: Sequence[Member]) -> bool:
    """Tell whether a hard link of a layer names what the same layer replaces: no builder writes such."""
    return any(
        f"{link.target}/".startswith(f"{later.path}/")
        for at, link in enumerate(members)
        if link.type == tarfile.LNKTYPE
        for later in members[at:]
    )


def present(root: Path) -> dict[str, int]:
    """Return the numbered files of a tree, each once, with their sizes."""
    return {
        (root / path).read_bytes()[:8].decode(): found.st_size for path, found in files_on(root) if found.st_size >= 8
    }


def truth(layers: Sequence[bytes], members: Sequence[Sequence[Member]], root: Path) -> Counter[tuple[int, int]]:
    """Extract all layers onto a directory; return the bytes lost by who wrote them and who took them away."""
    lost: Counter[tuple[int, int]] = Counter()
    for at, layer in enumerate(layers):
        before = present(root)
        for member in members[at]:
            if member.type == tarfile.REGTYPE and len(member.content) >= 8:
                before[member.content[:8].decode()] = len(member.content)
        lay(root, layer)
        after = present(root)
        for name, size in before.items():
            if name not in after:
                lost[int(name[:2]), at] += size
    return lost


def losses(measured: Measurement) -> Counter[tuple[int, int]]:
    """Return what was measured in the same form."""
    found: Counter[tuple[int, int]] = Counter()
    for loss in measured.losses:
        found[loss.writer, loss.loser] += loss.bytes
    return found


@given(stack=st.lists(LAYERS, min_size=1, max_size=5))
@settings(max_examples=500)
def test_as_an_extraction_leaves_it(stack: list[tuple[Node, bool, int]]) -> None:
    members = list(number(members_of(root, "", bare=bare) for root, bare, _ in stack))
    assume(not any(map(replaces_what_it_links_to, members)))
    layers = [write_layer(each, form) for each, (_, _, form) in zip(members, stack, strict=True)]
    for each in members:
        note(str([(member.path, member.type, len(member.content), member.target) for member in each]))
    with tempfile.TemporaryDirectory() as directory:
        root = Path(directory) / "root"
        root.mkdir()
        image = read_image(write_archive(make_image(layers), Path(directory) / "image.tar"))
        try:
            expected = truth(layers, members, root)
        except OSError:
            with pytest.raises(ImageError):
                measure(image)
            return
        measured = measure(image)
        found = dict(files_on(root))
        assert measured.files.keys() == found.keys()
        assert measured.visible == sum({each.st_ino: each.st_size for each in found.values()}.values())
    assert [cost.written for cost in measured.costs] == [sum(len(one.content) for one in each) for each in members]
    assert losses(measured) == expected
    assert measured.written - measured.visible == measured.lost == sum(expected.values())
    for cost in measured.costs:
        assert cost.lost == sum(size for (writer, _), size in expected.items() if writer == cost.index)
        taken = cost.overwrote + cost.deleted + cost.copied
        assert taken == sum(size for (_, loser), size in expected.items() if loser == cost.index)
        assert cost.written == sum(cost.directories.values())


def test_a_link_to_what_the_same_layer_replaces_later(tmp_path: Path) -> None:
    """A layer that hides something elsewhere is laid in its order all the same."""
    stack = [
        [symlink("b", "a"), file("a", 9), file("c", 9)],
        [file(".wh.c", 0), folder("d"), hard_link("d/b", "b"), folder("b"), file("b/e", 9)],
    ]
    image = make_image([write_layer(each) for each in stack])
    assert measure(read_image(write_archive(image, tmp_path / "image.tar"))).files.keys() == {"a", "b/e"}


def test_as_du_counts_it(tmp_path: Path) -> None:
    """The extraction itself is counted by a tool that is not ours."""
    stack = [
        [folder("a"), *(file(f"a/{at}", 1000 + at) for at in range(50)), hard_link("b", "a/7"), symlink("c", "a")],
        [folder("a"), file("a/.wh.3", 0), file("a/4", 77), file("d/e/f", 5000)],
        [folder("d"), file("d/.wh..wh..opq", 0), file("d/g", 12)],
        [file("c/through", 99)],
    ]
    layers = [write_layer(each) for each in stack]
    root = tmp_path / "root"
    root.mkdir()
    for layer in layers:
        lay(root, layer)
    listed = subprocess.run(["find", root, "-type", "f", "-print0"], check=True, capture_output=True).stdout
    command = ["du", "--files0-from=-", "--apparent-size", "--block-size=1", "--total"]
    counted = subprocess.run(command, input=listed, check=True, capture_output=True).stdout
    measured = measure(read_image(write_archive(make_image(layers), tmp_path / "image.tar")))
    assert measured.visible == int(counted.split()[-2])


def ways(measured: Measurement) -> dict[tuple[int, int, How], int]:
    """Return the losses by writer, loser and way."""
    return {(loss.writer, loss.loser, loss.how): loss.bytes for loss in measured.losses}


TREE = [folder("app"), file("app/one", 100), file("app/two", 30, mtime=5)]
CASES: list[tuple[str, list[list[Member]], dict[tuple[int, int, How], int]]] = [
    ("a whiteout", [TREE, [file("app/.wh.one", 0)]], {(0, 1, How.DELETED): 100}),
    ("a whiteout of a directory", [TREE, [file(".wh.app", 0)]], {(0, 1, How.DELETED): 130}),
    ("an opaque directory", [TREE, [folder("app"), file("app/.wh..wh..opq", 0)]], {(0, 1, How.DELETED): 130}),
    (
        "an opaque directory behind what is new in it",
        [TREE, [folder("app"), file("app/new", 7), file("app/.wh..wh..opq", 0)]],
        {(0, 1, How.DELETED): 130},
    ),
    ("other content", [TREE, [file("app/one", 99)]], {(0, 1, How.OVERWRITTEN): 100}),
    ("another time", [TREE, [file("app/one", 100, mtime=9)]], {(0, 1, How.OVERWRITTEN): 100}),
    ("chown", [TREE, [replace(TREE[1], mode=0o600), TREE[2]]], {(0, 1, How.COPIED): 130}),
    (
        "chown, twice",
        [TREE, [TREE[1]], [TREE[1]]],
        {(0, 1, How.COPIED): 100, (1, 2, How.COPIED): 100},
    ),
    ("a file in place of a directory", [TREE, [file("app", 1)]], {(0, 1, How.OVERWRITTEN): 130}),
    ("a directory in place of a file", [[file("x", 40)], [folder("x"), file("x/y", 1)]], {(0, 1, How.OVERWRITTEN): 40}),
    ("a symlink in place of a directory", [TREE, [symlink("app", "/srv")]], {(0, 1, How.OVERWRITTEN): 130}),
    ("a device in place of a file", [TREE, [Member("app/one", tarfile.CHRTYPE)]], {(0, 1, How.OVERWRITTEN): 100}),
    ("the same name twice in a layer", [[file("x", 40), file("x", 2)]], {(0, 0, How.OVERWRITTEN): 40}),
    ("one of two names gone", [[file("x", 40), hard_link("y", "x")], [file(".wh.x", 0)]], {}),
    (
        "both names gone, one after the other",
        [[file("x", 40), hard_link("y", "x")], [file(".wh.x", 0)], [file("y", 3)]],
        {(0, 2, How.OVERWRITTEN): 40},
    ),
    (
        "a copied file with two names",
        [[file("x", 40), hard_link("y", "x")], [file("x", 40), hard_link("y", "x")]],
        {(0, 1, How.COPIED): 40},
    ),
    ("a whiteout and its name", [TREE, [file("app/.wh.one", 0), file("app/one", 5)]], {(0, 1, How.DELETED): 100}),
    ("a name and its whiteout", [TREE, [file("app/one", 5), file("app/.wh.one", 0)]], {(0, 1, How.DELETED): 100}),
    ("a whiteout of what is not there", [TREE, [file("app/.wh.three", 0), file("none/.wh.x", 0)]], {}),
    ("what AUFS left", [TREE, [file(".wh..wh.aufs", 0), folder(".wh..wh.plnk"), file("app/.wh..wh.orph", 0)]], {}),
    (
        "a directory that hides what its symlink led to",
        [[file("b/x", 40), symlink("a", "b")], [folder("a"), file("a/.wh..wh..opq", 0), file("a/.wh.x", 0)]],
        {},
    ),
    (
        "a whiteout through a symlink of a lower layer",
        [[file("b/x", 40), symlink("a", "/b")], [file("a/.wh.x", 0)]],
        {(0, 1, How.DELETED): 40},
    ),
    (
        "a file through a symlink that starts at the root",
        [[file("b/x", 40), symlink("usr/l", "/b")], [file("usr/l/x", 1)]],
        {(0, 1, How.OVERWRITTEN): 40},
    ),
    (
        "a symlink that came after a whiteout below it",
        [[file("b/x", 40)], [file("n/.wh.y", 0), symlink("n", "b"), file("n/x", 1)]],
        {(0, 1, How.OVERWRITTEN): 40},
    ),
    (
        "a symlink that became a directory halfway",
        [[file("b/c/x", 40), symlink("l", "b")], [file("l/c/y", 1), folder("l"), file("l/c/x", 2)]],
        {},
    ),
    ("the same twice in a layer", [[file("x", 40), file("x", 40)]], {(0, 0, How.OVERWRITTEN): 40}),
    (
        "a file through a symlink that leads up",
        [[file("usr/lib/x", 40), symlink("usr/bin/lib", "../../../usr/lib")], [file("usr/bin/lib/x", 1)]],
        {(0, 1, How.OVERWRITTEN): 40},
    ),
]  # fmt: skip


@pytest.mark.parametrize(("layers", "expected"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_what_became_of_it(
    layers: list[list[Member]], expected: dict[tuple[int, int, How], int], tmp_path: Path
) -> None:
    measured = measure(image_of(tmp_path, *layers))
    assert ways(measured) == expected
    assert measured.written - measured.visible == sum(expected.values())


def test_where_it_was_lost(tmp_path: Path) -> None:
    layers = [[file("usr/lib/a/x", 1), file("usr/lib/b/y", 2), file("srv/z", 4)], [file(".wh.usr", 0)]]
    (loss,) = measure(image_of(tmp_path, *layers)).losses
    assert (loss.directory, loss.files, loss.bytes) == ("usr/lib", 2, 3)
    layers[1].append(file(".wh.srv", 0))
    (loss,) = measure(image_of(tmp_path, *layers)).losses
    assert (loss.directory, loss.files, loss.bytes) == ("", 3, 7)


@pytest.mark.parametrize(
    ("layers", "reason"),
    [
        ([[symlink("a", "b"), symlink("b", "a"), file("a/x", 1)]], "layer 1: a: a loop of symlinks"),
        ([[file("a", 1), file("a/x", 1)]], "a: a file lies below it, and it is no directory"),
        (
            [[file("b/c/x", 1), symlink("l", "b"), file("l/c/y", 1), file("l", 1), file("l/c/x", 1)]],
            "l: a file lies below it, and it is no directory",
        ),
        ([[hard_link("a", "b")]], "a: a hard link to b, which is not there"),
        ([[hard_link("a", "a")]], "a: a hard link to a, which is not there"),
        ([[file("a", 1), file(".wh.a", 0)], [hard_link("b", "a"), file(".wh.a", 0)]], "which is not there"),
        ([[file(".wh.", 0)]], ".wh.: a whiteout that names no file"),
        ([[file("a/.wh...", 0)]], "a/.wh...: a whiteout that names no file"),
        ([[symlink("/", "a")]], "the root is no directory"),
    ],
)  # fmt: skip
def test_what_no_engine_could_extract(layers: list[list[Member]], reason: str, tmp_path: Path) -> None:
    with pytest.raises(ImageError) as raised:
        measure(image_of(tmp_path, *layers), place="app")
    assert reason in str(raised.value)
    assert str(raised.value).startswith("app: layer ")
