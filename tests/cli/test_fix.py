"""`dockslim fix`: what it changes, and what it leaves alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from cli.fix import fix_text
from rules.dockerfile import DockerfileError
from rules.registry import RULES
from tests.cli.dockerfiles import BROKEN, CLEAN, CRON, CRON_FIXED, CRON_SAFE, put, run


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_safe_fixes_only_unless_told(here: Path) -> None:
    put(here, {"Dockerfile": CRON, "b/Dockerfile": CRON, "c/Dockerfile": CLEAN})
    result = run("fix")
    assert (result.exit_code, result.stdout) == (0, "Fixed 2 findings in 2 files; 2 more with --unsafe\n")
    assert (here / "Dockerfile").read_text() == CRON_SAFE
    assert run("fix").stdout == "Nothing to fix in 3 files; 2 with --unsafe\n"
    assert run("fix", "--unsafe").stdout == "Fixed 2 findings in 2 files\n"
    assert (here / "b" / "Dockerfile").read_text() == CRON_FIXED
    assert run("fix", "--unsafe").stdout == "Nothing to fix in 3 files\n"


def test_select_and_ignore(here: Path) -> None:
    put(here, {"Dockerfile": CRON})
    run("fix", "--unsafe", "--ignore", "DS201")
    assert (here / "Dockerfile").read_text() == CRON_SAFE
    assert run("fix", "--select", "nonsense").exit_code == 2


def test_diff_writes_nothing(here: Path) -> None:
    put(here, {"Dockerfile": CRON.removesuffix("\n")})
    result = run("fix", "--diff")
    assert result.exit_code == 0
    assert result.stdout == (
        "--- a/Dockerfile\n+++ b/Dockerfile\n@@ -1,2 +1,2 @@\n FROM debian:12-slim\n"
        "-RUN apt-get update && apt-get install -y cron\n\\ No newline at end of file\n"
        "+RUN apt-get update && apt-get install -y cron && rm -rf /var/lib/apt/lists/*\n\\ No newline at end of file\n"
    )
    assert result.stderr == "Would fix 1 finding in 1 file; 1 more with --unsafe\n"
    assert (here / "Dockerfile").read_text() == CRON.removesuffix("\n")


def test_standard_input_goes_to_standard_output() -> None:
    result = run("fix", "-", "--unsafe", stdin=CRON)
    assert (result.exit_code, result.stdout) == (0, CRON_FIXED)


def test_standard_input_that_is_no_dockerfile_comes_out_as_it_was() -> None:
    result = run("fix", "-", stdin=BROKEN)
    assert (result.exit_code, result.stdout) == (2, BROKEN)
    assert result.stderr.startswith("dockslim: -:")


def test_a_broken_file_is_named_and_untouched(here: Path) -> None:
    put(here, {"a/Dockerfile": BROKEN, "b/Dockerfile": CRON})
    result = run("fix")
    assert result.exit_code == 2
    assert result.stderr.startswith("dockslim: a/Dockerfile:")
    assert (here / "a" / "Dockerfile").read_text() == BROKEN
    assert (here / "b" / "Dockerfile").read_text() == CRON_SAFE


@pytest.mark.parametrize(
    ("head", "newline"),
    [(b"", b"\r\n"), (b"\xef\xbb\xbf", b"\n"), (b"# caf\xe9 \xff\n", b"\n"), (b"\xef\xbb\xbf", b"\r\n")],
)
def test_line_ends_mark_and_foreign_bytes_are_kept(here: Path, head: bytes, newline: bytes) -> None:
    put(here, {"Dockerfile": head + CRON.encode().replace(b"\n", newline)})
    assert run("fix", "--unsafe").exit_code == 0
    assert (here / "Dockerfile").read_bytes() == head + CRON_FIXED.encode().replace(b"\n", newline)


def test_a_file_without_findings_is_not_written(here: Path) -> None:
    put(here, {"Dockerfile": CLEAN})
    before = (here / "Dockerfile").stat()
    run("fix")
    after = (here / "Dockerfile").stat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.code)
def test_a_second_run_changes_nothing(rule: object) -> None:
    for example in rule.bad:  # type: ignore[attr-defined]
        once = fix_text(example.text, unsafe=True)
        again = fix_text(once.text, unsafe=True)
        assert again.text == once.text
        assert again.fixed == ()
        assert again.left == once.left


def test_fixes_that_meet_are_made_one_after_the_other() -> None:
    text = "FROM debian:12-slim\nRUN apt-get update\nRUN apt-get install -y cron\n"
    outcome = fix_text(text, unsafe=True)
    assert outcome.left == ()
    assert outcome.text == CRON_FIXED


def test_what_is_no_dockerfile_is_an_error() -> None:
    with pytest.raises(DockerfileError):
        fix_text(BROKEN)
