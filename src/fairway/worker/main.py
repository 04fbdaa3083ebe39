"""The worker process: executes workflows, controls Caddy, reconciles, calls ticks. Wiring and threads; no decisions."""

from __future__ import annotations

import logging
import os
import socket
import threading
from collections.abc import Callable
from datetime import timedelta

from django.conf import settings
from django.db import connections

from fairway.activity.checking import continue_verification, restore_triggers
from fairway.deployments.commands.scheduled_jobs import run_due_jobs
from fairway.deployments.commands.sleeping import WAKING
from fairway.engine.runner import Runner
from fairway.engine.schedule import Schedule, Tick
from fairway.engine.workflow import WORKFLOWS
from fairway.environments import installation
from fairway.pipelines.commands.deliveries import take_up_left_pushes
from fairway.pipelines.commands.previews import advance_previews
from fairway.pipelines.commands.promotions import advance_stages
from fairway.resources.schedules import delete_removed_files, take_due_backups
from fairway.shared.failures import Failure
from fairway.worker.alerts import AlertWatcher
from fairway.worker.cleaning import clean
from fairway.worker.heads import HeadSigner
from fairway.worker.hosts import HostKeeper
from fairway.worker.reconciler import Reconciler
from fairway.worker.resources import ResourceKeeper
from fairway.worker.sampling import Sampler
from fairway.worker.scaling import Scaler
from fairway.worker.sending import NOTICES, STATUSES, Sender
from fairway.workflows import register_all
from fairway.workflows.outside import caddy

log = logging.getLogger(__name__)

PRODUCTION_SLOTS = 1  # reserved for production, so that it never queues behind staging (compare Dokploy#2578)
WAKING_SLOTS = 1  # besides the others: a visitor who waits for an application to wake must not wait for a build
PAUSE_AFTER_DEFECT = 5.0  # seconds before a thread that raised an error is restarted


def run_worker(stop: threading.Event) -> None:
    """Work until `stop` is set. Applications and Caddy keep serving afterwards.

    Raises `NeedsPerson` if the workers of this installation run on another machine.
    """
    register_all()
    installation.ensure_may_run_here(has_workers=True)
    name = f"{socket.gethostname()}:{os.getpid()}"
    runner = Runner(
        WORKFLOWS,
        worker_name=name,
        slots=settings.WORKER_SLOTS + WAKING_SLOTS,
        lanes={"production": min(PRODUCTION_SLOTS, settings.WORKER_SLOTS - 1), WAKING: WAKING_SLOTS},
        lease=timedelta(seconds=settings.LEASE_SECONDS),
    )
    threads = [
        _thread("caddy", lambda: caddy().supervise(stop, _report_caddy), stop),
        _thread("hosts", lambda: HostKeeper().run(stop), stop),
        _thread("reconciler", lambda: Reconciler().run(stop), stop),
        _thread("resources", lambda: ResourceKeeper().run(stop), stop),
        _thread("sampler", lambda: Sampler().run(stop), stop),
        _thread("alerts", lambda: AlertWatcher().run(stop), stop),
        _thread("scaling", lambda: Scaler().run(stop), stop),
        _thread("heads", lambda: HeadSigner().run(stop), stop),
        _thread("notices", lambda: Sender(NOTICES).run(stop), stop),
        _thread("statuses", lambda: Sender(STATUSES).run(stop), stop),
        _thread("home", lambda: installation.watch(stop), stop),
        _thread("schedule", lambda: Schedule(_ticks(), worker_name=name).run_forever(stop), stop),
        # in a thread of its own, because collecting garbage may take minutes
        _thread("jobs", lambda: Schedule(_due_work(), worker_name=name).run_forever(stop), stop),
    ]
    try:
        runner.run_forever(stop)
    finally:
        stop.set()
        for thread in threads:
            thread.join(timeout=10)


def _ticks() -> tuple[Tick, ...]:
    return (
        Tick("collect garbage", timedelta(hours=1), _clean),
        Tick("verify the chain of events", timedelta(seconds=30), _verify),
    )


def _due_work() -> tuple[Tick, ...]:
    return (
        Tick("run scheduled jobs", timedelta(seconds=15), _run_due_jobs),
        Tick("take scheduled backups", timedelta(seconds=15), _take_due_backups),
    )


def _run_due_jobs() -> None:
    run_due_jobs()
    take_up_left_pushes()
    advance_stages()
    advance_previews()


def _take_due_backups() -> None:
    take_due_backups()
    delete_removed_files()


def _verify() -> None:
    restore_triggers()
    continue_verification()


def _clean() -> None:
    clean()


def _thread(name: str, work: Callable[[], None], stop: threading.Event) -> threading.Thread:
    """Start a thread that is restarted after an error; otherwise nobody would notice that, say, Caddy is not supervised."""

    def keep_working() -> None:
        while not stop.is_set():
            try:
                work()
            except Exception:
                log.exception("The %s thread failed; it begins again", name)
                stop.wait(PAUSE_AFTER_DEFECT)
            finally:
                connections.close_all()

    thread = threading.Thread(target=keep_working, name=name, daemon=True)
    thread.start()
    return thread


def _report_caddy(failure: Failure | None) -> None:
    if failure is not None:
        log.error("The proxy does not run: %s %s", failure.sentence, failure.detail)
