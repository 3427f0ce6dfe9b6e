"""What families.toml knows: every tag here was held against docker-library/official-images."""

from __future__ import annotations

import pytest

from rules.base_images.families import families, find_compiler, find_sibling
from rules.base_images.reference import read_reference
from tests.rules.cases import table

SLIM = {
    "python": ("python", "python:slim"),
    "python-latest": ("python:latest", "python:slim"),
    "python-minor": ("python:3.12", "python:3.12-slim"),
    "python-suite": ("python:3.12-bookworm", "python:3.12-slim-bookworm"),
    "python-of-the-article": ("python:3.8.10", "python:3.8.10-slim"),
    "python-rc": ("python:3.15-rc", "python:3.15-rc-slim"),
    "python-prefixed": ("docker.io/library/python:3.12", "docker.io/library/python:3.12-slim"),
    "python-mirrored": ("public.ecr.aws/docker/library/python:3", "public.ecr.aws/docker/library/python:3-slim"),
    "python-slim-already": ("python:3.12-slim", None),
    "python-alpine": ("python:3.12-alpine", None),
    "python-windows": ("python:3.12-windowsservercore", None),
    "python-wheezy": ("python:2.7-wheezy", None),
    "python-before-slim": ("python:2.7.7", None),
    "python-elsewhere": ("ghcr.io/me/python:3.12", None),
    "node": ("node:22", "node:22-slim"),
    "node-suite": ("node:22-bookworm", "node:22-bookworm-slim"),
    "node-codename": ("node:lts", "node:lts-slim"),
    "node-old-suite": ("node:6-stretch", None),
    "node-suite-alone": ("node:bookworm", "node:bookworm-slim"),
    "ruby": ("ruby:3.3-bookworm", "ruby:3.3-slim-bookworm"),
    "perl-before-slim": ("perl:5.20", None),
    "debian": ("debian:bookworm", "debian:bookworm-slim"),
    "debian-number": ("debian:12.5", "debian:12.5-slim"),
    "debian-date": ("debian:bookworm-20240110", "debian:bookworm-20240110-slim"),
    "debian-latest": ("debian", "debian:stable-slim"),
    "debian-before-slim": ("debian:8.2", None),
    "debian-backports": ("debian:bookworm-backports", None),
    "buildpack-deps": ("buildpack-deps:bookworm", "debian:bookworm-slim"),
    "buildpack-deps-of-ubuntu": ("buildpack-deps:22.04", None),
    "openjdk": ("openjdk:17-jdk", "openjdk:17-jdk-slim"),
    "php-has-none": ("php:8.3", None),
    "golang-has-none": ("golang:1.22", None),
    "ubuntu-has-none": ("ubuntu:22.04", None),
    "variable": ("python:$V", None),
    "nonsense": ("python:" + "1." * 3000, None),
}
JRE = {
    "temurin": ("eclipse-temurin:17-jdk", "eclipse-temurin:17-jre"),
    "temurin-bare": ("eclipse-temurin:21", "eclipse-temurin:21-jre"),
    "temurin-system": ("eclipse-temurin:17-jdk-jammy", "eclipse-temurin:17-jre-jammy"),
    "temurin-alpine": ("eclipse-temurin:17-jdk-alpine", "eclipse-temurin:17-jre-alpine"),
    "temurin-build": ("eclipse-temurin:8u392-b08-jdk", "eclipse-temurin:8u392-b08-jre"),
    "temurin-jre-already": ("eclipse-temurin:17-jre", None),
    "temurin-16-has-none": ("eclipse-temurin:16-jdk", None),
    "openjdk-8": ("openjdk:8-jdk", "openjdk:8-jre"),
    "openjdk-8-alpine": ("openjdk:8-jdk-alpine", "openjdk:8-jre-alpine"),
    "openjdk-11-slim": ("openjdk:11-jdk-slim", "openjdk:11-jre-slim"),
    "openjdk-11-alpine-has-none": ("openjdk:11-jdk-alpine", None),
    "openjdk-17": ("openjdk:17-jdk-slim", "eclipse-temurin:17-jre"),
    "openjdk-17-alpine": ("openjdk:17-jdk-alpine", "eclipse-temurin:17-jre-alpine"),
    "openjdk-14-has-none": ("openjdk:14", None),
    "java": ("java:8", "java:8-jre"),
    "semeru": ("ibm-semeru-runtimes:open-17-jdk", "ibm-semeru-runtimes:open-17-jre"),
    "windows": ("eclipse-temurin:17-jdk-nanoserver", None),
}
OTHERS = {
    "dotnet": ("mcr.microsoft.com/dotnet/sdk:8.0", "sdk", "mcr.microsoft.com/dotnet/aspnet:8.0"),
    "dotnet-alpine": ("mcr.microsoft.com/dotnet/sdk:8.0-alpine", "sdk", "mcr.microsoft.com/dotnet/aspnet:8.0-alpine"),
    "dotnet-version-of-the-sdk": ("mcr.microsoft.com/dotnet/sdk:8.0.100", "sdk", None),
    "cuda": ("nvidia/cuda:12.2.0-devel-ubuntu22.04", "devel", "nvidia/cuda:12.2.0-runtime-ubuntu22.04"),
    "cuda-cudnn": (
        "nvidia/cuda:11.8.0-cudnn8-devel-ubuntu22.04",
        "devel",
        "nvidia/cuda:11.8.0-cudnn8-runtime-ubuntu22.04",
    ),
    "cuda-runtime-already": ("nvidia/cuda:12.2.0-runtime-ubuntu22.04", "devel", None),
}


@table(("base", "expected"), SLIM)
def test_slim_sibling(base: str, expected: str | None) -> None:
    sibling = find_sibling(base, "slim")
    assert (sibling.reference if sibling else None) == expected


@table(("base", "expected"), JRE)
def test_jre_sibling(base: str, expected: str | None) -> None:
    sibling = find_sibling(base, "jre")
    assert (sibling.reference if sibling else None) == expected


@table(("base", "kind", "expected"), OTHERS)
def test_other_siblings(base: str, kind: str, expected: str | None) -> None:
    sibling = find_sibling(base, kind)
    assert (sibling.reference if sibling else None) == expected


def test_a_sibling_of_another_image_is_never_sure() -> None:
    for image, swaps in families().swaps.items():
        for swap in swaps:
            same = swap.becomes.rpartition(":")[0] == image
            assert same or not swap.sure or swap.kind == "sdk"


def test_a_digest_is_kept_apart() -> None:
    reference = read_reference("python:3.12@sha256:" + "0" * 64)
    assert reference is not None
    assert (reference.tag, reference.digest[:8]) == ("3.12", "@sha256:")


@pytest.mark.parametrize("base", ["golang:1.22", "maven:3-jdk-8", "rust", "docker.io/library/gcc:13"])
def test_compilers(base: str) -> None:
    assert find_compiler(base) is not None
