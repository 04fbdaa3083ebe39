"""Signs the event chain's head regularly, and stores it in the data directory and, if configured, in an external copy."""

from __future__ import annotations

import logging
import os
import threading
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

from django.conf import settings
from django.db import Error, connections
from django.utils import timezone

from fairway.activity.checking import head_file
from fairway.activity.head_file import HeadFile
from fairway.activity.heads import Head
from fairway.activity.signing import sign_head
from fairway.worker.leadership import Leadership

log = logging.getLogger(__name__)
PATIENCE = 5.0  # seconds; timeout for connecting to the external copy, and for its answer
LOOPBACK = {"localhost", "127.0.0.1", "::1"}


class HeadSigner:
    """One worker's thread that signs heads at a fixed interval while there are new events, and once more when it stops.

    An external copy that does not answer is logged once and tried again with the next head; nothing waits for it.
    """

    def __init__(self, file: HeadFile | None = None, elsewhere: str | None = None) -> None:
        self._file = file or head_file()
        self._elsewhere = settings.HEADS_TO if elsewhere is None else elsewhere
        self._failure = ""

    def run(self, stop: threading.Event) -> None:
        leadership = Leadership(settings.DATA.folder("heads") / "duty")
        every = timedelta(seconds=settings.HEAD_SECONDS)
        try:
            while not stop.wait(min(settings.HEAD_SECONDS, 30.0)):
                if leadership.is_leader():
                    self.keep(every=every)
            if leadership.is_leader():
                self.keep()
        finally:
            leadership.close()
            connections.close_all()

    def keep(self, *, every: timedelta = timedelta(0)) -> Head | None:
        """Sign and send a head if one is due. A full disk or an unreachable database is logged and tried again later."""
        try:
            head = sign_head(self._file, every=every)
        except (Error, OSError) as problem:
            log.warning("No head of the chain of events could be signed: %s", problem)
            connections.close_all()
            return None
        newest = head or self._file.last()
        if self._elsewhere and newest is not None and newest.number != self._sent():
            self._send(newest)
        return head

    def _send(self, head: Head) -> None:
        try:
            send(head, self._elsewhere)
        except OSError as problem:
            failure = f"The destination for signed heads ({shown_destination(self._elsewhere)}) did not take one: {problem}"
            if failure != self._failure:
                log.warning("%s", failure)
            self._failure = failure
            self._remember(self._sent(), failure)
        else:
            self._failure = ""
            self._remember(head.number, "")

    def _sent(self) -> int:
        number = self._file.elsewhere().get("number", 0)
        return number if isinstance(number, int) else 0

    def _remember(self, number: int, failure: str) -> None:
        try:
            self._file.note_external_copy(number, failure, timezone.now().isoformat(timespec="seconds"))
        except OSError as problem:
            log.warning("What became of a signed head could not be written down: %s", problem)


def send(head: Head, destination: str) -> None:
    """Append it to a file in the folder `destination`, or POST it there. Raises OSError with the reason."""
    if destination.startswith(("http://", "https://")):
        _post(head, destination)
        return
    folder = Path(destination).expanduser()
    if not folder.is_absolute() or not folder.is_dir():
        raise OSError("it is neither a folder that exists, given from “/” on, nor an https address")
    line = head.line().encode() + b"\n"
    descriptor = os.open(
        folder / f"fairway-{settings.DATA.identity()}.heads.jsonl", os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600
    )
    try:
        if os.write(descriptor, line) != len(line):
            raise OSError("its disk is full")
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _post(head: Head, destination: str) -> None:
    import httpx  # only where heads are sent to an address

    try:
        parts = urlsplit(destination)
    except ValueError as problem:
        raise OSError(str(problem)) from None
    if parts.scheme != "https" and parts.hostname not in LOOPBACK:
        raise OSError("heads are sent by https only")
    try:
        answer = httpx.post(destination, content=head.line(), headers={"Content-Type": "application/json"}, timeout=PATIENCE,
                            follow_redirects=False)  # fmt: skip
    except (httpx.HTTPError, httpx.InvalidURL) as problem:
        raise OSError(str(problem) or type(problem).__name__) from None
    if not answer.is_success:
        raise OSError(f"it answered {answer.status_code}")


def shown_destination(destination: str) -> str:
    """Without the password or the token that an address may carry."""
    try:
        parts = urlsplit(destination)
    except ValueError:
        return "an address that is none"
    return f"{parts.scheme}://{parts.hostname}" if parts.hostname else destination
