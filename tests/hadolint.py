"""Ask hadolint about many texts, a hundred to a process; what it said of a text is kept in `.cache/`."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

PROGRAM = Path(sys.executable).parent / "hadolint"
_KEPT = Path(__file__).resolve().parents[1] / ".cache"
_A_PROCESS = 100


class Hit(NamedTuple):
    """One thing that hadolint said: the code, and the 1-based line of the instruction."""

    code: str
    line: int


def lint(texts: Iterable[str]) -> dict[str, tuple[Hit, ...]]:
    """Return what hadolint says of each of `texts`."""
    wanted = {_key(text): text for text in texts}
    kept_in = _KEPT / f"hadolint-{_version()}.json"
    kept: dict[str, list[list[str | int]]] = json.loads(kept_in.read_text()) if kept_in.is_file() else {}
    missing = [key for key in wanted if key not in kept]
    for at in range(0, len(missing), _A_PROCESS):
        part = missing[at : at + _A_PROCESS]
        kept.update(_ask({key: wanted[key] for key in part}))
    if missing:
        _KEPT.mkdir(exist_ok=True)
        part_of = kept_in.with_suffix(f".{os.getpid()}")
        part_of.write_text(json.dumps(kept))
        part_of.replace(kept_in)
    return {text: tuple(Hit(str(code), int(line)) for code, line in kept[key]) for key, text in wanted.items()}


def _key(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()


def _version() -> str:
    said = subprocess.run([PROGRAM, "--version"], capture_output=True, text=True, check=True).stdout
    return said.split()[-1].removeprefix("v")


def _ask(texts: dict[str, str]) -> dict[str, list[list[str | int]]]:
    answers: dict[str, list[list[str | int]]] = {key: [] for key in texts}
    with tempfile.TemporaryDirectory() as folder:
        for key, text in texts.items():
            (Path(folder) / key).write_bytes(text.encode("utf-8", "surrogateescape"))
        # Without a home there is no configuration of the user's; a larger nursery saves a sixth of the time.
        environment = {"PATH": os.environ["PATH"], "HOME": folder, "LANG": "C.UTF-8", "GHCRTS": "-A64m"}
        command = [PROGRAM, "--no-fail", "--format", "json", *texts]
        said = subprocess.run(command, cwd=folder, env=environment, capture_output=True, check=True).stdout
    for each in json.loads(said):
        answers[Path(each["file"]).name].append([each["code"], each["line"]])
    return answers
