"""The site of docs/, built strictly and read in a real browser."""

from __future__ import annotations

import functools
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from rules.registry import RULES
from tests.chromium import DESKTOP, PHONE, browsing

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[1]
PAGES = ("", "install/", "configuration/", "rules/", f"rules/{RULES[0].name}/", "decisions/")


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        del format, args


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(directory)]
    environ = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    done = subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return directory


@pytest.fixture(scope="module")
def address(built: Path) -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(_Quiet, directory=str(built))) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


def test_every_page_of_docs_can_be_reached_from_the_first(built: Path) -> None:
    first = (built / "index.html").read_text()
    pages = [path.relative_to(ROOT / "docs").with_suffix("") for path in (ROOT / "docs").rglob("*.md")]
    wanted = {str(page).removesuffix("index") for page in pages} - {""}
    missing = {page for page in wanted if f'href="{page.rstrip("/")}/"' not in first}
    assert not missing


def test_pages_fit_a_desk_and_a_phone_and_ask_nobody_else(address: str, tmp_path: Path) -> None:
    with browsing(tmp_path) as page:
        for size in (DESKTOP, PHONE):
            page.resize(size)
            for path in PAGES:
                page.open(address + path)
                assert page.overflowing() == [], path
                asked = page.evaluate("performance.getEntriesByType('resource').map(each => each.name)")
                assert asked
                assert [url for url in asked if not url.startswith(address)] == []
        assert page.problems == []
