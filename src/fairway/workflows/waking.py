"""Waking an application before a deployment, which compares with what serves and may have to give back to it."""

from __future__ import annotations

from fairway.deployments.commands.sleeping import wake_for_run
from fairway.drivers.proxy.contract import ASLEEP, Route, RouteKind
from fairway.shared.failures import Failure, Retry
from fairway.workflows.adjust import bring_up
from fairway.workflows.step_context import StepContext


def wake_first(step: StepContext) -> None:
    """Wake the application if it sleeps. If it cannot be woken, the deployment goes on: it may bring what mends it."""
    current = step.placement.current
    if current is None or not (wake_for_run(placement=step.placement) or _is_half_awake(step)):
        return
    step.log.say(f"It sleeps; {current.version} (#{current.pk}) is woken first.")
    try:
        bring_up(step.context, step.placement, step.runtime, step.log)
    except Retry:
        raise
    except Failure as failure:
        step.log.say(f"It could not be woken: {failure.sentence}")
        for host in step.placement.hosts:
            step.proxy.ensure_route(Route(host, RouteKind.DOWN), fence=step.context.checkpoint)


def _is_half_awake(step: StepContext) -> bool:
    """Whether a worker died while it woke the application."""
    routes = [step.proxy.route(host) for host in step.placement.hosts]
    return step.placement.wanted == "running" and any(route is not None and route.kind in ASLEEP for route in routes)
