"""What the repository tells about the Dockerfiles of a pull request, once somebody has read it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import replace

from bot.configuration.model import DEFAULT, Configuration
from bot.review.model import ChangedFile
from rules.base_images.candidates import wanted_images
from rules.context.gather import Tree, needs_tree
from rules.dockerfile import Dockerfile, DockerfileError, parse
from rules.packages.apt_estimates import wanted_releases
from rules.surroundings import Surroundings


def find_curious(files: Iterable[ChangedFile]) -> Iterator[tuple[str, Dockerfile]]:
    """Yield the Dockerfiles about which rules ask what lies around them, with their paths."""
    return ((file.path, dockerfile) for file, dockerfile in _read(files) if needs_tree(dockerfile))


def find_releases(files: Iterable[ChangedFile]) -> frozenset[str]:
    """Return the code names of the releases that the Dockerfiles install packages of."""
    return frozenset(name for file, dockerfile in _read(files) for name in wanted_releases(dockerfile, file.targets))


def find_images(files: Iterable[ChangedFile]) -> frozenset[str]:
    """Return the images whose sizes the rules would like to know."""
    return frozenset(
        image
        for file, dockerfile in _read(files)
        for image in wanted_images(dockerfile, Surroundings(file.path, file.targets))
    )


def _read(files: Iterable[ChangedFile]) -> Iterator[tuple[ChangedFile, Dockerfile]]:
    for file in files:
        if file.problem is None and file.status != "removed":
            with suppress(DockerfileError):
                yield file, parse(file.head)


def surround(
    files: Iterable[ChangedFile],
    curious: Mapping[str, Dockerfile],
    repository: Tree,
    configuration: Configuration = DEFAULT,
) -> Iterator[ChangedFile]:
    """Yield the files, the curious ones with their context and targets."""
    for file in files:
        dockerfile = curious.get(file.path)
        if dockerfile is None:
            yield file
        else:
            config = configuration.config_for(file.path)
            found = repository.look_around(file.path, dockerfile, config.targets, config.roots)
            yield replace(file, context=found.context, targets=found.targets)
