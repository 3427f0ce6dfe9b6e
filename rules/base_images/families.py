"""What families.toml says of image families, read once and not before somebody asks."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, NamedTuple

from rules.base_images.reference import Reference, read_reference
from rules.patterns import regex

_LONGEST_TAG = 128  # the registry's own limit


class Swap(NamedTuple):
    """One kind of leaner sibling; see families.toml for what each field means."""

    kind: str
    tag: str
    becomes: str
    latest: str
    never: str
    sure: bool
    has: frozenset[str]
    brings: str


class Compiler(NamedTuple):
    """An image that holds a compiler: its language, and the image that what it compiles can run in.

    `runtime` is empty where the image also runs what it compiles.
    """

    language: str
    runtime: str


class Sibling(NamedTuple):
    """A leaner image to start from; `sure` tells that it is known to be published."""

    reference: str
    sure: bool
    has: frozenset[str]
    """Debian packages that it brings."""
    brings: str
    """What the image has and this one lacks."""


class Families(NamedTuple):
    """All of families.toml; images are named without `docker.io/library/`."""

    swaps: Mapping[str, tuple[Swap, ...]]
    compilers: Mapping[str, Compiler]
    packages: Mapping[str, str]
    """What Debian package a command is in, of those that a full image brings."""
    hints: tuple[str, ...]
    """Text without which a RUN has none of these commands and Python packages in it."""
    calls: Mapping[str, tuple[str, ...]]
    """What Debian packages a program calls, by its name and by that of the gem or package that brings it."""
    programs: frozenset[str]
    """Programs that call none of these by themselves."""
    everywhere: frozenset[str]
    """Commands that every Debian image has."""
    builds: Mapping[str, tuple[str, ...]]
    """What the build of a Python package needs that PyPI has no wheel of."""
    loads: Mapping[str, tuple[str, ...]]
    """What a Python package loads at run time."""
    harmless: frozenset[str]
    """Python packages that install without a compiler in any version."""
    gems: Mapping[str, tuple[str, ...]]
    """What the build of a gem needs."""
    suites: str


@lru_cache(maxsize=1)
def families() -> Families:
    """Read families.toml."""
    # Imported here: a file without a known image shall not pay for the parser.
    import pkgutil  # noqa: PLC0415
    import tomllib  # noqa: PLC0415

    data = tomllib.loads((pkgutil.get_data("rules.base_images", "families.toml") or b"").decode())
    swaps: dict[str, tuple[Swap, ...]] = {}
    for each in data["swap"]:
        swaps[each["image"]] = (*swaps.get(each["image"], ()), _read_swap(each, data["suites"]))
    python = data["python"]
    return Families(
        swaps,
        {each["image"]: Compiler(each["language"], each.get("runtime", "")) for each in data["compiler"]},
        data["packages"],
        (
            *data["packages"],
            *python["builds"],
            *python["loads"],
            "apt",
            "git+",
            "gem ",
            "configure",
            "cmake",
            "autogen",
            "boot",
            *data["calls"],
        ),
        {name: tuple(packages) for name, packages in data["calls"].items()},
        frozenset(data["programs"]["names"]),
        frozenset(data["everywhere"]["commands"]),
        {name: tuple(needed) for name, needed in python["builds"].items()},
        {name: tuple(needed) for name, needed in python["loads"].items()},
        frozenset(python["harmless"]["names"]),
        {name: ("build-essential", *needed) for name, needed in data["ruby"]["builds"].items()},
        data["suites"],
    )


def _read_swap(entry: Mapping[str, Any], suites: str) -> Swap:
    return Swap(
        entry["kind"],
        entry["tag"].replace("{suite}", suites),
        entry["becomes"],
        entry.get("latest", ""),
        entry.get("never", "").replace("{suite}", suites),
        entry["sure"],
        frozenset(entry.get("has", ())),
        entry.get("brings", ""),
    )


def find_sibling(base: str, kind: str) -> Sibling | None:
    """Return the leaner sibling of an image, None where there is none or nothing is known."""
    reference = read_reference(base)
    return None if reference is None else _sibling(reference, kind)


@lru_cache(maxsize=512)
def _sibling(reference: Reference, kind: str) -> Sibling | None:
    for swap in families().swaps.get(reference.image, ()):
        if swap.kind != kind:
            continue
        becomes = _becomes(swap, reference.tag)
        if becomes:
            image, _, tag = becomes.rpartition(":")
            name = reference.name if image == reference.image else reference.prefix_of(image) + image
            return Sibling(f"{name}:{tag}", swap.sure, swap.has, swap.brings)
    return None


def _becomes(swap: Swap, tag: str) -> str:
    if tag in ("", "latest"):
        return swap.latest
    if len(tag) > _LONGEST_TAG or (swap.never and re.search(swap.never, tag)):
        return ""
    match = re.fullmatch(swap.tag, tag)
    return match.expand(swap.becomes) if match else ""


def find_compiler(base: str) -> Compiler | None:
    """Return what an image that holds a compiler is known for."""
    reference = read_reference(base)
    return None if reference is None else families().compilers.get(reference.image)


_JAVA = regex(r"(?:jdk-?|temurin-|openjdk-|corretto-|jre|semeru-|sapmachine-|graalvm-\w*)(8|11|17|21|25)\b")


def find_runtime(base: str) -> str:
    """Return the image that runs what an image with a compiler makes, empty where nothing is known."""
    reference, compiler = read_reference(base), find_compiler(base)
    if reference is None or compiler is None:
        return ""
    if not compiler.runtime:
        siblings = (find_sibling(base, kind) for kind in ("jre", "sdk", "slim"))
        found = next((sibling.reference for sibling in siblings if sibling is not None), "")
        return found or (base if compiler.language == "node" else "")
    suite = re.search(rf"(?:^|-)({families().suites})$", reference.tag)
    java = _JAVA.search(reference.tag)
    if "{java}" in compiler.runtime:
        system = "-alpine" if "alpine" in reference.tag else ""
        return f"eclipse-temurin:{java[1] if java else '21'}-jre{system}"
    if "{tag}" in compiler.runtime:
        return f"swift:{reference.tag}-slim" if re.fullmatch(r"\d[\d.]*(?:-[a-z]+)?", reference.tag) else "swift:slim"
    if compiler.runtime != "scratch" and "alpine" in reference.tag:
        found_alpine = re.search(r"alpine(\d+\.\d+)?", reference.tag)
        return f"alpine:{found_alpine[1]}" if found_alpine and found_alpine[1] else "alpine"
    return compiler.runtime.replace("{suite}", suite[1] if suite else "stable")
