"""Answers are found again, whoever else has written and gone."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from bot.github.comments import Branch, Question, find_answer
from bot.github.pulls import PullState
from tests.bot.github.hosts import Host

QUESTION = Question(
    id=1,
    body="/dockslim help",
    asked_at="2026-11-24T12:00:00Z",
    is_edited=False,
    reactions=frozenset(),
    thread=None,
    about="",
    viewer="dockslim[bot]",
    pull=PullState(is_open=True, is_draft=False, head_sha="a" * 40, base_branch="main"),
    branch=Branch("acme/shop", "feature", "", is_open=True),
)


@pytest.mark.parametrize(
    ("comments", "found"),
    [
        pytest.param([{"user": None, "body": "x MARK"}], False, id="nobody any more"),
        pytest.param([{"user": {"login": "eve"}, "body": "x MARK"}], False, id="somebody else"),
        pytest.param(
            [{"user": None, "body": "x"}, {"user": {"login": "dockslim[bot]"}, "body": "MARK\n"}], True, id="us"
        ),
        pytest.param([{"user": {"login": "dockslim[bot]"}, "body": "MARK x"}], False, id="quoted by us"),
    ],
)
def test_find_answer(private_key: str, comments: list[Any], found: bool) -> None:
    host = Host(private_key, httpx.Response(200, json=comments))
    with host.session() as session:
        assert find_answer(session, 3, QUESTION, "MARK") is found
