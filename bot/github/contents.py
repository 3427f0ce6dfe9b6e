"""Contents: a file as it is, byte for byte, and the names and sizes of all of them."""

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


def read_tree(session: Session, sha: str) -> dict[str, int] | None:
    """Return the files of a commit with their bytes, None where there are more than GitHub lists at once."""
    # docs.github.com, "Get a tree": with `recursive`, up to 100,000 entries and 7 MB.
    tree = session.read(session.path("git", "trees", sha), {"recursive": "1"})
    if tree.get("truncated"):
        return None
    return {str(each["path"]): int(each["size"]) for each in tree["tree"] if each["type"] == "blob"}
