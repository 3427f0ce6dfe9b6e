"""`dockslim review` over real git repositories."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from cli.review import plan_review
from tests.cli.dockerfiles import CLEAN, CRON, put, run

_IDENTITY = {
    "GIT_AUTHOR_NAME": "A",
    "GIT_AUTHOR_EMAIL": "a@example.com",
    "GIT_COMMITTER_NAME": "A",
    "GIT_COMMITTER_EMAIL": "a@example.com",
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_NOSYSTEM": "1",
}


def _git(repository: Path, *arguments: str) -> None:
    command = ["git", "-C", str(repository), *arguments]
    subprocess.run(command, env={**os.environ, **_IDENTITY}, check=True, capture_output=True)


def _commit(repository: Path, files: dict[str, str | bytes]) -> None:
    put(repository, files)
    _git(repository, "add", "--all")
    _git(repository, "commit", "--quiet", "--allow-empty", "--message", "change")


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    _git(tmp_path, "init", "--quiet", "--initial-branch", "main")
    _commit(
        tmp_path, {"Dockerfile": CLEAN, "api/Dockerfile": "FROM debian:12-slim\n" + "RUN true\n" * 9 + "RUN echo\n"}
    )
    _git(tmp_path, "checkout", "--quiet", "-b", "feature")
    return tmp_path


def test_a_review_is_printed(repository: Path) -> None:
    _commit(repository, {"Dockerfile": CRON, "README.md": "hello\n"})
    result = run("review", "--repo", repository, "--base", "main", "--head", "feature")
    assert result.exit_code == 0
    lines = [line.strip() for line in result.stdout.splitlines()]
    assert lines[0] == "dockslim · 1 suggestion, at least 7.2 MB (estimated)"
    assert "Dockerfile:2" in lines
    assert "-RUN echo hello" not in lines
    assert "-RUN apt-get update && apt-get install -y cron" in lines
    assert lines[-1] == "Check run: 1 suggestion in Dockerfile (neutral)"
    assert lines.count("Summary") == 1
    assert [line.split() for line in lines if line.startswith("Image")] == [
        ["Image", "Found", "Saves", "if", "applied"]
    ]
    assert "<!--" not in result.stdout


def test_nothing_to_say(repository: Path) -> None:
    _commit(repository, {"README.md": "hello\n"})
    result = run("review", "--repo", repository, "--base", "main", "--head", "feature")
    assert result.stdout == "Check run: No Dockerfile in this pull request (skipped)\n"


def test_what_the_base_did_meanwhile_is_not_part_of_it(repository: Path) -> None:
    _commit(repository, {"Dockerfile": CLEAN + "RUN true\n"})
    _git(repository, "checkout", "--quiet", "main")
    _commit(repository, {"api/Dockerfile": CRON})
    files, plan = plan_review(str(repository), "main", "feature")
    assert [file.path for file in files] == ["Dockerfile"]
    assert plan.review is None


def test_a_renamed_file_keeps_its_old_text_and_its_patch(repository: Path) -> None:
    text = (repository / "api/Dockerfile").read_text()
    _git(repository, "mv", "api/Dockerfile", 'ünder "score"\tDockerfile'.replace("Dockerfile", "x.Dockerfile"))
    _commit(repository, {'ünder "score"\tx.Dockerfile': text + "RUN false\n"})
    ((file,), _) = plan_review(str(repository), "main", "feature")
    assert file.status == "renamed"
    assert file.path == 'ünder "score"\tx.Dockerfile'
    assert file.base == text
    assert file.patch is not None
    assert file.patch.startswith("@@ -")
    assert file.patch.endswith("+RUN false")


def test_added_removed_and_foreign_bytes(repository: Path) -> None:
    (repository / "Dockerfile").unlink()
    _commit(repository, {"new.Dockerfile": b"# caf\xe9\n" + CRON.encode()})
    files, plan = plan_review(str(repository), "main", "feature")
    assert [(file.path, file.status, file.base) for file in files] == [("new.Dockerfile", "added", None)]
    assert files[0].head == "# caf\udce9\n" + CRON
    assert plan.review is not None
    assert run("review", "--repo", repository, "--base", "main", "--head", "feature").exit_code == 0


@pytest.mark.parametrize(
    ("base", "head", "said"),
    [
        ("--output=x", "feature", "dockslim: --output=x: is no revision"),
        ("main", "-x", "dockslim: -x: is no revision"),
        ("nowhere", "feature", "dockslim: nowhere: is no commit in "),
        ("main", "orphan", "the two revisions have no commit in common"),
    ],
)
def test_a_bad_revision_is_one_line(repository: Path, base: str, head: str, said: str) -> None:
    _git(repository, "checkout", "--quiet", "--orphan", "orphan")
    _commit(repository, {"other": "history"})
    result = run("review", "--repo", repository, f"--base={base}", f"--head={head}")
    assert result.exit_code == 2
    assert said in result.stderr
    assert result.stderr.count("\n") == 1


def test_a_bad_repository_is_one_line(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "missing"):
        result = run("review", "--repo", path, "--base", "a", "--head", "b")
        assert result.exit_code == 2
        assert result.stderr.startswith(f"dockslim: {path}: ")
        assert result.stderr.count("\n") == 1
