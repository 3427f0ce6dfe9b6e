from __future__ import annotations

import pytest

from bot.dockerfiles import is_dockerfile


@pytest.mark.parametrize(
    "path",
    [
        *("Dockerfile", "dockerfile", "DOCKERFILE", "a/b/Dockerfile", "Dockerfile.dev", "Dockerfile.prod.alpine"),
        *("api.Dockerfile", "api.dockerfile", "Containerfile", "Containerfile.ubi9", "x.Containerfile"),
        *("Dockerfile.3.12-slim", "Dockerfile.python", "a b/Dockerfile"),
    ],
)
def test_is_one(path: str) -> None:
    assert is_dockerfile(path)


@pytest.mark.parametrize(
    "path",
    [
        *("Dockerfile.dockerignore", ".dockerignore", "Dockerfile.j2", "Dockerfile.erb", "Dockerfile.tmpl"),
        *("Dockerfile.in", "Dockerfile.md", "Dockerfile.orig", "Dockerfile.bak", "Dockerfile.dev.j2", "Dockerfile~"),
        *("Dockerfiles", "Dockerfile/readme", "MyDockerfile", "docker-compose.yml", "dockerfile_parse.py", ""),
        *("Dockerfile.", "build/.Dockerfile", "Dockerfile.template", "Containerfile.in", "Dockerfile.prod~"),
    ],
)
def test_is_none(path: str) -> None:
    assert not is_dockerfile(path)
