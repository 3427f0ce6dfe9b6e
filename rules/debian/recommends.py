"""What packages bring by recommends, as far as Debian 11, 12 and 13 agree.

`recommends.gz` (made by tests/recommends.py from the package indexes of these releases) is a graph. Names that differ
in numbers only, such as `libicu72` and `libicu76`, are one node. A node has the smallest size of all its packages, and
what holds in every release is told from what holds in some: what is claimed is the least of all three.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from rules.patterns import regex

MUCH = 1_000_000
"""Bytes of recommends that are worth a line."""
TITLES = ("Debian 11", "Debian 12", "Debian 13")

_KEPT = 2048
"""Of what is found out about packages, for how many it is kept: for all of them it is 30 MB."""
_GZIP = 31  # what zlib calls data with the header of gzip
_NUMBER = regex(r"\d+(?:\.\d+)*")
# Of Python 2, which these releases have no more; pip recommended a compiler and headers there as well.
_FORMER = {"python-pip": "python#-pip", "python-dev": "python#-dev"}


@dataclass(frozen=True, slots=True)
class Brought:
    """Packages that come by recommends alone: at least `size` bytes; `names` and `named` the largest first.

    `named` are those that a package which was asked for recommends itself. Names that differ among releases are left
    out; `count` is the number of all. `roots` are the keys of those that a package recommends which
    stays.
    """

    size: int
    count: int
    names: tuple[str, ...]
    named: tuple[str, ...]
    roots: frozenset[str]


class _Node(NamedTuple):
    """A package: what it needs and recommends in all releases, and in some."""

    name: str
    size: int
    needs: tuple[int, ...]
    may_need: tuple[int, ...]
    recommends: tuple[tuple[int, ...], ...]
    """Groups of alternatives, the one that apt takes first."""
    may_recommend: tuple[int, ...]


_Edges = Callable[[_Node], Iterable[int]]


class Graph:
    """Packages by number, and sets of them as the bits of an integer."""

    def __init__(self, lines: list[str]) -> None:
        self._lines = lines
        self._numbers = {line.partition("\t")[0]: at for at, line in enumerate(lines)}
        self._nodes: dict[int, _Node] = {}
        self._least: dict[int, int] = {}
        self._most: dict[int, int] = {}
        self._all: dict[int, int] = {}
        self._sizes: dict[int, int] = {}
        # Asked again when a fix is tried out, and by the next file for what everybody installs.
        self._recommended = lru_cache(maxsize=256)(self._find_recommended)
        self.minimal = self.needed_by([""])
        """What every system has."""

    def needed_by(self, names: Iterable[str]) -> int:
        """Return packages with all that they may need; names that nothing is known of are left out."""
        return self._join(names, self._most, lambda node: (*node.needs, *node.may_need))

    def brought_by(self, names: Iterable[str]) -> int:
        """Return packages with all that they may need or recommend."""
        return self._join(
            names,
            self._all,
            lambda node: (*node.needs, *node.may_need, *(g[0] for g in node.recommends), *node.may_recommend),
        )

    def may_bring(self, names: Iterable[str]) -> bool:
        """Tell whether one of these packages brings much by recommends where nothing else is there."""
        return any(self._alone(number) >= MUCH for name in names if (number := self._number(name)) is not None)

    def recommended(self, names: Iterable[str], there: int, kept: Iterable[str] = ()) -> Brought:
        """Return what an install of `names` brings beside what is `there`, and beside `kept` and what that needs."""
        return self._recommended(tuple(names), there, tuple(kept))

    def _find_recommended(self, names: tuple[str, ...], there: int, kept: tuple[str, ...]) -> Brought:
        asked = {number for name in names if (number := self._number(name)) is not None}
        taken = there | self.needed_by((*names, *kept))
        fresh = 0
        for number in asked:
            fresh |= self._least_of(number)
        fresh &= ~there
        extra = 0
        direct: list[int] = []
        roots: set[str] = set()
        while fresh:
            found = 0
            for number in _bits(fresh):
                for group in self._node(number).recommends:
                    if any(taken >> each & 1 for each in group):
                        continue
                    new = self._least_of(group[0]) & ~taken
                    found |= new
                    taken |= new
                    if not extra:
                        roots.add(self._lines[group[0]].partition("\t")[0])
                    if number in asked:
                        direct.append(group[0])
            extra |= found
            fresh = found
        nodes = sorted((self._node(number) for number in _bits(extra)), key=lambda each: (-each.size, each.name))
        named = sorted((self._node(number) for number in direct), key=lambda each: (-each.size, each.name))
        return Brought(
            sum(node.size for node in nodes),
            len(nodes),
            tuple(node.name for node in nodes if node.name),
            tuple(node.name for node in named if node.name),
            frozenset(roots),
        )

    def _alone(self, number: int) -> int:
        if number not in self._sizes:
            key = self._lines[number].partition("\t")[0]
            self._sizes[number] = self.recommended([key], self.minimal).size
        return self._sizes[number]

    def _number(self, name: str) -> int | None:
        return self._numbers.get(read_key(_FORMER.get(name, name)))

    def _node(self, number: int) -> _Node:
        if number not in self._nodes:
            if len(self._nodes) >= _KEPT:
                self._nodes.clear()
            key, name, size, needs, may_need, recommends, may_recommend = self._lines[number].split("\t")
            self._nodes[number] = _Node(
                name if "#" in key else key,
                int(size) * 1024,
                _integers(needs),
                _integers(may_need),
                tuple(tuple(map(int, group.split("|"))) for group in recommends.split()),
                _integers(may_recommend),
            )
        return self._nodes[number]

    def _join(self, names: Iterable[str], known: dict[int, int], edges: _Edges) -> int:
        found = 0
        for name in names:
            number = self._number(name)
            if number is not None:
                found |= self._reach(number, known, edges)
        return found

    def _least_of(self, number: int) -> int:
        return self._reach(number, self._least, lambda node: node.needs)

    def _reach(self, start: int, known: dict[int, int], edges: _Edges) -> int:
        if start not in known:
            seen, pending = 0, [start]
            while pending:
                number = pending.pop()
                if seen >> number & 1:
                    continue
                if number in known:
                    seen |= known[number]
                    continue
                seen |= 1 << number
                pending += edges(self._node(number))
            if len(known) >= _KEPT:
                known.clear()
            known[start] = seen
        return known[start]


@lru_cache(maxsize=512)
def read_key(name: str) -> str:
    """Return a name as the graph has it: `libreadline6` and `libreadline8` are one package of two releases."""
    return _NUMBER.sub("#", name)


@lru_cache(maxsize=1)
def read_graph() -> Graph:
    """Return what is known of Debian's packages."""
    # Only where something is installed with recommends.
    import pkgutil  # noqa: PLC0415
    import zlib  # noqa: PLC0415

    data = pkgutil.get_data("rules.debian", "recommends.gz") or b""
    return Graph(zlib.decompress(data, _GZIP).decode().splitlines())


def _integers(text: str) -> tuple[int, ...]:
    return tuple(map(int, text.split()))


def _bits(numbers: int) -> Iterator[int]:
    while numbers:
        lowest = numbers & -numbers
        yield lowest.bit_length() - 1
        numbers ^= lowest
