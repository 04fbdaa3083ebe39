"""Wakes the deployments that wait for the gate to open, when it may have opened."""

from __future__ import annotations

from fairway.deployments.models import Deployment
from fairway.deployments.rules import Status
from fairway.engine.commands import signal
from fairway.environments.freeze_commands import WHEN_OPENED


def wake_waiting() -> None:
    """Let every deployment that waits ask the gate again. Those for which it is still closed go on waiting.

    They are woken in the order of their runs, because the engine's rows are locked in that order and before any others.
    """
    waiting = Deployment.objects.filter(status=Status.WAITING, run__awaits_signal=True).order_by("run_id")
    for run_id in waiting.values_list("run_id", flat=True):
        signal(run_id=run_id, name="gate", data={})


WHEN_OPENED.append(wake_waiting)
