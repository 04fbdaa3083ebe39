"""The worker process: runs stories, owns Caddy, reconciles, keeps the schedule. Wiring and threads; no decisions."""

from __future__ import annotations

import logging
import os
import socket
import threading
from collections.abc import Callable
from datetime import timedelta

from django.conf import settings

from fairway.engine.runner import Runner
from fairway.engine.schedule import Schedule, Tick
from fairway.engine.story import STORIES
from fairway.shared.failures import Failure
from fairway.stories import register_all
from fairway.stories.outside import caddy, forget_work_folder
from fairway.worker.collecting import collect, work_folders_left_behind
from fairway.worker.reconciler import Reconciler

log = logging.getLogger(__name__)

SLOTS = 4
PRODUCTION_SLOTS = 1  # kept for production, so that staging never queues it behind itself (Dokploy#2578)


def run_worker(stop: threading.Event) -> None:
    """Work until `stop` is set. Applications and Caddy go on serving afterwards."""
    register_all()
    name = f"{socket.gethostname()}:{os.getpid()}"
    runner = Runner(
        STORIES,
        worker_name=name,
        slots=settings.WORKER_SLOTS,
        lanes={"production": PRODUCTION_SLOTS},
        lease=timedelta(seconds=settings.LEASE_SECONDS),
    )
    threads = [
        _thread("caddy", lambda: caddy().supervise(stop, _report_caddy)),
        _thread("reconciler", lambda: Reconciler().run(stop)),
        _thread("schedule", lambda: Schedule(_ticks(), worker_name=name).run_forever(stop)),
    ]
    try:
        runner.run_forever(stop)
    finally:
        stop.set()
        for thread in threads:
            thread.join(timeout=10)


def _ticks() -> tuple[Tick, ...]:
    return (Tick("collect garbage", timedelta(hours=1), _clean),)


def _clean() -> None:
    for digests in collect().values():
        log.info("Collected %s", ", ".join(digests))
    for name in work_folders_left_behind():
        forget_work_folder(name)


def _thread(name: str, work: Callable[[], None]) -> threading.Thread:
    thread = threading.Thread(target=work, name=name, daemon=True)
    thread.start()
    return thread


def _report_caddy(failure: Failure | None) -> None:
    if failure is not None:
        log.error("The proxy does not run: %s %s", failure.sentence, failure.detail)
