"""The demo: a real pull request, told to its end."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from cli import story
from rules.check import check
from rules.dockerfile import parse


def test_the_story_begins_with_a_dockerfile_that_has_no_findings() -> None:
    assert check(parse(story.BASE[story.DOCKERFILE])).findings == ()


def test_the_story_brings_findings_that_all_have_a_fix() -> None:
    findings = check(parse(story.CHANGE[story.DOCKERFILE])).findings

    assert {finding.code for finding in findings} == {"DS101", "DS201", "DS202", "DS204"}
    assert all(finding.fix for finding in findings)


@pytest.mark.slow
def test_demo_posts_one_review_and_ends_with_nothing_more_to_say() -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", "from cli.demo import demo; demo(keep=False)"],
        env={**os.environ, "COLUMNS": "160", "DOCKSLIM_APP_ID": "not the demo's"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    output, errors = process.communicate(timeout=120)

    assert process.returncode == 0, errors
    assert errors == ""
    assert "dockslim[bot] reviewed" in output
    assert "Dockerfile:6\n" in output
    assert "+    && rm -rf /var/lib/apt/lists/*" in output
    assert "3 suggestions in Dockerfile" in output
    assert "dockslim has nothing more to say about Dockerfile." in output
    assert f"/{story.REPOSITORY}/pull/1" in output
    with pytest.raises(ProcessLookupError):
        os.killpg(process.pid, 0)
