"""Bytes to be read once, front to back: of a file, of a pipe, of a part of either, decompressed or not."""

from __future__ import annotations

import hashlib
import io
import os
import sys
from typing import IO, BinaryIO, Protocol

from isal import igzip
from isal.igzip_lib import IsalError

from workers.image.limits import ImageError

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

CHUNK = 256 * 1024
GZIP = b"\x1f\x8b"
ZSTD = b"\x28\xb5\x2f\xfd"
_WINDOW: dict[int, int] = {zstd.DecompressionParameter.window_log_max: 27}
"""128 MiB, what zstd itself takes at most unless told otherwise."""


class Source(Protocol):
    """Bytes that are read or skipped; both return less than asked for only at the end."""

    def read(self, size: int) -> bytes:
        """Return the next `size` bytes."""

    def skip(self, size: int) -> int:
        """Leave out the next `size` bytes and return how many there were."""


class FileSource:
    """A file, read at offsets: not mapped, since a mapped file that somebody shortens ends the process."""

    __slots__ = ("_at", "_fd", "size")

    def __init__(self, file: BinaryIO) -> None:
        self._fd = file.fileno()
        self._at = 0
        self.size = os.fstat(self._fd).st_size

    def read(self, size: int) -> bytes:
        """Return the next `size` bytes."""
        data = os.pread(self._fd, size, self._at)
        self._at += len(data)
        while len(data) < size and (more := os.pread(self._fd, size - len(data), self._at)):
            data += more
            self._at += len(more)
        return data

    def skip(self, size: int) -> int:
        """Leave out the next `size` bytes without reading them."""
        skipped = max(min(size, self.size - self._at), 0)
        self._at += skipped
        return skipped


class StreamSource:
    """What a stream gives: a pipe, or a decompressor."""

    __slots__ = ("_read",)

    def __init__(self, stream: io.BufferedIOBase | IO[bytes]) -> None:
        self._read = stream.read

    def read(self, size: int) -> bytes:
        """Return the next `size` bytes."""
        data = self._read(size)
        while len(data) < size and (more := self._read(size - len(data))):
            data += more
        return data

    def skip(self, size: int) -> int:
        """Read the next `size` bytes and drop them."""
        left = size
        while left > 0 and (data := self._read(min(left, CHUNK))):
            left -= len(data)
        return size - left


class Part:
    """The next `size` bytes of a source, of which some may have been read already as `head`."""

    __slots__ = ("_head", "_whole", "left")

    def __init__(self, whole: Source, size: int, head: bytes = b"") -> None:
        self._whole = whole
        self._head = head
        self.left = size

    def read(self, size: int) -> bytes:
        """Return the next `size` bytes."""
        size = min(size, self.left)
        if not self._head:
            data = self._whole.read(size)
        else:
            data = self._head[:size]
            self._head = self._head[size:]
            if len(data) < size:
                data += self._whole.read(size - len(data))
        self.left -= len(data)
        return data

    def skip(self, size: int) -> int:
        """Leave out the next `size` bytes."""
        size = min(size, self.left)
        from_head = min(size, len(self._head))
        self._head = self._head[from_head:]
        skipped = from_head + self._whole.skip(size - from_head)
        self.left -= skipped
        return skipped


class Hashed:
    """A source, with the SHA-256 of what was read of it."""

    __slots__ = ("_source", "sha256")

    def __init__(self, source: Source) -> None:
        self._source = source
        self.sha256 = hashlib.sha256()

    def read(self, size: int) -> bytes:
        """Return the next `size` bytes."""
        data = self._source.read(size)
        self.sha256.update(data)
        return data

    def skip(self, size: int) -> int:
        """Read the next `size` bytes and drop them."""
        left = size
        while left > 0 and (data := self.read(min(left, CHUNK))):
            left -= len(data)
        return size - left


class _Raw(io.RawIOBase):
    """A source as the decompressors want it."""

    def __init__(self, source: Source) -> None:
        super().__init__()
        self._source = source

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        data = self._source.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)


class _Unpacked(StreamSource):
    """A decompressed stream; what is wrong with it is named with its place."""

    __slots__ = ("_name", "_place")

    def __init__(self, stream: io.BufferedIOBase, name: str, place: str) -> None:
        super().__init__(stream)
        self._name = name
        self._place = place

    def read(self, size: int) -> bytes:
        """Return the next `size` bytes."""
        try:
            return super().read(size)
        except (OSError, EOFError, IsalError, zstd.ZstdError) as error:  # type: ignore[misc]  # isal types it as an instance
            raise self._say(error) from None

    def skip(self, size: int) -> int:
        """Read the next `size` bytes and drop them."""
        try:
            return super().skip(size)
        except (OSError, EOFError, IsalError, zstd.ZstdError) as error:  # type: ignore[misc]  # isal types it as an instance
            raise self._say(error) from None

    def _say(self, error: Exception) -> ImageError:
        if isinstance(error, EOFError):
            return ImageError(self._place, f"the {self._name} stream is cut off")
        return ImageError(self._place, f"no valid {self._name} stream ({error})")


def unpack(source: Source, head: bytes, place: str) -> Source | None:
    """Return what a gzip or zstd stream that begins with `head` unpacks to, None where it is neither."""
    if head.startswith(GZIP):
        stream = io.BufferedReader(_Raw(source), CHUNK)
        return _Unpacked(igzip.open(stream, "rb"), "gzip", place)  # type: ignore[no-untyped-call]
    if head.startswith(ZSTD):
        return _Unpacked(zstd.ZstdFile(_Raw(source), options=_WINDOW), "zstd", place)
    return None
