"""Deployments that wait for the gate to open, and waking them when it may have."""

from __future__ import annotations

from fairway.deployments.models import Deployment
from fairway.deployments.rules import Status
from fairway.engine.commands import signal
from fairway.environments.freeze_commands import WHEN_OPENED


def wake_waiting() -> None:
    """Let every deployment that waits ask the gate again; those for which it is still closed wait on.

    In the order of their runs: the engine's rows are locked before any other.
    """
    waiting = Deployment.objects.filter(status=Status.WAITING, run__awaits_signal=True).order_by("run_id")
    for run_id in waiting.values_list("run_id", flat=True):
        signal(run_id=run_id, name="gate", data={})


WHEN_OPENED.append(wake_waiting)
