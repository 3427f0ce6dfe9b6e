"""What the images are built and run by, and one with Python where no registry of images is reachable."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.engine import do_without

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
    """Import a Debian with Python and the certificates of this machine; return its name."""
    if shutil.which("mmdebstrap") is None:
        do_without("mmdebstrap is not installed")
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
