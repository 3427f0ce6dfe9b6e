"""`make bench`: images measured, in processor time and memory; beside dive, with its answers, ours and the truth."""

from __future__ import annotations

import gzip
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.workers.image.stacks import (
    Member,
    file,
    folder,
    lay,
    make_image,
    write_archive,
    write_docker_archive,
    write_layer,
)
from tests.workers.image.zstd import compress

BIN = Path(sys.executable).parent
DIVE = BIN.parent / "peers/dive/bin/dive"
ENTRIES, LAYERS, BYTES = 20_000, 4, 570_000_000
GOALS = {"plain": 0.4, "gzip": 2.0, "zstd": None}
"""Seconds of the processor for the image of this size, a whole `dockslim size`."""
MEMORY = 200
"""MB that this may take."""
PATIENCE = 300
"""Seconds that dive gets for an image."""


def main() -> None:
    """Print the tables."""
    with tempfile.TemporaryDirectory() as directory:
        folder = Path(directory)
        _print_speed(folder)
        _print_answers(folder)


def _print_speed(folder: Path) -> None:
    layers = [write_layer(_source(at)) for at in range(LAYERS)]
    print(f"an archive of {BYTES / 1e6:.0f} MB and {ENTRIES:,} entries, `dockslim size` as a cold process, best of 3:")
    for name, pack in (("plain", bytes), ("gzip", lambda data: gzip.compress(data, 5)), ("zstd", compress)):
        path = write_archive(make_image(layers, pack=pack), folder / "image.tar")
        times = [_run([sys.executable, "-m", "cli.main", "size", path]) for _ in range(3)]
        goal = f" (goal: {GOALS[name]:.1f} s)" if GOALS[name] else ""
        memory = max(each.memory for each in times)
        print(f"  {name:6} {path.stat().st_size / 1e6:6.0f} MB {min(each.seconds for each in times):7.2f} s{goal}, "
              f"{memory:.0f} MB of memory (goal: {MEMORY})")  # fmt: skip
        path.unlink()


def _source(at: int) -> Iterator[Member]:
    """Yield files whose content packs about as well as programs and their data do."""
    chance = random.Random(at)  # noqa: S311 - content, not secrets
    words = b"".join(b"word%d " % chance.randrange(5000) for _ in range(200_000))
    block = words + chance.randbytes(len(words) // 4)
    count = ENTRIES // LAYERS
    size = BYTES // ENTRIES
    for number in range(count):
        start = chance.randrange(len(block) - size)
        yield file(f"usr/lib/part{at}/d{number % 300}/file{number}.py", block[start : start + size], number)


@dataclass(frozen=True)
class Ran:
    """What a command took: seconds of the processor, MB of memory, and what it wrote."""

    seconds: float
    memory: float
    output: str


def _run(command: Sequence[str | Path], timeout: float | None = None, environ: dict[str, str] | None = None) -> Ran:
    """Run a command and measure it; a process in between has no other child."""
    code = (
        "import json, resource, subprocess, sys\n"
        "ran = subprocess.run(sys.argv[2:], timeout=float(sys.argv[1]), capture_output=True, text=True)\n"
        "used = resource.getrusage(resource.RUSAGE_CHILDREN)\n"
        "print(json.dumps([used.ru_utime + used.ru_stime, used.ru_maxrss * 1024 / 1e6, ran.stdout]))"
    )
    said = subprocess.run(
        [sys.executable, "-c", code, str(timeout or 3600), *command],
        check=True, capture_output=True, text=True, env={**os.environ, **(environ or {})},
    )  # fmt: skip
    return Ran(*json.loads(said.stdout))


def _print_answers(folder: Path) -> None:
    print("bytes in the layers and not in the image, in MB; the truth is du of the extracted tree:")
    print(f"  {'image':42} {'truth':>7} {'dockslim':>9} {'dive':>7}   seconds of the processor, dockslim and dive")
    for name, layers in IMAGES.items():
        tars = [write_layer(layer) for layer in layers]
        path = write_docker_archive(make_image(tars), folder / "image.tar")
        truth = _written(layers) - _visible(tars, folder / "root")
        ran = _run([sys.executable, "-m", "cli.main", "size", path, "--format", "json"])
        ours = json.loads(ran.output)["lost"]
        theirs, seconds = _ask_dive(path, folder / "dive.json")
        verdict = "" if ours == truth else "  DIFFERS FROM THE TRUTH"
        print(f"  {name:42} {truth / 1e6:7.1f} {ours / 1e6:9.1f} {theirs:>7}   {ran.seconds:.2f}, {seconds}{verdict}")


def _ask_dive(image: Path, report: Path) -> tuple[str, str]:
    if not DIVE.exists():
        return "absent", "absent: `make bench` installs it where it can"
    report.unlink(missing_ok=True)
    try:
        ran = _run([DIVE, "--source", "docker-archive", "--json", report, image], PATIENCE)
    except subprocess.CalledProcessError:
        return "none", f"more than {PATIENCE} of the clock"
    return f"{json.loads(report.read_text())['image']['inefficientBytes'] / 1e6:.1f}", f"{ran.seconds:.1f}"


def _written(layers: Iterable[Iterable[Member]]) -> int:
    return sum(len(member.content) for layer in layers for member in layer)


def _visible(tars: Iterable[bytes], root: Path) -> int:
    """Extract the layers one over the other, and have du count the files."""
    shutil.rmtree(root, ignore_errors=True)
    root.mkdir()
    for tar in tars:
        lay(root, tar)
    listed = subprocess.run(["find", root, "-type", "f", "-print0"], check=True, capture_output=True).stdout
    command = ["du", "--files0-from=-", "--apparent-size", "--block-size=1", "--total"]
    said = subprocess.run(command, input=listed, check=True, capture_output=True).stdout
    return int(said.split()[-2])


def _tree(place: str, count: int, size: int, mtime: int = 1) -> list[Member]:
    """Return `count` files of `size` bytes in directories of fifty."""
    folders = [folder(f"{place}/d{at}") for at in range((count + 49) // 50)]
    return [folder(place), *folders, *(file(f"{place}/d{at // 50}/f{at}", size, mtime) for at in range(count))]


SYSTEM = [*_tree("usr/lib", 3000, 20_000), file("var/lib/dpkg/status", 1_500_000)]
STATUS = file("var/lib/dpkg/status", 1_600_000, 2)
LISTS = _tree("var/lib/apt/lists", 40, 500_000)
APP = _tree("app", 2000, 50_000)
COMPILER = _tree("opt/gcc", 4000, 80_000)
IMAGES: dict[str, list[list[Member]]] = {
    "lists deleted by a RUN of their own": [
        SYSTEM,
        [*LISTS, STATUS],
        [folder("var/lib/apt/lists"), *(file(f"var/lib/apt/lists/.wh.d{at}", 0) for at in range(1))],
    ],
    "COPY of 100 MB, then chown -R": [SYSTEM, APP, APP],
    "COPY of 100 MB, then rm -rf": [SYSTEM, APP, [file(".wh.app", 0)]],
    "a compiler installed, purged in another RUN": [
        SYSTEM,
        [*COMPILER, STATUS],
        [
            file("var/lib/dpkg/status", 1_500_000, 3),
            folder("opt/gcc"),
            *(file(f"opt/gcc/d{at // 50}/.wh.f{at}", 0) for at in range(3000)),
            *(file(f"opt/gcc/.wh.d{at}", 0) for at in range(60, 80)),
        ],
    ],
}


if __name__ == "__main__":
    main()
