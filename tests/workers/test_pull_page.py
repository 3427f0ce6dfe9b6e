"""The sandbox's page of a pull request in a real browser, with a review by dockslim on it."""

from __future__ import annotations

from pathlib import Path

import pytest

from cli import story
from tests.chromium import DESKTOP, PHONE, browsing
from tests.workers.stage import Stage

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_a_review_and_a_click(stage: Stage, size: tuple[int, int], tmp_path: Path) -> None:
    repository = stage.sandbox.create_repository("acme/bakery", story.BASE)
    repository.commit(story.BRANCH, story.CHANGE, story.TITLE, author=story.AUTHOR)
    pull = stage.sandbox.open_pull_request(repository, story.BRANCH, title=story.TITLE, body=story.BODY)
    stage.perform(pull, repository_id=repository.record.id, repository="bakery")
    pull.comment("A long word for the edge: " + "/a/rather/long/path" * 12)
    offered = len(pull.review_comments)
    with browsing(tmp_path) as page:
        page.resize(size)
        page.open(pull.url)
        assert page.overflowing() == []
        page.screenshot(tmp_path / "pull.png")
        assert page.text.count("Commit suggestion") == offered
        page.evaluate("document.querySelector('.files').open = true")
        assert page.overflowing() == []
        page.screenshot(tmp_path / "files.png")
        page.click("Commit suggestion")
        assert page.text.count("Commit suggestion") < offered
        page.open(f"{stage.sandbox.url}/_sandbox/")
        assert page.overflowing() == []
        assert page.problems == []
    assert "--no-install-recommends" in pull.head_text(story.DOCKERFILE) or len(pull.commits) > 1
