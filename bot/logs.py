"""Logs: one stream of events from everything in a process, JSON unless somebody watches."""

from __future__ import annotations

import logging
import sys
from collections.abc import Sequence
from typing import TextIO

import structlog
from structlog.typing import Processor

# They log every request with its address, or what we log ourselves.
_QUIET = (
    "httpx",
    "httpcore",
    "githubkit",
    "hishel",
    "kombu",
    "celery.redirected",
    "celery.app.trace",
    "uvicorn.access",
)


def configure_logs(stream: TextIO | None = None, level: str = "INFO") -> None:
    """Send structlog's events and the standard library's records to `stream` (standard error), one a line."""
    stream = stream or sys.stderr
    shared: Sequence[Processor] = (
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    )
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *_render(stream.isatty())],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for name in _QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)


def _render(watched: bool) -> tuple[Processor, ...]:
    # Tracebacks as plain text: structlog's own show the variables of each frame, tokens and payloads among them.
    if watched:
        return (structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback),)
    return (structlog.processors.format_exc_info, structlog.processors.JSONRenderer())
