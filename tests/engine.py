"""A Docker Engine for the tests: the one that runs here, else one that is started for them, where that is possible."""

from __future__ import annotations

import os
import shutil
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
    dockerd = shutil.which("dockerd", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if not shutil.which("docker") or dockerd is None or os.geteuid() != 0:
        do_without("no Docker Engine answers, and none can be started: docker.io and root are wanted")
    with tempfile.TemporaryDirectory(prefix="engine-") as folder, open(Path(folder) / "log", "wb") as log:
        host = f"unix://{folder}/docker.sock"
        places = [f"--{name}={folder}/{name}" for name in ("data-root", "exec-root", "pidfile")]
        command = [dockerd, *places, f"--host={host}", "--bridge=none", "--iptables=false"]
        process = subprocess.Popen(command, stdout=log, stderr=log)
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


def do_without(message: str) -> NoReturn:
    """Skip a test that lacks something; fail it where a run decides what lands."""
    if os.environ.get("CI"):
        pytest.fail(message)
    pytest.skip(message)


def _answers(host: str) -> bool:
    asked = subprocess.run(["docker", "--host", host, "version"], check=False, capture_output=True)
    return asked.returncode == 0
