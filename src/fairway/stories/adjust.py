"""Making a placement what it should be: running with N replicas, stopped, or gone. Also how drift is repaired."""

from __future__ import annotations

from datetime import timedelta

from fairway.deployments.commands import progress
from fairway.deployments.commands.placements import STORY, observe
from fairway.deployments.models import Deployment, Placement
from fairway.deployments.rules import Health, Wanted
from fairway.drivers.health import wait_until_ready
from fairway.drivers.proxy.admin import drain
from fairway.drivers.proxy.contract import Route, RouteKind
from fairway.drivers.runtimes.contract import Instance, Runtime, Silent
from fairway.engine.models import Run
from fairway.engine.story import Context, Ending, Outcome, Step, Story
from fairway.environments.runtimes import runtime_of
from fairway.stories.outside import proxy
from fairway.stories.scene import RELATED, instance_spec, instances_of, live_route, volume_name

DRAIN_LIMIT = 30.0


class _Ear(Silent):
    def __init__(self, context: Context) -> None:
        self._context = context

    def check(self) -> None:
        self._context.check()


def adjust(context: Context) -> None:
    """Compare with the row as it is now; a later wish that came meanwhile is met too."""
    placement = _placement(context)
    if placement is None:
        return
    runtime = runtime_of(placement.environment)
    for host in context.payload.get("gone_hosts", []):
        proxy().ensure_no_route(host)
    if placement.wanted == Wanted.REMOVED:
        _remove(context, placement, runtime)
    elif placement.current is None:
        _leave_nothing(context, placement, runtime)
    elif placement.wanted == Wanted.STOPPED:
        _stop(context, placement, runtime)
    else:
        _run(context, placement, runtime)


def _placement(context: Context) -> Placement | None:
    related = ("application", "environment", *(f"current__{name}" for name in RELATED))
    return Placement.objects.select_related(*related).filter(pk=context.payload["placement"]).first()


def _run(context: Context, placement: Placement, runtime: Runtime) -> None:
    current = placement.current
    assert current is not None
    wanted = [_started(context, runtime, placement, current, replica) for replica in range(placement.replicas)]
    context.checkpoint()  # still ours, right before the traffic moves
    running = [one for one in instances_of(runtime, current) if one.name in wanted]
    for host in placement.hosts:
        proxy().ensure_route(live_route(placement, host, running, current.label))
    surplus = [one for one in runtime.instances(placement.name) if one.name not in wanted]
    _retire(context, runtime, surplus, remove=True)
    observe(placement=placement, health=Health.HEALTHY, drift=[], observed=[describe(one) for one in running])


def _started(context: Context, runtime: Runtime, placement: Placement, current: Deployment, replica: int) -> str:
    spec = instance_spec(current, replica)
    if current.artifact is not None and not runtime.is_distributed(current.artifact.ref):
        runtime.distribute(current.artifact.ref, None, _Ear(context))
    runtime.ensure_started(spec, _Ear(context))
    wait_until_ready(runtime, spec.name, spec.health, _Ear(context), host=placement.host)
    return spec.name


def _stop(context: Context, placement: Placement, runtime: Runtime) -> None:
    context.checkpoint()
    for host in placement.hosts:
        proxy().ensure_route(Route(host, RouteKind.STOPPED))
    _retire(context, runtime, runtime.instances(placement.name), remove=False)
    observe(placement=placement, health=Health.STOPPED, drift=[], observed=[])


def _leave_nothing(context: Context, placement: Placement, runtime: Runtime) -> None:
    """Nothing was ever live here (or it was taken back): no route, no instance."""
    context.checkpoint()
    for host in placement.hosts:
        proxy().ensure_no_route(host)
    _retire(context, runtime, runtime.instances(placement.name), remove=True)


def _remove(context: Context, placement: Placement, runtime: Runtime) -> None:
    current = placement.current
    _leave_nothing(context, placement, runtime)
    if context.payload.get("volumes") and current is not None and current.artifact is not None:
        for name, _target in current.artifact.parsed_spec.volumes:
            runtime.ensure_volume_removed(volume_name(placement.name, name))
    progress.removed(placement=placement)


def _retire(context: Context, runtime: Runtime, instances: list[Instance], *, remove: bool) -> None:
    addresses = [one.address for one in instances if one.address]
    if addresses:
        drain(proxy().in_flight, addresses, limit=DRAIN_LIMIT, cancelled=context.stop)
        context.check()
    for one in instances:
        (runtime.ensure_removed if remove else runtime.ensure_stopped)(one.name)


def describe(one: Instance) -> dict[str, object]:
    """An instance as the page and the API show it."""
    return {
        "name": one.name,
        "replica": one.replica,
        "deployment": one.deployment,
        "state": one.state,
        "health": one.health,
        "address": one.address,
        "digest": one.digest,
        "restarts": one.restarts,
        "exit_code": one.exit_code,
        "started_at": one.started_at.isoformat() if one.started_at else None,
    }


class AdjustWatcher:
    """A failed adjustment is an event and shows on the placement; what worked is told by `observe`."""

    def started(self, run: Run) -> None: ...

    def step_started(self, run: Run, step: str, attempt: int) -> None: ...

    def step_finished(self, run: Run, step: str, status: str, sentence: str) -> None: ...

    def waiting(self, run: Run, reason: str) -> None: ...

    def ended(self, run: Run, ending: Ending) -> None:
        placement = (
            Placement.objects.select_related("application", "environment").filter(pk=run.payload["placement"]).first()
        )
        if placement is None:
            return
        if ending.outcome is Outcome.SUCCEEDED:
            progress.adjusted(placement, "placement.adjusted", {"wanted": placement.wanted, "replicas": placement.replicas})
            return
        Placement.objects.filter(pk=placement.pk).update(health=Health.DOWN, drift=[ending.sentence])
        progress.adjusted(placement, "placement.adjustment_failed", {"outcome": ending.outcome}, ending.sentence)


ADJUST = Story(
    kind=STORY,
    steps=(Step("adjust", adjust, deadline=timedelta(minutes=10)),),
    watcher=AdjustWatcher(),
)
