"""`make bench`: dockslim and hadolint on the same files, on one core, in one run; ratios, not seconds."""

from __future__ import annotations

import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from tests.corpus import ARCHIVE, read_corpus

BIN = Path(sys.executable).parent
COLD_ROUNDS = 7
THIRD = 1700
SMALL = "FROM debian:12-slim\nRUN apt-get update && apt-get install -y cron\n"


def main() -> None:
    """Print the table."""
    if not ARCHIVE.is_file():
        sys.exit(f"bench: {ARCHIVE} is not here, and there is nothing to measure on")
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    with tempfile.TemporaryDirectory() as folder:
        corpus = Path(folder) / "corpus"
        _print_cold(Path(folder))
        _print_throughput(corpus, list(_extract(corpus)))


def _extract(folder: Path) -> Iterator[Path]:
    for name, content in read_corpus():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        yield path


def _print_cold(folder: Path) -> None:
    small = folder / "Dockerfile"
    small.write_text(SMALL)
    ours = statistics.median(_seconds([BIN / "dockslim", "check", small]) for _ in range(COLD_ROUNDS))
    python = statistics.median(_seconds([sys.executable, "-c", "pass"]) for _ in range(COLD_ROUNDS))
    theirs = statistics.median(_seconds([BIN / "hadolint", "--no-fail", small]) for _ in range(COLD_ROUNDS))
    print(f"one small file, cold process, median of {COLD_ROUNDS}:")
    print(f"  dockslim check {ours * 1000:7.0f} ms   ({ours / python:.1f} x an empty Python)")
    print(f"  hadolint       {theirs * 1000:7.0f} ms")


def _print_throughput(corpus: Path, files: list[Path]) -> None:
    command: list[str | Path] = [BIN / "dockslim", "check", "--format", "json", corpus]
    # The machine's speed drifts by a fifth within minutes: ours is taken in between, not only before.
    runs = [_cpu_seconds(command)]
    theirs = 0.0
    for at in range(0, len(files), THIRD):
        theirs += _hadolint(files[at : at + THIRD])
        runs.append(_cpu_seconds(command))
    ours = statistics.mean(runs)
    print(f"{len(files)} files of the corpus, processor seconds on one core, mean of {len(runs)} runs of ours:")
    _print_row("dockslim check", ours, len(files))
    _print_row("hadolint", theirs, len(files))
    print(f"  throughput: {theirs / ours:.1f} x hadolint")


def _print_row(name: str, seconds: float, files: int) -> None:
    print(f"  {name:14} {seconds:7.1f} s {files / seconds:7.0f} files/s {seconds / files * 1000:6.2f} ms/file")


def _hadolint(files: list[Path]) -> float:
    """Run hadolint on all files, a hundred to a process, so that its start-up hardly counts."""
    total = 0.0
    for at in range(0, len(files), 100):
        total += _cpu_seconds([BIN / "hadolint", "--no-fail", "--format", "json", *files[at : at + 100]])
    return total


def _cpu_seconds(command: list[str | Path]) -> float:
    """Run a command and return the processor time that it took, user and system."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    _seconds(command)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def _seconds(command: list[str | Path]) -> float:
    start = time.perf_counter()
    subprocess.run(command, check=False, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
