"""The sandbox: runs a builder where it finds nothing of this machine and can use no more of it than it is given.

Only root can make one. Inside, a builder is root of a user namespace of its own: it sees the machine's programs, the
files that were handed in and its store, a file system in a file of fixed size; a network of its own with nothing in it
but a proxy, where hosts are allowed at all; and no process but its own. All of it ends with its first process.
"""

from __future__ import annotations

import fcntl
import json
import os
import platform
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from workers.builders import egress
from workers.builders.cgroups import Group, open_group
from workers.builders.model import Limits
from workers.builders.output import Log, Sink, follow

FIRST_ID, IDS = 1_500_000_000, 65536
"""The users of a build out here: nobody else's, whatever /etc/subuid says."""
PROXY_PORT = 3128
PATIENCE = 60.0
"""Seconds until a sandbox has to be made; none of what strangers wrote runs before."""
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_BINDS = ("/etc/ssl", "/etc/ca-certificates", "/etc/nsswitch.conf", "/etc/resolv.conf", "/etc/hosts")
_FILES = {"/etc/passwd": "root:x:0:0:root:/root:/bin/sh\n", "/etc/group": "root:x:0:\n"}
_TOOLS = ("mkfs.ext4", "mount", "pivot_root")


class SandboxError(Exception):
    """Why there is no sandbox."""


@dataclass(frozen=True, slots=True)
class Ran:
    """How a command ended: `hits` names limits that it ran into, `time` among them when it was stopped for it."""

    status: int
    log: str
    hits: tuple[str, ...]
    seconds: float


@dataclass(frozen=True, slots=True)
class Sandbox:
    """Where commands run: `store` is a file that `open_store` made."""

    store: Path
    limits: Limits
    hosts: egress.Hosts = field(default_factory=egress.Hosts)
    files: Mapping[str, str] = field(default_factory=dict)
    """Texts that commands find at a path."""

    def run(
        self,
        *command: str,
        binds: Sequence[tuple[Path, str]] = (),
        environment: Mapping[str, str] | None = None,
        seconds: float | None = None,
        output: Sink | None = None,
    ) -> Ran:
        """Run a command to its end or a limit. `binds` are seen read-only; `output` takes its standard output."""
        started = time.monotonic()
        with self.start(*command, binds=binds, environment=environment) as inside:
            in_time = inside.follow(self.limits.seconds if seconds is None else seconds, output)
            status = inside.end()
            hits = (*inside.group.hits(), *(() if in_time else ("time",)))
        return Ran(status, inside.log.text, hits, time.monotonic() - started)

    @contextmanager
    def start(
        self,
        *command: str,
        binds: Sequence[tuple[Path, str]] = (),
        shared: Sequence[Path] = (),
        environment: Mapping[str, str] | None = None,
    ) -> Iterator[Inside]:
        """Start a command, and leave nothing of it behind."""
        root = tempfile.mkdtemp(prefix="dockslim-root-")
        proxied = _proxied() if self.hosts else {}
        order = {
            "root": root,
            "proxy": PROXY_PORT,
            "ids": (FIRST_ID, IDS),
            "store": str(self.store),
            "binds": [*((each, each) for each in _BINDS), *((str(source), target) for source, target in binds)],
            "shared": [str(each) for each in shared],
            "files": {**_FILES, **self.files},
            "command": command,
            "environment": {"PATH": _PATH, "HOME": "/root", "TMPDIR": "/store/tmp", "XDG_RUNTIME_DIR": "/run"}
            | proxied
            | dict(environment or {}),
        }
        try:
            with open_group(self.limits) as group, _locked(self.store):
                order["cgroups"] = [str(each) for each in group.directories]
                inside = Inside(group, _launch(order), Log(self.limits.log))
                try:
                    inside.serve(self.hosts)
                    yield inside
                finally:
                    inside.end()
        except OSError as error:
            raise SandboxError(f"the sandbox cannot be made: {error.strerror or error}") from error
        finally:
            os.rmdir(root)


@dataclass(slots=True)
class Inside:
    """A command in the sandbox, seen from here."""

    group: Group
    _launched: tuple[subprocess.Popen[bytes], socket.socket]
    log: Log
    _listener: socket.socket | None = None

    def serve(self, hosts: egress.Hosts) -> None:
        """Wait until the sandbox is made, and be the proxy of a network that has nothing else."""
        with self._launched[1] as channel:
            channel.settimeout(PATIENCE)
            said, descriptors, _, _ = socket.recv_fds(channel, 1, 1)
        if not said:
            # Nothing of the build has run yet: what went wrong is the machine's.
            self.follow(5.0)
            lines = self.log.text.strip().splitlines()
            raise SandboxError(f"the sandbox cannot be made: {lines[-1] if lines else 'it ended'}")
        if descriptors:
            self._listener = socket.socket(fileno=descriptors[0])
            threading.Thread(target=egress.serve, args=(self._listener, hosts), daemon=True).start()

    def follow(self, seconds: float, output: Sink | None = None) -> bool:
        """Read what it says until it ends; return False when its time was over."""
        return follow(self._launched[0], self.log, seconds, output)

    def end(self) -> int:
        """End it and all that it started; return its status."""
        process = self._launched[0]
        try:
            status = process.wait(0.5)
        except subprocess.TimeoutExpired:
            process.kill()
            status = process.wait()
        if self._listener is not None:
            self._listener.shutdown(socket.SHUT_RDWR)
            self._listener.close()
            self._listener = None
        return status


def open_store(directory: Path, name: str, size: int) -> Path:
    """Return a file system in a file for a cache, made anew where less than half of it is free.

    For the room it may take, stores that nobody used for longest are deleted; all take no more than they leave free.
    Raise SandboxError where there is no room for it.
    """
    try:
        return _open_store(directory, name, size)
    except subprocess.CalledProcessError as error:
        said = error.stderr.decode("utf-8", "replace").strip().splitlines() or ["mkfs.ext4 failed"]
        raise SandboxError(f"the store cannot be made: {said[-1]}") from error
    except OSError as error:
        raise _say_no_store(error) from error


@contextmanager
def hold_store(directory: Path, name: str) -> Iterator[None]:
    """Have whoever wants the same store wait. Raise SandboxError where there is no room for it."""
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        file = _lock_of(directory / f"{name}.ext4").open("wb")
    except OSError as error:
        raise _say_no_store(error) from error
    with file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _lock_of(store: Path) -> Path:
    return store.with_suffix(".lock")


def _say_no_store(error: OSError) -> SandboxError:
    return SandboxError(f"the store cannot be made: {(error.strerror or str(error)).lower()}")


def _open_store(directory: Path, name: str, size: int) -> Path:
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    store = directory / f"{name}.ext4"
    if store.exists() and (store.stat().st_size != size or store.stat().st_blocks * 512 > size // 2):
        store.unlink()
    if not store.exists():
        options = ["-qF", "-m", "0", "-O", "^has_journal", "-E", "lazy_itable_init=1,nodiscard"]
        # Under its name once it is whole; what is left where that fails goes with the directory.
        with tempfile.TemporaryDirectory(dir=directory) as folder:
            made = Path(folder, "made")
            made.touch(0o600)
            os.truncate(made, size)
            command = ["mkfs.ext4", *options, str(made)]
            subprocess.run(command, check=True, stdin=subprocess.DEVNULL, capture_output=True)
            made.rename(store)
    # Opened now, whether or not anything is written to it.
    os.utime(store)
    _evict(store)
    return store


def _evict(kept: Path) -> None:
    """Delete the stores that nobody used for longest, until all take no more than they leave free, with `kept` full."""
    others = []
    for store in kept.parent.glob("*.ext4"):
        if store != kept:
            with suppress(FileNotFoundError):  # somebody else's builder evicts as well
                others.append((store.stat().st_mtime, store.stat().st_blocks * 512, store))
    used = sum(size for _, size, _ in others)
    room = (shutil.disk_usage(kept.parent).free + used + kept.stat().st_blocks * 512) // 2 - kept.stat().st_size
    for _, size, store in sorted(others):
        if used <= room:
            break
        # What is being built in stays, between the runs of one build as well.
        with suppress(OSError), _lock_of(store).open("wb") as held, store.open("rb") as file:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            store.unlink()
            used -= size


def find_lacks(scratch: Path) -> tuple[str, ...]:
    """Try each limit out; return those that nothing enforces here. Raise SandboxError where there is no sandbox."""
    if os.geteuid() != 0:
        raise SandboxError("dockslim does not run as root, which making a sandbox takes")
    missing = [each for each in _TOOLS if shutil.which(each, path=_PATH) is None]
    if missing:
        raise SandboxError(f"{', '.join(missing)} is not installed")
    limits = Limits(cpus=0.2, memory=64 << 20, processes=24, disk=32 << 20, seconds=10.0)
    sandbox = Sandbox(open_store(scratch, "probe", limits.disk), limits)
    probes = {
        "memory": "head -c 200000000 /dev/zero | tail | wc -c | grep -q 200000000",
        "processes": "for i in $(seq 40); do sleep 1 & done",
        "disk": "head -c 64000000 /dev/zero > /store/x",
        "network": "test $(tail -n +3 /proc/net/dev | wc -l) -ne 1 || test $(wc -l < /proc/net/route) -gt 1",
    }
    lacks = [name for name, script in probes.items() if sandbox.run("/bin/sh", "-c", script).status == 0]
    with sandbox.start("/bin/sh", "-c", "i=0; while [ $i -lt 400000 ]; do i=$((i+1)); done") as inside:
        inside.follow(limits.seconds)
        if not inside.group.was_throttled():
            lacks.append("cpu")
    (scratch / "probe.ext4").unlink()
    return tuple(lacks)


def host_platform() -> str:
    """Return the platform that builds here are for."""
    machine = platform.machine()
    return f"linux/{ {'x86_64': 'amd64', 'aarch64': 'arm64'}.get(machine, machine) }"


def _launch(order: Mapping[str, object]) -> tuple[subprocess.Popen[bytes], socket.socket]:
    ours, theirs = socket.socketpair()
    script = str(Path(__file__).with_name("inside.py"))
    with theirs:
        process = subprocess.Popen(
            [sys.executable, "-I", "-S", script, str(theirs.fileno())],
            # Nothing of the worker's: no address of a queue, no credential.
            env={},
            pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd="/",
            start_new_session=True,
        )
    ours.sendall(json.dumps(order).encode() + b"\n")
    return process, ours


@contextmanager
def _locked(store: Path) -> Iterator[None]:
    # Mounted twice at a time, it would be ruined.
    with store.open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _proxied() -> dict[str, str]:
    address = f"http://127.0.0.1:{PROXY_PORT}"
    names = ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY")
    return dict.fromkeys(names, address)
