"""`dockslim check`: what it prints in each format, and how it ends."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from cli.report.colours import Paint, paint_for
from cli.report.text import render_text
from rules.check import check
from rules.dockerfile import parse
from tests.cli.dockerfiles import BROKEN, CLEAN, CRON, put, run


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_nothing_found_is_exit_0(here: Path) -> None:
    put(here, {"Dockerfile": CLEAN, "api/Dockerfile": CLEAN})
    result = run("check")
    assert (result.exit_code, result.stdout) == (0, "No findings in 2 Dockerfiles\n")


def test_findings_are_exit_1_with_line_carets_and_diff(here: Path) -> None:
    put(here, {"api/Dockerfile": CRON})
    result = run("check", "--select", "DS202")
    assert result.exit_code == 1
    assert result.stdout.splitlines() == [
        "api/Dockerfile:2:5  DS202 apt-lists-left-behind",
        "  2 │ RUN apt-get update && apt-get install -y cron",
        "    │     ^^^^^^^^^^^^^^",
        "    = Package lists stay in the layer",
        "      `apt-get update` writes them to `/var/lib/apt/lists`, and nothing in this RUN deletes them.",
        "    - RUN apt-get update && apt-get install -y cron",
        "    + RUN apt-get update && apt-get install -y cron && rm -rf /var/lib/apt/lists/*",
        "1 finding, 1 with a fix (`dockslim fix`)",
    ]


def test_an_unsafe_fix_says_so_before_the_diff(here: Path) -> None:
    put(here, {"Dockerfile": CRON})
    lines = run("check", "--select", "apt-recommended-packages").stdout.splitlines()
    caution = next(at for at, line in enumerate(lines) if "= Fix with --unsafe. Changes behaviour" in line)
    assert lines[caution + 1].strip().startswith("- RUN")
    assert lines[-1] == "1 finding, 1 with a fix to look at (`dockslim fix --unsafe`), 7.2 MB"


def test_a_broken_file_is_named_and_the_others_are_checked(here: Path) -> None:
    put(here, {"a/Dockerfile": BROKEN, "b/Dockerfile": CRON})
    result = run("check", ".", "missing/Dockerfile")
    assert result.exit_code == 2
    assert "b/Dockerfile:2:5" in result.stdout
    named = result.stderr.splitlines()
    assert named[0].startswith("dockslim: a/Dockerfile:")
    assert named[1] == "dockslim: missing/Dockerfile: no such file or directory"


def test_standard_input() -> None:
    result = run("check", "-", stdin=CRON)
    assert result.exit_code == 1
    assert result.stdout.startswith("-:2:5  DS202")


@pytest.mark.usefixtures("here")
def test_no_dockerfile_is_said_and_no_failure() -> None:
    result = run("check")
    assert (result.exit_code, result.stdout, result.stderr) == (0, "", "dockslim: no Dockerfile in .\n")


@pytest.mark.parametrize("option", ["--select", "--ignore"])
def test_an_unknown_rule_is_named_with_what_comes_close(option: str) -> None:
    result = run("check", option, "DS201,apt-list-left-behind")
    assert result.exit_code == 2
    assert result.stderr.startswith(
        f'dockslim: {option}: there is no rule "apt-list-left-behind". Close to it: DS202 apt-lists-left-behind'
    )


def test_select_and_ignore_take_codes_names_beginnings_and_commas(here: Path) -> None:
    put(here, {"Dockerfile": CRON})
    assert _codes("--select", "ds2") == ["DS202", "DS201"]
    assert _codes("--select", "DS2", "--ignore", "apt-lists-left-behind, DS203") == ["DS201"]
    assert _codes("--select", "DS202", "--select", "DS201") == ["DS202", "DS201"]
    assert _codes("--ignore", "DS") == []


def _codes(*options: str) -> list[str]:
    return [each["code"] for each in json.loads(run("check", "--format", "json", *options).stdout)]


def test_json_has_the_fields_of_the_contract(here: Path) -> None:
    put(here, {"Dockerfile": CRON})
    result = run("check", "--format", "json", "--select", "DS202")
    assert result.exit_code == 1
    assert json.loads(result.stdout) == [
        {
            "path": "Dockerfile",
            "code": "DS202",
            "name": "apt-lists-left-behind",
            "aliases": json.loads(result.stdout)[0]["aliases"],
            "severity": "warning",
            "message": "Package lists stay in the layer",
            "line": 2,
            "column": 5,
            "end_line": 2,
            "end_column": 19,
            "applicability": "safe",
            "saving": {"bytes": None, "provenance": "unknown"},
            "fix": {
                "edits": [
                    {
                        "start_line": 2,
                        "start_column": 46,
                        "end_line": 2,
                        "end_column": 46,
                        "replacement": " && rm -rf /var/lib/apt/lists/*",
                    }
                ]
            },
            "snippet": None,
        }
    ]
    assert "hadolint:DL3009" in json.loads(result.stdout)[0]["aliases"]


def test_json_edits_applied_by_hand_are_the_fix(here: Path) -> None:
    put(here, {"Dockerfile": CRON})
    (found,) = json.loads(run("check", "--format", "json", "--select", "DS201").stdout)
    lines = CRON.split("\n")
    for edit in reversed(found["fix"]["edits"]):
        assert edit["start_line"] == edit["end_line"]
        line = lines[edit["start_line"] - 1]
        new = line[: edit["start_column"] - 1] + edit["replacement"] + line[edit["end_column"] - 1 :]
        lines[edit["start_line"] - 1] = new
    assert "install --no-install-recommends -y cron" in "\n".join(lines)


@pytest.mark.usefixtures("here")
def test_json_of_nothing_is_an_empty_list() -> None:
    assert json.loads(run("check", "--format", "json").stdout) == []


def test_json_holds_no_lone_surrogate(here: Path) -> None:
    put(here, {"Dockerfile": CRON.replace("cron", "cron-é").encode("latin-1")})
    output = run("check", "--format", "json").stdout
    assert "\\ud" not in output.lower()
    json.dumps(json.loads(output), ensure_ascii=False).encode()


def test_sarif(here: Path) -> None:
    put(here, {"a b/Dockerfile": CRON, "c/Dockerfile": BROKEN})
    result = run("check", "--format", "sarif")
    assert result.exit_code == 2
    log = json.loads(result.stdout)
    assert log["version"] == "2.1.0"
    (sarif_run,) = log["runs"]
    driver = sarif_run["tool"]["driver"]
    for each in sarif_run["results"]:
        assert driver["rules"][each["ruleIndex"]]["id"] == each["ruleId"]
        assert each["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == "a%20b/Dockerfile"
        assert each["fixes"][0]["artifactChanges"][0]["replacements"]
    assert all("## Why it costs" in rule["help"]["markdown"] for rule in driver["rules"])
    (invocation,) = sarif_run["invocations"]
    assert not invocation["executionSuccessful"]
    assert "c/Dockerfile" in invocation["toolExecutionNotifications"][0]["message"]["text"]


def test_github_commands_are_escaped(here: Path) -> None:
    put(here, {"a,b:100%\n::error::x\x1b[31m/Dockerfile": CRON})
    lines = run("check", "--format", "github", "--select", "DS202").stdout.splitlines()
    assert len(lines) == 1
    assert lines[0].startswith(
        "::warning file=a%2Cb%3A100%25%0A%3A%3Aerror%3A%3Ax\\x1b[31m/Dockerfile,line=2,endLine=2,"
        "title=DS202 apt-lists-left-behind::Package lists stay in the layer."
    )


def test_control_characters_of_a_path_never_reach_the_terminal(here: Path) -> None:
    put(here, {"\x1b[31m\nx/Dockerfile": CRON, "\x1b[32m/Dockerfile": BROKEN})
    result = run("check")
    assert "\x1b" not in result.stdout + result.stderr
    assert "\\x1b[31m\\nx/Dockerfile:2:5" in result.stdout
    assert result.stderr.startswith("dockslim: \\x1b[32m/Dockerfile:")


def _lines(text: str) -> list[str]:
    from cli.report.checked import Checked

    dockerfile = parse(text)
    found = [each for each in check(dockerfile).findings if each.code == "DS202"]
    block = next(render_text([Checked("Dockerfile", dockerfile, tuple(found))], Paint(False)))
    return block.split("\n")


def test_carets_stand_under_the_words_behind_tabs_and_wide_characters() -> None:
    lines = _lines("FROM debian:12-slim\nRUN\techo 漢字é &&\tapt-get update && apt-get install -y cron\n")
    shown, carets = lines[1], lines[2]
    at = shown.index("apt-get update")
    wide = 2
    assert "\t" not in shown
    assert carets.index("^") == at + wide
    assert carets.count("^") == len("apt-get update")


def test_of_a_long_line_only_what_is_around_the_words_is_shown() -> None:
    lines = _lines("FROM debian:12-slim\nRUN echo " + "x" * 5000 + " && apt-get update && apt-get install -y cron\n")
    assert len(lines[1]) < 200
    assert lines[1][lines[2].index("^") :].startswith("apt-get update")


def test_colours_only_where_they_are_wanted() -> None:
    class Terminal:
        def isatty(self) -> bool:
            return True

    terminal = Terminal()
    assert paint_for(terminal, {"TERM": "xterm"}).is_on  # type: ignore[arg-type]
    assert not paint_for(terminal, {"TERM": "xterm", "NO_COLOR": "1"}).is_on  # type: ignore[arg-type]
    assert not paint_for(terminal, {"TERM": "dumb"}).is_on  # type: ignore[arg-type]
    assert "\x1b[31m- RUN" in "".join(_coloured())


def _coloured() -> list[str]:
    from cli.report.checked import Checked

    dockerfile = parse(CRON)
    return list(render_text([Checked("Dockerfile", dockerfile, check(dockerfile).findings)], Paint(True)))


def test_a_console_that_knows_no_unicode_gets_it_spelt_out(here: Path) -> None:
    put(here, {"Dockerfile": CRON})
    done = _start("check", environ={"PYTHONIOENCODING": "ascii"})
    assert done.returncode == 1
    assert b"\\u2502 RUN apt-get" in done.stdout


def test_check_imports_nothing_heavy(here: Path) -> None:
    """What `dockslim check` needs of its own; typer's imports are not ours."""
    put(here, {"Dockerfile": CRON})
    program = (
        "import sys; from cli.check import check_paths; from cli.formats import Format; import cli.fix, cli.explain\n"
        "check_paths(['Dockerfile'], Format.TEXT)\n"
        "print(sorted({'pydantic', 'structlog', 'githubkit', 'rich', 'celery', 'fastapi'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_version() -> None:
    assert run("--version").stdout.startswith("dockslim 0.")


def _start(*arguments: str, environ: dict[str, str]) -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-m", "cli.main", *arguments]
    return subprocess.run(command, env={**os.environ, **environ}, capture_output=True, check=False)
