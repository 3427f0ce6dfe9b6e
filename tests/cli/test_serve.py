"""`serve`, `web` and `worker` as real processes: how they start, end and refuse to start."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from redis import Redis

from bot.credentials import store_credentials
from bot.webhooks.verify import sign
from cli.sandbox import Sandbox
from tests.bot.payloads import payload
from tests.ports import free_port
from workers.valkey import embedded_valkey

pytestmark = pytest.mark.slow

SECONDS = 60.0


@dataclass(frozen=True)
class Served:
    """A running `dockslim serve`, the leader of a process group of its own."""

    process: subprocess.Popen[bytes]
    log: Path
    listen: str

    def wait_until(self, pattern: str) -> re.Match[str]:
        until = time.monotonic() + SECONDS
        while time.monotonic() < until:
            found = re.search(pattern, self.log.read_text())
            if found is not None:
                return found
            assert self.process.poll() is None, self.log.read_text()
            time.sleep(0.05)
        raise AssertionError(f"no {pattern!r} in\n{self.log.read_text()}")

    def wait_until_ready(self) -> None:
        self.wait_until(r"celery@\S+ ready")
        self.wait_until(r"Uvicorn running on")

    def group_is_gone(self) -> bool:
        try:
            os.killpg(self.process.pid, 0)
        except ProcessLookupError:
            return True
        return False


@pytest.fixture(scope="module")
def private_key() -> str:
    with Sandbox() as sandbox:
        return sandbox.private_key


@pytest.fixture
def environ(private_key: str) -> dict[str, str]:
    outside = {name: value for name, value in os.environ.items() if not name.startswith("DOCKSLIM_")}
    return {
        **outside,
        "DOCKSLIM_APP_ID": "1001",
        "DOCKSLIM_PRIVATE_KEY": private_key,
        "DOCKSLIM_WEBHOOK_SECRET": "secret",
        "DOCKSLIM_LISTEN": f"127.0.0.1:{free_port()}",
    }


@contextmanager
def _serving(environ: Mapping[str, str], log: Path, name: str = "serve") -> Iterator[Served]:
    with log.open("wb") as file:
        process = subprocess.Popen(
            [sys.executable, "-c", f"from cli.serve import {name}; {name}()"],
            env=dict(environ),
            stdin=subprocess.DEVNULL,
            stderr=file,
            start_new_session=True,
        )
    served = Served(process, log, environ["DOCKSLIM_LISTEN"])
    try:
        yield served
    finally:
        if not served.group_is_gone():
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


@pytest.fixture
def served(environ: dict[str, str], tmp_path: Path) -> Iterator[Served]:
    with _serving(environ, tmp_path / "log") as served:
        served.wait_until_ready()
        yield served


def refused(name: str, environ: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", f"from cli.serve import {name}; {name}()"]
    return subprocess.run(command, env=environ, capture_output=True, text=True, timeout=SECONDS, check=False)


def alive(process: str, environ: Mapping[str, str]) -> tuple[int, str]:
    command = [sys.executable, "-m", "cli.main", "alive", process]
    done = subprocess.run(command, env=environ, capture_output=True, text=True, timeout=SECONDS, check=False)
    return done.returncode, done.stderr


def command_lines(group: int) -> list[str]:
    """Return the command lines of a process group; from /proc where there is one, since `ps` need not be installed."""
    if not Path("/proc/self/cmdline").exists():
        listed = subprocess.run(["ps", "-eo", "pgid,args"], capture_output=True, text=True, check=True).stdout
        return [line for line in listed.splitlines() if line.split()[0] == str(group)]
    found = []
    for each in Path("/proc").glob("[0-9]*"):
        try:
            if os.getpgid(int(each.name)) == group:
                found.append((each / "cmdline").read_bytes().replace(b"\0", b" ").decode())
        except (ProcessLookupError, FileNotFoundError):
            continue
    return found


def test_serve_answers_and_ends_in_order_when_told_to(served: Served) -> None:
    answer = httpx.get(f"http://{served.listen}/healthz", trust_env=False)
    commands = command_lines(served.process.pid)
    served.process.terminate()

    assert answer.json() == {"status": "ok"}
    assert len(commands) >= 4
    assert not [line for line in commands if "redis://" in line], "the queue's password is on a command line"
    assert served.process.wait(SECONDS) == 0
    assert served.group_is_gone()
    assert "Traceback" not in served.log.read_text()


def test_a_web_process_is_alive_while_it_answers(served: Served, environ: dict[str, str]) -> None:
    web = int(served.wait_until(r"Started server process \[(\d+)\]")[1])
    assert alive("web", environ) == (0, "")
    os.kill(web, signal.SIGSTOP)
    assert alive("web", environ) == (
        1,
        f"dockslim: the web process does not answer at {served.listen} (TimeoutError)\n",
    )
    os.kill(web, signal.SIGCONT)


def test_a_worker_is_alive_while_it_shows_signs_of_life(environ: dict[str, str], tmp_path: Path) -> None:
    host = socket.gethostname()
    with embedded_valkey() as redis_url, Redis.from_url(redis_url) as redis:
        environ["DOCKSLIM_REDIS_URL"] = redis_url
        missing = (1, f"dockslim: no worker on {host} has shown a sign of life lately\n")
        assert alive("worker", environ) == missing
        with _serving(environ, tmp_path / "log", "worker") as served:
            served.wait_until(r"celery@\S+ ready")
            assert alive("worker", environ) == (0, "")
            assert 0 < redis.ttl(f"dockslim:alive:worker:{host}") <= 60
            served.process.terminate()
            assert served.process.wait(SECONDS) == 0
    assert alive("worker", environ) == (0, ""), "a new worker would find no queue either"


def test_a_worker_that_waits_for_an_app_is_alive(tmp_path: Path) -> None:
    environ = {"DOCKSLIM_CREDENTIALS_DIR": str(tmp_path), "DOCKSLIM_REDIS_URL": "redis://127.0.0.1:1/0"}
    assert alive("worker", {**os.environ, **environ}) == (0, "")


def test_serve_ends_in_order_at_ctrl_c_which_reaches_every_process(served: Served) -> None:
    os.killpg(served.process.pid, signal.SIGINT)

    assert served.process.wait(SECONDS) == 0
    assert served.group_is_gone()
    assert "Traceback" not in served.log.read_text()


def test_a_dead_child_ends_the_whole_and_is_named(served: Served) -> None:
    web = served.wait_until(r"Started server process \[(\d+)\]")
    os.kill(int(web[1]), signal.SIGKILL)

    assert served.process.wait(SECONDS) == 1
    assert served.group_is_gone()
    last = served.log.read_text().splitlines()[-1]
    assert last == "dockslim: the web process ended (signal SIGKILL); see the log above"


@pytest.mark.parametrize("name", ["serve", "web", "worker"])
def test_a_missing_setting_is_one_line_that_names_it(name: str, environ: dict[str, str]) -> None:
    del environ["DOCKSLIM_WEBHOOK_SECRET"]

    result = refused(name, environ)

    assert result.returncode == 2
    assert result.stderr.count("\n") == 1
    assert result.stderr.startswith("dockslim: DOCKSLIM_WEBHOOK_SECRET: is missing. Set it to")


@pytest.mark.parametrize("kept", [True, False])
def test_a_queue_on_disk_outlives_a_restart(environ: dict[str, str], tmp_path: Path, kept: bool) -> None:
    """Deliveries are known by it: what was taken before is a duplicate."""
    if kept:
        (tmp_path / "queue").mkdir()
        environ["DOCKSLIM_QUEUE_DIR"] = str(tmp_path / "queue")
    body = json.dumps(payload("pull_request")).encode()
    headers = {
        "Content-Type": "application/json",
        "X-GitHub-Delivery": str(uuid.uuid4()),
        "X-GitHub-Event": "pull_request",
        "X-Hub-Signature-256": sign(environ["DOCKSLIM_WEBHOOK_SECRET"], body),
    }
    seen = []
    for log in (tmp_path / "first", tmp_path / "second"):
        with _serving(environ, log) as served:
            served.wait_until_ready()
            url = f"http://{served.listen}/webhooks"
            assert httpx.post(url, content=body, headers=headers, trust_env=False).status_code == 202
            seen.append(served.wait_until(r'"duplicate": (true|false)')[1])
            served.process.terminate()
            assert served.process.wait(SECONDS) == 0
    assert seen == ["false", "true" if kept else "false"]


def test_serve_without_an_app_waits_for_one(environ: dict[str, str], tmp_path: Path) -> None:
    """The worker is at work as soon as /setup has stored an App, and nothing was restarted."""
    (tmp_path / "credentials").mkdir()
    settings = ("DOCKSLIM_APP_ID", "DOCKSLIM_PRIVATE_KEY", "DOCKSLIM_WEBHOOK_SECRET")
    app = {name: environ.pop(name) for name in settings}
    environ["DOCKSLIM_CREDENTIALS_DIR"] = str(tmp_path / "credentials")
    environ["DOCKSLIM_PUBLIC_URL"] = f"http://{environ['DOCKSLIM_LISTEN']}"
    with _serving(environ, tmp_path / "log") as served:
        served.wait_until("waiting for an App")
        served.wait_until(r"Uvicorn running on")
        web = served.wait_until(r"Started server process \[(\d+)\]")[1]
        assert httpx.get(f"http://{served.listen}/", trust_env=False).headers["location"] == "setup"
        store_credentials(
            tmp_path / "credentials",
            app_id=int(app["DOCKSLIM_APP_ID"]),
            private_key=app["DOCKSLIM_PRIVATE_KEY"],
            webhook_secret=app["DOCKSLIM_WEBHOOK_SECRET"],
        )
        served.wait_until_ready()
        assert served.wait_until(r"Started server process \[(\d+)\]")[1] == web
        assert httpx.get(f"http://{served.listen}/readyz", trust_env=False).json() == {"status": "ok"}
        served.process.terminate()
        assert served.process.wait(SECONDS) == 0
    assert app["DOCKSLIM_PRIVATE_KEY"].splitlines()[1] not in served.log.read_text()


def test_a_worker_that_waits_for_an_app_ends_when_told_to(environ: dict[str, str], tmp_path: Path) -> None:
    for name in ("DOCKSLIM_APP_ID", "DOCKSLIM_PRIVATE_KEY", "DOCKSLIM_WEBHOOK_SECRET"):
        del environ[name]
    environ |= {"DOCKSLIM_CREDENTIALS_DIR": str(tmp_path), "DOCKSLIM_REDIS_URL": "redis://127.0.0.1:1/0"}
    with _serving(environ, tmp_path / "log", "worker") as served:
        served.wait_until("waiting for an App")
        served.process.terminate()
        assert served.process.wait(SECONDS) == 0


def test_a_worker_alone_cannot_do_without_an_app(environ: dict[str, str]) -> None:
    for name in ("DOCKSLIM_APP_ID", "DOCKSLIM_PRIVATE_KEY", "DOCKSLIM_WEBHOOK_SECRET"):
        del environ[name]
    result = refused("worker", environ | {"DOCKSLIM_REDIS_URL": "redis://127.0.0.1:1/0"})
    assert result.returncode == 2
    assert result.stderr.count("\n") == 1
    assert result.stderr.startswith("dockslim: DOCKSLIM_APP_ID: is missing, and so are the other credentials")


@pytest.mark.parametrize("name", ["web", "worker"])
def test_web_and_worker_need_a_queue_to_meet_in(name: str, environ: dict[str, str]) -> None:
    result = refused(name, environ)

    assert result.returncode == 2
    assert result.stderr.startswith("dockslim: DOCKSLIM_REDIS_URL: is missing.")
    assert result.stderr.count("\n") == 1


def test_a_taken_port_ends_the_whole(environ: dict[str, str]) -> None:
    host, _, port = environ["DOCKSLIM_LISTEN"].partition(":")
    with socket.create_server((host, int(port))):
        result = refused("serve", environ)

    assert result.returncode == 1
    assert "address already in use" in result.stderr
    assert "dockslim: the web process ended (exit code " in result.stderr.splitlines()[-1]
