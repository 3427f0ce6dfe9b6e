"""What lies around a Dockerfile on disk."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from cli import around
from cli.around import look_around
from cli.check import check_text
from cli.files import is_top
from cli.review import Repository, plan_review
from rules.config import Config
from rules.dockerfile import parse
from rules.surroundings import Surroundings

BROAD = "FROM node:22-slim\nWORKDIR /app\nCOPY . .\nRUN npm ci\n"


@pytest.fixture(autouse=True)
def _forget() -> None:
    is_top.cache_clear()
    around._files.cache_clear()


def _git(folder: Path, *arguments: str) -> None:
    identity = ("-c", "user.name=a", "-c", "user.email=a@example.com", "-c", "init.defaultBranch=main")
    subprocess.run(["git", *identity, *arguments], cwd=folder, check=True, capture_output=True)


def _write(folder: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)


def _look(path: Path, text: str = BROAD) -> Surroundings:
    return look_around(str(path), parse(text), Config(targets=frozenset({"ci"})))


class TestRepository:
    @pytest.fixture
    def top(self, tmp_path: Path) -> Path:
        _git(tmp_path, "init")
        _write(tmp_path, {"Dockerfile": BROAD, "package.json": "{}", ".dockerignore": "x\n", "web/a b.js": "four"})
        _git(tmp_path, "add", ".")
        _write(tmp_path, {"untracked": "x"})
        return tmp_path

    def test_tracked_files_and_texts(self, top: Path) -> None:
        found = _look(top / "Dockerfile")
        assert found.context is not None
        assert found.context.files == {".dockerignore": 2, "Dockerfile": len(BROAD), "package.json": 2, "web/a b.js": 4}
        assert (found.context.ignore, found.context.texts["package.json"]) == ("x\n", "{}")
        assert found.context.sends_git
        assert found.targets == {"ci"}

    def test_in_a_folder(self, top: Path) -> None:
        compose = "services: {web: {build: {context: web, dockerfile: ../docker/Dockerfile, target: dev}}}"
        _write(top, {"docker/Dockerfile": BROAD, "compose.yml": compose})
        _git(top, "add", ".")
        found = _look(top / "docker" / "Dockerfile")
        assert found.context is not None
        assert (found.context.root, found.context.files) == ("web", {"a b.js": 4})
        assert found.targets == {"ci", "dev"}

    def test_nothing_is_read_where_nothing_asks(self, top: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(around, "_files", None)
        assert _look(top / "Dockerfile", "FROM debian:12\nCOPY a /a\n").context is None

    def test_folders_above_say_nothing(self, tmp_path: Path) -> None:
        top = tmp_path / "playground"
        _write(top, {"Dockerfile": BROAD, "dev/Dockerfile": BROAD})
        _git(top, "init")
        assert _look(top / "Dockerfile").path == "Dockerfile"
        assert _look(top / "dev" / "Dockerfile", "FROM debian:12\n").path == "dev/Dockerfile"

    def test_a_link_is_not_followed(self, top: Path) -> None:
        (top / ".dockerignore").unlink()
        (top / ".dockerignore").symlink_to("/etc/passwd")
        _git(top, "add", ".")
        assert _look(top / "Dockerfile").context is None

    def test_a_hook_does_not_mislead(self, top: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("GIT_DIR", "/nowhere")
        assert _look(top / "Dockerfile").context is not None

    def test_too_many_files(self, top: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("rules.context.gather.MAX_FILES", 2)
        assert _look(top / "Dockerfile").context is None

    def test_findings_know_it(self, top: Path) -> None:
        codes = {each.code for each in check_text(str(top / "Dockerfile"), BROAD, Config()).findings}
        assert "DS601" not in codes  # there is no lock file
        _write(top, {"package-lock.json": "{}"})
        _git(top, "add", ".")
        around._files.cache_clear()
        codes = {each.code for each in check_text(str(top / "Dockerfile"), BROAD, Config()).findings}
        assert "DS601" in codes

    def test_a_review_reads_the_tree_of_the_head(self, top: Path) -> None:
        _git(top, "commit", "-m", "base")
        _write(top, {"Dockerfile": "FROM node:22-slim\n# all\nCOPY . /app\n", ".env": "API_TOKEN=qW8zRt5pLm\n"})
        _git(top, "add", "Dockerfile", ".env")
        _git(top, "commit", "-m", "head")
        _write(top, {".env": "nothing"})
        files, planned = plan_review(str(top), "HEAD~1", "HEAD")
        (file,) = files
        assert file.context is not None
        assert file.context.texts[".env"] == "API_TOKEN=qW8zRt5pLm\n"
        assert planned.review is not None
        assert any("`.env` is copied into the image" in each.body for each in planned.review.comments)

    def test_a_review_does_not_ask_where_nothing_is_copied(self, top: Path) -> None:
        assert list(Repository(str(top)).look_around("HEAD", [])) == []


def test_without_a_repository_the_folder_counts(tmp_path: Path) -> None:
    _write(tmp_path, {"Dockerfile": BROAD, "src/a.js": "x", ".git-not/x": "y"})
    found = _look(tmp_path / "Dockerfile")
    assert found.context is not None
    assert set(found.context.files) == {"Dockerfile", "src/a.js", ".git-not/x"}
    assert not found.context.sends_git


def test_without_a_repository_another_name_tells_nothing(tmp_path: Path) -> None:
    _write(tmp_path, {"api.Dockerfile": BROAD})
    assert _look(tmp_path / "api.Dockerfile").context is None


def test_standard_input_lies_nowhere() -> None:
    assert look_around("-", parse(BROAD), Config()).context is None


def test_an_unreadable_folder_is_passed_over(tmp_path: Path) -> None:
    _write(tmp_path, {"Dockerfile": BROAD, "a/b": "x"})
    os.mkfifo(tmp_path / "pipe")
    found = _look(tmp_path / "Dockerfile")
    assert found.context is not None
    assert "pipe" not in found.context.files


def test_checking_a_file_needs_no_yaml() -> None:
    code = "import cli.check, sys; sys.exit('yaml' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
