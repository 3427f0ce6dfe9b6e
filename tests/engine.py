"""A Docker Engine for the tests: the one that runs here, else one that is started for them, where that is possible."""

from __future__ import annotations

import fcntl
import os
import shutil
import socket
import struct
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

import pytest

START = 30
"""Seconds that an engine gets to answer."""


@contextmanager
def docker_host() -> Iterator[str]:
    """Give the DOCKER_HOST of an engine; do without the test where there is none and none can be started."""
    given = os.environ.get("DOCKER_HOST", "unix:///var/run/docker.sock")
    if shutil.which("docker") and _answers(given):
        yield given
        return
    with start_engine() as host:
        yield host


@contextmanager
def start_engine(*options: str, programs: str = "") -> Iterator[str]:
    """Start an engine, with the programs of a directory where it has them; give its DOCKER_HOST."""
    path = f"{programs}:{os.environ.get('PATH', '')}:/usr/sbin"
    dockerd = shutil.which("dockerd", path=path)
    if not shutil.which("docker") or dockerd is None or os.geteuid() != 0:
        do_without("no Docker Engine answers, and none can be started: docker.io and root are wanted")
    with (
        tempfile.TemporaryDirectory(prefix="engine-") as folder,
        open(Path(folder) / "log", "wb") as log,
        _make_bridge() as bridge,
    ):
        host = f"unix://{folder}/docker.sock"
        places = [f"--{name}={folder}/{name}" for name in ("data-root", "exec-root", "pidfile")]
        network = [f"--bridge={bridge}", "--iptables=false", "--ip-forward=false"]
        command = [dockerd, *places, f"--host={host}", *network, *options]
        process = subprocess.Popen(command, stdout=log, stderr=log, env={**os.environ, "PATH": path})
        try:
            deadline = time.monotonic() + START
            while not _answers(host):
                if process.poll() is not None or time.monotonic() > deadline:
                    do_without(f"dockerd does not start: {(Path(folder) / 'log').read_text()[-500:]}")
                time.sleep(0.1)
            yield host
        finally:
            process.terminate()
            process.wait(START)
            # The namespace of the host's network stays mounted, and the folder could not be deleted.
            netns = Path(folder) / "exec-root" / "netns" / "default"
            subprocess.run(["umount", str(netns)], check=False, capture_output=True)


@contextmanager
def _make_bridge() -> Iterator[str]:
    """Make a bridge that leads nowhere: the engine's own would stay behind, and is one for all engines."""
    add, remove, address, flags = 0x89A0, 0x89A1, 0x8916, 0x8914
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        for number in range(256):
            name = f"dockslim{number}".encode()
            try:
                fcntl.ioctl(any_socket, add, name + b"\0")
                break
            except FileExistsError:
                continue
        else:
            do_without("no bridge can be made: there are 256")
        place = socket.inet_aton(f"198.18.{number}.1")
        try:
            fcntl.ioctl(any_socket, address, struct.pack("16sH2x4s8x", name, socket.AF_INET, place))
            fcntl.ioctl(any_socket, flags, struct.pack("16sH14x", name, 1))
            yield name.decode()
        finally:
            fcntl.ioctl(any_socket, flags, struct.pack("16sH14x", name, 0))
            fcntl.ioctl(any_socket, remove, name + b"\0")


def do_without(message: str) -> NoReturn:
    """Skip a test that lacks something; fail it where a run decides what lands."""
    if os.environ.get("CI"):
        pytest.fail(message)
    pytest.skip(message)


def _answers(host: str) -> bool:
    asked = subprocess.run(["docker", "--host", host, "version"], check=False, capture_output=True)
    return asked.returncode == 0
