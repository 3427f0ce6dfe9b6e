"""The whole line: a web process in a thread, a worker in a process of its own, and the sandbox at both ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from redis import Redis

from bot.deliveries import Deliveries
from bot.queue import connect
from bot.settings import read_settings
from cli.sandbox import Sandbox
from tests.workers.stage import Stage
from tests.workers.web import SECONDS, Web, wait_until
from workers.messages import celery_options

_UNACKNOWLEDGED = f"{celery_options('')['broker_transport_options']['global_keyprefix']}unacked"


class Line:
    """A web process in a thread, a worker in a process of its own, and the sandbox at both ends."""

    def __init__(self, sandbox: Sandbox, redis: Redis, environ: dict[str, str], log: Path) -> None:
        self.sandbox = sandbox
        self.stage = Stage(sandbox, redis)
        self.deliveries = Deliveries(redis)
        self.environ = {**os.environ, **environ}
        self._log = log
        self.worker = self.start_worker()

    def start_worker(self) -> subprocess.Popen[bytes]:
        """Start another worker process and wait until it takes jobs."""
        before = self.log().count("ready.")
        with self._log.open("ab") as log:
            worker = subprocess.Popen(
                [sys.executable, "-X", "faulthandler", "-m", "tests.workers.worker"],
                env=self.environ,
                stdout=log,
                stderr=log,
            )
        wait_until(lambda: self.log().count("ready.") > before)
        return worker

    def stop_worker(self) -> None:
        """Have the worker end in order; where it does not, show where each of its processes is."""
        self.worker.terminate()
        try:
            assert self.worker.wait(SECONDS) == 0, self.log()
        except subprocess.TimeoutExpired:
            for process in [*self.children(), self.worker.pid]:
                os.kill(process, signal.SIGABRT)
            self.worker.wait(SECONDS)
            raise AssertionError(f"the worker did not stop:\n{self.log()}") from None

    def children(self) -> list[int]:
        """The processes of the worker's pool."""
        found = subprocess.run(["ps", "-o", "pid=", "--ppid", str(self.worker.pid)], capture_output=True, check=True)
        return [int(pid) for pid in found.stdout.split()]

    def log(self) -> str:
        """What the workers logged so far."""
        return self._log.read_text() if self._log.exists() else ""

    def count_jobs(self) -> int:
        """How many jobs the workers have ended."""
        return sum(event in line for line in self.log().splitlines() for event in ('"job done"', '"job given up"'))

    def wait_until_idle(self) -> None:
        """Wait until every delivery was handed over, and every job has ended and said so."""
        self.sandbox.wait_until_delivered()
        # The last that a job does is to log; then its message is acknowledged.
        wait_until(lambda: not self.deliveries.count_waiting() and not self.stage.redis.exists(_UNACKNOWLEDGED))


@contextmanager
def running_line(redis_url: str, private_key: str, log: Path) -> Iterator[Line]:
    """Run a line whose workers write to `log`, and stop it in order."""
    with connect(redis_url) as redis, Sandbox(private_key=private_key) as sandbox, sandbox.serving():
        redis.flushdb()
        environ = {
            "DOCKSLIM_APP_ID": str(sandbox.app_id),
            "DOCKSLIM_PRIVATE_KEY": private_key,
            "DOCKSLIM_WEBHOOK_SECRET": sandbox.webhook_secret,
            "DOCKSLIM_REDIS_URL": redis_url,
            "DOCKSLIM_GITHUB_API_URL": sandbox.url,
        }
        with Web(read_settings(environ), redis_url) as url:
            made = Line(sandbox, redis, environ, log)
            sandbox.webhook_url = f"{url}/webhooks"
            yield made
            sandbox.webhook_url = None
            made.stop_worker()
