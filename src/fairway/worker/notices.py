"""Makes notices of events and sends them, each channel in a thread of its own, so that no receiver delays another."""

from __future__ import annotations

import logging
import threading

from django.conf import settings
from django.db import Error, close_old_connections, connections

from fairway.activity.queries import latest_number
from fairway.notifications.commands.outbox import channels_due, make_notices, send_due
from fairway.worker.leadership import Leadership

log = logging.getLogger(__name__)
EVERY = 1.0  # seconds between two looks at what has happened
MOST_AT_ONCE = 16  # channels to which is sent at the same time


class NoticeSender:
    """One worker's thread; of several workers, only the leader's sends. Deployments know nothing of it."""

    def __init__(self) -> None:
        self._sending: dict[int, threading.Thread] = {}
        self._newest = -1  # the event up to which notices were made by this worker

    def run(self, stop: threading.Event) -> None:
        """Send until `stop` is set; survives an unreachable database. What is being sent then is not waited for."""
        leadership = Leadership(settings.DATA.folder("run") / "notices.lock")
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
                make_notices()
                self._newest = newest
            due = channels_due()
        except Error as problem:
            log.warning("Notices cannot use the database: %s", problem)
            connections.close_all()
            return
        self._sending = {number: thread for number, thread in self._sending.items() if thread.is_alive()}
        for number in due:
            if number not in self._sending and len(self._sending) < MOST_AT_ONCE:
                thread = threading.Thread(target=_send, args=(number, stop), name=f"notices-{number}", daemon=True)
                self._sending[number] = thread
                thread.start()


def _send(number: int, stop: threading.Event) -> None:
    try:
        send_due(number, stop)
    except Error as problem:
        log.warning("Notices to channel %s cannot use the database: %s", number, problem)
    except Exception:
        log.exception("Sending to channel %s failed; it is tried again", number)
    finally:
        connections.close_all()
