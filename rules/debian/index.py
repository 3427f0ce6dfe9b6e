"""A package index of one release: what a package needs, what it recommends, how large it is.

An index comes condensed (`condense`): one line for each package, sorted by name, so that a package is found by halves
in the bytes themselves, which may be a memory map of a file. Nothing is parsed before it is asked for: a release has
63,000 packages, and an install concerns a hundred.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple, Protocol

from rules.debian.versions import compares, version_key

MAX_PACKAGES = 3000
"""Packages that one install may bring; what brings more is no install that anybody meant."""

_FORMAT = b"!dockslim-packages-1"
_FIELD = re.compile(
    rb"^(Package|Version|Installed-Size|Priority|Essential|Depends|Pre-Depends|Recommends|Provides): ?(.*)$",
    re.MULTILINE,
)
_NAME = re.compile(rb"[a-z0-9][a-z0-9+.-]{0,200}")
_MAX_STANZA = 1 << 20
_RELATION = re.compile(r"\s*([a-z0-9][a-z0-9+.-]*)(?::[a-z0-9-]+)?\s*(?:\(\s*(<<|<=|<|=|>=|>>|>)\s*([^)\s]+)\s*\))?\s*")
_PRIORITIES = (b"required", b"important", b"standard", b"optional", b"extra")
# What apt leaves of an index under /var/lib/apt/lists in the images of Debian and Ubuntu, which compress it with lz4:
# 18,840,233 of 50,060,337 bytes for Debian 12.
_KEPT = 0.376


class Buffer(Protocol):
    """Bytes, or a memory map."""

    def find(self, sub: bytes, start: int = ..., end: int = ..., /) -> int:
        """Return where `sub` begins, -1 where it is not."""

    def rfind(self, sub: bytes, start: int = ..., end: int = ..., /) -> int:
        """Return where the last `sub` begins, -1 where it is not."""

    def __getitem__(self, at: slice, /) -> bytes:
        """Return a piece."""

    def __len__(self) -> int:
        """Return how many bytes there are."""


class Relation(NamedTuple):
    """One alternative of a dependency."""

    name: str
    operator: str
    version: str


class Package(NamedTuple):
    """One package as an index describes it; `size` is what it takes when it is installed, in bytes."""

    name: str
    version: str
    size: int
    rank: int
    """How important the archive takes it for, the most important first."""
    is_essential: bool
    depends: tuple[tuple[Relation, ...], ...]
    recommends: tuple[tuple[Relation, ...], ...]
    provides: tuple[Relation, ...]


@dataclass(slots=True)
class Installed:
    """The packages of a system."""

    packages: dict[str, Package] = field(default_factory=dict)
    provided: defaultdict[str, list[str]] = field(default_factory=lambda: defaultdict(list))

    def add(self, package: Package) -> None:
        """Install a package and nothing else."""
        self.packages[package.name] = package
        for each in package.provides:
            self.provided[each.name].append(each.version)

    def satisfies(self, relation: Relation) -> bool:
        """Tell whether a package that is here is, or provides, what `relation` asks for."""
        there = self.packages.get(relation.name)
        if there is not None and (
            not relation.operator or compares(there.version, relation.operator, relation.version)
        ):
            return True
        return _provides(self.provided.get(relation.name, ()), relation)

    def copy(self) -> Installed:
        """Return another one with the same packages."""
        provided: defaultdict[str, list[str]] = defaultdict(
            list, {name: [*all_] for name, all_ in self.provided.items()}
        )
        return Installed(dict(self.packages), provided)


class PackageIndex:
    """What the archives of one release offer together; `title` names the release, such as `Debian 12`."""

    def __init__(self, title: str, parts: Sequence[Buffer]) -> None:
        self.title = title
        self._parts = [part for part in parts if part[: len(_FORMAT)] == _FORMAT]
        self._known: dict[str, Package | None] = {}

    @property
    def lists_size(self) -> int:
        """Return about how many bytes apt keeps of the index in an image of the release."""
        return int(sum(_unpacked_size(part) for part in self._parts) * _KEPT)

    def package(self, name: str) -> Package | None:
        """Return the newest package of a name."""
        if name not in self._known:
            key = name.encode()
            found = [_read(line) for part in self._parts if (line := _find(part, key))]
            self._known[name] = max(found, key=lambda each: version_key(each.version), default=None)
        return self._known[name]

    @cached_property
    def _minimal(self) -> Installed | None:
        installed = Installed()
        names = dict.fromkeys(line.partition(b"\t")[0].decode() for part in self._parts for line in _required(part))
        return installed if self.install(installed, [*names, "apt"], recommends=False) is not None else None

    def minimal(self) -> Installed | None:
        """Return what the smallest system that has apt consists of; None where the index does not tell."""
        return self._minimal.copy() if self._minimal is not None else None

    def install(self, installed: Installed, names: Iterable[str], *, recommends: bool) -> list[Package] | None:
        """Install packages as apt does, and return what was added.

        None where that cannot be told: a name is not in the index, or something needed is not.
        """
        added: list[Package] = []
        # Depth first, and what is needed before what is recommended: so apt picks among alternatives.
        pending: list[Iterator[tuple[tuple[Relation, ...], bool]]] = []

        def take(package: Package) -> None:
            installed.add(package)
            added.append(package)
            pending.append(_wishes(package, recommends))

        named: list[Package] = []
        for name in names:
            package = self.package(name) or self._only_provider(name)
            if package is None:
                return None
            if package.name not in installed.packages:
                installed.add(package)
                added.append(package)
                named.append(package)
        for package in named:
            pending.append(_wishes(package, recommends))
            while pending:
                group, needed = next(pending[-1], ((), True))
                if not group:
                    pending.pop()
                elif not any(map(installed.satisfies, group)):
                    chosen = next(filter(None, map(self._candidate, group)), None)
                    if chosen is not None:
                        take(chosen)
                    elif needed:
                        return None
                    if len(added) > MAX_PACKAGES:
                        return None
        return added

    def _only_provider(self, name: str) -> Package | None:
        """Return the package that apt takes for a virtual one: it refuses to choose among several."""
        found = list(self._providers(Relation(name, "", "")))
        return found[0] if len(found) == 1 else None

    def _candidate(self, relation: Relation) -> Package | None:
        package = self.package(relation.name)
        if package is not None and _is_met(package.version, relation):
            return package
        # Of equally important ones apt takes the one that sorts last.
        found = sorted(self._providers(relation), key=lambda each: (-each.rank, each.name))
        return found[-1] if found else None

    def _providers(self, relation: Relation) -> Iterator[Package]:
        key = b"~" + relation.name.encode()
        for name in dict.fromkeys(
            name for part in self._parts for name in _find(part, key).decode("utf-8", "replace").split("\t")[1:]
        ):
            package = self.package(name)
            if package is not None and _provides(
                (each.version for each in package.provides if each.name == relation.name), relation
            ):
                yield package


def _wishes(package: Package, recommends: bool) -> Iterator[tuple[tuple[Relation, ...], bool]]:
    """Yield what a package depends on and then what it recommends, and whether it is needed."""
    for group in package.depends:
        yield group, True
    if recommends:
        for group in package.recommends:
            yield group, False


def _provides(versions: Iterable[str], relation: Relation) -> bool:
    """Tell whether one of the versions that something is provided in will do; one without does not say any."""
    return any(not relation.operator or (version and _is_met(version, relation)) for version in versions)


def _is_met(version: str, relation: Relation) -> bool:
    return not relation.operator or compares(version, relation.operator, relation.version)


def condense(chunks: Iterable[bytes]) -> bytes:
    """Return what is used of a `Packages` file, which may come in pieces of any length."""
    lines: dict[bytes, bytes] = {}
    versions: dict[bytes, str] = {}
    providers: defaultdict[bytes, dict[bytes, None]] = defaultdict(dict)
    unpacked = 0
    rest = b""
    for chunk in _and_end(chunks):
        unpacked += len(chunk)
        *stanzas, rest = (rest + chunk).split(b"\n\n")
        if len(rest) > _MAX_STANZA:
            raise ValueError("it is no package index")
        for stanza in stanzas:
            fields = dict(_FIELD.findall(stanza))
            name, version = fields.get(b"Package", b""), fields.get(b"Version", b"").decode("ascii", "replace")
            if not _NAME.fullmatch(name) or not version:
                continue
            if name in versions and version_key(versions[name]) >= version_key(version):
                continue
            versions[name] = version
            lines[name] = _line(name, fields)
            for provided in _relations(fields.get(b"Provides", b"").decode("ascii", "replace")):
                providers[b"~" + provided[0].name.encode()][name] = None
    lines.update((virtual, b"\t".join((virtual, *names))) for virtual, names in providers.items())
    head = b"%b\t%d" % (_FORMAT, max(unpacked - 2, 0))
    return b"\n".join((head, *(lines[key] for key in sorted(lines)), b""))


def _and_end(chunks: Iterable[bytes]) -> Iterator[bytes]:
    yield from chunks
    yield b"\n\n"


def _line(name: bytes, fields: dict[bytes, bytes]) -> bytes:
    size = fields.get(b"Installed-Size", b"").strip()
    priority = fields.get(b"Priority", b"").strip()
    needed = b", ".join(filter(None, (fields.get(b"Pre-Depends"), fields.get(b"Depends"))))
    columns = (
        name,
        fields[b"Version"],
        size if size.isdigit() else b"0",
        b"%d" % (_PRIORITIES.index(priority) if priority in _PRIORITIES else len(_PRIORITIES)),
        b"e" if fields.get(b"Essential", b"").strip() == b"yes" else b"",
        needed,
        fields.get(b"Recommends", b""),
        fields.get(b"Provides", b""),
    )
    return b"\t".join(column.replace(b"\t", b" ").replace(b"\r", b" ") for column in columns)


def _read(line: bytes) -> Package:
    name, version, size, rank, essential, depends, recommends, provides = line.decode("utf-8", "replace").split("\t")
    return Package(
        name,
        version,
        int(size) * 1024,
        int(rank),
        essential == "e",
        _relations(depends),
        _relations(recommends),
        tuple(group[0] for group in _relations(provides)),
    )


def _relations(text: str) -> tuple[tuple[Relation, ...], ...]:
    """Read `a (>= 1), b | c:any`; what cannot be read is left out."""
    groups = (
        tuple(
            Relation(found[1], found[2] or "", found[3] or "")
            for alternative in group.split("|")
            if (found := _RELATION.match(alternative))
        )
        for group in text.split(",")
    )
    return tuple(group for group in groups if group)


def _unpacked_size(part: Buffer) -> int:
    head = part[: max(part.find(b"\n", 0, 200), 0)]
    size = head.rpartition(b"\t")[2]
    return int(size) if size.isdigit() else 0


def _find(part: Buffer, key: bytes) -> bytes:
    """Return the line of a name without its end, empty where there is none."""
    low, high = part.find(b"\n", 0, 200) + 1, len(part)
    while low < high:
        start = max(part.rfind(b"\n", low, (low + high) // 2) + 1, low)
        end = part.find(b"\n", start)
        if end < 0:
            return b""
        line = part[start:end]
        name = line.partition(b"\t")[0]
        if name == key:
            return line
        if name < key:
            low = end + 1
        else:
            high = start
    return b""


def _required(part: Buffer) -> Iterator[bytes]:
    """Yield the lines of the packages that every system has."""
    found: set[int] = set()
    for mark in (b"\t0\t", b"\te\t"):
        at = part.find(mark)
        while at >= 0:
            start = part.rfind(b"\n", 0, at) + 1
            line = part[start : part.find(b"\n", at)]
            columns = line.split(b"\t")
            # The mark may stand in another column, and there is one line only for each place.
            if start not in found and len(columns) == 8 and (columns[3] == b"0" or columns[4] == b"e"):
                found.add(start)
                yield line
            at = part.find(mark, at + 1)
