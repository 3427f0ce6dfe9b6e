"""Contexts: the archive of a commit, unpacked so that nothing leaves its directory and nothing fills the disk."""

from __future__ import annotations

import os
import posixpath
import shutil
import stat
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from rules.dockerfile.dockerignore import IgnoreError, read_ignore

MOST_BYTES = 2 * 10**9
MOST_ENTRIES = 200_000
_MOST_HEADER = 1 << 20
_MOST_TEXT = 1 << 20
_POINTER = b"version https://git-lfs.github.com/spec/v1"


class ContextError(Exception):
    """Why there is no context: one sentence without a full stop."""


@dataclass(frozen=True, slots=True)
class Context:
    """A directory to build from, and its Dockerfile. `missing` are files and folders that the archive does not hold."""

    directory: Path
    dockerfile: str
    missing: tuple[str, ...] = ()


class _Header(tarfile.TarInfo):
    """Refuses long names and attributes that would be read into memory whole, however long."""

    def _proc_member(self, tar: tarfile.TarFile) -> Any:
        if self.type in (b"x", b"g", b"X", b"L", b"K") and self.size > _MOST_HEADER:
            raise ContextError("the archive has a header of more than 1 MB")
        return super()._proc_member(tar)  # type: ignore[misc]

    def _refuse_holes(self, *_: object) -> Any:
        raise ContextError("the archive has a file with holes, whose map may be of any length")

    _proc_sparse = _proc_gnusparse_00 = _proc_gnusparse_01 = _proc_gnusparse_10 = _refuse_holes


def unpack(
    stream: IO[bytes],
    into: Path,
    *,
    top: bool = False,
    most_bytes: int = MOST_BYTES,
    most_entries: int = MOST_ENTRIES,
) -> None:
    """Unpack a tar, plain or gzip, into an empty directory; `top` drops the folder that GitHub packs everything in.

    Files are read by everybody and owned by whoever unpacks; links are made last, so that nothing is written through
    one. Raise ContextError for what is no archive, leaves the directory, or is too large.
    """
    links: list[tuple[str, str]] = []
    left, count = most_bytes, 0
    try:
        with tarfile.open(fileobj=stream, mode="r|*", tarinfo=_Header) as archive:
            for entry in archive:
                count += 1
                left -= entry.size
                if count > most_entries:
                    raise ContextError(f"the archive has more than {most_entries} entries")
                if left < 0:
                    raise ContextError(f"the archive unpacks to more than {most_bytes / 1e6:.0f} MB")
                path = _clean(entry.name, top)
                # Headers are kept in a list that nobody reads.
                archive.members = []  # type: ignore[attr-defined]
                if path is None:
                    continue
                if entry.issym():
                    links.append((path, entry.linkname))
                elif entry.isdir():
                    os.makedirs(into / path, exist_ok=True)
                elif entry.isreg():
                    _write(archive.extractfile(entry), into / path, entry.mode)
                else:
                    raise ContextError(f"{path!r} is neither a file nor a directory nor a symbolic link")
    except (tarfile.TarError, EOFError, OSError, RecursionError, ValueError) as error:
        raise ContextError(f"the archive cannot be unpacked: {error}") from error
    # Whatever this process's umask is: who builds is somebody else.
    for folder, _, _ in os.walk(into):
        os.chmod(folder, 0o755)  # noqa: S103
    for path, target in links:
        _link(into, path, target)


def read_context(root: Path, folder: str, dockerfile: str) -> Context:
    """Make a context of an unpacked repository: read the Dockerfile, remove what the ignore file keeps from builders.

    Both paths are from the repository's top. Raise ContextError where the Dockerfile or a folder is a symbolic link.
    """
    directory = _resolve(root, folder)
    if not directory.is_dir():
        raise ContextError(f"{folder or '.'!r} is no folder of this commit")
    text = _read(root, dockerfile)
    if text is None:
        raise ContextError(f"{dockerfile!r} is no file of this commit")
    missing = tuple(sorted({*_find_submodules(root), *_find_pointers(root)}))
    ignore = _read(root, f"{dockerfile}.dockerignore")
    if ignore is None:
        ignore = _read(root, posixpath.join(folder, ".dockerignore"))
    if ignore is not None:
        _remove_ignored(directory, ignore)
    prefix = f"{folder}/" if folder else ""
    return Context(directory, text, tuple(each for each in missing if each.startswith(prefix)))


def _clean(name: str, top: bool) -> str | None:
    """Return where an entry goes, None for the directory itself."""
    if name.startswith("/") or "\0" in name or "\\" in name.split("/", maxsplit=1)[0] or ".." in name.split("/"):
        raise ContextError(f"the archive has the path {name[:200]!r}")
    parts = [each for each in name.split("/") if each not in ("", ".")]
    if top:
        parts = parts[1:]
    return "/".join(parts) or None


def _write(source: IO[bytes] | None, path: Path, mode: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW
    with os.fdopen(os.open(path, flags), "wb") as file:
        os.fchmod(file.fileno(), 0o755 if mode & 0o100 else 0o644)
        if source is not None:
            shutil.copyfileobj(source, file, 1 << 20)


def _link(into: Path, name: str, target: str) -> None:
    path = into / name
    # What lies above `into` is the operator's, and may be a link.
    above = path.parents[: name.count("/")]
    try:
        if any(each.is_symlink() for each in above):
            raise ContextError(f"{path.name!r} lies behind a symbolic link")
        path.parent.mkdir(parents=True, exist_ok=True)
        for each in above:
            each.chmod(0o755)
        path.symlink_to(target)
    except OSError as error:
        raise ContextError(f"{path.name!r} is in the archive twice, or no link: {error.strerror}") from error


def _resolve(root: Path, path: str) -> Path:
    """Return a place below the root that no symbolic link leads to."""
    place = root
    for part in filter(None, path.split("/")):
        if part in (".", ".."):
            raise ContextError(f"{path!r} leads out of the repository")
        place = place / part
        if place.is_symlink():
            raise ContextError(f"{path!r} is a symbolic link, which is not followed")
    return place


def _read(root: Path, path: str) -> str | None:
    place = _resolve(root, path)
    try:
        with os.fdopen(os.open(place, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb") as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                return None
            data = file.read(_MOST_TEXT + 1)
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        return None
    if len(data) > _MOST_TEXT:
        raise ContextError(f"{path!r} is larger than 1 MB")
    return data.decode("utf-8", "surrogateescape")


def _files(directory: Path) -> Iterator[str]:
    for folder, folders, names in os.walk(directory):
        linked = [each for each in folders if os.path.islink(os.path.join(folder, each))]
        for name in (*names, *linked):
            yield os.path.relpath(os.path.join(folder, name), directory)


def _remove_ignored(directory: Path, text: str) -> None:
    ignore = read_ignore(text)
    ignored = ignore if isinstance(ignore, IgnoreError) else ignore.ignored(list(_files(directory)))
    if isinstance(ignored, IgnoreError):
        raise ContextError(f".dockerignore: {ignored.reason}")
    for path in ignored:
        (directory / path).unlink()
    for folder, _, _ in os.walk(directory, topdown=False):
        path = os.path.relpath(folder, directory)
        if path != "." and not os.listdir(folder) and not isinstance(ignore, IgnoreError) and ignore.ignores(path):
            os.rmdir(folder)


def _find_submodules(root: Path) -> Iterator[str]:
    text = _read(root, ".gitmodules") if not (root / ".gitmodules").is_symlink() else None
    for line in (text or "").splitlines():
        key, _, value = line.partition("=")
        if key.strip() == "path" and value.strip():
            yield value.strip()


def _find_pointers(root: Path) -> Iterator[str]:
    """Yield what Git LFS keeps elsewhere: https://github.com/git-lfs/git-lfs/blob/main/docs/spec.md."""
    for path in _files(root):
        place = root / path
        if place.is_symlink() or place.stat().st_size > 1024:
            continue
        with place.open("rb") as file:
            if file.read(len(_POINTER)) == _POINTER:
                yield path
