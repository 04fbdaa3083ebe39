"""Looks for what is wrong every few seconds. Of several workers, only the leader does; two at once would harm nothing."""

from __future__ import annotations

import logging
import threading

from django.conf import settings
from django.db import close_old_connections, connections

from fairway.monitoring.alerting import look
from fairway.worker.leadership import Leadership

log = logging.getLogger(__name__)

EVERY = 15.0  # seconds; must be well below `alert_rules.LONGEST_GAP`


class AlertWatcher:
    """Takes a look every `EVERY` seconds until told to stop."""

    def run(self, stop: threading.Event) -> None:
        leadership = Leadership(settings.DATA.folder("run") / "alerts.lock")
        try:
            while not stop.wait(EVERY):
                close_old_connections()
                if leadership.is_leader():
                    look()
        finally:
            leadership.close()
            connections.close_all()
