"""Docker's engine, whose builder is BuildKit: on this machine, or where DOCKER_HOST says."""

from __future__ import annotations

import re
import secrets
import shutil
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from workers.builders.buildx import LACKS, build_image, find_plugins, open_client, try_out
from workers.builders.model import Ability, Build, Limits, Outcome, Recipe

_CONNECTION = ("DOCKER_HOST", "DOCKER_TLS_VERIFY", "DOCKER_CERT_PATH", "PATH")
_ASKED = "{{.Server.Version}} {{.Server.Os}}/{{.Server.Arch}}"


@dataclass(frozen=True, slots=True)
class Docker:
    """Builds through the engine that `environ` names: of the worker's environment, its client sees nothing else."""

    environ: Mapping[str, str]
    plugins: Path
    version: tuple[int, ...] = ()
    platform: str = ""
    has_buildx: bool = False
    name: str = "docker"

    def examine(self) -> Ability:
        """Build an image of one file."""
        if shutil.which("docker", path=self.environ.get("PATH")) is None:
            return Ability(False, "docker is not installed")
        if not self.version:
            return Ability(False, f"no engine answers at {self.environ.get('DOCKER_HOST') or 'its socket'}")
        build = try_out(self)
        if build.outcome is not Outcome.BUILT:
            return Ability(False, build.reason)
        said = f"docker {'.'.join(map(str, self.version))}{' with buildx' if self.has_buildx else ''}"
        return Ability(True, f"{said}; nothing here limits {', '.join(LACKS)}", LACKS)

    def build(self, recipe: Recipe, limits: Limits, store: str, into: Path) -> Build:
        """Build into the empty directory `into`."""
        if recipe.platform not in ("", self.platform):
            return Build(Outcome.IMPOSSIBLE, f"this builder is for {self.platform}, not {recipe.platform}")
        started = time.monotonic()
        # Nobody else's image has this name, and the engine is left without it.
        tag = f"dockslim-build:{secrets.token_hex(8)}"
        way = ("buildx", "build", "--load") if self.has_buildx else ("build",)
        with open_client(self.environ, self.plugins) as client:
            try:
                build = build_image(client, (*way, "--tag", tag), recipe, limits, store, into, save=("save", tag))
            finally:
                client.ask("image", "rm", tag)
        return replace(build, seconds=time.monotonic() - started)


def open_docker(environ: Mapping[str, str]) -> Docker:
    """Ask the engine that DOCKER_HOST names for its version, which is empty where none answers."""
    kept = {name: environ[name] for name in _CONNECTION if environ.get(name)}
    plugins = find_plugins(environ)
    with open_client(kept, plugins) as client:
        said = re.fullmatch(r"(\d+)\.(\d+)\S* (\S+)\s*", client.ask("version", "--format", _ASKED))
        if said is None:
            return Docker(kept, plugins)
        has_buildx = client.ask("buildx", "version").startswith("github.com/docker/buildx ")
    return Docker(kept, plugins, (int(said[1]), int(said[2])), said[3], has_buildx)
