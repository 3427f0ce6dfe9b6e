"""Control groups: what a build may use of the machine, of either version."""

from __future__ import annotations

import os
import signal
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from workers.builders.model import Limits

ROOT = Path("/sys/fs/cgroup")
_PERIOD = 100_000
_CONTROLLERS = ("memory", "pids", "cpu")


@dataclass(frozen=True, slots=True)
class Group:
    """The directories of one build: one of version 2, or one for each controller of version 1."""

    directories: tuple[Path, ...]

    def hits(self) -> tuple[str, ...]:
        """Return the limits that the build ran into."""
        found = []
        if any(self._counts("memory.oom_control", "oom_kill")) or any(self._counts("memory.events", "oom_kill")):
            found.append("memory")
        if any(self._counts("pids.events", "max")):
            found.append("processes")
        return tuple(found)

    def was_throttled(self) -> bool:
        """Tell whether the build had to wait for its share of the processor."""
        return any(self._counts("cpu.stat", "nr_throttled"))

    def processes(self) -> set[int]:
        """Return what runs in it, by its id out here."""
        found: set[int] = set()
        for directory in self.directories:
            with suppress(OSError):
                found.update(map(int, (directory / "cgroup.procs").read_text().split()))
        # What runs in another namespace of processes is 0 here, which `kill` would take for this group of ours.
        return found - {0}

    def remove(self) -> None:
        """End what is left in it, and take it away."""
        for _ in range(100):
            left = self.processes()
            if not left:
                break
            for pid in left:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            time.sleep(0.05)
        for directory in self.directories:
            with suppress(FileNotFoundError):
                directory.rmdir()

    def _counts(self, name: str, key: str) -> Iterator[int]:
        for directory in self.directories:
            with suppress(OSError):
                for line in (directory / name).read_text().splitlines():
                    words = line.split()
                    if words[0] == key:
                        yield int(words[1])


@contextmanager
def open_group(limits: Limits, root: Path = ROOT) -> Iterator[Group]:
    """Make a group with limits; raise OSError where this machine does not let us."""
    # Whoever finds one that is left sees which process made it.
    name = f"dockslim/{os.getpid()}-{uuid.uuid4().hex[:12]}"
    if (root / "cgroup.controllers").exists():
        group = Group((root / name,))
        parent = root / "dockslim"
        parent.mkdir(exist_ok=True)
        for each in (root, parent):
            (each / "cgroup.subtree_control").write_text(" ".join(f"+{one}" for one in _CONTROLLERS))
        settings = {
            "memory.max": limits.memory,
            "memory.swap.max": 0,
            "pids.max": limits.processes,
            "cpu.max": f"{int(limits.cpus * _PERIOD)} {_PERIOD}",
        }
    else:
        group = Group(tuple(root / each / name for each in _CONTROLLERS))
        settings = {
            "memory.limit_in_bytes": limits.memory,
            "memory.memsw.limit_in_bytes": limits.memory,
            "pids.max": limits.processes,
            "cpu.cfs_quota_us": int(limits.cpus * _PERIOD),
        }
    try:
        for directory in group.directories:
            if not directory.parent.parent.is_dir():
                raise FileNotFoundError(2, "no such controller", str(directory.parent.parent))
            directory.mkdir(parents=True)
        for key, value in settings.items():
            for directory in group.directories:
                if (directory / key).exists():
                    (directory / key).write_text(str(value))
        yield group
    finally:
        group.remove()
