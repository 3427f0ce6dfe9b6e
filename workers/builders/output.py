"""What a process says while it runs, kept within bounds."""

from __future__ import annotations

import os
import selectors
import subprocess
import time
from dataclasses import dataclass, field
from typing import IO, Protocol


class Sink(Protocol):
    """Where output goes."""

    def write(self, piece: bytes, /) -> int:
        """Take all of it."""


@dataclass(slots=True)
class Log:
    """The first and the last half of what may be a longer text."""

    most: int
    _head: bytearray = field(default_factory=bytearray)
    _tail: bytearray = field(default_factory=bytearray)
    _left_out: int = 0

    def add(self, piece: bytes) -> None:
        """Append; what is over the limit drops out of the middle."""
        room = self.most // 2 - len(self._head)
        if room > 0:
            self._head += piece[:room]
            piece = piece[room:]
        self._tail += piece
        over = len(self._tail) - self.most // 2
        if over > 0:
            del self._tail[:over]
            self._left_out += over

    @property
    def text(self) -> str:
        """Return it, with a line that says how much is left out."""
        gap = f"\n[{self._left_out} bytes left out]\n".encode() if self._left_out else b""
        return bytes(self._head + gap + self._tail).decode("utf-8", "replace")


class Capped:
    """A file that takes so many bytes and drops what is over; what is written is then cut short, which shows."""

    def __init__(self, file: IO[bytes], most: int) -> None:
        self._file = file
        self._left = most
        self.is_cut = False

    def write(self, piece: bytes) -> int:
        """Take what there is room for."""
        self.is_cut = self.is_cut or len(piece) > self._left
        self._file.write(piece[: self._left])
        self._left -= min(len(piece), self._left)
        return len(piece)


def follow(process: subprocess.Popen[bytes], log: Log, seconds: float, output: Sink | None = None) -> bool:
    """Read what a process says until it ends; return False when its time was over. `output` takes standard output."""
    deadline = time.monotonic() + seconds
    with selectors.DefaultSelector() as selector:
        for stream, sink in ((process.stdout, output), (process.stderr, None)):
            if stream is not None:
                selector.register(stream, selectors.EVENT_READ, sink)
        while selector.get_map():
            left = deadline - time.monotonic()
            if left <= 0:
                return False
            for key, _ in selector.select(min(left, 1.0)):
                piece = os.read(key.fd, 1 << 16)
                if not piece:
                    selector.unregister(key.fileobj)
                elif key.data is None:
                    log.add(piece)
                else:
                    key.data.write(piece)
    return True
