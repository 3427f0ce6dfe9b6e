"""Dockerfiles on disk: found, read and written back, byte for byte where nothing was changed."""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from bot.dockerfiles import is_dockerfile
from cli.trouble import TroubleError

if TYPE_CHECKING:
    from pathspec import GitIgnoreSpec

STDIN = "-"
MAX_BYTES = 16 * 1024 * 1024
"""More than the parser takes of any file; what is longer is refused by it, not read to its end."""
_USUAL_BYTES = 64 * 1024


Judge = Callable[[str], bool]
"""Tells of a name in some directory whether the file is wanted."""


def _judge_by_name(_: str) -> Judge:
    return is_dockerfile


def find_dockerfiles(
    paths: Sequence[str], judge_in: Callable[[str], Judge] = _judge_by_name
) -> Iterator[str | TroubleError]:
    """Yield files as they were named and the Dockerfiles under directories, each once.

    No path is the current directory. Directories are read in the order of their names, without what .gitignore files
    exclude; links to directories are not followed. `judge_in` is asked once for each directory, by its real path.
    """
    seen: set[str] = set()
    for path in paths or (".",):
        found = _walk(path, judge_in) if path != STDIN and os.path.isdir(path) else iter((path,))
        for each in found:
            if isinstance(each, TroubleError):
                yield each
            elif each not in seen:
                seen.add(each)
                yield each


def read_text(path: str) -> str:
    """Return the text of a file or of standard input, bytes that are no UTF-8 as surrogate escapes."""
    if path == STDIN:
        return decode(sys.stdin.buffer.read(MAX_BYTES))
    try:
        with open(path, "rb") as file:
            # Whoever asks for so many bytes gets room for them first.
            data = file.read(_USUAL_BYTES)
            return decode(data if len(data) < _USUAL_BYTES else data + file.read(MAX_BYTES - _USUAL_BYTES))
    except OSError as error:
        raise TroubleError(path, _say(error)) from None
    except ValueError as error:  # a NUL in the name
        raise TroubleError(path, str(error)) from None


def decode(data: bytes) -> str:
    """Return bytes as text from which `encode` makes the same bytes."""
    return data.decode("utf-8", "surrogateescape")


def encode(text: str) -> bytes:
    """Return the bytes that `decode` read."""
    return text.encode("utf-8", "surrogateescape")


def write_text(path: str, text: str) -> None:
    """Replace a file in one step; its mode stays, and a link keeps pointing at the file that is written."""
    target = os.path.realpath(path)
    try:
        before = os.stat(target)
        if not stat.S_ISREG(before.st_mode):
            raise TroubleError(path, "is no regular file, so it cannot be replaced")
        if not os.access(target, os.W_OK):
            raise TroubleError(path, "is read-only, so it is left as it is")
        _replace(target, encode(text), before)
    except OSError as error:
        raise TroubleError(path, f"cannot be written: {_say(error)}") from None


def _replace(target: str, data: bytes, before: os.stat_result) -> None:
    import tempfile

    directory, name = os.path.split(target)
    handle, draft = tempfile.mkstemp(prefix=f".{name[:100]}.", dir=directory)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        if (before.st_uid, before.st_gid) != (os.geteuid(), os.getegid()):
            with suppress(PermissionError):
                os.chown(draft, before.st_uid, before.st_gid)
        os.chmod(draft, stat.S_IMODE(before.st_mode))
        os.replace(draft, target)
    except BaseException:
        with suppress(FileNotFoundError):
            os.unlink(draft)
        raise


def _say(error: OSError) -> str:
    text = error.strerror or str(error)
    return text[:1].lower() + text[1:]


class _Ignores(NamedTuple):
    """The patterns of one .gitignore, for what lies below its directory."""

    directory: str
    spec: GitIgnoreSpec

    def judge(self, path: str, is_directory: bool) -> bool | None:
        """Tell whether an absolute path is ignored; None where no pattern speaks of it."""
        relative = os.path.relpath(path, self.directory).replace(os.sep, "/")
        return self.spec.check_file(relative + "/" * is_directory).include


def _walk(top: str, judge_in: Callable[[str], Judge]) -> Iterator[str | TroubleError]:
    root = os.path.realpath(top)
    pending = [(top, root, tuple(_ignores_above(root)))]
    while pending:
        shown, real, above = pending.pop()
        try:
            with os.scandir(real) as scan:
                entries = sorted(scan, key=lambda entry: entry.name)
        except OSError as error:
            yield TroubleError(shown, _say(error))
            continue
        ignores = above
        if any(entry.name == ".gitignore" for entry in entries):
            ignores = (*above, *_read_ignores(real))
        is_wanted = judge_in(real)
        below = []
        for entry in entries:
            path = os.path.normpath(os.path.join(shown, entry.name))
            if _is_directory(entry):
                if entry.name != ".git" and not _is_ignored(ignores, entry.path, is_directory=True):
                    below.append((path, entry.path, ignores))
            elif is_wanted(entry.name) and _is_file(entry) and not _is_ignored(ignores, entry.path):
                yield path
        pending += reversed(below)


def real_path(path: str) -> str:
    """Return a path without links; what asks about a file does so right after another."""
    return _follow_links(path if os.path.isabs(path) else os.path.join(os.getcwd(), path))


@lru_cache(maxsize=8)
def _follow_links(path: str) -> str:
    return os.path.realpath(path)


@lru_cache(maxsize=1024)
def is_top(folder: str) -> bool:
    """Tell whether a folder is the top of a git work tree; the folders above are asked about for each file."""
    return os.path.exists(os.path.join(folder, ".git"))


def find_top(folder: str) -> str | None:
    """Return the top of the git work tree that a folder, given by its real path, lies in."""
    while not is_top(folder):
        parent = os.path.dirname(folder)
        if parent == folder:
            return None
        folder = parent
    return folder


def _is_pattern(line: str) -> bool:
    """Tell whether a line can be read; git, too, passes over one that cannot."""
    from pathspec import GitIgnoreSpec

    try:
        GitIgnoreSpec.from_lines([line])
    except ValueError:
        return False
    return True


def _is_directory(entry: os.DirEntry[str]) -> bool:
    return entry.is_dir(follow_symlinks=False)


def _is_file(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_file()
    except OSError:  # a link to itself
        return False


def _is_ignored(ignores: Iterable[_Ignores], path: str, *, is_directory: bool = False) -> bool:
    """Ask the nearest .gitignore first: https://git-scm.com/docs/gitignore, "Patterns read from ..."."""
    for each in reversed(tuple(ignores)):
        verdict = each.judge(path, is_directory)
        if verdict is not None:
            return verdict
    return False


def _ignores_above(directory: str) -> Iterator[_Ignores]:
    """Yield the .gitignore files that hold for `directory`, from the top of its repository down to its parent."""
    lineage = [directory]
    while not os.path.exists(os.path.join(lineage[-1], ".git")):
        parent = os.path.dirname(lineage[-1])
        if parent == lineage[-1]:
            return
        lineage.append(parent)
    for each in reversed(lineage[1:]):
        yield from _read_ignores(each)


def _read_ignores(directory: str) -> Iterator[_Ignores]:
    try:
        with open(os.path.join(directory, ".gitignore"), "rb") as file:
            lines = decode(file.read(MAX_BYTES)).splitlines()
    except OSError:
        return
    from pathspec import GitIgnoreSpec

    yield _Ignores(directory, GitIgnoreSpec.from_lines(filter(_is_pattern, lines)))
