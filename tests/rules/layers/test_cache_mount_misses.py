"""cache-mount-misses."""

from __future__ import annotations

from rules.check import check
from rules.dockerfile import parse
from rules.finding import Severity
from tests.rules.cases import findings, rule_test

CODE = "DS109"
P = "FROM python:3.12\n"
N = "FROM node:22\n"
M = "RUN --mount=type=cache,target="
SILENT = {
    "right": P + f"{M}/root/.cache/pip pip install a\n",
    "above": P + f"{M}/root/.cache pip install a\n",
    "npm": N + f"{M}/root/.npm npm ci\n",
    "yarn": N + f"{M}/usr/local/share/.cache/yarn yarn install\n",
    "yarn-moved": N + f"{M}/root/.yarn YARN_CACHE_FOLDER=/root/.yarn yarn install\n",
    "yarn-moved-by-env": N + f"ENV YARN_CACHE_FOLDER=/root/.yarn\n{M}/root/.yarn yarn install\n",
    "yarn-moved-by-option": N + f"{M}/c/yarn yarn install --cache-folder /c/yarn\n",
    "yarn-berry": N + f"COPY .yarnrc.yml ./\n{M}/root/.yarn/cache yarn install\n",
    "pip-moved": P + f"ENV PIP_CACHE_DIR=/c/.cache/pip\n{M}/c/.cache/pip pip install a\n",
    "home-moved": P + f"ENV HOME=/h\n{M}/h/.cache/pip pip install a\n",
    "home-of-the-user": N + f"USER node\n{M}/home/node/.npm,uid=1000 npm ci\n",
    "user-unknown": "FROM acme/x\n" + f"{M}/home/x/.cache/pip pip install a\n",
    "home-unknown": P + f"RUN useradd -d /srv/a a\nUSER a\n{M}/root/.cache/pip pip install a\n",
    "another-purpose": P + f"{M}/var/cache/apt pip install --no-cache-dir a\n",
    "no-cache-wanted": P + f"{M}/x/.cache/pip pip install --no-cache-dir a\n",
    "configured": N + f"COPY .npmrc ./\n{M}/x/.npm npm ci\n",
    "tmpfs": P + "RUN --mount=type=tmpfs,target=/x/.cache/pip pip install a\n",
    "apt-on-another-base": P + f"{M}/var/cache/apt apt-get update && apt-get install -y a\n",
    "apt-lists-only": f"FROM debian:12\n{M}/var/lib/apt apt-get update && apt-get install -y a\n",
    "apt-and-docker-clean-removed": "FROM debian:12\nRUN rm -f /etc/apt/apt.conf.d/docker-clean\n"
    f"{M}/var/cache/apt apt-get update && apt-get install -y a\n",
    "stage-not-shipped": f"FROM python:3 AS b\n{M}/x/.cache/pip pip install a\n{P}COPY --from=b /a /a\n",
    "pragma": P + f"# dockslim ignore=DS109\n{M}/x/.cache/pip pip install a\n",
}
FIXED = {
    "npm-among-the-caches": (N + f"{M}/root/.cache/npm npm ci\n", N + f"{M}/root/.npm npm ci\n"),
    "pip-at-the-top": (P + f"{M}/pip-cache pip install a\n", P + f"{M}/root/.cache/pip pip install a\n"),
    "yarn-as-everybody-writes-it": (
        N + f"{M}/root/.yarn yarn install\n",
        N + f"{M}/usr/local/share/.cache/yarn yarn install\n",
    ),
    "yarn-below-cache": (
        N + f"{M}/root/.cache/yarn,sharing=locked yarn install\n",
        N + f"{M}/usr/local/share/.cache/yarn,sharing=locked yarn install\n",
    ),
    "other-home": (P + f"{M}/home/app/.cache/pip pip install a\n", P + f"{M}/root/.cache/pip pip install a\n"),
    "second-mount": (
        P + "RUN --mount=type=cache,target=/x --mount=type=cache,id=p,dst=/h/.cache/pip \\\n  pip install a\n",
        P + "RUN --mount=type=cache,target=/x --mount=type=cache,id=p,dst=/root/.cache/pip \\\n  pip install a\n",
    ),
    "crlf": (
        f"FROM node:22\r\n{M}/home/x/.npm npm ci\r\n",
        f"FROM node:22\r\n{M}/root/.npm npm ci\r\n",
    ),
    "user": (N + f"USER node\n{M}/root/.npm npm ci\n", None),
    "user-made": (P + f"RUN useradd -m a\nUSER a\n{M}/root/.cache/pip pip install a\n", None),
}

test_cases = rule_test(CODE, SILENT, FIXED)


def test_docker_clean_is_information() -> None:
    (found,) = findings(CODE, f"FROM debian:12\n{M}/var/cache/apt apt-get update && apt-get install -y a\n")
    assert found.severity is Severity.INFO
    assert found.snippet is not None
    assert "docker-clean" in found.snippet.text


def test_what_a_mount_is_meant_for_is_not_cleaned_up_as_well() -> None:
    text = N + f"{M}/root/.yarn yarn install --frozen-lockfile --production\n"
    assert [each.code for each in check(parse(text)).findings if each.code != "DS301"] == [CODE]
