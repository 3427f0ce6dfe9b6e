"""Failures: what GitHub answers when it does not do what it was asked, and what that means for a job."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

# docs.github.com, "Best practices for using the REST API": without retry-after, wait at least one minute.
UNTOLD_WAIT = timedelta(seconds=60)
LONGEST_WAIT = timedelta(minutes=62)
FIRST_WAIT = timedelta(seconds=10)


class GitHubError(Exception):
    """GitHub did not do what it was asked. The message is fit for a check run: no token, no address, no payload."""


class RefusedError(GitHubError):
    """GitHub refused: 4xx. `errors` are the entries of its body, as text."""

    def __init__(self, status: int, message: str, errors: tuple[str, ...] = ()) -> None:
        super().__init__(f"GitHub answered {status}: {message}")
        self.status = status
        self.message = message
        self.errors = errors


class BrokenError(GitHubError):
    """GitHub failed: 5xx, or an answer that makes no sense. A write may have happened all the same."""

    def __init__(self, status: int) -> None:
        super().__init__(f"GitHub answered {status}")
        self.status = status


class UnreachableError(GitHubError):
    """No answer. `sent` when the request may have arrived, so that a write may have happened."""

    def __init__(self, reason: str, *, sent: bool) -> None:
        super().__init__(f"GitHub did not answer ({reason})")
        self.sent = sent


class LimitedError(GitHubError):
    """A rate limit, primary or secondary. `told` when GitHub said how long it lasts."""

    def __init__(self, wait: timedelta, *, told: bool = True) -> None:
        super().__init__("GitHub's rate limit is used up")
        self.told = told
        self.wait = min(max(wait, timedelta(seconds=1)), LONGEST_WAIT)


Meaning = Literal["limited", "gone", "later", "forbidden"]


@dataclass(frozen=True, slots=True)
class _Known:
    status: int
    text: re.Pattern[str]
    meaning: Meaning


def _known(status: int, text: str, meaning: Meaning) -> _Known:
    return _Known(status, re.compile(text, re.IGNORECASE), meaning)


# Texts as GitHub words them, in order; the first that fits counts.
_TABLE = (
    # githubkit recognises a secondary limit by headers only; GitHub often says it in words alone.
    _known(403, r"secondary rate limit|abuse detection|rate limit exceeded", "limited"),
    _known(429, r"", "limited"),
    _known(422, r"was submitted too quickly", "limited"),
    _known(403, r"archived so is read-only|repository access blocked|installation has been suspended", "gone"),
    _known(403, r"", "forbidden"),
    _known(404, r"", "gone"),
    _known(410, r"", "gone"),
    _known(451, r"", "gone"),
    # Right after a push the commit may not have reached every replica.
    _known(422, r"no commit found for sha", "later"),
    _known(409, r"", "later"),
)


def interpret(status: int, message: str) -> Meaning | None:
    """Return what a refusal means, None when it is simply a refusal."""
    return next((each.meaning for each in _TABLE if each.status == status and each.text.search(message)), None)


def should_retry(error: GitHubError, failures: int) -> timedelta | None:
    """Return how long to wait before the job runs again, None when that would not help.

    `failures` counts from 1; waits double: 10 s, 20 s, 40 s. Of rate limits `failures` counts only those, and the wait
    is what GitHub said; where it said nothing, it doubles as well.
    """
    factor = 1 << min(failures, 12) - 1
    later = min(FIRST_WAIT * factor, LONGEST_WAIT)
    if isinstance(error, LimitedError):
        return error.wait if error.told else min(error.wait * factor, LONGEST_WAIT)
    if isinstance(error, (BrokenError, UnreachableError)):
        return later
    if isinstance(error, RefusedError) and interpret(error.status, " ".join((error.message, *error.errors))) == "later":
        return later
    return None


def is_gone(error: GitHubError) -> bool:
    """Tell whether what was asked for no longer exists for us: deleted, archived, suspended, uninstalled."""
    return isinstance(error, RefusedError) and interpret(error.status, error.message) == "gone"


def is_forbidden(error: GitHubError) -> bool:
    """Tell whether a permission is missing."""
    return isinstance(error, RefusedError) and interpret(error.status, error.message) == "forbidden"


def is_uncertain(error: GitHubError) -> bool:
    """Tell whether a write that failed so may have happened.

    GitHub gives up after 10 s with 502 or 504, and what it had begun may still be finished.
    """
    return isinstance(error, BrokenError) or (isinstance(error, UnreachableError) and error.sent)
