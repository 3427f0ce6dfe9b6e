"""What is known around a Dockerfile. Plain values: whoever reads the disk, GitHub or a registry makes them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from rules.debian.index import PackageIndex


@dataclass(frozen=True, eq=False)
class Context:
    """The build context as the repository holds it; two are equal only when they are the same one.

    `files` maps the path of every tracked file, from the context's root, to its bytes. `root` is the folder in the
    repository, empty for its top; `origin` says where that is written (`compose.yml: services.api.build`), empty
    where it is assumed. `ignore` is the text of the ignore file that the builder reads, None where there is none, and
    `ignore_path` its path in the repository. `texts` holds the files that rules read, such as `package.json`, as far
    as they were fetched; a file that is in `files` and not in `texts` is unknown, not empty. `sends_git` is false
    where the builder gets no `.git`: it clones by itself, or there is none.
    """

    files: Mapping[str, int]
    root: str = ""
    origin: str = ""
    ignore: str | None = None
    ignore_path: str = ".dockerignore"
    texts: Mapping[str, str] = field(default_factory=dict)
    sends_git: bool = True


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What is known around a Dockerfile: its path, the stages that are built as targets, and what was looked up.

    `context` is None where nobody looked into the repository. `image_sizes` maps a reference as a FROM would write it
    to the compressed bytes of its layers as a registry states them, None where the registry does not know it; what
    nobody asked is absent. `packages` maps code names of Debian's and Ubuntu's releases, such as `bookworm`, to their
    package indexes.
    """

    path: str = "Dockerfile"
    targets: frozenset[str] = frozenset()
    context: Context | None = None
    image_sizes: Mapping[str, int | None] = field(default_factory=dict)
    packages: Mapping[str, PackageIndex] = field(default_factory=dict)


NOTHING_KNOWN = Surroundings()
