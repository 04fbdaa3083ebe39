"""Logging of Fairway's own processes: standard error, one line per message, as JSON unless it is a terminal.

The standard library does it; structlog would bring Rich and asyncio into every process (docs/decisions/0011).
"""

from __future__ import annotations

import json
import logging
import re
import sys
from datetime import UTC, datetime
from typing import TextIO

from fairway.config.log_file import keep_small

LONGEST = 64 * 1024  # characters of a message or a traceback, because they may quote endless text from outside


class OurLog(logging.StreamHandler[TextIO]):
    """Writes to standard error, and rotates ``fairway.log``."""

    def emit(self, record: logging.LogRecord) -> None:
        keep_small()
        super().emit(record)


MASK = "••••"
# Credentials that messages may contain: links that work once, feeds, tokens, codes that hand over a sign-in, passwords in
# URLs. A test compares the paths with the routes.
LETS_IN = re.compile(
    r"(?P<kept>/first-run/|/invitation/|/calendar/feeds/|/password/reset/key/[0-9A-Za-z]+-|[?&]code=|://[^/\s:@]*:(?=[^/\s@]+@))"
    r"[^\s/\"'<>&@]+|fwy_[A-Za-z0-9_-]{43}"
)


def without_what_lets_in(text: str) -> str:
    """The text with every credential in it masked; see `LETS_IN`."""
    return LETS_IN.sub(lambda found: f"{found['kept'] or ''}{MASK}", text)


class Discreet(logging.Formatter):
    """The format for terminals, with credentials masked."""

    def format(self, record: logging.LogRecord) -> str:
        return without_what_lets_in(super().format(record))


class JsonLine(logging.Formatter):
    """The format for files and journals, with credentials masked: ``{"timestamp", "level", "logger", "event",
    "exception"?}``."""

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "timestamp": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "event": without_what_lets_in(record.getMessage())[:LONGEST],
        }
        if record.exc_info:
            line["exception"] = without_what_lets_in(self.formatException(record.exc_info))[-LONGEST:]
        return json.dumps(line, ensure_ascii=False)


def configure() -> None:
    """Send Fairway's messages, and other libraries' warnings, to standard error."""
    handler = OurLog()
    for_people = Discreet("%(asctime)s %(levelname)-7s %(name)s: %(message)s", "%H:%M:%S")
    handler.setFormatter(for_people if sys.stderr.isatty() else JsonLine())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    logging.getLogger("fairway").setLevel(logging.INFO)
    logging.getLogger("django.request").setLevel(logging.ERROR)  # it logs every 4xx response as a warning
