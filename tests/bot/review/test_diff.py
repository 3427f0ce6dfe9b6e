"""What a comment may stand on."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.review.diff import Diff, Hunk, parse_patch
from tests.bot.review.patches import git_diff, right_sides

CASES = {
    "new file": ("@@ -0,0 +1,2 @@\n+FROM a\n+RUN b", [(1, 2, {1, 2})]),
    "no trailing newline at the end": (
        "@@ -1,2 +1,2 @@\n FROM a\n-RUN b\n\\ No newline at end of file\n+RUN c\n\\ No newline at end of file",
        [(1, 2, {2})],
    ),
    "a header without counts": ("@@ -1 +1 @@\n-a\n+b", [(1, 1, {1})]),
    "a header with a section": ("@@ -10,2 +12,3 @@ FROM x @@ -1 +1 @@\n a\n+b\n c", [(12, 14, {13})]),
    "two hunks": ("@@ -1,1 +1,2 @@\n a\n+b\n@@ -9,1 +10,2 @@\n+c\n d", [(1, 2, {2}), (10, 11, {10})]),
    "only deletions": ("@@ -3,2 +2,0 @@\n-a\n-b", []),
    "carriage returns": ("@@ -1,1 +1,2 @@\n a\r\n+b\r", [(1, 2, {2})]),
    "an added line that looks like a header": ("@@ -1,1 +1,3 @@\n a\n+@@ -1 +90 @@\n+++ b/x", [(1, 3, {2, 3})]),
    "an empty context line without its blank": ("@@ -1,3 +1,3 @@\n a\n\n-b\n+c", [(1, 3, {3})]),
    "file headers in front": ("diff --git a/x b/x\n--- a/x\n+++ b/x\n@@ -1 +1 @@\n-a\n+b", [(1, 1, {1})]),
    "cut short": ("@@ -1,9 +1,9 @@\n a\n+b", [(1, 2, {2})]),
    "cut short behind a newline": ("@@ -1,9 +1,9 @@\n a\n+b\n", [(1, 2, {2})]),
    "lines beyond the count": ("@@ -1,1 +1,1 @@\n a\n+b\n+c", [(1, 1, set())]),
    "a line with no sign ends the hunk": ("@@ -1,3 +1,3 @@\n a\nwhat\n b", [(1, 1, set())]),
    "a combined diff": ("@@@ -1,2 -1,2 +1,3 @@@\n  a\n++b", []),
    "numbers that are too long": (f"@@ -1 +{'9' * 5000} @@\n+a", []),
    "line zero": ("@@ -0,0 +0,1 @@\n+a", []),
    "empty": ("", []),
    "absent": (None, []),
}


@pytest.mark.parametrize(("patch", "hunks"), CASES.values(), ids=CASES.keys())
def test_hunks(patch, hunks):
    assert parse_patch(patch) == Diff(tuple(Hunk(a, b, frozenset(added)) for a, b, added in hunks))


TWO_HUNKS = parse_patch("@@ -1,1 +1,2 @@\n a\n+b\n@@ -9,1 +10,2 @@\n+c\n d")


@pytest.mark.parametrize(
    ("start", "end", "shown", "first_added", "first_shown"),
    [
        pytest.param(1, 2, True, 2, 1, id="a whole hunk"),
        pytest.param(1, 1, True, None, 1, id="a context line"),
        pytest.param(2, 3, False, 2, 2, id="beyond the end"),
        pytest.param(1, 10, False, 2, 1, id="across two hunks"),
        pytest.param(5, 10, False, 10, 10, id="from the gap"),
        pytest.param(5, 6, False, None, None, id="in the gap"),
        pytest.param(2, 1, False, None, None, id="backwards"),
    ],
)
def test_what_a_diff_shows(start, end, shown, first_added, first_shown):
    assert TWO_HUNKS.shows(start, end) is shown
    assert TWO_HUNKS.first_added(start, end) == first_added
    if start <= end:
        assert TWO_HUNKS.first_shown(start, end) == first_shown
    assert TWO_HUNKS.adds(start, end) is (first_added is not None)


LINES = st.lists(st.sampled_from(["a", "b", "", " ", "+x", "-y", "@@ -1 +1 @@", "\\ c", "d\r"]), max_size=20)


@given(LINES, LINES, st.integers(0, 4), st.booleans())
def test_a_real_patch_shows_exactly_its_right_side(old, new, context, newline):
    base, head = ("\n".join(lines) + "\n" * newline for lines in (old, new))
    # `splitlines` in git_diff would split at a lone carriage return, which git does not.
    base, head = base.replace("\r", "."), head.replace("\r", ".")
    patch = git_diff(base, head, context)
    diff = parse_patch(patch)
    expected = [side for side in right_sides(patch) if side]
    assert [(hunk.start, hunk.end) for hunk in diff.hunks] == [(min(side), max(side)) for side in expected]
    lines = head.split("\n")
    for side in expected:
        assert all(lines[number - 1] == line for number, line in side.items())
    for hunk in diff.hunks:
        assert all(hunk.start <= line <= hunk.end for line in hunk.added)


@given(st.text(st.sampled_from("@ -+\\\n\r0123,9ab\0"), max_size=200))
def test_hostile_patches_never_raise(patch):
    for hunk in parse_patch(patch).hunks:
        assert 1 <= hunk.start <= hunk.end
