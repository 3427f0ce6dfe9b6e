"""A BuildKit daemon by itself, as a farm of builders has it: asked through buildx, which sends it the context."""

from __future__ import annotations

import re
import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from workers.builders.buildx import LACKS, Client, build_image, find_plugins, open_client, try_out
from workers.builders.model import Ability, Build, Limits, Outcome, Recipe

_NAME = "dockslim"
_CERTIFICATES = {"cacert": "ca.pem", "cert": "cert.pem", "key": "key.pem"}
"""The driver's names, and buildctl's for the files of its `--tlsdir`."""
_ADDRESS = re.compile(r"tcp://(?:[\w.-]+|\[[\da-fA-F:.]+\]):\d{1,5}|unix:///\S+")
_VERSION = re.compile(r"^BuildKit version:\s+v?(\d+)\.(\d+)", re.MULTILINE)
_PLATFORMS = re.compile(r"^Platforms:\s+(.+)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class BuildKit:
    """Builds through the daemon at an address, which pulls images itself and keeps its own cache."""

    address: str
    certificates: Path | None
    environ: Mapping[str, str]
    plugins: Path
    version: tuple[int, ...] = ()
    platforms: tuple[str, ...] = ()
    name: str = "buildkit"

    def examine(self) -> Ability:
        """Build an image of one file."""
        if shutil.which("docker", path=self.environ.get("PATH")) is None:
            return Ability(False, "docker is not installed: its client, with buildx, is what asks BuildKit")
        with self.open() as client:
            if not client.ask("buildx", "version"):
                return Ability(False, "docker's client has no buildx, which is what asks BuildKit")
        if not self.version:
            return Ability(False, f"no BuildKit answers at {self.address}")
        build = try_out(self)
        if build.outcome is not Outcome.BUILT:
            return Ability(False, build.reason)
        # What is built from source does not always know its version.
        version = ".".join(map(str, self.version)) if any(self.version) else "of an unknown version"
        said = f"BuildKit {version} at {self.address}"
        if self.certificates is None and self.address.startswith("tcp:"):
            said += " without TLS"
        return Ability(True, f"{said}; nothing known limits {', '.join(LACKS)}", LACKS)

    def build(self, recipe: Recipe, limits: Limits, store: str, into: Path) -> Build:
        """Build into the empty directory `into`."""
        if recipe.platform not in ("", *self.platforms):
            return Build(Outcome.IMPOSSIBLE, f"this builder is for {', '.join(self.platforms)}, not {recipe.platform}")
        started = time.monotonic()
        platform = ("--platform", recipe.platform) if recipe.platform else ()
        command = ("buildx", "build", "--builder", _NAME, *platform, "--output", "type=docker,dest=-")
        with self.open() as client:
            build = build_image(client, command, recipe, limits, store, into)
        return replace(build, seconds=time.monotonic() - started)

    def ask(self) -> str:
        """Return what buildx tells of the daemon, nothing where none answers."""
        with self.open() as client:
            return client.ask("buildx", "inspect", _NAME)

    @contextmanager
    def open(self) -> Iterator[Client]:
        """Open a client that knows the daemon by a name."""
        with open_client(self.environ, self.plugins) as client:
            options = []
            for option, file in _CERTIFICATES.items():
                if self.certificates is not None:
                    options += ["--driver-opt", f"{option}={self.certificates / file}"]
            client.ask("buildx", "create", "--name", _NAME, "--driver", "remote", *options, self.address)
            yield client


def open_buildkit(environ: Mapping[str, str]) -> BuildKit:
    """Ask the daemon that BUILDKIT_HOST names what it is, which stays empty where none answers.

    Raise ValueError with one sentence for an address that is none.
    """
    address = environ.get("BUILDKIT_HOST", "").strip()
    if not _ADDRESS.fullmatch(address):
        raise ValueError("BUILDKIT_HOST is to be tcp://HOST:PORT or unix:///PATH")
    folder = environ.get("DOCKSLIM_BUILDKIT_CERTIFICATES", "").strip()
    certificates = Path(folder) if folder else None
    for file in _CERTIFICATES.values():
        if certificates is not None and not (certificates / file).is_file():
            raise ValueError(f"DOCKSLIM_BUILDKIT_CERTIFICATES is a directory without {file}")
    found = BuildKit(address, certificates, {"PATH": environ.get("PATH", "")}, find_plugins(environ))
    said = found.ask()
    version, platforms = _VERSION.search(said), _PLATFORMS.search(said)
    if version is None or platforms is None:
        return found
    able = tuple(each.strip().rstrip("*") for each in platforms[1].split(","))
    return replace(found, version=(int(version[1]), int(version[2])), platforms=able)
