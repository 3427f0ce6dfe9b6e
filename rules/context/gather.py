"""Surroundings from a repository: which texts are worth reading, and what they say about one Dockerfile."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import cached_property
from typing import TypeVar

from rules.context.copies import copies, takes_all
from rules.context.roots import Build, Root, find_builds, find_root, is_build_file, targets_of
from rules.dockerfile import Dockerfile
from rules.surroundings import Context, Surroundings

_Value = TypeVar("_Value")

MAX_FILES = 100_000
"""Files of a repository; one that has more is not looked at. GitHub lists as many at once."""
MAX_TEXTS = 50
MAX_TEXT_BYTES = 256 * 1024
_MAX_BUILD_FILES = 15
IGNORE_FILE = ".dockerignore"
CONFIGURED = "dockslim.yml"

# What rules read to know what an install or a build needs, and where a secret may lie open.
_MANIFESTS = re.compile(
    r"package\.json|\.npmrc|\.yarnrc\.yml|pnpm-workspace\.yaml|requirements[\w.-]*\.txt|pyproject\.toml|setup\.(?:py|cfg)"
    r"|MANIFEST\.in|Pipfile|go\.mod|go\.work|Gemfile|composer\.json|Cargo\.toml|\.gitignore|\.env(?:\.\w+)?|\.netrc|\.pypirc"
    r"|pom\.xml|(?:build|settings)\.gradle(?:\.kts)?|build\.rs"
    r"|(?:webpack|vite|vue|next|nuxt|rollup|craco|svelte|astro|gatsby|gulpfile|Gruntfile)[\w.-]*\.[cm]?[jt]s"
)
_BUILDS_IMAGES = re.compile(r"docker|build|publish|release|image|deploy|container|ci\b|cd\b", re.IGNORECASE)


def needs_tree(dockerfile: Dockerfile) -> bool:
    """Tell whether it is worth looking into the repository for a Dockerfile: where it takes the whole context."""
    return takes_all(dockerfile)


def choose_texts(files: Mapping[str, int], dockerfiles: Collection[str]) -> list[str]:
    """Return the paths of the texts to read, the most telling first: ignore files, build files, manifests.

    `files` are those of the whole repository, with their bytes.
    """
    folders = sorted({folder for path in dockerfiles for folder in _above(path)}, key=len)
    wanted = [f"{path}{IGNORE_FILE}" for path in dockerfiles]
    wanted += [posixpath.join(folder, IGNORE_FILE) for folder in folders]
    build_files = sorted((path for path in files if is_build_file(path)), key=_telling)
    wanted += build_files[:_MAX_BUILD_FILES]
    near = set(folders)
    wanted += sorted(
        (path for path in files if posixpath.dirname(path) in near and _MANIFESTS.fullmatch(posixpath.basename(path))),
        key=lambda path: (path.count("/"), path),
    )
    readable = [path for path in dict.fromkeys(wanted) if files.get(path, MAX_TEXT_BYTES + 1) <= MAX_TEXT_BYTES]
    return readable[:MAX_TEXTS]


def _telling(path: str) -> tuple[bool, int, bool, str]:
    is_workflow = path.startswith(".github/")
    return is_workflow, path.count("/"), not _BUILDS_IMAGES.search(posixpath.basename(path)), path


def _above(path: str) -> Iterator[str]:
    while path:
        path = posixpath.dirname(path)
        yield path


class Tree:
    """What is known of a repository: its files with their bytes, and the texts that `choose_texts` asked for."""

    def __init__(self, files: Mapping[str, int], texts: Mapping[str, str], *, has_git: bool = True) -> None:
        self._files = files
        self._texts = texts
        self._has_git = has_git
        self._folders: dict[str, tuple[Mapping[str, int], Mapping[str, str]]] = {"": (files, texts)}

    @cached_property
    def _builds(self) -> tuple[Build, ...]:
        return find_builds({path: text for path, text in self._texts.items() if is_build_file(path)})

    def look_around(
        self,
        path: str,
        dockerfile: Dockerfile,
        targets: frozenset[str] = frozenset(),
        roots: frozenset[str] = frozenset(),
    ) -> Surroundings:
        """Return what the repository tells about one of its Dockerfiles, and `targets` with the targets it names.

        `roots` are the contexts that its configuration names, which count more than what build files say.
        """
        builds = [build for build in self._builds if build.dockerfile == path]
        said = [Build(path, root, CONFIGURED) for root in roots] or builds
        sources = [word.text for copy in copies(dockerfile.stages) for word in copy.sources]
        root = find_root(path, said, sources, self._files)
        context = self._context(path, root, builds) if root is not None else None
        return Surroundings(path, targets | targets_of(path, builds), context)

    def _context(self, path: str, root: Root, builds: Sequence[Build]) -> Context | None:
        own = f"{path}{IGNORE_FILE}"
        ignore_path = own if own in self._files else posixpath.join(root.path, IGNORE_FILE)
        if ignore_path in self._files and ignore_path not in self._texts:
            return None
        if root.path not in self._folders:
            self._folders[root.path] = (_below(root.path, self._files), _below(root.path, self._texts))
        files, texts = self._folders[root.path]
        # `.git` lies at the repository's top, in no folder below it.
        sends_git = self._has_git and not root.path and (not builds or any(build.sends_git for build in builds))
        return Context(files, root.path, root.origin, self._texts.get(ignore_path), ignore_path, texts, sends_git)


def _below(root: str, values: Mapping[str, _Value]) -> Mapping[str, _Value]:
    return {path[len(root) + 1 :]: value for path, value in values.items() if path.startswith(root + "/")}
