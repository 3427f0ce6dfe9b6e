"""The Celery application: takes messages off the queue and hands them to plain functions."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import billiard.pool
import structlog
from celery import Celery, bootsteps
from celery.exceptions import Reject
from celery.signals import setup_logging
from redis.exceptions import RedisError

from bot.deliveries import Deliveries
from bot.github.client import GitHubApp
from bot.github.failures import GitHubError
from bot.jobs import JobError, ReviewJob
from bot.logs import configure_logs
from bot.queue import QueueError, connect
from bot.settings import Settings, SettingsError
from workers.build import Workshop
from workers.builders.choose import open_builder
from workers.builders.model import Builder
from workers.messages import (
    BUILD_QUEUE,
    BUILD_TASK,
    REVIEW_QUEUE,
    REVIEW_TASK,
    SIGN_EVERY,
    SWEEP_QUEUE,
    SWEEP_SOON,
    SWEEP_TASK,
    Messages,
    celery_options,
    show_sign,
    sweep_in,
)
from workers.orders import PRESENT, Orders
from workers.package_indexes import PackageIndexes, SourcesError, make_cache, open_indexes
from workers.perform import HARD_LIMIT_SECONDS, SOFT_LIMIT_SECONDS, Performer
from workers.registry import Registries, open_registries
from workers.sweep import sweep

# A process of the pool that ends a job while the worker stops waits for a reader that is gone, 30 s by default.
# What is lost then is an acknowledgement: the message comes back, and its delivery is known to be done.
billiard.pool.GUARANTEE_MESSAGE_CONSUMPTION_RETRY_LIMIT = 20
TICK_SECONDS = 0.25
NICENESS = 10
BUILD_LIMIT_SECONDS = 2 * 3600

log = structlog.get_logger("dockslim.worker")


def create_worker(settings: Settings, redis_url: str) -> Celery:
    """Return the application with its tasks."""
    app = _create(redis_url)
    app.conf.update(
        task_acks_late=True,
        # A job that hits the hard limit comes back, until it has done so too often (MAX_STARTS).
        task_acks_on_timeout=False,
        task_reject_on_worker_lost=True,
        task_soft_time_limit=SOFT_LIMIT_SECONDS,
        task_time_limit=HARD_LIMIT_SECONDS,
        task_default_queue=REVIEW_QUEUE,
    )
    performer = Performer(
        GitHubApp(
            app_id=settings.app_id,
            private_key=settings.private_key.get_secret_value(),
            api_url=settings.github_api_url,
            redis=connect(redis_url),
        ),
        connect(redis_url),
        packages=_open_indexes(),
        images=_open_registries(),
    )

    deliveries = Deliveries(performer.redis)

    @app.task(name=REVIEW_TASK, shared=False)
    def perform_review(message: object) -> None:
        _perform(performer.perform, message, deliveries)

    @app.task(name=SWEEP_TASK, shared=False)
    def sweep_deliveries() -> None:
        try:
            swept = sweep(performer.github, performer.redis)
            if swept.more:
                sweep_in(performer.redis, SWEEP_SOON)
        except (GitHubError, RedisError) as error:
            # The next one looks at the same deliveries.
            log.warning("deliveries not swept", error=str(error))
        else:
            log.info("deliveries swept", seen=swept.seen, redelivered=swept.redelivered, more=swept.more)

    app.steps["worker"].add(_Ticker)
    return app


def create_builder(settings: Settings, redis_url: str, builder: Builder) -> Celery:
    """Return the application of a process that builds, with its one task."""
    registries = _open_registries()
    if registries is None:
        raise SettingsError("DOCKSLIM_REGISTRIES", "lists none: there is no image that a build could start from.")
    app = _create(redis_url)
    app.conf.update(
        # What is lost with a builder is due again in the ledger once nobody is at it.
        task_acks_late=False,
        task_soft_time_limit=BUILD_LIMIT_SECONDS,
        task_time_limit=BUILD_LIMIT_SECONDS + 60,
        task_default_queue=BUILD_QUEUE,
    )
    github = GitHubApp(
        app_id=settings.app_id,
        private_key=settings.private_key.get_secret_value(),
        api_url=settings.github_api_url,
        # Without Redis, tokens are kept nowhere.
        redis=None,
    )
    workshop = Workshop(github, connect(redis_url), builder, registries)
    deliveries = Deliveries(workshop.redis)

    @app.task(name=BUILD_TASK, shared=False)
    def build_images(message: object) -> None:
        _perform(workshop.perform, message, deliveries)

    app.steps["worker"].add(_Presence)
    return app


def _create(redis_url: str) -> Celery:
    app = Celery("dockslim", broker=redis_url, set_as_current=False)
    app.conf.update(
        celery_options(redis_url),
        worker_prefetch_multiplier=1,
        # Its connection, lost with the queue while a job is under way, ended the worker (kombu 5.7). Nobody asks.
        worker_enable_remote_control=False,
        broker_connection_retry_on_startup=True,
        # What a worker is told to stop in the middle of goes back into the queue.
        worker_soft_shutdown_timeout=10.0,
        worker_enable_soft_shutdown_on_idle=True,
        worker_cancel_long_running_tasks_on_connection_loss=True,
        worker_hijack_root_logger=False,
        worker_redirect_stdouts=False,
        worker_send_task_events=False,
        worker_max_tasks_per_child=1000,
    )
    app.conf.dockslim_redis_url = redis_url
    return app


def _perform(act: Callable[[ReviewJob], timedelta | None], message: object, deliveries: Deliveries) -> None:
    try:
        job = ReviewJob.from_message(message)
    except JobError as error:
        log.warning("message refused", error=str(error))
        return
    wait = act(job)
    if wait is not None:
        try:
            deliveries.postpone(job, wait)
        except RedisError as error:
            # The message stays where it is.
            raise Reject(type(error).__name__, requeue=True) from error


class _Presence(bootsteps.StartStopStep):
    """Says again and again that a builder is there."""

    requires = ("celery.worker.components:Timer",)

    def __init__(self, worker: Any, **options: Any) -> None:
        super().__init__(worker, **options)
        self._redis = connect(worker.app.conf.dockslim_redis_url)
        self._entry: Any = None

    def start(self, worker: Any) -> None:
        self._announce()
        self._entry = worker.timer.call_repeatedly(PRESENT.total_seconds() / 4, self._announce)

    def stop(self, worker: Any) -> None:  # noqa: ARG002
        if self._entry is not None:
            self._entry.cancel()
        self._redis.close()

    def _announce(self) -> None:
        show_sign(self._redis, "builder")
        try:
            Orders(self._redis).announce()
        except RedisError as error:
            log.warning("builder not announced", error=type(error).__name__)


class _Ticker(bootsteps.StartStopStep):
    """Writes a message for each job whose time has come, new, put back or left by a killed worker, and for sweeps."""

    requires = ("celery.worker.components:Timer",)

    def __init__(self, worker: Any, **options: Any) -> None:
        super().__init__(worker, **options)
        self._messages = Messages(worker.app.conf.dockslim_redis_url)
        self._entries: list[Any] = []

    def start(self, worker: Any) -> None:
        self._messages.forget_sweep()
        self._messages.show_sign()
        self._entries = [
            worker.timer.call_repeatedly(TICK_SECONDS, self._tick),
            worker.timer.call_repeatedly(SIGN_EVERY.total_seconds(), self._messages.show_sign),
        ]

    def stop(self, worker: Any) -> None:  # noqa: ARG002
        for entry in self._entries:
            entry.cancel()
        self._messages.close()

    def _tick(self) -> None:
        try:
            self._messages.publish_due()
            self._messages.publish_sweep()
        except QueueError as error:
            log.warning("jobs not queued", error=str(error))


def _open_indexes() -> PackageIndexes | None:
    try:
        return open_indexes(os.environ)
    except SourcesError as error:
        raise SettingsError("DOCKSLIM_APT_SOURCES", f"{error}.") from None


def _open_registries() -> Registries | None:
    try:
        return open_registries(os.environ.get("DOCKSLIM_REGISTRIES", ""), make_cache(os.environ))
    except ValueError as error:
        raise SettingsError("DOCKSLIM_REGISTRIES", f"{error}.") from None


def step_back() -> None:
    """Let other processes of this machine go first: GitHub waits for the web process, nobody waits for a review."""
    os.nice(NICENESS)
    # sched(7), "The autogroup feature": between sessions, Linux heeds the niceness of the session alone.
    if os.getsid(0) == os.getpid():
        with suppress(OSError):
            Path("/proc/self/autogroup").write_text(str(NICENESS))


def run_worker(
    settings: Settings, redis_url: str, *, queues: tuple[str, ...] = (REVIEW_QUEUE, SWEEP_QUEUE), concurrency: int = 2
) -> None:
    """Work until told to stop (SIGTERM, SIGINT): jobs that are under way are finished, or put back."""
    step_back()
    _run(create_worker(settings, redis_url), queues, concurrency)


def run_builder(settings: Settings, redis_url: str) -> None:
    """Build until told to stop; what is under way then is built again by whoever comes next."""
    try:
        builder = open_builder(os.environ)
    except ValueError as error:
        raise SettingsError("DOCKSLIM_BUILDER", f"{error}.") from None
    if builder is None:
        raise SettingsError("DOCKSLIM_BUILDER", "is `none`, or not set: there is nothing to build with.")
    able = builder.examine()
    if not able.works:
        raise SettingsError("DOCKSLIM_BUILDER", f"{able.sentence}.")
    log.info("builder", name=builder.name, able=able.sentence)
    _run(create_builder(settings, redis_url, builder), (BUILD_QUEUE,), 1)


def _run(app: Celery, queues: Sequence[str], concurrency: int) -> None:
    setup_logging.connect(_configure, weak=False)
    arguments = ["worker", f"--queues={','.join(queues)}", f"--concurrency={concurrency}", "--loglevel=INFO"]
    app.worker_main([*arguments, "--without-gossip", "--without-mingle", "--without-heartbeat"])


def _configure(**_: Any) -> None:
    configure_logs()
