"""zstd, from where this Python has it."""

from __future__ import annotations

import sys

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd


def compress(data: bytes) -> bytes:
    """Pack data."""
    return zstd.compress(data)


def wide(data: bytes) -> bytes:
    """Pack data so that half a gigabyte of memory is asked for to unpack it."""
    packer = zstd.ZstdCompressor(options={zstd.CompressionParameter.window_log: 29})
    return packer.compress(data) + packer.flush()
