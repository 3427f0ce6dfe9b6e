"""The formats that commands can write."""

from __future__ import annotations

from enum import StrEnum


class Format(StrEnum):
    """How findings are written."""

    TEXT = "text"
    JSON = "json"
    SARIF = "sarif"
    GITHUB = "github"


class ListFormat(StrEnum):
    """How rules are written."""

    TEXT = "text"
    JSON = "json"


class ImageFormat(StrEnum):
    """How images are described."""

    TEXT = "text"
    JSON = "json"
    MARKDOWN = "markdown"


class Process(StrEnum):
    """What runs for as long as dockslim does."""

    WEB = "web"
    WORKER = "worker"
    BUILDER = "builder"
