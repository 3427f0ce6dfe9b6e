"""What the README and its neighbours say: links lead somewhere, targets and commands exist, settings are all there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import typer

from bot.settings import Hosting, Settings
from cli.main import app

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md", "deploy/README.md")]
_LINK = re.compile(r"\]\((?!https?://|#)([^)#]+)")


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(path: Path) -> None:
    missing = [link for link in _LINK.findall(path.read_text()) if not (path.parent / link).exists()]
    assert missing == []


def test_the_readme_has_two_commands() -> None:
    readme = (ROOT / "README.md").read_text()
    section = readme.partition("## Two commands\n")[2].partition("\n## ")[0]
    commands = re.findall(r"^ {4}(.+)$", section, re.MULTILINE)
    assert commands == ["make demo", "make test"]
    targets = re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    for name in re.findall(r"`make ([a-z]+)`", readme + (ROOT / "CONTRIBUTING.md").read_text()):
        assert name in targets


def test_commands_that_pages_name_exist() -> None:
    known = set(typer.main.get_command(app).commands)  # type: ignore[attr-defined]
    pages = [*PAGES, *(ROOT / "docs").glob("*.md")]
    named = {name for page in pages for name in re.findall(r"(?<![/\w])`dockslim ([a-z]+)\b", page.read_text())}
    assert {"serve", "check", "review"} <= named <= known


def test_every_setting_is_described() -> None:
    install = (ROOT / "docs/install.md").read_text()
    fields = {*Settings.model_fields, *Hosting.model_fields}
    assert [name for name in sorted(fields) if f"`DOCKSLIM_{name.upper()}`" not in install] == []
