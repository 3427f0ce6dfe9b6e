"""What the images are built and run by, and one with Python where no registry of images is reachable."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.engine import do_without
from tests.workers.builders.conftest import CACHE
from tests.workers.builders.registry import make_debian

PYTHON_BASE = "dockslim-test/python"
_CERTIFICATES = "/etc/ssl/certs/ca-certificates.crt"


@dataclass(frozen=True)
class Engine:
    """Docker, spoken to by its command line."""

    host: str

    @property
    def environ(self) -> dict[str, str]:
        """Return what points docker and compose at this engine."""
        # The classic builder: Debian's engine has no buildx.
        return {**os.environ, "DOCKER_HOST": self.host, "DOCKER_BUILDKIT": "0"}

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


def import_python(engine: Engine, directory: Path) -> str:
    """Make an image of Debian with Python and the certificates of this machine; return its name."""
    if shutil.which("mmdebstrap") is None:
        do_without("mmdebstrap is not installed")
    make_debian(CACHE)
    engine.run("import", str(CACHE / "bookworm.tar"), f"{PYTHON_BASE}-debian")
    # Whoever reaches PyPI through a proxy of their own needs its certificate in the image.
    shutil.copy(_CERTIFICATES, directory)
    engine.build(directory, PYTHON_BASE, stdin=_PYTHON)
    return PYTHON_BASE


_PYTHON = f"""\
FROM {PYTHON_BASE}-debian
ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin PIP_CERT={_CERTIFICATES}
RUN apt-get update \\
    && apt-get install -y --no-install-recommends ca-certificates python3 python3-venv tzdata \\
    && rm -rf /var/lib/apt/lists/*
COPY ca-certificates.crt {_CERTIFICATES}
"""
