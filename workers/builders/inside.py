"""The inner half of the sandbox: makes its namespaces around itself, then runs a builder in them.

Started as a script of its own with an empty environment, so nothing of the worker comes along. The order, a JSON
object, comes in over a socket, and what is inside by then goes out over it: the file descriptor of the socket that the
proxy listens at. Only the standard library, as no other module is within reach.
"""

from __future__ import annotations

import ctypes
import fcntl
import json
import os
import resource
import signal
import socket
import struct
import subprocess
import sys
from pathlib import Path
from typing import Any

NEWNS, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET = 0x20000, 0x4000000, 0x8000000, 0x10000000, 0x20000000, 0x40000000
RDONLY, NOSUID, NODEV, REMOUNT, BIND, REC, PRIVATE = 1, 2, 4, 32, 4096, 16384, 1 << 18
PDEATHSIG, SIOCSIFFLAGS, IFF_UP = 1, 0x8914, 1
NODES = ("null", "zero", "full", "random", "urandom", "tty")

_libc = ctypes.CDLL(None, use_errno=True)


def main() -> None:
    """Run what the order says; end with its status."""
    channel = socket.socket(fileno=int(sys.argv[1]))
    order = json.loads(channel.makefile().readline())
    os.umask(0o022)
    _call("prctl", PDEATHSIG, signal.SIGKILL)
    for directory in order["cgroups"]:
        Path(directory, "cgroup.procs").write_text("0")
    _unshare(NEWNS | NEWUTS | NEWIPC | NEWNET)
    socket.sethostname("build")
    _make_root(order)
    # Not before: the first child of all would be the first process in there.
    _unshare(NEWPID)
    init = os.fork()
    if not init:
        _end(_run(order, channel))
    channel.close()
    _end(_wait(init))


def _run(order: dict[str, Any], channel: socket.socket) -> int:
    """As the first process of the namespace, whose end is the end of all others."""
    _call("prctl", PDEATHSIG, signal.SIGKILL)
    _mount("proc", "/proc", "proc", NOSUID | NODEV)
    _raise_loopback()
    listener = socket.create_server(("127.0.0.1", order["proxy"]), backlog=64)
    socket.send_fds(channel, [b"."], [listener.fileno()])
    listener.close()
    ready, go = os.pipe(), os.pipe()
    builder = os.fork()
    if not builder:
        channel.close()
        # With it, what is root in a build is nobody out here. The mounts come along and cannot be undone there.
        _unshare(NEWUSER | NEWNS)
        os.write(ready[1], b".")
        os.read(go[0], 1)
        os.setgid(0)
        os.setuid(0)
        os.setgroups([])
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        os.chdir("/")
        os.execve(order["command"][0], order["command"], order["environment"])  # noqa: S606
    os.read(ready[0], 1)
    first, count = order["ids"]
    for name in ("uid_map", "gid_map"):
        Path(f"/proc/{builder}/{name}").write_text(f"0 {first} {count}")
    os.write(go[1], b".")
    channel.close()
    return _wait(builder)


def _make_root(order: dict[str, Any]) -> None:
    """Stand in a file system that holds the machine's programs and what was handed in, and nothing else."""
    _mount("none", "/", None, REC | PRIVATE)
    root = order["root"]
    _mount("tmpfs", root, "tmpfs", NOSUID, "mode=755,size=256m")
    for name in ("bin", "sbin", "lib", "lib32", "lib64", "libx32"):
        if os.path.islink(f"/{name}"):
            os.symlink(os.readlink(f"/{name}"), f"{root}/{name}")
        elif os.path.isdir(f"/{name}"):
            _bind(f"/{name}", f"{root}/{name}", RDONLY)
    _bind("/usr", f"{root}/usr", RDONLY)
    _bind("/sys", f"{root}/sys", 0)
    for source, target in order["binds"]:
        if os.path.exists(source):
            _bind(source, root + target, RDONLY)
    for path in order["shared"]:
        _bind(path, root + path, 0)
    for path, text in order["files"].items():
        Path(root + path).parent.mkdir(parents=True, exist_ok=True)
        Path(root + path).write_text(text)
    for name in NODES:
        _bind(f"/dev/{name}", f"{root}/dev/{name}", 0)
    for name in ("dev/pts", "dev/shm", "proc", "tmp", "run", "root"):
        os.makedirs(f"{root}/{name}", exist_ok=True)
    os.symlink("/proc/self/fd", f"{root}/dev/fd")
    first = order["ids"][0]
    _mount("devpts", f"{root}/dev/pts", "devpts", NOSUID, f"newinstance,ptmxmode=0666,gid={first + 5}")
    os.symlink("pts/ptmx", f"{root}/dev/ptmx")
    for name in ("dev/shm", "tmp", "run", "root"):
        os.chown(f"{root}/{name}", first, first)
    os.mkdir(f"{root}/store")
    if order["store"]:
        # Not nodev: what is set here is locked in there, and would keep a builder from mounts of its own. No device
        # can be made in there in any case.
        options = "loop,noatime"
        subprocess.run(["/bin/mount", "-t", "ext4", "-o", options, order["store"], f"{root}/store"], check=True)
        os.chown(f"{root}/store", first, first)
    # Where builders keep copies that may be as large as an image.
    os.mkdir(f"{root}/var")
    os.symlink("/store/tmp", f"{root}/var/tmp")  # noqa: S108
    os.mkdir(f"{root}/old")
    os.chdir(root)
    subprocess.run(["/usr/sbin/pivot_root", ".", "old"], check=True)
    os.chdir("/")
    if _libc.umount2(b"/old", 2):
        _fail("umount2")
    os.rmdir("/old")
    _mount("none", "/", None, REMOUNT | BIND)


def _bind(source: str, target: str, flags: int) -> None:
    if os.path.isdir(source):
        os.makedirs(target, exist_ok=True)
    else:
        os.makedirs(os.path.dirname(target), exist_ok=True)
        Path(target).touch()
    _mount(source, target, None, BIND | REC)
    if flags:
        _mount("none", target, None, REMOUNT | BIND | flags)


def _raise_loopback() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        fcntl.ioctl(any_socket, SIOCSIFFLAGS, struct.pack("16sH14x", b"lo", IFF_UP))


def _wait(pid: int) -> int:
    """Wait for a process, and bury the orphans that are the first process's to bury."""
    while True:
        ended, status = os.wait()
        if ended == pid:
            return os.waitstatus_to_exitcode(status)


def _end(status: int) -> None:
    os._exit(status if status >= 0 else 128 - status)


def _unshare(flags: int) -> None:
    if _libc.unshare(flags):
        _fail("unshare")


def _mount(source: str, target: str, kind: str | None, flags: int, data: str | None = None) -> None:
    encoded = [None if each is None else each.encode() for each in (source, target, kind, data)]
    if _libc.mount(encoded[0], encoded[1], encoded[2], ctypes.c_ulong(flags), encoded[3]):
        _fail(f"mount {target}")


def _call(name: str, *arguments: int) -> None:
    if getattr(_libc, name)(*arguments, 0, 0, 0):
        _fail(name)


def _fail(what: str) -> None:
    number = ctypes.get_errno()
    raise OSError(number, f"{what}: {os.strerror(number)}")


if __name__ == "__main__":
    main()
