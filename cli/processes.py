"""Child processes: started with dockslim's own interpreter, ended in order, never left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO

GRACE_SECONDS = 30.0
"""How long a job that is under way may take to end."""
SECOND_GRACE_SECONDS = 15.0
"""How long what has not ended may take to be put back into the queue."""


@dataclass(frozen=True, slots=True)
class Child:
    """A running child and what people call it."""

    name: str
    process: subprocess.Popen[bytes]

    @property
    def exit_code(self) -> int | None:
        """Its exit code, None while it runs."""
        return self.process.poll()

    def ask_to_stop(self) -> None:
        """Ask it to end what it is at, and to take on nothing new."""
        if self.exit_code is None:
            self.process.send_signal(signal.SIGTERM)

    def wait(self) -> None:
        """Wait until it has ended; insist when it takes too long."""
        # SIGQUIT is what makes a Celery worker put its jobs back.
        for grace, insist in ((GRACE_SECONDS, signal.SIGQUIT), (SECOND_GRACE_SECONDS, signal.SIGKILL)):
            try:
                self.process.wait(grace)
            except subprocess.TimeoutExpired:
                self.process.send_signal(insist)
            else:
                return
        self.process.wait()


@contextmanager
def running(
    name: str,
    module: str,
    arguments: Sequence[str],
    environ: Mapping[str, str],
    *,
    stdout: int | IO[bytes] | None = None,
    stderr: int | IO[bytes] | None = None,
) -> Iterator[Child]:
    """Run a module of dockslim until the block ends.

    The child reads its standard input and ends when that does, which happens even when this process is killed.
    """
    # -P: a directory called like one of our packages, where dockslim is started, must not stand in for it.
    command = [sys.executable, "-P", "-m", module, *arguments]
    process = subprocess.Popen(command, env=dict(environ), stdin=subprocess.PIPE, stdout=stdout, stderr=stderr)
    child = Child(name, process)
    try:
        yield child
    finally:
        child.ask_to_stop()
        child.wait()
        if process.stdin is not None:
            process.stdin.close()


def end_with_parent() -> None:
    """Have this process told to stop when the one that started it is gone."""
    threading.Thread(target=_watch_parent, args=(sys.stdin.fileno(),), name="parent", daemon=True).start()


def _watch_parent(pipe: int) -> None:
    while os.read(pipe, 1024):
        pass
    os.kill(os.getpid(), signal.SIGTERM)
