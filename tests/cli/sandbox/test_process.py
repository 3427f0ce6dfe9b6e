"""The sandbox as a process of its own, driven over HTTP alone; and many callers at once."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from cli.sandbox import PullRequestHandle
from tests.cli.sandbox.conftest import BASE, HEAD, Receiver, World

pytestmark = pytest.mark.slow


def test_another_process(receiver: Receiver, tmp_path: Path) -> None:
    key = tmp_path / "key.pem"
    command = [sys.executable, "-m", "cli.sandbox", "--webhook-url", receiver.url, "--private-key-file", str(key)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        about = json.loads(process.stdout.readline())
        with httpx.Client(base_url=about["url"], headers={"User-Agent": "tests"}) as http:
            http.post("/_sandbox/repositories", json={"repository": "acme/shop", "files": {"Dockerfile": BASE}})
            commit = {"repository": "acme/shop", "branch": "feature", "files": {"Dockerfile": HEAD}}
            assert len(http.post("/_sandbox/commits", json=commit).json()["sha"]) == 40
            token = http.post("/_sandbox/tokens", json={"login": "alice"}).json()["token"]
            http.headers["Authorization"] = f"Bearer {token}"
            opened = http.post("/repos/acme/shop/pulls", json={"title": "Use curl", "head": "feature", "base": "main"})
            assert opened.status_code == 201
            assert http.post("/_sandbox/wait").json() == {"idle": True}
            assert http.post("/_sandbox/commits", json={"branch": "x"}).status_code == 422
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0
    assert key.read_text() == about["private_key"]
    assert key.stat().st_mode & 0o077 == 0
    assert ("pull_request", "opened") in receiver.events


def test_many_at_once(world: World) -> None:
    def work(number: int) -> PullRequestHandle:
        branch = f"branch-{number}"
        world.repository.commit(branch, {f"file-{number}": "x\n"}, parent="main")
        pull = world.sandbox.open_pull_request(world.repository, branch)
        path = world.path(f"/pulls/{pull.number}")
        comment = {"path": f"file-{number}", "line": 1, "body": "here"}
        review = {"event": "COMMENT", "body": "x", "comments": [comment]}
        assert world.bot.get(f"{path}/files").json()[0]["filename"] == f"file-{number}"
        assert world.bot.post(f"{path}/reviews", json=review).status_code == 200
        return pull

    with ThreadPoolExecutor(8) as pool:
        pulls = list(pool.map(work, range(24)))

    assert len({pull.number for pull in pulls}) == 24
    assert all(len(pull.review_comments) == 1 for pull in pulls)


def test_reset_forgets_all_but_the_app(world: World) -> None:
    path = world.repository.path

    assert world.bot.post("/_sandbox/reset").status_code == 204

    assert not path.exists()
    assert list(world.sandbox.deliveries) == []
    assert world.app.get("/app/installations").json() == []
    assert world.bot.get(world.path()).status_code == 401
    assert world.sandbox.create_repository("acme/shop", {"a": "b"}).text("a") == "b"
