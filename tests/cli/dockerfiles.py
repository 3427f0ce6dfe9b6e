"""Dockerfiles for the tests of the command line, and a way to run it."""

from __future__ import annotations

from pathlib import Path

from typer.testing import CliRunner, Result

from cli.main import app

CRON = "FROM debian:12-slim\nRUN apt-get update && apt-get install -y cron\n"
"""One finding with a safe fix (DS202) and one with an unsafe one (DS201)."""
CRON_SAFE = "FROM debian:12-slim\nRUN apt-get update && apt-get install -y cron && rm -rf /var/lib/apt/lists/*\n"
CRON_FIXED = (
    "FROM debian:12-slim\n"
    "RUN apt-get update && apt-get install --no-install-recommends -y cron && rm -rf /var/lib/apt/lists/*\n"
)
CLEAN = "FROM debian:12-slim\nRUN echo hello\n"
BROKEN = "FROM debian:12-slim\nRUN <<END\necho nobody ends this\n"


def run(*arguments: str | Path, stdin: bytes | str | None = None) -> Result:
    """Run `dockslim` with these arguments in this process."""
    return CliRunner().invoke(app, [str(each) for each in arguments], input=stdin, catch_exceptions=False)


def put(directory: Path, files: dict[str, str | bytes]) -> Path:
    """Write files below a directory and return it."""
    for name, content in files.items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return directory
