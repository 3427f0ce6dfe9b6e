"""The article's sixth technique: an ignore file for `.git`, temporary files, Docker's own files and secrets."""

from __future__ import annotations

from rules.surroundings import Context, Surroundings
from tests.rules.cases import assert_silent, findings

TEXT = 'FROM python:3.12-slim\nWORKDIR /app\nCOPY . .\nCMD ["python", "app.py"]\n'
FILES = {"Dockerfile": 90, "app.py": 400, ".gitignore": 20, "compose.yml": 100}


def _around(ignore: str | None) -> Surroundings:
    return Surroundings(context=Context(FILES, ignore=ignore, texts={".gitignore": "*.pyc\n.venv/\n"}))


def test_without_an_ignore_file_one_is_written_out() -> None:
    (found,) = findings("DS501", TEXT, _around(None))
    assert found.snippet is not None
    assert ".git\n" in found.snippet.text + "\n"


def test_with_one_there_is_nothing_to_say() -> None:
    assert_silent("DS501", TEXT, _around(".git\n.venv\n"))
