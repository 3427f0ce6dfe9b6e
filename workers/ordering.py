"""Which images of a pull request are built, and how. Pure."""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Iterator, Mapping

from bot.configuration.model import Configuration
from bot.review.measured import Proposed
from bot.review.model import ChangedFile
from workers.orders import ImageOrder

MOST_IMAGES = 5
"""Images of one pull request: three builds each."""
_PLATFORM = "linux/amd64"


def choose_images(
    files: Iterable[ChangedFile], suggestions: Mapping[str, tuple[Proposed, ...]], configuration: Configuration
) -> tuple[ImageOrder, ...]:
    """Return the images of the Dockerfiles that could be read, those that the configuration lists as it has them."""
    return tuple(_choose(files, suggestions, configuration))[:MOST_IMAGES]


def _choose(
    files: Iterable[ChangedFile], suggestions: Mapping[str, tuple[Proposed, ...]], configuration: Configuration
) -> Iterator[ImageOrder]:
    for file in files:
        if file.path not in suggestions:
            continue
        base_path = (file.previous or file.path) if file.base is not None else None
        found = file.context.root if file.context is not None else posixpath.dirname(file.path)
        proposed = suggestions[file.path]
        listed = [each for each in configuration.images if each.dockerfile == file.path]
        for each in listed:
            context = each.context if each.context is not None else found
            platform = _PLATFORM if _PLATFORM in each.platforms else next(iter(each.platforms), "")
            yield ImageOrder(file.path, base_path, context, each.target, each.build_args, platform, proposed)
        if not listed:
            yield ImageOrder(file.path, base_path, found, suggestions=proposed)
