"""Two images side by side: layers that are the same line, packages, directories, files."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.dockerfile import parse
from tests.workers.image.stacks import Member, file, make_image, write_archive, write_layer
from workers.image import Measurement, compare, measure, read_image
from workers.image.compare import Files, LineChange

Step = tuple[str, list[Member]]


def build(tmp_path: Path, steps: list[Step], dockerfile: str | None = None) -> Measurement:
    """Return an image of layers and what made them, measured."""
    image = make_image([write_layer(members) for _, members in steps], [(text, False) for text, _ in steps])
    read = read_image(write_archive(image, tmp_path / "image.tar"))
    return measure(read, parse(dockerfile) if dockerfile is not None else None)


def paired(lines: tuple[LineChange, ...]) -> Iterator[tuple[list[int], list[int], bool]]:
    """Yield which layers of the one stand beside which of the other."""
    for line in lines:
        yield [cost.index for cost in line.before], [cost.index for cost in line.after], line.is_shared


BASE: Step = ("base", [file("etc/os", 10)])
ONE: Step = ("RUN one", [file("one", 100)])
TWO: Step = ("COPY . /two # buildkit", [file("two", 50)])
OTHER_TWO: Step = ("COPY . /two # buildkit", [file("two", 70)])
THREE: Step = ("RUN three", [file("three", 5)])
EDITED: Step = ("RUN three and more", [file("three", 9)])
ENV: Step = ("WORKDIR /x", [file("x/y", 1)])
HASHED: list[Step] = [
    (f"/bin/sh -c #(nop) COPY dir:{digit * 64} in /two ", [file("two", size)]) for digit, size in (("a", 1), ("b", 2))
]
PAIRS: list[tuple[str, list[Step], list[Step], list[tuple[list[int], list[int], bool]]]] = [
    ("the same", [BASE, ONE], [BASE, ONE], [([0, 1], [0, 1], True)]),
    ("one more", [BASE, ONE], [BASE, ONE, TWO], [([0, 1], [0, 1], True), ([], [2], False)]),
    ("one less", [BASE, ONE, TWO], [BASE, TWO], [([0], [0], True), ([1], [], False), ([2], [1], False)]),
    ("one in front", [BASE, TWO], [BASE, ONE, TWO], [([0], [0], True), ([], [1], False), ([1], [2], False)]),
    (
        "other content",
        [BASE, TWO, THREE],
        [BASE, OTHER_TWO, THREE],
        [([0], [0], True), ([1], [1], False), ([2], [2], False)],
    ),
    ("an edited line", [BASE, THREE], [BASE, EDITED], [([0], [0], True), ([1], [1], False)]),
    ("another keyword", [BASE, THREE], [BASE, ENV], [([0], [0], True), ([1], [], False), ([], [1], False)]),
    ("another hash", [BASE, HASHED[0]], [BASE, HASHED[1]], [([0], [0], True), ([1], [1], False)]),
    ("nothing in common", [ONE], [ENV, TWO], [([0], [], False), ([], [0], False), ([], [1], False)]),
]


@pytest.mark.parametrize(("before", "after", "expected"), [each[1:] for each in PAIRS], ids=[each[0] for each in PAIRS])
def test_layers_are_paired_by_what_made_them(
    before: list[Step], after: list[Step], expected: list[tuple[list[int], list[int], bool]], tmp_path: Path
) -> None:
    compared = compare(build(tmp_path, before), build(tmp_path, after))
    assert list(paired(compared.lines)) == expected
    assert sum(line.difference for line in compared.lines) == compared.written.difference


def test_another_base_is_one_line(tmp_path: Path) -> None:
    before = build(
        tmp_path, [("a", [file("a", 1)]), ("b", [file("b", 2)]), ("RUN four", [file("four", 4)])], "FROM x\nRUN four"
    )
    after = build(tmp_path, [("c", [file("c", 40)]), ("RUN four", [file("four", 4)])], "FROM y\nRUN four")
    lines = compare(before, after).lines
    assert list(paired(lines)) == [([0, 1], [0], False), ([2], [1], False)]
    assert [line.difference for line in lines] == [37, 0]


def test_files_directories_and_packages(tmp_path: Path) -> None:
    list_of = {name: f"/usr/bin/{name}\n".encode() for name in ("vim", "gcc")}
    before = [
        file("usr/bin/vim", 10),
        file("var/lib/dpkg/info/vim.list", list_of["vim"]),
        file("srv/x", 5),
        file("srv/y", 5),
    ]
    after = [
        file("usr/bin/gcc", 30),
        file("var/lib/dpkg/info/gcc.list", list_of["gcc"]),
        file("srv/x", 6),
        file("srv/y", 5, mtime=99),
    ]
    compared = compare(build(tmp_path, [("a", before)]), build(tmp_path, [("a", after)]))
    assert (compared.added, compared.removed, compared.changed) == (Files(2, 43), Files(2, -23), Files(1, 1))
    assert {change.name.name: (change.before, change.after) for change in compared.packages} == {
        "vim": (23, None),
        "gcc": (None, 43),
    }
    assert compared.directories == {"usr/bin": 20, "srv": 1}
    assert (compared.written.difference, compared.compressed.before, compared.lost.difference) == (21, None, 0)


TREES = st.dictionaries(st.sampled_from(("a", "b", "c/a", "c/b", "d/e/f")), st.integers(0, 3000))


@given(before=TREES, after=TREES)
def test_nothing_is_counted_twice_or_left_out(
    before: dict[str, int], after: dict[str, int], tmp_path_factory: pytest.TempPathFactory
) -> None:
    place = tmp_path_factory.mktemp("compare")
    images = [build(place, [("a", [file(path, size) for path, size in tree.items()])]) for tree in (before, after)]
    compared = compare(images[0], images[1])
    difference = sum(after.values()) - sum(before.values())
    assert sum(compared.directories.values()) == difference
    assert compared.added.bytes + compared.removed.bytes + compared.changed.bytes == difference
    assert compared.added.count == len(after.keys() - before.keys())
    assert compared.removed.count == len(before.keys() - after.keys())
    assert compared.changed.count == sum(after[path] != before[path] for path in after.keys() & before.keys())
