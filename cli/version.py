"""Which dockslim this is: the version, in this one place, and the commit where it is known."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Mapping
from pathlib import Path

VERSION = "0.1.0"

_ROOT = Path(__file__).resolve().parent.parent
_COMMIT = re.compile(r"[0-9a-f]{7,64}")
_SHOWN = 12


def say_version(environ: Mapping[str, str] = os.environ, root: Path = _ROOT) -> str:
    """Return the version, with the commit that an image was built from or that is checked out."""
    commit = environ.get("DOCKSLIM_COMMIT") or _read_commit(root)
    return f"dockslim {VERSION} ({commit[:_SHOWN]})" if _COMMIT.fullmatch(commit) else f"dockslim {VERSION}"


def _read_commit(root: Path) -> str:
    """Return the commit of a clone of dockslim; nothing where it is installed otherwise, or without git."""
    # What lies above an installed package may be somebody else's repository.
    if not (root / ".git").exists():
        return ""
    environ = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    command = ["git", "-C", str(root), "rev-parse", "HEAD"]
    try:
        done = subprocess.run(
            command, env=environ, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
        )
    except OSError:
        return ""
    return done.stdout.strip()
