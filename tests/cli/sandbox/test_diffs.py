"""Patches, hunks, and lines that move from one version of a file to the next."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cli.sandbox import git
from cli.sandbox.diffs import diff, follow, parse_patch

PATCH = """@@ -1,3 +1,4 @@ heading
 a
-b
+B
+C
 d
@@ -10 +11,0 @@
-x
\\ No newline at end of file"""


def test_hunks() -> None:
    first, second = parse_patch(PATCH)

    assert [(row.sign, row.old, row.new) for row in first.rows] == [
        (" ", 1, 1),
        ("-", 2, None),
        ("+", None, 2),
        ("+", None, 3),
        (" ", 3, 4),
    ]
    assert first.index("LEFT", 2) == 1
    assert first.index("RIGHT", 2) == 2
    assert first.index("RIGHT", 9) is None
    assert first.excerpt(first.rows[2]) == "@@ -1,3 +1,4 @@ heading\n a\n-b\n+B"
    assert [row.text for row in second.rows] == ["x"]


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[git.ObjectStore]:
    repository = git.create(tmp_path_factory.mktemp("git") / "x.git")
    yield repository.store
    repository.store.close()


LINE = st.sampled_from(["a", "b", "c", "\f", "x\ry", "\u2028"])


@settings(max_examples=25, deadline=None)
@given(st.lists(LINE, max_size=8), st.lists(LINE, max_size=8))
def test_a_followed_line_still_says_the_same(store: git.ObjectStore, old: list[str], new: list[str]) -> None:
    before, after = (store.write_blob("".join(f"{line}\n" for line in lines).encode()) for lines in (old, new))

    moved = [follow(store, before, after, number) for number in range(1, len(old) + 1)]

    kept = [number for number in moved if number is not None]
    assert kept == sorted(set(kept))
    for number, there in enumerate(moved, 1):
        assert there is None or new[there - 1] == old[number - 1]


def test_odd_paths_and_types(tmp_path: Path) -> None:
    repository = git.create(tmp_path / "x.git")
    author = git.Signature("a", "a@b", git.datetime.now(git.UTC))
    odd = 'sp ace "quote" \\ tab\t é.txt'
    base = repository.write_commit(
        "refs/heads/main", [], {odd: "diff --git a/x b/x\n", "link": "text\n", "gone": "x\n"}, "1", author
    )
    changes: dict[str, git.Contents] = {
        odd: "diff --git a/x b/x\n-- a\n++ b\n",
        "link": git.File(b"elsewhere", "120000"),
        "gone": None,
    }
    head = repository.write_commit("refs/heads/main", [base], changes, "2", author)

    files = {file.path: file for file in diff(repository.store, base, head).files}
    repository.store.close()

    assert files[odd].patch == "@@ -1 +1,3 @@\n diff --git a/x b/x\n+-- a\n+++ b"
    assert (files[odd].additions, files[odd].deletions) == (2, 0)
    assert files["link"].status == "changed"
    assert files["gone"].status == "removed"
    assert files["gone"].patch == "@@ -1 +0,0 @@\n-x"
