"""Contents: a file as it is, byte for byte."""

from __future__ import annotations

from bot.github.client import Session
from bot.github.paths import join_file


def read_text(session: Session, path: str, sha: str) -> str:
    """Read a file at a commit; bytes that are no UTF-8 become surrogate escapes."""
    # docs.github.com, "Get repository content": the raw media type reaches up to 100 MB.
    raw = session.read_bytes(
        session.path("contents") + join_file(path), {"ref": sha}, "application/vnd.github.raw+json"
    )
    return raw.decode("utf-8", "surrogateescape")
