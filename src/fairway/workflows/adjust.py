"""Making a placement what it should be: running with N replicas, stopped, or gone. Also how drift is repaired."""

from __future__ import annotations

from datetime import timedelta

from django.conf import settings

from fairway.applications.models import Artifact
from fairway.deployments.commands import progress
from fairway.deployments.commands.placements import STORY, observe
from fairway.deployments.models import Placement
from fairway.deployments.rules import Health, Wanted
from fairway.drivers.proxy.admin import drain
from fairway.drivers.proxy.contract import Route, RouteKind
from fairway.drivers.runtimes.contract import Instance, NullProgress, Runtime
from fairway.engine.models import Run
from fairway.engine.workflow import Context, Ending, Outcome, Step, Workflow
from fairway.environments.runtimes import runtime_of
from fairway.releases.commands import progress as package_progress
from fairway.workflows.instances import check_all, describe, remove_all, start_all, stop_all
from fairway.workflows.outside import proxy
from fairway.workflows.recreate import Recreate
from fairway.workflows.step_context import (
    RELATED,
    instance_specs,
    instances_of,
    live_route,
    masker_of,
    volume_name,
)
from fairway.workflows.transfer import transfer


class _Ear(NullProgress):
    """Adjustments keep no log; they only hear when to stop."""

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
        proxy().ensure_no_route(host, fence=context.checkpoint)
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
    current, ear = placement.current, _Ear(context)
    assert current is not None
    assert current.artifact is not None
    _announce(context, placement)
    if not runtime.is_distributed(current.artifact.ref):
        transfer(current.artifact, placement.environment, runtime, ear)
    specs = instance_specs(current, placement.counts)
    recreate = Recreate(context, placement, runtime, proxy(), ear)
    if not any(one.address for one in runtime.instances(placement.name)):
        recreate.refuse_if_emptied(specs)
    if holders := recreate.holders(specs):
        recreate.stop(holders, current.label)
    start_all(runtime, specs, ear)
    check_all(runtime, specs, ear, hosts=placement.hosts, has_served=True)
    wanted = {spec.name for spec in specs}
    running = [one for one in instances_of(runtime, current) if one.name in wanted]
    for host in placement.hosts:
        proxy().ensure_route(live_route(placement, host, running, current), fence=context.checkpoint)
    recreate.remember_data(specs)
    surplus = [one for one in runtime.instances(placement.name) if one.name not in wanted]
    _retire(context, runtime, surplus, remove=True)
    observe(placement=placement, health=Health.HEALTHY, drift=[], observed=[describe(one) for one in running])


def _announce(context: Context, placement: Placement) -> None:
    """Visitors of something stopped see that it is coming."""
    for host in placement.hosts:
        route = proxy().route(host)
        if route is None or route.kind in {RouteKind.STOPPED, RouteKind.DOWN}:
            proxy().ensure_route(Route(host, RouteKind.STARTING), fence=context.checkpoint)


def _stop(context: Context, placement: Placement, runtime: Runtime) -> None:
    for host in placement.hosts:
        proxy().ensure_route(Route(host, RouteKind.STOPPED), fence=context.checkpoint)
    instances = runtime.instances(placement.name)
    strangers = [one for one in instances if placement.current is None or one.deployment != placement.current.label]
    _retire(context, runtime, strangers, remove=True)
    _retire(context, runtime, [one for one in instances if one not in strangers], remove=False)
    observe(placement=placement, health=Health.STOPPED, drift=[], observed=[])


def _leave_nothing(context: Context, placement: Placement, runtime: Runtime) -> None:
    """Nothing was ever live here (or it was taken back): no route, no instance."""
    for host in placement.hosts:
        proxy().ensure_no_route(host, fence=context.checkpoint)
    _retire(context, runtime, runtime.instances(placement.name), remove=True)


def _remove(context: Context, placement: Placement, runtime: Runtime) -> None:
    _leave_nothing(context, placement, runtime)
    if _are_volumes_confirmed(placement):
        for name in sorted(_volumes_of(placement)):
            context.checkpoint()  # one that was taken over may by now be in use again
            runtime.ensure_volume_removed(name)
    progress.removed(placement=placement)


def _are_volumes_confirmed(placement: Placement) -> bool:
    """Whether a person confirmed it, in this request or in one whose run broke; a repair must not forget that."""
    requests = Run.objects.filter(kind=STORY, key=placement.key).order_by("-pk").values_list("payload", flat=True)
    return any(one.get("volumes") for one in requests if one.get("placement") == placement.pk)


def _volumes_of(placement: Placement) -> set[str]:
    """Every volume that any version which was tried here may have filled, and the home its instances shared."""
    tried = Artifact.objects.filter(
        deployments__application=placement.application_id, deployments__environment=placement.environment_id
    ).distinct()
    named = {volume_name(placement.name, name) for artifact in tried for name, _target in artifact.parsed_spec.volumes}
    return named | {placement.name}


def _retire(context: Context, runtime: Runtime, instances: list[Instance], *, remove: bool) -> None:
    addresses = [one.address for one in instances if one.address]
    if addresses:
        drain(proxy().in_flight, addresses, limit=settings.DRAIN_SECONDS, cancelled=context.stop)
    context.checkpoint()  # nobody has taken over since they were counted, so none of them serves
    (remove_all if remove else stop_all)(runtime, instances, _Ear(context))


def tidy_routes(context: Context, ending: Ending) -> None:
    """It could not be brought up: a page that promises it is coming would be a lie."""
    placement = _placement(context)
    for host in placement.hosts if placement else []:
        route = proxy().route(host)
        if route is not None and route.kind == RouteKind.STARTING:
            proxy().ensure_route(Route(host, RouteKind.DOWN), fence=context.checkpoint)


class AdjustWatcher:
    """A failed adjustment is an event and shows on the placement; what worked is told by `observe`."""

    def started(self, run: Run) -> None: ...

    def step_started(self, run: Run, step: str, attempt: int) -> None: ...

    def step_finished(self, run: Run, step: str, status: str, sentence: str) -> None: ...

    def waiting(self, run: Run, reason: str) -> None: ...

    def ended(self, run: Run, ending: Ending) -> None:
        chosen = Placement.objects.select_related(
            "application", "environment", "current__application", "current__configuration"
        )
        is_good = ending.outcome is Outcome.SUCCEEDED
        package_progress.adjustment_ended(run, is_good=is_good, sentence=ending.sentence)
        placement = chosen.filter(pk=run.payload["placement"]).first()
        if placement is None:
            return
        if is_good:
            progress.adjusted(placement, "placement.adjusted", {"wanted": placement.wanted, "replicas": placement.replicas})
            return
        sentence = masker_of(placement.current)(ending.sentence)
        Placement.objects.filter(pk=placement.pk).update(drift=[sentence])
        progress.adjusted(placement, "placement.adjustment_failed", {"outcome": ending.outcome}, sentence)


ADJUST = Workflow(
    kind=STORY,
    steps=(Step("adjust", adjust, deadline=timedelta(minutes=20)),),
    clean_up=tidy_routes,
    watcher=AdjustWatcher(),
)
