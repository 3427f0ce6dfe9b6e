"""Archives: a commit's files as one gzipped tar."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO

from bot.github.client import Session

MOST_BYTES = 10**9


class ArchiveTooLargeError(Exception):
    """An archive of more than MOST_BYTES."""


@contextmanager
def open_archive(session: Session, sha: str, most_bytes: int = MOST_BYTES) -> Iterator[IO[bytes]]:
    """Open the archive of a commit for reading; one of a fork's is read through the repository it was proposed to.

    docs.github.com, "Download a repository archive (tar)": a redirect to an address that is good for five minutes.
    """
    with session.stream(session.path("tarball", sha)) as pieces:
        yield io.BufferedReader(_Pieces(pieces, most_bytes))


class _Pieces(io.RawIOBase):
    def __init__(self, pieces: Iterator[bytes], most: int) -> None:
        self._pieces = pieces
        self._left = most
        self._rest = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        if not self._rest:
            self._rest = next(self._pieces, b"")
            self._left -= len(self._rest)
            if self._left < 0:
                raise ArchiveTooLargeError
        count = min(len(buffer), len(self._rest))
        buffer[:count] = self._rest[:count]
        self._rest = self._rest[count:]
        return count
