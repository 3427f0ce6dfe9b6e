"""`python -m tests.recommends RELEASE=FILE ...`: what packages bring by recommends in all of these releases.

Each file is a `Packages` of one release. Writes rules/debian/recommends.gz: the packages that the corpus names or the
known base images have, with all that they need and recommend.
"""

from __future__ import annotations

import gzip
import re
import sys
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from rules.debian import releases
from rules.debian.index import Package, PackageIndex, Relation, condense
from rules.debian.recommends import TITLES, read_key
from rules.dockerfile import DockerfileError, parse
from rules.tools import apt
from tests.corpus import corpus_texts

OUT = Path(__file__).resolve().parents[1] / "rules" / "debian" / "recommends.gz"
MANY = 60
"""Providers of something virtual: where there are more of them, none is taken for an alternative."""
_MANUALS = re.compile(r"manpages(?:-dev)?|.*-docs?")
"""Ubuntu's images, and the slim ones of Debian, keep no manual pages and documents."""
_NAME = re.compile(r"[a-z0-9][a-z0-9+.-]+")


@dataclass
class Node:
    """All packages of one key, of all releases."""

    names: set[str] = field(default_factory=set)
    sizes: list[int] = field(default_factory=list)
    needs: list[set[str]] = field(default_factory=list)
    recommends: list[dict[str, set[str]]] = field(default_factory=list)

    def add(self, package: Package, index: PackageIndex) -> None:
        """Add one package."""
        self.names.add(package.name)
        self.sizes.append(package.size)
        own = read_key(package.name)
        self.needs.append({read_key(first) for first, *_ in _groups(index, package.depends)} - {own})
        groups = {read_key(group[0]): {*map(read_key, group)} for group in _groups(index, package.recommends)}
        self.recommends.append({first: group for first, group in groups.items() if own not in group})

    @property
    def always_needs(self) -> set[str]:
        """Return what every package of the key needs."""
        return set.intersection(*self.needs)

    @property
    def always_recommends(self) -> dict[str, set[str]]:
        """Return what every package of the key recommends, with all that stands in for it anywhere."""
        firsts = set.intersection(*(set(each) for each in self.recommends))
        return {first: set().union(*(each[first] for each in self.recommends)) - {first} for first in firsts}

    def edges(self) -> Iterable[str]:
        """Yield what any package of the key needs or recommends."""
        yield from set().union(*self.needs)
        yield from set().union(*self.recommends)


def main(arguments: list[str]) -> int:
    """Write the graph."""
    nodes: defaultdict[str, Node] = defaultdict(Node)
    minimal: set[str] = set()
    titles = []
    for argument in arguments:
        title, _, path = argument.partition("=")
        titles.append(title)
        condensed = condense([Path(path).read_bytes()])
        index = PackageIndex(title, [condensed])
        system = index.minimal()
        assert system is not None
        minimal.update(map(read_key, system.packages))
        for line in condensed.splitlines()[1:]:
            name = line.partition(b"\t")[0].decode()
            package = index.package(name) if not name.startswith("~") else None
            if package is not None:
                nodes[read_key(name)].add(package, index)
    assert tuple(titles) == TITLES, f"say TITLES in rules/debian/recommends.py: {titles}"
    wanted = minimal | {read_key(name) for name in (*_names(), *_of_images())}
    reached = _reach(nodes, wanted)
    text = _write({key: node for key, node in nodes.items() if key in reached}, minimal)
    OUT.write_bytes(gzip.compress(text.encode(), mtime=0))
    print(f"{OUT}: {len(reached)} packages of {len(nodes)}, {OUT.stat().st_size:,} bytes")
    return 0


def _groups(index: PackageIndex, groups: Iterable[tuple[Relation, ...]]) -> Iterable[list[str]]:
    """Yield the names that meet each relation, the one that apt takes first."""
    for group in groups:
        chosen = next(filter(None, map(index._candidate, group)), None)
        if chosen is not None:
            others = [name for each in group for name in (each.name, *_providers(index, each))]
            yield [chosen.name, *dict.fromkeys(name for name in others if name != chosen.name)]


def _providers(index: PackageIndex, relation: Relation) -> list[str]:
    found = [each.name for each in index._providers(relation)]
    return found if len(found) <= MANY else []


def _reach(nodes: dict[str, Node], wanted: set[str]) -> set[str]:
    found: set[str] = set()
    pending = list(wanted)
    while pending:
        key = pending.pop()
        if key in nodes and key not in found:
            found.add(key)
            pending += nodes[key].edges()
    return found


def _write(nodes: dict[str, Node], minimal: set[str]) -> str:
    keys = ["", *sorted(nodes)]
    numbers = {key: at for at, key in enumerate(keys)}

    def write(keys: Iterable[str]) -> str:
        return " ".join(str(number) for number in sorted(numbers[key] for key in keys if key in numbers))

    lines = [f"\t\t0\t{write(minimal)}\t\t\t"]
    for key in keys[1:]:
        node = nodes[key]
        needs, recommends = node.always_needs, node.always_recommends
        groups = ["|".join([write([first]), *write(others).split()]) for first, others in sorted(recommends.items())]
        lines.append(
            "\t".join(
                (
                    key,
                    next(iter(node.names)) if "#" in key and len(node.names) == 1 else "",
                    "0" if _MANUALS.fullmatch(key) else str(min(node.sizes) // 1024),
                    write(needs),
                    write(set().union(*node.needs) - needs),
                    " ".join(groups),
                    write(set().union(*node.recommends) - recommends.keys()),
                )
            )
        )
    return "\n".join(lines)


def _of_images() -> set[str]:
    known = (*releases._FULL.values(), *releases._PART.values(), *releases._SLIM.values())
    return {name for names in known for name in names} | {"build-essential"}


def _names() -> set[str]:
    found: set[str] = set()
    for _, text in corpus_texts():
        try:
            dockerfile = parse(text)
        except DockerfileError:
            continue
        for command in (
            command for each in dockerfile.instructions if "apt" in each.value for command in each.commands
        ):
            call = apt.read_apt(command)
            if call is not None and call.verb == "install":
                found.update(re.split("[=:/]", word.text)[0] for word in call.operands if word.literal)
    return {name for name in found if _NAME.fullmatch(name)}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
