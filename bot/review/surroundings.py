"""What the repository tells about the Dockerfiles of a pull request, once somebody has read it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from bot.review.model import ChangedFile
from rules.context.gather import Tree, needs_tree
from rules.dockerfile import Dockerfile, DockerfileError, parse


def find_curious(files: Iterable[ChangedFile]) -> Iterator[tuple[str, Dockerfile]]:
    """Yield the Dockerfiles about which rules ask what lies around them, with their paths."""
    for file in files:
        if file.problem is not None or file.status == "removed":
            continue
        try:
            dockerfile = parse(file.head)
        except DockerfileError:
            continue
        if needs_tree(dockerfile):
            yield file.path, dockerfile


def surround(
    files: Iterable[ChangedFile], curious: Mapping[str, Dockerfile], repository: Tree
) -> Iterator[ChangedFile]:
    """Yield the files, the curious ones with their context and targets."""
    for file in files:
        dockerfile = curious.get(file.path)
        if dockerfile is None:
            yield file
        else:
            found = repository.look_around(file.path, dockerfile)
            yield replace(file, context=found.context, targets=found.targets)
