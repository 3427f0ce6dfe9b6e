"""Print the bill of materials of a lock, what only some machines install included, as CycloneDX 1.6.

`python .github/sbom.py requirements.lock`.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

_PINNED = re.compile(r"^(?P<name>[A-Za-z0-9._-]+)==(?P<version>[^\s;\\]+)")


def describe(lock: str) -> dict[str, Any]:
    """Return the document; the hashes of a component are those of all its files, so they are left to the lock."""
    found = (_PINNED.match(line) for line in lock.splitlines())
    components = [_component(match["name"].lower(), match["version"]) for match in found if match]
    return {"bomFormat": "CycloneDX", "specVersion": "1.6", "version": 1, "components": components}


def _component(name: str, version: str) -> dict[str, str]:
    purl = f"pkg:pypi/{name}@{version}"
    return {"type": "library", "bom-ref": purl, "name": name, "version": version, "purl": purl}


if __name__ == "__main__":
    print(json.dumps(describe(Path(sys.argv[1]).read_text(encoding="utf-8")), indent=2))
