"""The corpus of real Dockerfiles: beside the repository, read straight from its archive, never copied."""

from __future__ import annotations

import tarfile
from functools import cache
from pathlib import Path

import pytest

ARCHIVE = Path(__file__).resolve().parents[2] / "shared" / "corpus" / "dockerfiles.tar.xz"


@cache
def read_corpus() -> tuple[tuple[str, bytes], ...]:
    """Return name and content of every file; skip the calling test where the archive is missing."""
    if not ARCHIVE.is_file():
        pytest.skip(f"the corpus is not there: {ARCHIVE}")
    files = []
    with tarfile.open(ARCHIVE, "r:xz") as archive:
        for member in archive:
            content = archive.extractfile(member) if member.isfile() else None
            if content is not None:
                files.append((member.name, content.read()))
    return tuple(sorted(files))


def corpus_texts() -> list[tuple[str, str]]:
    """Return name and text of every file, bytes that are no UTF-8 as surrogate escapes."""
    return [(name, content.decode("utf-8", "surrogateescape")) for name, content in read_corpus()]
