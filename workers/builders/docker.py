"""Docker's engine, whose builder is BuildKit: asked by its own client, and held to a time and to nothing else.

https://docs.docker.com/reference/cli/docker/buildx/build/. Whatever limits the client takes, BuildKit ignores for RUN.
"""

from __future__ import annotations

import json
import os
import re
import secrets
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from rules.dockerfile import parse
from workers.builders.model import Ability, Build, Limits, Outcome, Recipe
from workers.builders.output import Capped, Log, Sink, follow
from workers.builders.packed import find_packed
from workers.builders.progress import read_failure, read_steps, read_stop
from workers.builders.saved import SavedError, lay_out

LACKS = ("memory", "processes", "disk", "network", "cpu")
"""What BuildKit limits for nobody: the flags for it are taken and ignored, and all builds share one cache."""
_CONNECTION = ("DOCKER_HOST", "DOCKER_TLS_VERIFY", "DOCKER_CERT_PATH", "PATH")
_SETTINGS = {"DOCKER_BUILDKIT": "1", "BUILDX_NO_DEFAULT_ATTESTATIONS": "1"}
_SYNTAX = re.compile(r"#\s*syntax\s*=", re.IGNORECASE)
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
        with tempfile.TemporaryDirectory() as folder:
            context, into = Path(folder, "context"), Path(folder, "image")
            context.mkdir()
            into.mkdir()
            (context / "file").touch()
            recipe = Recipe(context, "FROM scratch\nCOPY file /\n", platform=self.platform)
            build = self.build(recipe, Limits(seconds=60.0), "examine", into)
        if build.outcome is not Outcome.BUILT:
            return Ability(False, build.reason)
        said = f"docker {'.'.join(map(str, self.version))}{' with buildx' if self.has_buildx else ''}"
        return Ability(True, f"{said}; nothing here limits {', '.join(LACKS)}", LACKS)

    def build(self, recipe: Recipe, limits: Limits, store: str, into: Path) -> Build:
        """Build into the empty directory `into`."""
        if recipe.platform != self.platform:
            return Build(Outcome.IMPOSSIBLE, f"this builder is for {self.platform}, not {recipe.platform}")
        started = time.monotonic()
        # Nobody else's image has this name, and the engine is left without it.
        tag = f"dockslim-build:{secrets.token_hex(8)}"
        with _open_client(self.environ, self.plugins) as client:
            try:
                build = _build(client, self._command(recipe, store, tag), recipe, limits, tag, into)
            finally:
                client.ask("image", "rm", tag)
        return replace(build, seconds=time.monotonic() - started)

    def _command(self, recipe: Recipe, store: str, tag: str) -> Iterator[str]:
        yield from ("buildx", "build", "--load") if self.has_buildx else ("build",)
        yield from ("--progress", "plain", "--tag", tag)
        # Directories of RUN --mount=type=cache would be those of all other builds.
        for name, value in (("BUILDKIT_CACHE_MOUNT_NS", store), *recipe.build_args):
            yield from ("--build-arg", f"{name}={value}")
        if recipe.target is not None:
            yield from ("--target", recipe.target)


def open_docker(environ: Mapping[str, str]) -> Docker:
    """Ask the engine that DOCKER_HOST names for its version, which is empty where none answers."""
    kept = {name: environ[name] for name in _CONNECTION if environ.get(name)}
    plugins = Path(environ.get("DOCKER_CONFIG") or Path(environ.get("HOME") or "/root", ".docker"), "cli-plugins")
    with _open_client(kept, plugins) as client:
        said = re.fullmatch(r"(\d+)\.(\d+)\S* (\S+)\s*", client.ask("version", "--format", _ASKED))
        if said is None:
            return Docker(kept, plugins)
        has_buildx = client.ask("buildx", "version").startswith("github.com/docker/buildx ")
    return Docker(kept, plugins, (int(said[1]), int(said[2])), said[3], has_buildx)


def _build(client: _Client, command: Iterable[str], recipe: Recipe, limits: Limits, tag: str, into: Path) -> Build:
    deadline = time.monotonic() + limits.seconds
    dockerfile = parse(recipe.dockerfile)
    late = f"stopped after {limits.seconds:.0f} s"
    client.write("Dockerfile", _use_own_frontend(recipe.dockerfile))
    # What is ignored is gone already, and the ignore file of the context may be none of this Dockerfile's.
    client.write("Dockerfile.dockerignore", "# nothing\n")
    log = Log(limits.log)
    status = client.run(
        *command, "--file", str(client.home / "Dockerfile"), str(recipe.context), log=log, deadline=deadline
    )
    if status is None:
        steps = read_stop(log.text, dockerfile)
        line = f" (line {steps[-1].line})" if steps and steps[-1].line else ""
        return Build(Outcome.LIMITED, f"{late}{line}", None, steps, log.text)
    if status:
        outcome, reason, steps = read_failure(log.text, dockerfile)
        return Build(outcome, reason, None, steps, log.text)
    built = Build(Outcome.BUILT, "", into, read_steps(log.text, dockerfile), log.text)
    with tempfile.TemporaryFile() as archive:
        output = Capped(archive, limits.disk)
        status = client.run("save", tag, log=log, deadline=deadline, output=output)
        if status is None:
            return replace(built, outcome=Outcome.LIMITED, reason=late, layout=None, steps=())
        if output.is_cut:
            reason = f"the image is larger than {limits.disk / 1e6:.0f} MB"
            return replace(built, outcome=Outcome.LIMITED, reason=reason, layout=None, steps=())
        archive.seek(0)
        try:
            lay_out(archive, into, deadline, find_packed(recipe.earlier))
        except TimeoutError:
            return replace(built, outcome=Outcome.LIMITED, reason=late, layout=None, steps=())
        except SavedError as error:
            reason = f"the image cannot be read: {error}"
            return replace(built, outcome=Outcome.IMPOSSIBLE, reason=reason, layout=None, log=log.text)
    return built


def _use_own_frontend(text: str) -> str:
    """Take `# syntax=` out of the lines at the top, so that the engine runs no other program; no line below moves.

    Which lines count differs from version to version, so all of them are taken. Others, such as `# escape=`, only
    count while nothing but such lines is above them.
    """
    lines = text.removeprefix("\ufeff").split("\n")
    count = next((at for at, line in enumerate(lines) if not line.startswith("#")), len(lines))
    kept = [line for line in lines[:count] if not _SYNTAX.match(line)]
    return "\n".join([*kept, *["#"] * (count - len(kept)), *lines[count:]])


@dataclass(frozen=True, slots=True)
class _Client:
    """Docker's command line, in a directory of its own: it finds no credentials for registries there."""

    home: Path
    environ: Mapping[str, str]

    def write(self, name: str, text: str) -> None:
        (self.home / name).write_text(text, encoding="utf-8", errors="surrogateescape")

    def ask(self, *arguments: str) -> str:
        """Return what it says on standard output, nothing where it fails."""
        command = ["docker", *arguments]
        try:
            ran = subprocess.run(
                command, env=self.environ, stdin=subprocess.DEVNULL, capture_output=True, check=False, timeout=60
            )
        except (OSError, subprocess.TimeoutExpired):
            return ""
        return ran.stdout.decode("utf-8", "replace") if ran.returncode == 0 else ""

    def run(self, *arguments: str, log: Log, deadline: float, output: Sink | None = None) -> int | None:
        """Run it to its end and return its status, None where it was stopped: the engine then ends what it began."""
        process = subprocess.Popen(
            ["docker", *arguments],
            env=self.environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=self.home,
            # Buildx is a process of its own.
            start_new_session=True,
        )
        with process:
            try:
                return process.wait() if follow(process, log, max(deadline - time.monotonic(), 1.0), output) else None
            finally:
                if process.returncode is None:
                    os.killpg(process.pid, signal.SIGKILL)


@contextmanager
def _open_client(environ: Mapping[str, str], plugins: Path) -> Iterator[_Client]:
    with tempfile.TemporaryDirectory(prefix="dockslim-docker-", ignore_cleanup_errors=True) as folder:
        client = _Client(Path(folder), {**environ, "HOME": folder, "DOCKER_CONFIG": folder, **_SETTINGS})
        client.write("config.json", json.dumps({"cliPluginsExtraDirs": [str(plugins)]}))
        yield client
