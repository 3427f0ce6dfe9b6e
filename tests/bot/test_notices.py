from __future__ import annotations

import time

import pytest

from bot.github.checks import clip
from bot.notices import add_notes, say_left_out, take_in
from bot.review.fingerprint import REVIEW_MARKER, write_marker
from bot.review.markdown import LIMIT
from bot.review.model import Check, Comment, Review


def test_notes_are_not_what_is_cut_away() -> None:
    note = say_left_out([f"{number}/Dockerfile" for number in range(500)], 100)
    check = add_notes(Check("neutral", "title", "row\n" * (LIMIT // 4)), [note])
    assert clip(check.summary).startswith(note)


def test_without_notes_nothing_changes() -> None:
    check = Check("neutral", "title", "said")
    assert add_notes(check, []) == check


def test_refused_comments_are_taken_in_without_what_only_works_in_place() -> None:
    marker = write_marker(["0" * 16])
    text = take_in(
        Review(f"head <!-- dockslim:x --> y\n\n{REVIEW_MARKER}\n{marker}", ()),
        [Comment("Dockerfile", 3, f"why\n````suggestion\nRUN x\n````\n<sub>z</sub>\n\n{write_marker(['1' * 16])}")],
    ).body
    assert text == (
        "head <!-- dockslim:x --> y\n\n`Dockerfile:3`\nwhy\n````dockerfile\nRUN x\n````\n<sub>z</sub>"
        f"\n\n{REVIEW_MARKER}\n{write_marker(['0' * 16, '1' * 16])}"
    )


@pytest.mark.parametrize("filling", [" ", "\n", "\t", "`", "\n`", "<!-- dockslim:", "<!--"])
def test_time_to_take_in_grows_with_the_text(filling: str) -> None:
    body = f"x{filling * (60_000 // len(filling))}x"
    started = time.process_time()
    take_in(Review(body, ()), [Comment("Dockerfile", 1, body)])
    assert time.process_time() - started < 0.5
