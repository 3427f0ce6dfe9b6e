"""What lies around a Dockerfile on disk. Looked for only where a rule asks; each repository is read once."""

from __future__ import annotations

import os
import stat
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING

from cli.files import STDIN, decode, find_top, real_path
from cli.trouble import TroubleError
from rules.config import Config
from rules.context.copies import takes_all
from rules.dockerfile import Dockerfile
from rules.rule import Surroundings

if TYPE_CHECKING:
    from workers.package_indexes import Packages
    from workers.registry import Images

GIT_SECONDS = 10
_NAMES = ("dockerfile", "containerfile")


def look_around(path: str, dockerfile: Dockerfile, config: Config) -> Surroundings:
    """Return what is known around a file: its context, and what the environment lets us look up."""
    around = _look_around(path, dockerfile, config)
    # Nobody else waits for an HTTP client.
    if os.environ.get("DOCKSLIM_APT_SOURCES"):
        from rules.packages.apt_estimates import wanted_releases

        wanted = wanted_releases(dockerfile, around.targets)
        around = replace(around, packages=_indexes().find(wanted)) if wanted else around
    if os.environ.get("DOCKSLIM_REGISTRIES"):
        from rules.base_images.candidates import wanted_images

        images = wanted_images(dockerfile, around)
        around = replace(around, image_sizes=_registries().sizes(images)) if images else around
    return around


@lru_cache(maxsize=1)
def _indexes() -> Packages:
    from workers.package_indexes import PackageIndexes, SourcesError, open_indexes

    try:
        return open_indexes(os.environ) or PackageIndexes((), None)
    except SourcesError as error:
        raise TroubleError("DOCKSLIM_APT_SOURCES", str(error)) from None


@lru_cache(maxsize=1)
def _registries() -> Images:
    from workers.package_indexes import make_cache
    from workers.registry import Registries, open_registries

    try:
        return open_registries(os.environ["DOCKSLIM_REGISTRIES"], make_cache(os.environ)) or Registries({})
    except ValueError as error:
        raise TroubleError("DOCKSLIM_REGISTRIES", str(error)) from None


def _look_around(path: str, dockerfile: Dockerfile, config: Config) -> Surroundings:
    """Return the tracked files of a file's git repository, else those of its folder."""
    if path == STDIN:
        return Surroundings(path, config.targets)
    real = real_path(path)
    top = find_top(os.path.dirname(real))
    folder = top or os.path.dirname(real)
    name = real.removeprefix(folder).lstrip(os.sep).replace(os.sep, "/")
    if top is not None:
        path = name  # as on GitHub: what the folders above a repository are called says nothing about an image
    # Without a repository, nothing but the name tells that a file is built from its own folder.
    if not takes_all(dockerfile) or (top is None and os.path.basename(real).lower() not in _NAMES):
        return Surroundings(path, config.targets)
    files = _files(folder, top is not None)
    if files is None:
        return Surroundings(path, config.targets)
    # Whoever takes the whole context is rare, and reading compose files takes a YAML parser.
    from rules.context.gather import Tree, choose_texts

    texts = dict(_texts(folder, choose_texts(files, [name])))
    found = Tree(files, texts, has_git=top is not None).look_around(name, dockerfile, config.targets, config.roots)
    return Surroundings(path, found.targets, found.context)


@lru_cache(maxsize=8)
def _files(top: str, is_repository: bool) -> Mapping[str, int] | None:
    """Return the files with their bytes; None where there are too many, or git does not tell."""
    from rules.context.gather import MAX_FILES

    names = _tracked(top) if is_repository else _walk(top)
    found: dict[str, int] = {}
    for name in names or ():
        if len(found) == MAX_FILES:
            return None
        try:
            status = os.lstat(os.path.join(top, name))
        except (OSError, ValueError):
            continue
        if stat.S_ISREG(status.st_mode) or stat.S_ISLNK(status.st_mode):
            found[name.replace(os.sep, "/")] = status.st_size
    return found if names is not None else None


def _tracked(top: str) -> Sequence[str] | None:
    # GIT_DIR and its like would point at another repository, and core.fsmonitor names a program to run.
    environ = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    command = ["git", "-c", "core.fsmonitor=false", "-C", top, "ls-files", "-z", "--cached"]
    try:
        done = subprocess.run(
            command, env=environ, stdin=subprocess.DEVNULL, capture_output=True, check=False, timeout=GIT_SECONDS
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return decode(done.stdout).split("\0")[:-1] if done.returncode == 0 else None


def _walk(top: str) -> Iterator[str]:
    """Yield the files below a folder, by names relative to it; links to folders are not followed."""
    pending = [""]
    while pending:
        folder = pending.pop()
        try:
            with os.scandir(os.path.join(top, folder)) as scan:
                entries = sorted(scan, key=lambda entry: entry.name)
        except OSError:
            continue
        for entry in entries:
            name = os.path.join(folder, entry.name)
            if not entry.is_dir(follow_symlinks=False):
                yield name
            elif entry.name != ".git":
                pending.append(name)


def _texts(top: str, names: Sequence[str]) -> Iterator[tuple[str, str]]:
    from rules.context.gather import MAX_TEXT_BYTES

    for name in names:
        try:
            # A link may lead out of the repository, and GitHub would not follow it either.
            with open(os.open(os.path.join(top, name), os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb") as file:
                yield name, decode(file.read(MAX_TEXT_BYTES))
        except OSError:
            continue
