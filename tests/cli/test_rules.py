"""`dockslim rules` and `explain`, and the pages in docs/rules."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cli.document import DIRECTORY, pages, stale, write
from rules.registry import RULES
from tests.cli.dockerfiles import run


def test_rules_as_json() -> None:
    listed = {each["code"]: each for each in json.loads(run("rules", "--format", "json").stdout)}
    assert list(listed) == [rule.code for rule in RULES]
    assert listed["DS201"]["remedies"] == ["unsafe"]
    assert listed["DS202"]["remedies"] == ["safe"]
    assert "hadolint:DL3015" in listed["DS201"]["aliases"]
    assert listed["DS201"]["summary"] == "Packages that apt adds without being asked."
    assert set(listed["DS201"]) == {"code", "name", "severity", "default", "remedies", "aliases", "summary"}
    assert [code for code, each in listed.items() if not each["default"]] == ["DS227"]


def test_rules_as_text() -> None:
    lines = run("rules").stdout.splitlines()
    assert len(lines) == len(RULES) + 1
    assert lines[-1].startswith(f"{len(RULES)} rules, ")
    assert lines[0].startswith(f"{RULES[0].code}  {RULES[0].name}")
    assert [line[:5] for line in lines if "  off  " in line] == ["DS227"]


@pytest.mark.parametrize("name", ["DS201", "ds201", "apt-recommended-packages", "DL3015", "hadolint:DL3015"])
def test_explain_takes_a_code_a_name_or_an_equivalent(name: str) -> None:
    result = run("explain", name)
    assert result.exit_code == 0
    assert result.stdout.startswith("# apt-recommended-packages (DS201)\n")
    assert "## Why it costs" in result.stdout


def test_explain_of_an_unknown_rule_names_what_comes_close() -> None:
    result = run("explain", "apt-recomended-packages")
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith(
        'dockslim: explain: there is no rule "apt-recomended-packages". Close to it: DS201 apt-recommended-packages'
    )
    assert (
        run("explain", "zzzzz").stderr == 'dockslim: explain: there is no rule "zzzzz". `dockslim rules` lists them.\n'
    )


def test_the_page_for_hadolints_users_maps_every_equivalent() -> None:
    page = pages()["coming-from-hadolint.md"]
    for rule in RULES:
        assert f"({rule.name}.md)" in page
        for alias in rule.aliases:
            if alias.startswith("hadolint:DL"):
                assert f"[{alias.removeprefix('hadolint:')}]" in page


def test_the_generated_pages_are_fresh() -> None:
    assert stale(DIRECTORY, pages()) == [], "run `make docs`"


def test_stale_pages_are_named_and_written_anew(tmp_path: Path) -> None:
    wanted = pages()
    assert write(tmp_path, wanted) == sorted(wanted)
    assert stale(tmp_path, wanted) == []
    (tmp_path / "index.md").write_text("old")
    (tmp_path / "gone-rule.md").write_text("old")
    assert stale(tmp_path, wanted) == ["gone-rule.md", "index.md"]
    write(tmp_path, wanted)
    assert stale(tmp_path, wanted) == []


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.code)
def test_a_page_has_everything(rule: object) -> None:
    page = pages()[f"{rule.name}.md"]  # type: ignore[attr-defined]
    for part in ("<!-- Generated", "## What it does", "## Why it costs", "## Reported", "## Not reported"):
        assert part in page
    assert ("```diff" in page) == any(bad.fixed is not None for bad in rule.bad)  # type: ignore[attr-defined]
    assert page.count("```") % 2 == 0
