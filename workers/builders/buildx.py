"""BuildKit through Docker's own client, which is held to a time and to nothing else: what all ends of it share.

https://docs.docker.com/reference/cli/docker/buildx/build/. Whatever limits the client takes, BuildKit ignores for RUN.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from rules.dockerfile import parse
from workers.builders.model import Build, Builder, Limits, Outcome, Recipe
from workers.builders.output import Capped, Log, Sink, follow
from workers.builders.packed import find_packed
from workers.builders.progress import read_failure, read_steps, read_stop
from workers.builders.saved import SavedError, lay_out

LACKS = ("memory", "processes", "disk", "network", "cpu")
"""What BuildKit limits for nobody: the flags for it are taken and ignored, and all builds share one cache."""
_SETTINGS = {"DOCKER_BUILDKIT": "1", "BUILDX_NO_DEFAULT_ATTESTATIONS": "1"}
_SYNTAX = re.compile(r"#\s*syntax\s*=", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Client:
    """Docker's command line, in a directory of its own: it finds no credentials for registries there."""

    home: Path
    environ: Mapping[str, str]

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
        """Run it to its end and return its status, None where it was stopped: BuildKit then ends what it began."""
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
def open_client(environ: Mapping[str, str], plugins: Path) -> Iterator[Client]:
    """Open a client that sees of the worker's environment what `environ` holds, with the plugins of a directory."""
    with tempfile.TemporaryDirectory(prefix="dockslim-docker-", ignore_cleanup_errors=True) as folder:
        Path(folder, "config.json").write_text(json.dumps({"cliPluginsExtraDirs": [str(plugins)]}))
        yield Client(Path(folder), {**environ, "HOME": folder, "DOCKER_CONFIG": folder, **_SETTINGS})


def find_plugins(environ: Mapping[str, str]) -> Path:
    """Return where a client with this environment has its own plugins, of which buildx is one."""
    return Path(environ.get("DOCKER_CONFIG") or Path(environ.get("HOME") or "/root", ".docker"), "cli-plugins")


def try_out(builder: Builder) -> Build:
    """Build an image of one file."""
    with tempfile.TemporaryDirectory() as folder:
        context, into = Path(folder, "context"), Path(folder, "image")
        context.mkdir()
        into.mkdir()
        (context / "file").touch()
        return builder.build(Recipe(context, "FROM scratch\nCOPY file /\n"), Limits(seconds=60.0), "examine", into)


def build_image(
    client: Client,
    command: Sequence[str],
    recipe: Recipe,
    limits: Limits,
    store: str,
    into: Path,
    save: Sequence[str] = (),
) -> Build:
    """Build into the empty directory `into`, by a command that writes the image out or leaves that to `save`."""
    deadline = time.monotonic() + limits.seconds
    dockerfile, log = parse(recipe.dockerfile), Log(limits.log)
    late = f"stopped after {limits.seconds:.0f} s"
    with tempfile.TemporaryFile() as archive:
        output = Capped(archive, limits.disk)
        arguments = _write_recipe(client, recipe, store)
        status = client.run(*command, *arguments, log=log, deadline=deadline, output=None if save else output)
        if status is None:
            steps = read_stop(log.text, dockerfile)
            line = f" (line {steps[-1].line})" if steps and steps[-1].line else ""
            return Build(Outcome.LIMITED, f"{late}{line}", None, steps, log.text)
        if status:
            outcome, reason, steps = read_failure(log.text, dockerfile)
            return Build(outcome, reason, None, steps, log.text)
        built = Build(Outcome.BUILT, "", into, read_steps(log.text, dockerfile), log.text)
        if save and client.run(*save, log=log, deadline=deadline, output=output) is None:
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


def _write_recipe(client: Client, recipe: Recipe, store: str) -> Iterator[str]:
    """Write what the client is to send, and yield the arguments that name it."""
    dockerfile = client.home / "Dockerfile"
    dockerfile.write_text(_use_own_frontend(recipe.dockerfile), encoding="utf-8", errors="surrogateescape")
    # What is ignored is gone already, and the ignore file of the context may be none of this Dockerfile's.
    (client.home / "Dockerfile.dockerignore").write_text("# nothing\n")
    yield from ("--progress", "plain")
    # Directories of RUN --mount=type=cache would be those of all other builds.
    for name, value in (("BUILDKIT_CACHE_MOUNT_NS", store), *recipe.build_args):
        yield from ("--build-arg", f"{name}={value}")
    if recipe.target is not None:
        yield from ("--target", recipe.target)
    yield from ("--file", str(dockerfile), str(recipe.context))


def _use_own_frontend(text: str) -> str:
    """Take `# syntax=` out of the lines at the top, so that BuildKit runs no other program; no line below moves.

    Which lines count differs from version to version, so all of them are taken. Others, such as `# escape=`, only
    count while nothing but such lines is above them.
    """
    lines = text.removeprefix("\ufeff").split("\n")
    count = next((at for at, line in enumerate(lines) if not line.startswith("#")), len(lines))
    kept = [line for line in lines[:count] if not _SYNTAX.match(line)]
    return "\n".join([*kept, *["#"] * (count - len(kept)), *lines[count:]])
