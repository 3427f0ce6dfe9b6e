from __future__ import annotations

from datetime import timedelta

import pytest

from bot.github.failures import (
    BrokenError,
    GitHubError,
    LimitedError,
    RefusedError,
    UnreachableError,
    interpret,
    is_forbidden,
    is_gone,
    should_retry,
)


@pytest.mark.parametrize(
    ("status", "message", "meaning"),
    [
        (403, "You have exceeded a secondary rate limit and have been temporarily blocked", "limited"),
        (403, "Repository was archived so is read-only.", "gone"),
        (403, "This installation has been suspended", "gone"),
        (403, "Resource not accessible by integration", "forbidden"),
        (404, "Not Found", "gone"),
        (451, "Repository access blocked", "gone"),
        (422, "No commit found for SHA: abc", "later"),
        (422, "Unprocessable Entity", None),
        (400, "Problems parsing JSON", None),
    ],
)
def test_what_a_refusal_means(status: int, message: str, meaning: str | None) -> None:
    assert interpret(status, message) == meaning


@pytest.mark.parametrize(
    ("error", "seconds"),
    [
        pytest.param(BrokenError(502), [10, 20, 40], id="broken"),
        pytest.param(UnreachableError("timeout", sent=True), [10, 20, 40], id="unreachable"),
        pytest.param(RefusedError(422, "No commit found for SHA: x"), [10, 20, 40], id="not there yet"),
        pytest.param(LimitedError(timedelta(seconds=33)), [33, 33, 33], id="limited for a time"),
        pytest.param(LimitedError(timedelta(seconds=60), told=False), [60, 120, 240], id="limited"),
        pytest.param(RefusedError(422, "Unprocessable Entity"), [None] * 3, id="refused"),
        pytest.param(RefusedError(404, "Not Found"), [None] * 3, id="gone"),
    ],
)
def test_when_to_try_again(error: GitHubError, seconds: list[int | None]) -> None:
    waits = [should_retry(error, failures) for failures in (1, 2, 3)]
    assert [wait and wait.total_seconds() for wait in waits] == seconds


def test_gone_and_forbidden() -> None:
    assert is_gone(RefusedError(404, "Not Found"))
    assert not is_gone(BrokenError(502))
    assert is_forbidden(RefusedError(403, "Resource not accessible by integration"))
    assert not is_forbidden(RefusedError(404, "Not Found"))


def test_waits_have_an_end() -> None:
    wait = should_retry(BrokenError(502), 1000)
    assert wait is not None
    assert wait < timedelta(hours=2)
