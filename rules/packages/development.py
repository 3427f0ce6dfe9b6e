"""Development dependencies in a shipped stage: what tells that they are wanted, and where the manifest lies."""

from __future__ import annotations

import json
import posixpath
from collections.abc import Iterator
from fnmatch import fnmatchcase
from functools import lru_cache
from typing import Any

from rules.dockerfile import Dockerfile, Instruction, ShellCommand
from rules.patterns import regex
from rules.rule import Surroundings
from rules.runs import Run
from rules.surroundings import Context

_FOR_DEVELOPMENT = regex(
    r"(?:^|[^a-z])(?:dev|devel|development|develop|devcontainer|tests?|testing|tester|ci|debug|local|lint|linter|e2e"
    r"|build|builder|compile|storybook|bench|examples?|sandbox|playground|coverage|qa)(?:[^a-z]|$)"
)
_NAME = regex(r"[@\w./-]{1,60}")
# Commands that neither run a build nor a test nor anything of the packages.
_HARMLESS = frozenset(
    {
        "rm", "mkdir", "chown", "chmod", "cp", "ln", "mv", "echo", "printf", "cd", "set", "export", "touch", "adduser",
        "addgroup", "useradd", "groupadd", "usermod", "apt-get", "apt", "apk", "yum", "dnf", "microdnf", "ls", "cat",
        "sed", "find", "curl", "wget", "true", ":", "id", "unset", "tar", "setcap", "ldconfig", "date", "sync", "du",
        "update-ca-certificates", "locale-gen", "a2enmod", "a2ensite", "a2dismod", "test", "[",
    }
)  # fmt: skip


def is_for_development(run: Run, surroundings: Surroundings) -> bool:
    """Tell whether the name of the file or of the stage says that the image is none for production."""
    name = (run.stage.name or "").lower()
    # The name of the Dockerfile, and the folder that it lies in: `docker/dev/Dockerfile`, `Dockerfile.test`.
    path = "/".join(surroundings.path.split("/")[-2:]).lower()
    return _FOR_DEVELOPMENT.search(name) is not None or _FOR_DEVELOPMENT.search(path) is not None


def manifest_of(run: Run, name: str, context: Context | None) -> str | None:
    """Return the path of the one manifest that the instructions below a RUN copy; None where it is not certain."""
    if context is None:
        return None
    sources = _copied(run.dockerfile, run.stage.index, run.instruction.index, name)
    found = {source for source in sources if source in context.files}
    return found.pop() if len(found) == 1 else None


def read_manifest(run: Run, name: str, context: Context | None) -> dict[str, Any] | None:
    """Return what the one JSON manifest holds that the instructions below a RUN copy; None where it was not read."""
    path = manifest_of(run, name, context)
    text = context.texts.get(path) if context is not None and path is not None else None
    if text is None:
        return None
    try:
        manifest = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return manifest if isinstance(manifest, dict) else None


def name_some(names: dict[str, Any]) -> str:
    """Name up to three packages, as far as they are fit to be shown."""
    shown = [f"`{name}`" for name in names if _NAME.fullmatch(name)][:3]
    return ", ".join(shown) if shown else "some"


@lru_cache(maxsize=64)
def _copied(dockerfile: Dockerfile, stage: int, before: int, name: str) -> frozenset[str]:
    found: set[str] = set()
    for _, each in dockerfile.lineage(dockerfile.stages[stage]):
        if each.index < before and each.keyword in ("COPY", "ADD") and each.flag("from") is None:
            found.update(_candidates(each, name))
    return frozenset(found)


def _candidates(each: Instruction, name: str) -> Iterator[str]:
    for word in each.words[:-1]:
        path = posixpath.normpath(word.text.lstrip("/")) if word.text.strip("/") else "."
        if path == ".":
            yield name
        elif fnmatchcase(name, posixpath.basename(path)):
            yield posixpath.join(posixpath.dirname(path), name)
        else:
            yield posixpath.join(path, name)


def is_harmless(command: ShellCommand) -> bool:
    """Tell whether a command certainly runs nothing of the installed packages."""
    return command.name in _HARMLESS
