"""Pull requests: their state, and the files they change."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bot.github.client import Session
from bot.github.failures import RefusedError

# docs.github.com, "Compare two commits": up to 300 files.
COMPARED_FILES = 300
# docs.github.com, "List pull requests files": at most 3,000 files.
LISTED_FILES = 3000


@dataclass(frozen=True, slots=True)
class PullState:
    """What decides whether there is something to review, and what; `author` is "" where the account is gone.

    `changed_files` is how many files its diff has, 0 where that was not asked.
    """

    is_open: bool
    is_draft: bool
    head_sha: str
    base_branch: str
    author: str = ""
    is_by_bot: bool = False
    is_from_fork: bool = False
    changed_files: int = 0


@dataclass(frozen=True, slots=True)
class FileChange:
    """One file of a diff; `previous` is the path it was renamed from."""

    path: str
    status: str
    patch: str | None = None
    previous: str | None = None

    @property
    def base_path(self) -> str | None:
        """Where its text was at the merge base, None when it was not there."""
        if self.status in {"added", "copied"}:
            return None
        return self.previous or self.path


@dataclass(frozen=True, slots=True)
class Comparison:
    """A head against a base branch: what the pull request changes, as far as GitHub lists it."""

    merge_base: str
    files: tuple[FileChange, ...]


def read_pull(session: Session, number: int) -> PullState:
    """Read the state of a pull request."""
    pull = session.read(session.path("pulls", number))
    author = pull.get("user") or {}
    # The repository of the head is null once the fork is deleted.
    head_repository = (pull["head"].get("repo") or {}).get("id")
    return PullState(
        is_open=pull["state"] == "open",
        is_draft=bool(pull.get("draft")),
        head_sha=str(pull["head"]["sha"]),
        base_branch=str(pull["base"]["ref"]),
        author=str(author.get("login", "")),
        is_by_bot=author.get("type") == "Bot",
        is_from_fork=head_repository != session.repository.id,
    )


def may_write(session: Session, login: str) -> bool:
    """Tell whether somebody may push to the repository; of public ones GitHub says that everybody may read them."""
    try:
        answer = session.read(session.path("collaborators", login, "permission"))
    except RefusedError as error:
        if error.status != 404:
            raise
        return False
    return answer.get("permission") in {"admin", "write"}


def compare(session: Session, number: int, base_branch: str, head_sha: str) -> Comparison:
    """Compare a head with its base branch: the three-dot diff, which is the pull request's own.

    The head of a fork is readable through the base repository, even when the fork is gone.
    """
    # One commit is enough; all files come with the first page.
    answer = session.read(session.path("compare", f"{base_branch}...{head_sha}"), {"per_page": 1})
    merge_base = str(answer["merge_base_commit"]["sha"])
    files = tuple(map(_file, answer.get("files") or ()))
    if len(files) < COMPARED_FILES:
        return Comparison(merge_base, files)
    files = tuple(map(_file, session.read_pages(session.path("pulls", number, "files"), LISTED_FILES)))
    return Comparison(merge_base, files)


def _file(entry: Mapping[str, Any]) -> FileChange:
    patch, previous = entry.get("patch"), entry.get("previous_filename")
    return FileChange(
        path=str(entry["filename"]),
        status=str(entry["status"]),
        patch=patch if isinstance(patch, str) else None,
        previous=previous if isinstance(previous, str) else None,
    )
