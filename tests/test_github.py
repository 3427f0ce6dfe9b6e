"""What GitHub and pre-commit read of this repository: workflows, the action, hooks; and the version.

Nothing here asks GitHub: what can be known from the files is held.
"""

from __future__ import annotations

import re
import runpy
import shlex
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
import yaml

from bot.dockerfiles import is_dockerfile
from cli.version import VERSION, say_version
from tests.cli.dockerfiles import CLEAN, CRON, put, run

ROOT = Path(__file__).parents[1]
WORKFLOWS = sorted((ROOT / ".github/workflows").glob("*.yml"))
FILES = [*WORKFLOWS, ROOT / "action.yml", ROOT / ".pre-commit-hooks.yaml"]
MAY_WRITE = {
    ("dockslim.yml", "pull-requests"),
    ("release.yml/wheel", "contents"),
    ("release.yml/wheel", "id-token"),
    ("release.yml/wheel", "attestations"),
    ("release.yml/images", "packages"),
}
OUR_HOSTS = {"github.com", "ghcr.io"}
_PINNED = re.compile(r"actions/[a-z-]+@[0-9a-f]{40}")
_HOST = re.compile(r"\b(?:[a-z0-9-]+\.)+(?:com|dev|io|net|org)\b", re.IGNORECASE)


def _load(path: Path) -> Any:
    # YAML 1.1 takes "on" for true; GitHub does not.
    return yaml.load(path.read_text().replace("\non:", '\n"on":'), yaml.SafeLoader)


def _steps(path: Path) -> Iterator[dict[str, Any]]:
    document = _load(path)
    for job in document["jobs"].values() if "jobs" in document else (document["runs"],):
        assert "steps" in job or job["uses"].startswith("./")
        yield from job.get("steps", ())


def _name(path: Path) -> str:
    return path.name


@pytest.mark.parametrize("path", FILES, ids=_name)
def test_no_host_but_githubs_is_named(path: Path) -> None:
    assert {host.lower() for host in _HOST.findall(path.read_text())} <= OUR_HOSTS


@pytest.mark.parametrize("path", WORKFLOWS, ids=_name)
def test_permissions_are_the_least(path: Path) -> None:
    document = _load(path)
    held = {path.name: document["permissions"]}
    held |= {f"{path.name}/{name}": job.get("permissions", {}) for name, job in document["jobs"].items()}
    levels = {(place, name): level for place, names in held.items() for name, level in names.items()}
    assert set(levels.values()) <= {"read", "write"}
    assert {key for key, level in levels.items() if level == "write"} <= MAY_WRITE


@pytest.mark.parametrize("path", WORKFLOWS, ids=_name)
def test_nothing_of_a_fork_runs_with_rights(path: Path) -> None:
    document = _load(path)
    assert set(document["on"]) <= {"push", "pull_request", "workflow_call"}
    assert all("timeout-minutes" in job or "uses" in job for job in document["jobs"].values())


@pytest.mark.parametrize("path", [*WORKFLOWS, ROOT / "action.yml"], ids=_name)
def test_steps_are_pinned_and_take_nothing_into_their_shell(path: Path) -> None:
    for step in _steps(path):
        uses = step.get("uses", "./")
        assert uses == "./" or _PINNED.fullmatch(uses), uses
        if uses.startswith("actions/checkout"):
            assert step["with"]["persist-credentials"] is False
        # A branch may be called $(id): values come through the environment.
        assert "${{" not in step.get("run", "")


def test_the_action_keeps_away_from_the_jobs_folder() -> None:
    shells = [step for step in _steps(ROOT / "action.yml") if "run" in step]
    assert [step["working-directory"] for step in shells] == ["${{ github.action_path }}"] * 2
    called = shlex.split(shells[-1]["run"].replace('"$RUNNER_TEMP/dockslim/bin/python"', sys.executable))
    done = subprocess.run([*called[:-1], "--help"], cwd=ROOT, capture_output=True, text=True, check=True)
    assert called[-1] in done.stdout


@pytest.mark.parametrize(
    "path",
    [
        *("Dockerfile", "api/Dockerfile", "dockerfile", "Dockerfile.dev", "api.Dockerfile", "a/b.dockerfile"),
        *("Containerfile", "x.containerfile", "Dockerfile.dev.arm", "Dockerfile.md", "Dockerfile~", "Dockerfile.j2"),
        *("Dockerfile.dockerignore", "Dockerfile.YAML", "my-Dockerfile", "Dockerfile/readme", "a.dockerfile.in"),
    ],
)
def test_hooks_take_what_the_app_takes(path: str) -> None:
    for hook in _load(ROOT / ".pre-commit-hooks.yaml"):
        is_taken = bool(re.search(hook["files"], path)) and not re.search(hook["exclude"], path)
        assert is_taken == is_dockerfile(path)


@pytest.mark.parametrize(
    ("name", "text", "code"), [("dockslim", CRON, 1), ("dockslim", CLEAN, 0), ("dockslim-diff", CRON, 0)]
)
def test_hooks_run(name: str, text: str, code: int, tmp_path: Path) -> None:
    path = put(tmp_path, {"Dockerfile": text}) / "Dockerfile"
    (hook,) = (each for each in _load(ROOT / ".pre-commit-hooks.yaml") if each["id"] == name)
    command, *arguments = shlex.split(hook["entry"])
    result = run(*arguments, path)
    assert (command, result.exit_code) == ("dockslim", code)
    assert path.read_text() == text
    assert ("rm -rf /var/lib/apt/lists" in result.stdout) == (text == CRON)


def test_the_bill_of_materials_has_what_the_lock_has() -> None:
    lock = (ROOT / "requirements.lock").read_text()
    document = runpy.run_path(str(ROOT / ".github/sbom.py"))["describe"](lock)
    components = document["components"]
    assert len(components) == sum(line[:1].isalnum() for line in lock.splitlines()) > 30
    assert {"celery", "githubkit"} <= {each["name"] for each in components}
    assert all(each["purl"] == f"pkg:pypi/{each['name']}@{each['version']}" for each in components)


def test_one_version() -> None:
    assert version("dockslim") == VERSION
    changes = (ROOT / "CHANGELOG.md").read_text()
    assert f"## [{VERSION}]" in changes
    shown = re.findall(r"(?:dockslim@|rev: )v(\S+)", (ROOT / "docs/action.md").read_text())
    assert shown == [VERSION, VERSION]


@pytest.mark.parametrize(
    ("commit", "said"),
    [
        pytest.param("0123456789abcdef" * 2 + "01234567", " (0123456789ab)", id="baked"),
        pytest.param("0123456", " (0123456)", id="short"),
        pytest.param("main\x1b[31m", "", id="no commit"),
    ],
)
def test_an_image_tells_its_commit(commit: str, said: str, tmp_path: Path) -> None:
    assert say_version({"DOCKSLIM_COMMIT": commit}, tmp_path) == f"dockslim {VERSION}{said}"


def test_a_clone_tells_what_is_checked_out_and_an_installation_nothing(tmp_path: Path) -> None:
    assert say_version({}, tmp_path) == f"dockslim {VERSION}"
    git = ["git", "-C", str(tmp_path)]
    subprocess.run([*git, "init", "--quiet"], check=True)
    assert say_version({}, tmp_path) == f"dockslim {VERSION}"
    identity = ["-c", "user.name=A", "-c", "user.email=a@example.com"]
    subprocess.run([*git, *identity, "commit", "--quiet", "--allow-empty", "--message", "change"], check=True)
    head = subprocess.run([*git, "rev-parse", "HEAD"], check=True, capture_output=True, text=True).stdout
    assert say_version({}, tmp_path) == f"dockslim {VERSION} ({head[:12]})"
    # A package inside of somebody's repository is not that repository.
    assert say_version({}, put(tmp_path, {"lib/x.py": ""}) / "lib") == f"dockslim {VERSION}"


def test_the_action_obeys_no_variable_of_python() -> None:
    """A job's PYTHONPATH may lead to what a pull request brings, which would be imported beside a token that writes."""
    scripts = "\n".join(step["run"] for step in _steps(ROOT / "action.yml") if "run" in step)
    started = re.findall(r'^"\$[^"]*"(.*)$', scripts, re.MULTILINE)
    assert started
    assert all(each.startswith(" -E -m ") for each in started)
