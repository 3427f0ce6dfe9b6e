"""Layers laid over one another, as an engine extracts them, with every byte that goes under booked.

Whiteouts are those of the OCI image specification, layer.md: they hide what lower layers brought, and nothing of their
own layer.
"""

from __future__ import annotations

import posixpath
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass

from workers.image.limits import LIMITS, ImageError, Limits
from workers.image.model import How, Loss
from workers.image.tar import Entry, Kind

_WHITEOUT = ".wh."
_OPAQUE = ".wh..wh..opq"
_RESERVED = ".wh..wh."
_HOPS = 40
"""Of symlinks in one path: what Linux follows."""


class Inode:
    """The bytes behind one or more names: `writer` is the index of the layer that wrote them."""

    __slots__ = ("mtime", "names", "size", "writer")

    def __init__(self, writer: int, size: int, mtime: int) -> None:
        self.writer = writer
        self.size = size
        self.mtime = mtime
        self.names = 1


@dataclass(slots=True)
class _Sum:
    bytes: int
    files: int
    directory: str


class Overlay:
    """What the layers so far make. `files` are those with bytes, hard links included; all else is in `others`."""

    def __init__(self, place: str = "image", limits: Limits = LIMITS) -> None:
        self.files: dict[str, Inode] = {}
        self._others: dict[str, str | None] = {}
        """Symlinks with their targets, and devices, pipes and links to them with None."""
        self._children: dict[str, set[str]] = {"": set()}
        """Of every directory."""
        self._losses: dict[tuple[int, int, How], _Sum] = {}
        self._layer = -1
        self._name = place
        self._place = place
        self._limit = limits.entries
        self._paths = limits.paths
        self._real: dict[str, str] = {}
        """Directories that this layer names, with their links followed."""
        self._steps = 0

    def add(self, entries: Sequence[Entry]) -> list[tuple[str, int]]:
        """Lay one more layer on top; return the files that it wrote, with their bytes, where they really lie."""
        self._layer += 1
        self._place = f"{self._name}: layer {self._layer + 1}"
        self._real = {}
        self._steps = 0
        added = [entry for entry in entries if _WHITEOUT not in entry.path or not _is_whiteout(entry.path)]
        if len(added) < len(entries):
            hiding = [entry.path for entry in entries if _WHITEOUT in entry.path and _is_whiteout(entry.path)]
            ordered = sorted(hiding)
            for entry in added:
                # What hides the files of a directory must not reach through the symlink that was in its place.
                if entry.kind is Kind.DIRECTORY and entry.path in self._others:
                    inside = f"{entry.path}/"
                    at = bisect_left(ordered, inside)
                    if at < len(ordered) and ordered[at].startswith(inside):
                        self._remove(entry.path, How.OVERWRITTEN)
            for path in hiding:
                self._hide(path)
        return [written for entry in added if (written := self._write(entry)) is not None]

    def losses(self) -> tuple[Loss, ...]:
        """Return what was lost, the largest first."""
        found = (
            Loss(writer, loser, how, each.bytes, each.files, each.directory)
            for (writer, loser, how), each in self._losses.items()
            if each.bytes
        )
        return tuple(sorted(found, key=lambda loss: (-loss.bytes, loss.writer, loss.loser, loss.how)))

    def _hide(self, path: str) -> None:
        """Take out what a whiteout names."""
        folder, _, name = path.rpartition("/")
        if name == _OPAQUE:
            real = self._follow(folder)
            for child in sorted(self._children.get(real, ())):
                self._remove(f"{real}/{child}" if real else child, How.DELETED)
        elif not name.startswith(_RESERVED):
            hidden = name.removeprefix(_WHITEOUT)
            if hidden in ("", ".", ".."):
                raise ImageError(f"{self._place}: {path}", "a whiteout that names no file")
            real = self._follow(folder)
            self._remove(f"{real}/{hidden}" if real else hidden, How.DELETED)

    def _write(self, entry: Entry) -> tuple[str, int] | None:
        folder, _, name = entry.path.rpartition("/")
        real = self._follow(folder)
        path = f"{real}/{name}" if real else name
        if entry.kind is Kind.DIRECTORY:
            if path not in self._children:
                self._remove(path, How.OVERWRITTEN)
                self._make(path)
            return None
        if not name:
            raise ImageError(f"{self._place}: /", "the root is no directory")
        if path in self._children:
            self._remove(path, How.OVERWRITTEN)
        if entry.kind is Kind.FILE:
            return path, self._write_file(path, real, name, entry)
        if entry.kind is Kind.HARD_LINK:
            self._link(path, entry)
        else:
            self._remove(path, How.OVERWRITTEN)
            self._others[path] = entry.target if entry.kind is Kind.SYMLINK else None
            self._real = {}
        self._attach(real, name)
        return None

    def _write_file(self, path: str, folder: str, name: str, entry: Entry) -> int:
        old = self.files.get(path)
        if old is not None:
            self._lose(path, old, self._how(old, entry.size, entry.mtime))
        else:
            if self._others.pop(path, None):
                self._real = {}
            self._attach(folder, name)
        self.files[path] = Inode(self._layer, entry.size, entry.mtime)
        return entry.size

    def _link(self, path: str, entry: Entry) -> None:
        folder, _, name = entry.target.rpartition("/")
        real = self._follow(folder)
        target = f"{real}/{name}" if real else name
        old, inode = self.files.get(path), self.files.get(target)
        if old is not None and inode is not None and inode.writer == self._layer:
            self._remove(path, self._how(old, inode.size, inode.mtime))
        else:
            self._remove(path, How.OVERWRITTEN)
        inode = self.files.get(target)
        if inode is not None:
            inode.names += 1
            self.files[path] = inode
        elif target in self._others:
            self._others[path] = self._others[target]
            self._real = {}
        else:
            raise ImageError(f"{self._place}: {entry.path}", f"a hard link to {entry.target}, which is not there")

    def _how(self, old: Inode, size: int, mtime: int) -> How:
        is_copy = old.writer < self._layer and old.size == size and old.mtime == mtime
        return How.COPIED if is_copy else How.OVERWRITTEN

    def _remove(self, path: str, how: How) -> None:
        """Take a path out with all below it; one that is not there is none."""
        folder, _, name = path.rpartition("/")
        waiting = [path]
        found = False
        while waiting:
            each = waiting.pop()
            inode = self.files.pop(each, None)
            if inode is not None:
                found = True
                self._lose(each, inode, how)
            elif each in self._others:
                found = True
                del self._others[each]
                self._real = {}
            elif each in self._children and each:
                found = True
                waiting += (f"{each}/{child}" for child in self._children.pop(each))
        if found:
            self._children[folder].discard(name)

    def _lose(self, path: str, inode: Inode, how: How) -> None:
        """Book the bytes of a file whose name goes; with another name left, none are lost."""
        inode.names -= 1
        if inode.names:
            return
        key = (inode.writer, self._layer, how)
        folder = path.rpartition("/")[0]
        known = self._losses.get(key)
        if known is None:
            self._losses[key] = _Sum(inode.size, 1, folder)
            return
        known.bytes += inode.size
        known.files += 1
        if known.directory and known.directory != folder:
            known.directory = _common(known.directory, folder)

    def _attach(self, folder: str, name: str) -> None:
        children = self._children.get(folder)
        if children is None:
            children = self._make(folder)
        children.add(name)

    def _make(self, path: str) -> set[str]:
        """Make a directory and those above it."""
        made = children = set[str]()
        while True:
            if path in self.files or path in self._others:
                raise ImageError(f"{self._place}: {path}", "a file lies below it, and it is no directory")
            self._children[path] = children
            if len(self._children) > self._limit:
                raise ImageError(self._place, f"the image has more than {self._limit:,} directories")
            self._paths -= len(path)
            if self._paths < 0:
                raise ImageError(self._place, f"the paths of the image's directories are too long: {path:.80}...")
            path, _, name = path.rpartition("/")
            known = self._children.get(path)
            if known is not None:
                known.add(name)
                return made
            children = {name}

    def _follow(self, folder: str) -> str:
        """Return where a directory lies that may be reached through symlinks, as an extraction would find it."""
        if not folder or folder in self._children:
            return folder
        real = self._real.get(folder)
        if real is None:
            real = self._real[folder] = self._resolve(folder)
        return real

    def _resolve(self, folder: str) -> str:
        start = folder
        while start not in self._children:  # the root is always there
            start = start.rpartition("/")[0]
            self._step(folder)
        parts = folder[len(start) :].strip("/").split("/")[::-1]
        real = start
        hops = 0
        while parts:
            part = parts.pop()
            if part in ("", "."):
                continue
            if part == "..":
                real = real.rpartition("/")[0]
                continue
            path = f"{real}/{part}" if real else part
            target = self._others.get(path)
            if target is None:
                if not hops:
                    return folder  # nothing is there, and so nothing is below it
                self._step(folder)
                real = path
                continue
            hops += 1
            if hops > _HOPS:
                raise ImageError(f"{self._place}: {folder}", "a loop of symlinks")
            if target.startswith("/"):
                real = ""
            parts += target.split("/")[::-1]
        return real

    def _step(self, folder: str) -> None:
        """Count a step on the way to a directory that is not simply there: short names may lead far, and again."""
        self._steps += 1
        if self._steps > self._limit:
            raise ImageError(f"{self._place}: {folder:.80}", f"more than {self._limit:,} steps to find directories")


def _is_whiteout(path: str) -> bool:
    """Tell whether an entry only says something about lower layers, or is what AUFS kept for itself."""
    return path.rpartition("/")[2].startswith(_WHITEOUT) or path.startswith(_RESERVED)


def _common(one: str, other: str) -> str:
    """Return the deepest directory that both are or lie in."""
    return posixpath.commonpath([f"/{one}", f"/{other}"]).strip("/")
