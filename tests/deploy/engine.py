"""A Docker engine of the tests' own, and an image with Python for it where no registry of images is reachable."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

SECONDS = 60.0
PYTHON_BASE = "dockslim-test/python"
_CERTIFICATES = "/etc/ssl/certs/ca-certificates.crt"


@dataclass(frozen=True)
class Engine:
    """Docker, spoken to by its command line."""

    socket: Path
    log: Path

    @property
    def environ(self) -> dict[str, str]:
        """Return what points docker and compose at this engine."""
        # The classic builder: Debian's engine has no buildx.
        return {**os.environ, "DOCKER_HOST": f"unix://{self.socket}", "DOCKER_BUILDKIT": "0"}

    def run(self, *arguments: str, **options: Any) -> str:
        """Run `docker ARGUMENTS` and return what it prints."""
        done = self.attempt(*arguments, **options)
        assert done.returncode == 0, f"docker {' '.join(arguments)}:\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
        return done.stdout.strip()

    def attempt(self, *arguments: str, **options: Any) -> subprocess.CompletedProcess[str]:
        """Do the same and return how it ended."""
        command = ["docker", *arguments]
        return subprocess.run(command, env=self.environ, capture_output=True, text=True, check=False, **options)

    def build(self, context: Path, tag: str, *arguments: str, stdin: str | None = None) -> None:
        """Build an image with the network of this machine, through which packages come."""
        file = ("--file", "-") if stdin is not None else ()
        self.run("build", "--network", "host", "--tag", tag, *file, *arguments, str(context), input=stdin)

    def size(self, image: str) -> int:
        """Return the uncompressed bytes of an image's layers."""
        return int(self.run("image", "inspect", "--format", "{{.Size}}", image))


def _need(*programs: str) -> None:
    missing = [each for each in programs if shutil.which(each) is None]
    if missing or os.geteuid() != 0:
        message = f"a Docker engine of its own takes root and {', '.join(missing or programs)}"
        if os.environ.get("CI"):
            pytest.fail(message)
        pytest.skip(message)


@contextmanager
def running_engine(directory: Path) -> Iterator[Engine]:
    """Run an engine whose files lie below `directory`, and leave none of its containers behind."""
    _need("dockerd", "docker", "mmdebstrap")
    engine = Engine(directory / "docker.sock", directory / "dockerd.log")
    # Without iptables nothing is forwarded, so that the firewall of this machine stays as it is.
    options = ["--iptables=false", "--ip6tables=false", "--bridge=none", "--exec-root", str(directory / "exec")]
    paths = ["--data-root", str(directory / "data"), "--pidfile", str(directory / "docker.pid")]
    with engine.log.open("wb") as log:
        daemon = subprocess.Popen(
            ["dockerd", "--host", f"unix://{engine.socket}", *options, *paths], stdout=log, stderr=log
        )
    try:
        until = time.monotonic() + SECONDS
        while engine.attempt("info").returncode or not engine.socket.exists():
            assert daemon.poll() is None, engine.log.read_text()[-3000:]
            assert time.monotonic() < until, engine.log.read_text()[-3000:]
            time.sleep(0.2)
        yield engine
        left = engine.run("ps", "--all", "--quiet").split()
        if left:
            engine.run("rm", "--force", *left)
    finally:
        daemon.terminate()
        daemon.wait(SECONDS)
        # The namespace of the host's network stays mounted, and pytest could not tidy up.
        subprocess.run(["umount", str(directory / "exec" / "netns" / "default")], check=False, capture_output=True)
        shutil.rmtree(directory / "data", ignore_errors=True)


def import_python(engine: Engine, directory: Path) -> str:
    """Import a Debian with Python and the certificates of this machine; return its name."""
    tar = directory / "python.tar"
    packages = "python3,python3-venv,ca-certificates"
    # The certificates of this machine: whoever reaches PyPI through a proxy of their own needs them in the image.
    hooks = [f"--customize-hook=copy-in {_CERTIFICATES} /etc/ssl/certs"] if Path(_CERTIFICATES).exists() else []
    command = ["mmdebstrap", "--quiet", "--variant=minbase", f"--include={packages}", *hooks, "bookworm", str(tar)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    environ: Mapping[str, str] = {
        "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        "PIP_CERT": _CERTIFICATES,
    }
    changes = [part for name, value in environ.items() for part in ("--change", f"ENV {name}={value}")]
    engine.run("import", *changes, str(tar), PYTHON_BASE)
    tar.unlink()
    return PYTHON_BASE
