"""`make bench`: dockslim and its peers on the same files, on one core, in one run; ratios, not seconds."""

from __future__ import annotations

import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.corpus import ARCHIVE, read_corpus

BIN = Path(sys.executable).parent
PEERS = BIN.parent / "peers"
"""Where `make bench` installs the peers that are in no lock."""
OURS = {
    "all rules": (),
    "six rules": ("--select=DS101", *(f"--select=DS20{number}" for number in range(1, 6))),
}
"""What `dockslim check` is asked to look for. The goals are meant for all rules; the six tell what the rest costs."""
COLD_ROUNDS = 7
PARTS = 3
BATCH = 100
"""Files to a process of a peer, so that its start-up hardly counts."""
EVERY = 8
"""Of the corpus, what the slower peers are given."""
SHORT, LONG = 500, 5000
SMALL = "FROM debian:12-slim\nRUN apt-get update && apt-get install -y cron\n"
BLOCK = (
    "RUN apt-get update && apt-get install -y --no-install-recommends cron{n} && rm -rf /var/lib/apt/lists/*",
    "COPY a{n} /srv/a{n}",
    "RUN pip install package{n}",
    "ENV V{n}=1",
    "RUN make target{n} && make install",
)


@dataclass(frozen=True, slots=True)
class Peer:
    """Another linter: its program, what it is told, and how many times faster dockslim is meant to be."""

    name: str
    program: Path
    arguments: Sequence[str]
    goal: float | None = None
    environ: dict[str, str] = field(default_factory=dict)

    def readable(self, files: Sequence[Path]) -> list[Path]:
        """Return the files that it survives: of a batch with another one it says nothing."""
        kept: list[Path] = []
        waiting = [files[at : at + BATCH] for at in range(0, len(files), BATCH)]
        while waiting:
            batch = waiting.pop()
            if self._is_answered(batch):
                kept += batch
            elif len(batch) > 1:
                middle = len(batch) // 2
                waiting += (batch[:middle], batch[middle:])
        return kept

    def _is_answered(self, files: Sequence[Path]) -> bool:
        command = [self.program, *self.arguments, *files]
        said = subprocess.run(command, check=False, capture_output=True, env={**os.environ, **self.environ})
        try:
            json.loads(said.stdout)
        except ValueError:
            return False
        return True

    def seconds(self, files: Sequence[Path]) -> float:
        """Return the processor time that it takes for all files."""
        batches = (files[at : at + BATCH] for at in range(0, len(files), BATCH))
        return sum(_cpu_seconds([self.program, *self.arguments, *batch], self.environ) for batch in batches)


HADOLINT = Peer("hadolint", BIN / "hadolint", ("--no-fail", "--format", "json"), 20)
OTHERS = (
    Peer(
        "tally",
        PEERS / "tally/bin/tally",
        # What it would ask registries for is no part of reading a file.
        ("lint", "--no-config", "--slow-checks", "off", "--format", "json"),
        environ={"PYTHONPATH": str(PEERS / "tally"), "GOMAXPROCS": "1"},
    ),
    Peer("dockerfilelint", PEERS / "node_modules/.bin/dockerfilelint", ("-o", "json"), 4),
)


def main() -> None:
    """Print the tables."""
    if not ARCHIVE.is_file():
        sys.exit(f"bench: {ARCHIVE} is not here, and there is nothing to measure on")
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    with tempfile.TemporaryDirectory() as folder:
        corpus = Path(folder) / "corpus"
        files = list(_extract(corpus, 1))
        few = Path(folder) / "few"
        _print_cold(Path(folder))
        _print_length(Path(folder))
        _print_memory(Path(folder), files)
        _print_throughput(corpus, files, (HADOLINT,))
        # To find the files that they survive takes them many minutes on all.
        _print_throughput(few, list(_extract(few, EVERY)), OTHERS)


def _extract(folder: Path, every: int) -> Iterator[Path]:
    for name, content in read_corpus()[::every]:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        yield path


def _print_cold(folder: Path) -> None:
    small = folder / "Dockerfile"
    small.write_text(SMALL)
    commands: dict[str, list[str | Path]] = {
        "an empty Python": [sys.executable, "-c", "pass"],
        "dockslim check": [BIN / "dockslim", "check", small],
        "hadolint": [BIN / "hadolint", "--no-fail", small],
    }
    print(f"one small file, cold process, median of {COLD_ROUNDS}, by the clock and on the processor (goal: 300 ms):")
    for name, command in commands.items():
        clock = statistics.median(_seconds(command) for _ in range(COLD_ROUNDS))
        processor = statistics.median(_cpu_seconds(command) for _ in range(COLD_ROUNDS))
        print(f"  {name:15} {clock * 1000:7.0f} ms {processor * 1000:7.0f} ms")


def _print_length(folder: Path) -> None:
    """Print what an instruction costs in a long file against a short one."""
    empty = folder / "Containerfile"
    empty.write_text("FROM scratch\n")
    start = min(_check_seconds(empty) for _ in range(3))
    cost = {}
    for length in (SHORT, LONG):
        path = folder / f"{length}.Dockerfile"
        lines = [BLOCK[at % len(BLOCK)].format(n=at) for at in range(length)]
        path.write_text("\n".join(["FROM debian:12-slim", *lines, ""]))
        cost[length] = (min(_check_seconds(path) for _ in range(3)) - start) / length
    print(f"one instruction of a file with {SHORT:,} and with {LONG:,} of them:")
    print(f"  dockslim check {cost[SHORT] * 1000:7.2f} ms and {cost[LONG] * 1000:.2f} ms: "
          f"{cost[LONG] / cost[SHORT]:.2f} x (linear: 1)")  # fmt: skip


def _check_seconds(path: Path) -> float:
    return _cpu_seconds([BIN / "dockslim", "check", "--format", "json", path])


def _print_memory(folder: Path, files: Sequence[Path]) -> None:
    """Print the most memory that one process takes for few files and for many."""
    peaks = []
    for at, count in enumerate((1000, 5000)):
        chosen = folder / f"memory{at}"
        for number, file in enumerate(files[:count]):
            link = chosen / str(number) / "Dockerfile"
            link.parent.mkdir(parents=True)
            link.symlink_to(file)
        peaks.append(_peak([str(BIN / "dockslim"), "check", "--format", "github", str(chosen)]))
    print("most memory of one process, 1,000 files of the corpus and 5,000:")
    print(f"  dockslim check {peaks[0]:7.0f} MB and {peaks[1]:.0f} MB: {peaks[1] / peaks[0]:.2f} x (flat: 1)")


def _peak(command: list[str]) -> float:
    """Return the resident memory that a command takes at its peak, in MB: a process in between has no other child."""
    code = (
        "import resource, subprocess, sys;"
        "subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL);"
        "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)"
    )
    said = subprocess.run([sys.executable, "-c", code, *command], check=True, capture_output=True, text=True)
    return int(said.stdout) * 1024 / 1e6


def _print_throughput(corpus: Path, files: Sequence[Path], peers: Sequence[Peer]) -> None:
    present = [peer for peer in peers if peer.program.exists()]
    read = {peer.name: files if peer is HADOLINT else peer.readable(files) for peer in present}
    # The machine's speed drifts by a fifth within minutes: ours is taken in between, not only before.
    ours: dict[str, list[float]] = {name: [] for name in OURS}
    theirs = dict.fromkeys(read, 0.0)
    for part in range(PARTS):
        for name, options in OURS.items():
            command = [BIN / "dockslim", "check", "--format", "json", *options, corpus]
            ours[name].append(_cpu_seconds(command))
        for peer in present:
            theirs[peer.name] += peer.seconds(read[peer.name][part::PARTS])
    means = {name: statistics.mean(times) for name, times in ours.items()}
    print(f"{len(files):,} files of the corpus, processor seconds on one core, mean of {PARTS} runs of ours:")
    for name, mean in means.items():
        _print_row(name, mean, len(files), "")
    for peer in present:
        count = len(read[peer.name])
        ratios = (f"{theirs[peer.name] / count / (mean / len(files)):.1f} x {name}" for name, mean in means.items())
        goal = f" (goal: {peer.goal:.0f} x all rules)" if peer.goal else ""
        crashed = f"; crashes on {len(files) - count:,} files" if count < len(files) else ""
        _print_row(peer.name, theirs[peer.name], count, f"{', '.join(ratios)}{goal}{crashed}")
    for peer in peers:
        if peer not in present:
            print(f"  {peer.name:14} absent: `make bench` installs it where it can")


def _print_row(name: str, seconds: float, files: int, ratio: str) -> None:
    print(f"  {name:14} {seconds:7.1f} s {files / seconds:7.0f} files/s {seconds / files * 1000:6.2f} ms/file {ratio}")


def _cpu_seconds(command: Sequence[str | Path], environ: dict[str, str] | None = None) -> float:
    """Run a command and return the processor time that it took, user and system."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    _seconds(command, environ)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def _seconds(command: Sequence[str | Path], environ: dict[str, str] | None = None) -> float:
    start = time.perf_counter()
    subprocess.run(
        command,
        check=False,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        # As an installed program runs: what it imports is compiled once.
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "", **(environ or {})},
    )
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
