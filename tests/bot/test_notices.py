from __future__ import annotations

from bot.github.checks import clip
from bot.notices import add_notes, say_left_out
from bot.review.markdown import LIMIT
from bot.review.model import Check


def test_notes_are_not_what_is_cut_away() -> None:
    note = say_left_out([f"{number}/Dockerfile" for number in range(500)], 100)
    check = add_notes(Check("neutral", "title", "row\n" * (LIMIT // 4)), [note])
    assert clip(check.summary).startswith(note)


def test_without_notes_nothing_changes() -> None:
    check = Check("neutral", "title", "said")
    assert add_notes(check, []) == check
