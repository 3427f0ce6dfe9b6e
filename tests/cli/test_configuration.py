"""`dockslim config`, and the commands that obey a configuration file."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from bot.configuration.write import write_schema
from cli.files import is_top
from tests.cli.dockerfiles import CLEAN, CRON, CRON_SAFE, put, run
from tests.cli.test_review import _commit, _git

OFF = "rules: {DS201: off}\n"
BAD = "rules: {DS201: never}\nflor: 1\n"
FILE = ".github/dockslim.yml"


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    is_top.cache_clear()
    monkeypatch.chdir(tmp_path)
    _git(tmp_path, "init", "--quiet", "--initial-branch", "main")
    return tmp_path


def _codes(*arguments: str | Path, stdin: str | None = None) -> list[str]:
    return [each["code"] for each in json.loads(run("check", "--format", "json", *arguments, stdin=stdin).stdout)]


def test_a_good_file(here: Path) -> None:
    put(here, {FILE: OFF})
    for arguments in ((), (FILE,)):
        result = run("config", "check", *arguments)
        assert (result.exit_code, result.stdout) == (0, f"{FILE}: no problems\n")


def test_a_bad_file(here: Path) -> None:
    put(here, {"x.yml": BAD})
    result = run("config", "check", "x.yml")
    assert result.exit_code == 1
    assert result.stdout.splitlines() == [
        'x.yml:1: rules.DS201: Expected on, off, info, warning or error, not "never".',
        'x.yml:2: flor: There is no such key. Did you mean "floor"?',
    ]


def test_problems_as_json(here: Path) -> None:
    put(here, {"x.yml": b"flor: 1\n", "y.yml": b"\xff", "z.yml": b""})
    result = run("config", "check", "x.yml", "--format", "json")
    assert result.exit_code == 1
    assert json.loads(result.stdout) == [
        {
            "file": "x.yml",
            "line": 1,
            "column": 1,
            "key": "flor",
            "message": 'There is no such key. Did you mean "floor"?',
        }
    ]
    assert json.loads(run("config", "check", "y.yml", "--format", "json").stdout)[0]["message"] == "This is not UTF-8."
    assert json.loads(run("config", "check", "z.yml", "--format", "json").stdout) == []


def test_a_file_that_is_not_there(here: Path) -> None:
    put(here, {"a/b": ""})
    result = run("config", "check")
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr == f"dockslim: {FILE}: no such file or directory\n"


def test_standard_input_and_what_a_terminal_would_obey(here: Path) -> None:
    assert here.exists()
    result = run("config", "check", "-", stdin='"\\e[31m": 1\n')
    assert result.exit_code == 1
    assert result.stdout.startswith("-:1: \\x1b[31m: There is no such key.")


def test_show(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(here, {FILE: OFF, "a/b/c": ""})
    monkeypatch.chdir(here / "a/b")
    result = run("config", "show")
    assert result.exit_code == 0
    assert result.stdout.splitlines()[1:5] == [
        f"# ../../{FILE} over what is built in.",
        "rules:",
        "  DS201: off",
        "floor: 1 MB",
    ]


def test_show_says_what_counts_instead_of_a_bad_file(here: Path) -> None:
    put(here, {FILE: BAD})
    result = run("config", "show")
    assert result.exit_code == 2
    assert result.stdout.splitlines()[1:3] == ["# Built in.", "rules: {}"]
    assert result.stderr.splitlines()[1] == f'dockslim: {FILE}:2: flor: There is no such key. Did you mean "floor"?'


def test_schema() -> None:
    assert run("config", "schema").stdout == write_schema()


def test_check_obeys_the_file_of_the_work_tree(here: Path) -> None:
    put(here, {FILE: OFF, "Dockerfile": CRON, "a/Dockerfile": CRON})
    assert _codes() == ["DS202", "DS202"]
    assert _codes("a/Dockerfile") == ["DS202"]
    assert _codes("-", stdin=CRON) == ["DS202"]
    assert _codes("a/Dockerfile", "--no-config") == ["DS202", "DS201"]


def test_options_count_more_than_the_file(here: Path) -> None:
    put(here, {FILE: OFF, "Dockerfile": CRON})
    assert _codes("--select", "DS201") == ["DS201"]
    assert _codes("--ignore", "DS202") == []


def test_each_work_tree_has_its_own(here: Path) -> None:
    put(here, {FILE: OFF, "Dockerfile": CRON, "b/Dockerfile": CRON, "b/c/Dockerfile": CRON})
    _git(here, "init", "--quiet", "b")
    put(here, {f"b/{FILE}": "rules: {DS202: off}\n"})
    is_top.cache_clear()
    assert _codes() == ["DS202", "DS201", "DS201"]


def test_a_file_outside_a_work_tree_is_not_obeyed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    is_top.cache_clear()
    monkeypatch.chdir(put(tmp_path, {FILE: OFF, "Dockerfile": CRON}))
    assert _codes() == ["DS202", "DS201"]


def test_severities_and_the_floor_are_obeyed(here: Path) -> None:
    put(here, {FILE: "rules: {DS201: error, packages: info}\n", "Dockerfile": CRON})
    found = json.loads(run("check", "--format", "json").stdout)
    assert {each["code"]: each["severity"] for each in found} == {"DS201": "error", "DS202": "info"}


def test_paths_hold_for_what_is_found_and_not_for_what_is_named(here: Path) -> None:
    put(
        here,
        {
            FILE: "paths: {exclude: [vendor/]}\nimages: [{dockerfile: app.docker}]\n",
            "vendor/Dockerfile": CRON,
            "app.docker": CRON,
            "b/Dockerfile": CLEAN,
        },
    )
    assert len(_codes()) == len(_codes("vendor/Dockerfile")) == 2
    assert "in 1 file" in run("fix", ".").stdout
    assert (here / "vendor/Dockerfile").read_text() == CRON


def test_targets_are_shipped(here: Path) -> None:
    text = CRON.replace("slim\n", "slim AS tools\n") + "FROM debian:12-slim\n"
    put(here, {FILE: "images: [{dockerfile: Dockerfile, target: tools}]\n", "Dockerfile": text})
    assert _codes() == ["DS202", "DS201"]
    assert _codes("--no-config") == []


def test_a_context_that_is_named_is_the_one(here: Path) -> None:
    broad = "FROM node:22-slim\nWORKDIR /app\nCOPY . .\nCMD node .\n"
    _commit(here, {"api/Dockerfile": broad, "api/.dockerignore": "Dockerfile\n", "a.js": "1", ".env": "A=1\n"})
    assert _codes() == []
    for context, expected in ((".", ["DS501"]), ("api", [])):
        put(here, {FILE: f"images: [{{dockerfile: api/Dockerfile, context: {context}}}]\n"})
        assert _codes() == expected


def test_fix_obeys_the_file(here: Path) -> None:
    put(here, {FILE: OFF, "Dockerfile": CRON})
    run("fix", "--unsafe")
    assert (here / "Dockerfile").read_text() == CRON_SAFE


@pytest.mark.parametrize("command", ["check", "fix"])
def test_a_bad_file_is_named_once_and_the_rest_goes_on(here: Path, command: str) -> None:
    put(here, {FILE: BAD, "Dockerfile": CRON, "a/Dockerfile": CRON})
    result = run(command)
    assert result.exit_code == 2
    assert "2 file" in result.stdout or "4 findings" in result.stdout
    assert result.stderr.splitlines() == [
        f'dockslim: {FILE}:1: rules.DS201: Expected on, off, info, warning or error, not "never".',
        f'dockslim: {FILE}:2: flor: There is no such key. Did you mean "floor"?',
    ]


def test_a_link_is_not_read(here: Path) -> None:
    put(here, {"x.yml": OFF, "Dockerfile": CRON, ".github/a": ""})
    (here / FILE).symlink_to("../x.yml")
    result = run("check")
    assert result.exit_code == 2
    assert result.stderr == f"dockslim: {FILE}: is no regular file, so it is not read\n"


def _review(*arguments: str) -> list[str]:
    result = run("review", "--base", "main", "--head", "feature", *arguments)
    return [str(result.exit_code), *(line.strip() for line in result.stdout.splitlines()), *result.stderr.splitlines()]


def test_a_review_obeys_the_file_of_the_base(here: Path) -> None:
    _commit(here, {FILE: "rules: {DS2: off}\nimages: [{dockerfile: x}]\nfail: info\n", "Dockerfile": CLEAN})
    _git(here, "checkout", "--quiet", "-b", "feature")
    _commit(here, {FILE: "", "Dockerfile": CRON, "x": CLEAN})
    assert _review() == ["0", "Check run: No size findings in 2 Dockerfiles (success)"]
    assert _review("--no-config")[-1] == "Check run: 1 suggestion in Dockerfile (neutral)"


def test_a_review_fails_as_configured(here: Path) -> None:
    _commit(here, {FILE: "fail: info\n", "Dockerfile": CLEAN})
    _git(here, "checkout", "--quiet", "-b", "feature")
    _commit(here, {"Dockerfile": CRON})
    assert _review()[-1] == "Check run: 1 suggestion in Dockerfile (failure)"


def test_a_review_names_what_is_wrong_with_the_file(here: Path) -> None:
    _commit(here, {FILE: BAD, "Dockerfile": CLEAN})
    _git(here, "checkout", "--quiet", "-b", "feature")
    _commit(here, {"Dockerfile": CRON})
    said = _review()
    assert said[0] == "2"
    assert "Check run: 1 suggestion in Dockerfile (neutral)" in said
    assert said[-1] == f'dockslim: {FILE}:2: flor: There is no such key. Did you mean "floor"?'


def test_nobody_without_a_file_waits_for_its_reader(here: Path) -> None:
    put(here, {"Dockerfile": CRON})
    program = (
        "import sys; from cli.check import check_paths; from cli.formats import Format\n"
        "check_paths([], Format.TEXT)\n"
        "print(sorted(name for name in sys.modules if name in ('yaml', 'pydantic') or 'bot.configuration' in name))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
    put(here, {FILE: OFF})
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert "'yaml'" in done.stdout.splitlines()[-1]
    assert "'pydantic'" not in done.stdout.splitlines()[-1]
