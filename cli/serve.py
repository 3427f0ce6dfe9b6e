"""`dockslim serve`, `web` and `worker`: what runs for as long as dockslim does."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import NoReturn

import structlog
from redis.exceptions import RedisError

from bot.logs import configure_logs
from bot.settings import Hosting, NoAppError, Settings, SettingsError, complete, read_hosting
from cli.processes import Child, end_with_parent, running

REDIS_URL = "DOCKSLIM_REDIS_URL"
WATCH_SECONDS = 0.1
PING_SECONDS = 5.0
APP_SECONDS = 1.0
"""How often a worker looks whether /setup has stored an App."""

log = structlog.get_logger("dockslim.serve")


def web() -> None:
    """Take webhooks until told to stop."""
    from bot.app import run_web

    hosting, redis_url = _read_shared_queue()
    configure_logs()
    if not isinstance(hosting, Settings):
        log.info("no App yet", setup=f"{hosting.public_url or f'http://{hosting.listen}'}/setup")
    # uvicorn ends in order at either signal and then raises it again, for whoever handled it before.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: sys.exit(0))
    run_web(hosting, redis_url)


def worker() -> None:
    """Perform jobs until told to stop."""
    from workers.app import run_worker

    hosting, redis_url = _read_shared_queue()
    configure_logs()
    logging.captureWarnings(capture=True)
    run_worker(_await_app(hosting), redis_url)


def builder() -> None:
    """Build images until told to stop."""
    from workers.app import run_builder

    hosting, redis_url = _read_shared_queue()
    configure_logs()
    logging.captureWarnings(capture=True)
    settings = _await_app(hosting)
    try:
        run_builder(settings, redis_url)
    except SettingsError as error:
        _fail(str(error), 2)


def serve() -> None:
    """Run the web process, a worker, what else is set up, and the queue where there is none, until told to stop."""
    hosting = _read()
    configure_logs()
    # Where /setup can only show the credentials, there is nothing for a worker to wait for.
    names: tuple[str, ...] = ("worker", "web") if isinstance(hosting, Settings) or hosting.credentials_dir else ("web",)
    if len(names) > 1 and os.environ.get("DOCKSLIM_BUILDER", "none").strip().lower() not in ("", "none"):
        names = ("builder", *names)
    stopped = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopped.set())
    with _queue(hosting) as redis_url, ExitStack() as stack:
        environ = {**os.environ, REDIS_URL: redis_url}
        environ.pop(f"{REDIS_URL}_FILE", None)
        # Celery greets on standard output; the log is on standard error.
        children = [
            stack.enter_context(running(name, "cli.serve", [name], environ, stdout=subprocess.DEVNULL))
            for name in names
        ]
        log.info("serving", listen=hosting.listen, queue="embedded" if hosting.redis_url is None else "external")
        dead = _watch(children, stopped, None if hosting.redis_url else _pinger(redis_url))
        log.info("stopping", reason=dead or "told to")
        for child in children:
            child.ask_to_stop()
    if dead is not None:
        _fail(f"{dead}; see the log above", 1)
    log.info("stopped")


@contextmanager
def _queue(hosting: Hosting) -> Iterator[str]:
    if hosting.redis_url is not None:
        yield hosting.redis_url.get_secret_value()
        return
    from workers.valkey import embedded_valkey

    # Ctrl-C reaches every process of the group at once. The queue, which inherits this mask, has to outlive the rest.
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    with embedded_valkey(hosting.queue_dir) as redis_url:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        yield redis_url


def _watch(children: Sequence[Child], stopped: threading.Event, ping: Callable[[], bool] | None) -> str | None:
    """Wait until told to stop; return what died first, if something did."""
    next_ping = time.monotonic() + PING_SECONDS
    while not stopped.wait(WATCH_SECONDS):
        for child in children:
            if child.exit_code is not None and not stopped.is_set():
                return f"the {child.name} process ended ({_describe(child.exit_code)})"
        if ping is not None and time.monotonic() >= next_ping:
            if not ping():
                return "the embedded Valkey does not answer"
            next_ping = time.monotonic() + PING_SECONDS
    return None


def _describe(exit_code: int) -> str:
    return f"exit code {exit_code}" if exit_code >= 0 else f"signal {signal.Signals(-exit_code).name}"


def _pinger(redis_url: str) -> Callable[[], bool]:
    # Imported once the children are on their way: Celery comes with it.
    from bot.queue import connect

    client = connect(redis_url)

    def ping() -> bool:
        try:
            return bool(client.ping())
        except RedisError:
            return False

    return ping


def _await_app(hosting: Hosting) -> Settings:
    """Return the settings with the App, once /setup has stored one; end where it can store none."""
    if isinstance(hosting, Settings):
        return hosting
    if hosting.credentials_dir is None:
        _fail(str(NoAppError()), 2)
    log.info("waiting for an App", directory=str(hosting.credentials_dir))
    stopped = threading.Event()
    before = {number: signal.signal(number, lambda *_: stopped.set()) for number in (signal.SIGINT, signal.SIGTERM)}
    while not stopped.wait(APP_SECONDS):
        try:
            settings = complete(hosting)
        except SettingsError as error:
            _fail(str(error), 2)
        if settings is not None:
            for number, handler in before.items():
                signal.signal(number, handler)
            return settings
    raise SystemExit(0)


def _read() -> Hosting:
    try:
        return read_hosting(os.environ)
    except SettingsError as error:
        _fail(str(error), 2)


def _read_shared_queue() -> tuple[Hosting, str]:
    hosting = _read()
    if hosting.redis_url is None:
        _fail(
            f"{REDIS_URL}: is missing. Web process and worker meet in that queue: set it for both, "
            "or run `dockslim serve`, which brings its own.",
            2,
        )
    return hosting, hosting.redis_url.get_secret_value()


def _fail(sentence: str, exit_code: int) -> NoReturn:
    print(f"dockslim: {sentence}", file=sys.stderr)
    raise SystemExit(exit_code)


if __name__ == "__main__":
    end_with_parent()
    {"web": web, "worker": worker, "builder": builder, "serve": serve}[sys.argv[1]]()
