"""Where our own processes log: standard error, one line per message, as JSON when nobody is looking at it."""

from __future__ import annotations

import logging
import sys

import structlog


def configure() -> None:
    """Send the standard library's and structlog's messages to standard error."""
    is_terminal = sys.stderr.isatty()
    renderer = structlog.dev.ConsoleRenderer() if is_terminal else structlog.processors.JSONRenderer(ensure_ascii=False)
    shared: list[structlog.typing.Processor] = [
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso"),
        structlog.processors.format_exc_info,
    ]
    handler = logging.StreamHandler()
    handler.setFormatter(structlog.stdlib.ProcessorFormatter(processor=renderer, foreign_pre_chain=shared))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    logging.getLogger("fairway").setLevel(logging.INFO)
    logging.getLogger("django.request").setLevel(logging.ERROR)  # refusals are answers, not faults
