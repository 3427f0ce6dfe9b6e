"""What an install of apt brings, by the package index of the release that the image is built on.

Figures are given only where they can be told: the release is known, every package of the install and of those below
it is written out and in the index, and no other source of packages was added.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from rules.debian.index import Installed, Package, PackageIndex
from rules.debian.recommends import TITLES as MEASURED
from rules.debian.recommends import Brought
from rules.debian.releases import TITLES, read_base
from rules.dockerfile import Dockerfile, Instruction, ShellCommand
from rules.finding import UNKNOWN_SAVING, Provenance, Saving
from rules.patterns import regex
from rules.rule import Surroundings
from rules.runs import Run
from rules.sizes import format_bytes
from rules.tools import apt

MAX_INSTALLS = 50
"""Installs of one image that are followed; nobody writes more of them."""

_MEASURED = f"{', '.join(MEASURED[:-1])} and {MEASURED[-1].removeprefix('Debian ')}".replace(", Debian ", ", ")
_NAME = regex(r"([a-z0-9][a-z0-9+.-]+)(?:=\S+)?")
# What makes packages come from elsewhere, or be taken away again.
_ELSEWHERE = regex(
    r"sources\.list|apt-repository|/etc/apt/|/var/lib/dpkg|nodesource|packagecloud|\|\s*(?:sudo\s[^|]{0,40})?(?:ba)?sh\b"
    r"|\b(?:purge|remove|debootstrap|dpkg)\b|default-release"
)


@dataclass(frozen=True, slots=True)
class Extra:
    """The packages that an install brings only because others recommend them, the largest first."""

    names: tuple[str, ...]
    named: tuple[str, ...]
    """Those of them that a package named in the command recommends itself."""
    count: int
    saving: Saving
    least: str = ""
    """The least that they take in some releases, as a sentence, where the release of the image is not one of them."""


class _Install(NamedTuple):
    """One `apt-get install`; `names` is None where they are not written out."""

    command: ShellCommand
    instruction: Instruction
    names: tuple[str, ...] | None
    recommends: bool


def wanted_releases(dockerfile: Dockerfile, targets: frozenset[str] = frozenset()) -> frozenset[str]:
    """Return the code names of the releases whose package indexes would tell more about a Dockerfile."""
    if "apt" not in dockerfile.text:
        return frozenset()
    bases = [read_base(stage.base) for stage in dockerfile.shipped(targets) if stage.parent is None]
    return frozenset(base.codename for base in bases if base is not None)


def find_index(run: Run, surroundings: Surroundings) -> PackageIndex | None:
    """Return the index of the release that a RUN installs packages of."""
    if not surroundings.packages:
        return None
    base = read_base(run.base)
    return surroundings.packages.get(base.codename) if base is not None else None


def estimate_recommended(
    run: Run, command: ShellCommand, required: Iterable[str], surroundings: Surroundings
) -> Extra | None:
    """Return what `command` brings beside what it needs and what `required` names; None where it cannot be told."""
    index = find_index(run, surroundings)
    if index is None or run.deferred or command.nesting:
        return None
    position = run.instruction.index
    for install, extra, needed in _follow(run.dockerfile, run.stage.index, run.base, index):
        if install.command is command:
            if extra is None or needed is None:
                return None
            kept = needed.copy()
            if index.install(kept, required, recommends=False) is None:
                return None
            left = sorted(
                (each for each in extra if each.name not in kept.packages), key=lambda each: (-each.size, each.name)
            )
            size = sum(each.size for each in left)
            return Extra(
                tuple(each.name for each in left),
                _recommended_by(index, install.names or (), left),
                len(left),
                Saving(size, Provenance.ESTIMATED, f"the package index of {index.title}"),
            )
        if install.instruction.index > position:
            return None
    return None


def weigh_recommended(run: Run, command: ShellCommand, brought: Brought) -> Extra:
    """Return what is known of several releases, as an estimate where the image is of one of them and nothing else."""
    base = read_base(run.base)
    if base is not None and TITLES[base.codename] in MEASURED and _is_told(run, command):
        saving = Saving(brought.size, Provenance.ESTIMATED, f"the package indexes of {_MEASURED}, the least of them")
        return Extra(brought.names, brought.named, brought.count, saving)
    least = f"In {_MEASURED} that is at least {format_bytes(brought.size)}."
    return Extra(brought.names, brought.named, brought.count, UNKNOWN_SAVING, least)


def _is_told(run: Run, command: ShellCommand) -> bool:
    """Tell whether the packages of an install, and of those below it, are written out and come from the release."""
    if run.deferred:
        return False
    for install in _installs(run.dockerfile, run.stage.index):
        if install.names is None:
            return False
        if install.command is command:
            return True
    return False


def estimate_lists(run: Run, surroundings: Surroundings) -> Saving | None:
    """Return how large the package lists are that `apt-get update` fetches; None where it cannot be told.

    Only for the first RUN that leaves them: a later one finds them there.
    """
    index = find_index(run, surroundings)
    if index is None or run.deferred or run.is_preceded_by(_leaves_lists):
        return None
    return Saving(index.lists_size, Provenance.ESTIMATED, f"the package index of {index.title}")


def _recommended_by(index: PackageIndex, names: Iterable[str], left: list[Package]) -> tuple[str, ...]:
    asked = {
        relation.name
        for name in names
        if (package := index.package(name)) is not None
        for group in package.recommends
        for relation in group
    }
    return tuple(
        each.name for each in left if each.name in asked or any(relation.name in asked for relation in each.provides)
    )


@lru_cache(maxsize=64)
def _follow(
    dockerfile: Dockerfile, stage: int, image: str, index: PackageIndex
) -> tuple[tuple[_Install, list[Package] | None, Installed | None], ...]:
    """Return each install on the way to a stage with the packages it adds, and what all installs need together."""
    installs = list(_installs(dockerfile, stage))
    real, needed = _start(image, index), _start(image, index)
    if real is None or needed is None or len(installs) > MAX_INSTALLS:
        return ()
    added: list[list[Package] | None] = []
    for each in installs:
        fresh = index.install(real, each.names, recommends=each.recommends) if each.names is not None else None
        added.append(fresh)
        if fresh is None or index.install(needed, each.names or (), recommends=False) is None:
            break
    # What follows an install that cannot be told cannot be told either; neither can what it makes needed.
    added += [None] * (len(installs) - len(added))
    return tuple((install, fresh, needed) for install, fresh in zip(installs, added, strict=True))


def _start(image: str, index: PackageIndex) -> Installed | None:
    base = read_base(image)
    installed = index.minimal()
    if base is None or installed is None:
        return None
    for name in base.packages:
        # Some of them have another name in another release.
        if index.package(name) is not None and index.install(installed, (name,), recommends=False) is None:
            return None
    return installed


def _installs(dockerfile: Dockerfile, stage: int) -> Iterator[_Install]:
    recommends = True
    elsewhere = False
    for _, each in dockerfile.lineage(dockerfile.stages[stage]):
        source = each.span.of(dockerfile.text)
        elsewhere = elsewhere or _comes_from_elsewhere(each, source)
        recommends = recommends and not apt.mentions_recommends(each)
        if each.keyword != "RUN" or "apt" not in source:
            continue
        for command in each.commands:
            call = apt.read_apt(command)
            if call is not None and call.verb == "install":
                told = all(word.literal for word in call.operands) and not call.has("-t", "--target-release")
                told = told and not (elsewhere or command.nesting)
                names = _names(word.text for word in call.operands) if told else None
                yield _Install(command, each, names, recommends and not apt.skips_recommends(call))


def _comes_from_elsewhere(instruction: Instruction, source: str) -> bool:
    if instruction.keyword in ("COPY", "ADD"):
        return "/etc/apt" in source or ".deb" in source
    return instruction.keyword == "RUN" and _ELSEWHERE.search(source) is not None


def _names(words: Iterable[str]) -> tuple[str, ...] | None:
    found = [_NAME.fullmatch(word) for word in words]
    return tuple(each[1] for each in found if each) if all(found) else None


def _leaves_lists(instruction: Instruction) -> bool:
    if instruction.keyword != "RUN" or "apt" not in instruction.span.of(instruction.document):
        return False
    left = False
    for command in instruction.commands:
        if apt.updates(command):
            left = True
        elif apt.cleans_lists(command):
            left = False
    return left and not any(mount.covers(apt.LISTS) for mount in instruction.mounts)
