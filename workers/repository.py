"""The repository around the Dockerfiles of a pull request: two requests, and none where no Dockerfile takes it all."""

from __future__ import annotations

from collections.abc import Sequence

import structlog

from bot.configuration.model import Configuration
from bot.github.client import Session
from bot.github.contents import read_tree
from bot.github.failures import BrokenError, RefusedError
from bot.github.snapshot import read_texts
from bot.review.model import ChangedFile
from bot.review.surroundings import find_curious, surround
from rules.context.gather import Tree, choose_texts

log = structlog.get_logger("dockslim.review")


def look_around(
    session: Session, sha: str, files: Sequence[ChangedFile], configuration: Configuration
) -> tuple[ChangedFile, ...]:
    """Return the files with what the repository tells about them; without it where GitHub does not show it."""
    curious = dict(find_curious(files))
    repository = _read(session, sha, list(curious)) if curious else None
    return tuple(surround(files, curious, repository, configuration) if repository is not None else files)


def _read(session: Session, sha: str, paths: Sequence[str]) -> Tree | None:
    try:
        files = read_tree(session, sha)
        if files is None:
            log.info("tree too large")
            return None
        wanted = choose_texts(files, paths)
        return Tree(files, read_texts(session, sha, wanted) if wanted else {})
    except (RefusedError, BrokenError) as error:
        # GitHub gives up on some large trees; a review without them is a review all the same.
        log.warning("tree not read", error=str(error))
        return None
