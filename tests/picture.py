"""The picture of a review in the README: what the demo's pull request gets, as Chromium shows it. `make picture`."""

from __future__ import annotations

import base64
import tempfile
from pathlib import Path

from rich.console import Console

from cli import demo
from tests.chromium import browsing

PICTURE = Path(__file__).parents[1] / "docs/images/review.png"
WIDTH = 1000


def main() -> None:
    """Have the pull request reviewed, and take its page down to the last suggestion."""
    with tempfile.TemporaryDirectory() as scratch:
        directory = Path(scratch)
        with demo._stage(Console(quiet=True), directory / "dockslim.log") as stage:
            pull = demo._open_pull_request(stage.sandbox)
            stage.wait_for("check run", lambda: demo._concluded(pull), demo.REVIEW_SECONDS)
            with browsing(directory) as page:
                page.resize((WIDTH, 800))
                page.open(pull.url)
                height = page.evaluate("""
                    [...document.querySelectorAll('button')].filter(each => /^Commit all/.test(each.textContent))[0]
                      .getBoundingClientRect().bottom + scrollY + 24
                """)
                clip = {"x": 0, "y": 0, "width": WIDTH, "height": height, "scale": 1}
                shot = page.ask("Page.captureScreenshot", captureBeyondViewport=True, clip=clip)
                PICTURE.write_bytes(base64.b64decode(shot["data"]))


if __name__ == "__main__":
    main()
