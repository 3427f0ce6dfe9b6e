"""What mkdocs asks when it builds the site: where the pages of the rules stand, and those that nobody has placed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rules.registry import FAMILIES, RULES


def on_config(config: Any) -> Any:
    """Put the rules below "Rules", by family, and what is named nowhere at the end."""
    nav = config["nav"]
    rules = next(entry["Rules"] for entry in nav if "Rules" in entry)
    for prefix, family in FAMILIES.items():
        found = [
            {f"{rule.code} {rule.name}": f"rules/{rule.name}.md"} for rule in RULES if rule.code.startswith(prefix)
        ]
        if found:
            rules.append({family: found})
    placed = set(_pages(nav))
    nav += [path.name for path in sorted(Path(config["docs_dir"]).glob("*.md")) if path.name not in placed]
    return config


def _pages(entry: Any) -> Iterator[str]:
    """Yield every page that an entry of the nav names."""
    if isinstance(entry, str):
        yield entry
        return
    for each in entry.values() if isinstance(entry, dict) else entry:
        yield from _pages(each)
