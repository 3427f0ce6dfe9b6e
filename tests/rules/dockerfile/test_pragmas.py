"""Ignore pragmas: dockslim's own and those of other linters."""

from __future__ import annotations

import pytest

from rules.check import check
from rules.config import Config
from rules.dockerfile import parse

INSTALL = "RUN apt-get update && apt-get install -y cron && rm -rf /var/lib/apt/lists/*\n"
SILENT = {
    "dockslim-code": f"FROM debian:12-slim\n# dockslim ignore=DS201\n{INSTALL}",
    "dockslim-name": f"FROM debian:12-slim\n# dockslim: ignore=apt-recommended-packages\n{INSTALL}",
    "dockslim-lower": f"FROM debian:12-slim\n# dockslim ignore=ds201\n{INSTALL}",
    "dockslim-list": f"FROM debian:12-slim\n# dockslim ignore=DS999, DS201\n{INSTALL}",
    "dockslim-global": f"# dockslim global ignore=DS201\nFROM debian:12-slim\n{INSTALL}",
    "dockslim-block": f"FROM debian:12-slim\n# dockslim ignore=DS201\n# because\n{INSTALL}",
    "dockslim-with-reason": f"FROM debian:12-slim\n# dockslim ignore=DS201 we need the mail server\n{INSTALL}",
    "hadolint": f"FROM debian:12-slim\n# hadolint ignore=DL3015\n{INSTALL}",
    "hadolint-list": f"FROM debian:12-slim\n#hadolint ignore=DL3008,DL3015\n{INSTALL}",
    "hadolint-global": f"# hadolint global ignore=DL3015\nFROM debian:12-slim\n{INSTALL}",
    "trivy": f"FROM debian:12-slim\n# trivy:ignore:AVD-DS-0029\n{INSTALL}",
    "trivy-new": f"FROM debian:12-slim\n# trivy:ignore:DS-0029\n{INSTALL}",
    "tally": f"FROM debian:12-slim\n# tally ignore=hadolint/DL3015\n{INSTALL}",
    "inside-the-instruction": "FROM debian:12-slim\nRUN apt-get update && \\\n  # hadolint ignore=DL3015\n"
    "  apt-get install -y cron && rm -rf /var/lib/apt/lists/*\n",
    "crlf": f"FROM debian:12-slim\n# dockslim ignore=DS201\n{INSTALL}".replace("\n", "\r\n"),
}
LOUD = {
    "other-code": f"FROM debian:12-slim\n# dockslim ignore=DS202\n{INSTALL}",
    "other-tool": f"FROM debian:12-slim\n# hadolint ignore=DL3008\n{INSTALL}",
    "other-instruction": f"# dockslim ignore=DS201\nFROM debian:12-slim\n{INSTALL}",
    "blank-line-between": f"FROM debian:12-slim\n# dockslim ignore=DS201\n\n{INSTALL}",
    "prose": f"FROM debian:12-slim\n# we do not hadolint ignore=DL3015 here\n{INSTALL}",
}


def codes(text: str, config: Config | None = None) -> list[str]:
    return [each.code for each in check(parse(text), config or Config()).findings]


@pytest.mark.parametrize("text", SILENT.values(), ids=SILENT.keys())
def test_silenced(text: str) -> None:
    assert codes(text) == []


@pytest.mark.parametrize("text", LOUD.values(), ids=LOUD.keys())
def test_not_silenced(text: str) -> None:
    assert codes(text) == ["DS201"]


CONFIGS = {
    "select-code": (Config(select=frozenset({"ds201"})), ["DS201"]),
    "select-name": (Config(select=frozenset({"apt-lists-left-behind"})), ["DS202"]),
    "select-prefix": (Config(select=frozenset({"DS2"})), ["DS201", "DS202"]),
    "ignore": (Config(ignore=frozenset({"DS201"})), ["DS202"]),
    "ignore-wins": (Config(select=frozenset({"DS2"}), ignore=frozenset({"DS202"})), ["DS201"]),
    "select-another": (Config(select=frozenset({"DS204"})), []),
}


@pytest.mark.parametrize(("config", "expected"), CONFIGS.values(), ids=CONFIGS.keys())
def test_configuration(config: Config, expected: list[str]) -> None:
    text = "FROM debian:12-slim\nRUN apt-get update && apt-get install -y cron\n"
    assert sorted(codes(text, config)) == expected


def test_targets_of_the_configuration_are_shipped() -> None:
    text = f"FROM debian:12-slim AS tool\n{INSTALL}FROM debian:12-slim\n"
    assert codes(text) == []
    assert codes(text, Config(targets=frozenset({"Tool"}))) == ["DS201"]
