"""Makes notices and status reports of events and sends them, each receiver in a thread of its own, so that none delays
another."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass

from django.conf import settings
from django.db import Error, close_old_connections, connections

from fairway.activity.queries import latest_number
from fairway.notifications.commands.outbox import channels_due, make_notices, send_due
from fairway.pipelines.commands.remarks import note_remarks, remarks_due, send_remarks
from fairway.pipelines.commands.reports import forges_due, make_reports, send_reports
from fairway.worker.leadership import Leadership

log = logging.getLogger(__name__)
EVERY = 1.0  # seconds between two looks at what has happened
MOST_AT_ONCE = 16  # receivers to which is sent at the same time


@dataclass(frozen=True)
class Outbox:
    """What is sent: `make` makes it of new events, `due` names the receivers that something is due for now, and `send` sends
    it to one of them."""

    name: str
    make: Callable[[], int]
    due: Callable[[], list[int]]
    send: Callable[[int, threading.Event | None], int]


NOTICES = Outbox("notices", make_notices, channels_due, send_due)
STATUSES = Outbox(
    "statuses",
    lambda: make_reports() + note_remarks(),
    lambda: sorted({*forges_due(), *remarks_due()}),
    lambda number, stop: send_reports(number, stop) + send_remarks(number, stop),
)


class Sender:
    """One worker's thread for one outbox; of several workers, only the leader's sends. Deployments know nothing of it."""

    def __init__(self, outbox: Outbox) -> None:
        self._outbox = outbox
        self._sending: dict[int, threading.Thread] = {}
        self._newest = -1  # the event up to which this worker has made what is to be sent

    def run(self, stop: threading.Event) -> None:
        """Send until `stop` is set; survives an unreachable database. What is being sent then is not waited for."""
        leadership = Leadership(settings.DATA.folder("run") / f"{self._outbox.name}.lock")
        try:
            while not stop.wait(EVERY):
                close_old_connections()
                if leadership.is_leader():
                    self._look(stop)
        finally:
            leadership.close()
            connections.close_all()

    def _look(self, stop: threading.Event) -> None:
        try:
            if (newest := latest_number()) != self._newest:
                self._outbox.make()
                self._newest = newest
            due = self._outbox.due()
        except Error as problem:
            log.warning("The outbox of %s cannot use the database: %s", self._outbox.name, problem)
            connections.close_all()
            return
        self._sending = {number: thread for number, thread in self._sending.items() if thread.is_alive()}
        for number in due:
            if number not in self._sending and len(self._sending) < MOST_AT_ONCE:
                name = f"{self._outbox.name}-{number}"
                thread = threading.Thread(target=self._send, args=(number, stop), name=name, daemon=True)
                self._sending[number] = thread
                thread.start()

    def _send(self, number: int, stop: threading.Event) -> None:
        try:
            self._outbox.send(number, stop)
        except Error as problem:
            log.warning("Sending %s to %s cannot use the database: %s", self._outbox.name, number, problem)
        except Exception:
            log.exception("Sending %s to %s failed; it is tried again", self._outbox.name, number)
        finally:
            connections.close_all()
