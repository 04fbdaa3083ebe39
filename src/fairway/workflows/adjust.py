"""Adjusting a placement to what its row says: running with so many replicas, stopped, or removed. Repairs of drift are
adjustments, too."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from django.conf import settings

from fairway.applications.models import Artifact
from fairway.deployments.commands import progress
from fairway.deployments.commands.placements import STORY, observe
from fairway.deployments.commands.sleeping import stays_awake, woke
from fairway.deployments.models import Deployment, Placement
from fairway.deployments.rules import Access, Health, Wanted
from fairway.drivers.proxy.admin import drain
from fairway.drivers.proxy.contract import ASLEEP, Route, RouteKind
from fairway.drivers.runtimes.contract import MAIN, Instance, Progress, Runtime
from fairway.engine import clock
from fairway.engine.models import Run
from fairway.engine.workflow import Context, Ending, Outcome, Step, Workflow
from fairway.environments.runtimes import runtime_of
from fairway.releases.commands import progress as package_progress
from fairway.shared.failures import Retry
from fairway.workflows.backing import ensure_backing
from fairway.workflows.instances import check_all, describe, remove_all, start_all, stop_all
from fairway.workflows.log import Unlogged
from fairway.workflows.outside import proxy
from fairway.workflows.recreate import Recreate
from fairway.workflows.specs import backing_digests, backing_specs, instance_specs, volume_name, volumes_of
from fairway.workflows.step_context import RELATED, backing_instances_of, instances_of, live_route, masker_of
from fairway.workflows.transfer import transfer, transfer_backing

SETTLES = 1.0  # seconds that requests get to finish which had begun when an application falls asleep by itself


def adjust(context: Context) -> None:
    """Bring the placement to the state that its row asks for now, which may be newer than the request for this run."""
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
    elif placement.is_asleep:
        _sleep(context, placement, runtime)
    else:
        bring_up(context, placement, runtime)
        _tell_that_it_woke(context, placement)


def _placement(context: Context) -> Placement | None:
    related = ("application", "environment", *(f"current__{name}" for name in RELATED))
    return Placement.objects.select_related(*related).filter(pk=context.payload["placement"]).first()


def bring_up(context: Context, placement: Placement, runtime: Runtime, log: Progress | None = None) -> None:
    """Make what is live run with as many instances as it should, and serve."""
    current, unlogged = placement.current, log or Unlogged(context)
    assert current is not None
    assert current.artifact is not None
    _announce(context, placement)
    transfer_backing(current.artifact, placement.environment, runtime, unlogged)
    if not runtime.is_distributed(current.artifact.ref):
        transfer(current.artifact, placement.environment, runtime, unlogged)
    specs = instance_specs(current, placement.counts)
    recreate = Recreate(context, placement, runtime, proxy(), unlogged)
    ensure_backing(recreate, backing_specs(current), unlogged)
    if not any(instance.address for instance in runtime.instances(placement.name)):
        recreate.refuse_if_emptied(specs)
    if holders := recreate.holders(specs):
        recreate.stop(holders, current.label)
    start_all(runtime, specs, unlogged)
    check_all(runtime, specs, unlogged, hosts=placement.hosts, has_served=True)
    wanted = {spec.name for spec in specs}
    running = [instance for instance in instances_of(runtime, current) if instance.name in wanted]
    for host in placement.hosts:
        proxy().ensure_route(live_route(placement, host, running, current), fence=context.checkpoint)
    recreate.remember_data(specs)
    backing = backing_instances_of(runtime, current)
    wanted |= {instance.name for instance in backing}
    surplus = [instance for instance in runtime.instances(placement.name) if instance.name not in wanted]
    _retire(context, runtime, surplus, remove=True)
    observe(placement=placement, health=Health.HEALTHY, drift=[], observed=[describe(one) for one in [*running, *backing]])


def _announce(context: Context, placement: Placement) -> None:
    """Show the starting page on each host that shows the page of a stopped or failed application, or nothing."""
    for host in placement.hosts:
        route = proxy().route(host)
        if route is None or route.kind in {RouteKind.STOPPED, RouteKind.DOWN}:
            proxy().ensure_route(Route(host, RouteKind.STARTING), fence=context.checkpoint)


def _stop(context: Context, placement: Placement, runtime: Runtime) -> None:
    for host in placement.hosts:
        proxy().ensure_route(Route(host, RouteKind.STOPPED), fence=context.checkpoint)
    instances = runtime.instances(placement.name)
    backing = backing_digests(placement.current) if placement.current is not None else {}
    strangers = [
        instance
        for instance in instances
        if placement.current is None or (instance.deployment != placement.current.label and instance.name not in backing)
    ]
    _retire(context, runtime, strangers, remove=True)
    own = [instance for instance in instances if instance not in strangers]
    _retire(context, runtime, [instance for instance in own if instance.name not in backing], remove=False)
    _retire(context, runtime, [instance for instance in own if instance.name in backing], remove=False)
    observe(placement=placement, health=Health.STOPPED, drift=[], observed=[])


def _sleep(context: Context, placement: Placement, runtime: Runtime) -> None:
    """Let requests wait for the application from now on, then stop its instances, which are kept so that they start soon
    again. If it is visited or woken meanwhile, it stays awake."""
    current = placement.current
    assert current is not None
    backing = backing_digests(current)
    kept: list[Instance] = []
    ending: list[Instance] = []
    for instance in runtime.instances(placement.name):
        is_own = instance.deployment == current.label or instance.name in backing
        (kept if placement.keeps_workers and is_own and not instance.is_main else ending).append(instance)
    addresses = [instance.address for instance in ending if instance.address]
    if context.payload.get("unless_visited") and any(_in_flight(addresses)):
        stays_awake(placement=placement)
        return
    for host in placement.hosts:
        proxy().ensure_route(Route(host, sleeping_kind(placement), (), current.label), fence=context.checkpoint)
    if context.payload.get("unless_visited"):
        drain(proxy().in_flight, addresses, limit=SETTLES, cancelled=context.stop)  # what came before the route changed
    placement.refresh_from_db(fields=["asleep_since"])
    if context.payload.get("unless_visited") and any(_in_flight(addresses)):
        stays_awake(placement=placement)
        placement.asleep_since = None
    if not placement.is_asleep:
        bring_up(context, placement, runtime)
        return
    strangers = [one for one in ending if one.deployment != current.label and one.name not in backing]
    _retire(context, runtime, strangers, remove=True)
    _retire(context, runtime, [one for one in ending if one not in strangers], remove=False)
    if placement.keeps_workers:
        _keep_workers(context, placement, current, runtime)
    own = [one for one in runtime.instances(placement.name) if one.name in {each.name for each in kept}]
    observe(placement=placement, health=Health.SLEEPING, drift=[], observed=[describe(one) for one in own])


def _keep_workers(context: Context, placement: Placement, current: Deployment, runtime: Runtime) -> None:
    """Make the services that do not sleep run, because one of them may have ended."""
    unlogged = Unlogged(context)
    specs = [spec for spec in instance_specs(current, placement.counts) if spec.service != MAIN]
    ensure_backing(Recreate(context, placement, runtime, proxy(), unlogged), backing_specs(current), unlogged)
    if specs:
        start_all(runtime, specs, unlogged)


def _in_flight(addresses: Sequence[str]) -> list[int]:
    """The requests in flight to these addresses. If the proxy does not answer, it restarts, and there may be some."""
    try:
        counts = proxy().in_flight()
    except Retry:
        return [1]
    return [counts.get(address, 0) for address in addresses]


def sleeping_kind(placement: Placement) -> RouteKind:
    """Which route holds the requests for a sleeping placement."""
    return RouteKind.SLEEPING_SIGNED_IN if placement.access == Access.SIGNED_IN else RouteKind.SLEEPING


def _tell_that_it_woke(context: Context, placement: Placement) -> None:
    if (asked := context.payload.get("woken_at")) is not None:
        woke(placement=placement, seconds=(clock.now() - datetime.fromisoformat(asked)).total_seconds())


def _leave_nothing(context: Context, placement: Placement, runtime: Runtime) -> None:
    """Remove every route and every instance, because nothing was ever live here, or it was taken back."""
    for host in placement.hosts:
        proxy().ensure_no_route(host, fence=context.checkpoint)
    _retire(context, runtime, runtime.instances(placement.name), remove=True)


def _remove(context: Context, placement: Placement, runtime: Runtime) -> None:
    _leave_nothing(context, placement, runtime)
    if _are_volumes_confirmed(placement):
        for name in sorted(_volumes_of(placement)):
            context.checkpoint()  # if another worker has taken the run over, the volume may be in use again
            runtime.ensure_volume_removed(name)
    progress.removed(placement=placement)


def _are_volumes_confirmed(placement: Placement) -> bool:
    """Whether a person confirmed that the volumes shall be removed, in this request or in an earlier one. An earlier run may
    have failed before it removed them, and the repair must still do so."""
    requests = Run.objects.filter(kind=STORY, key=placement.key).order_by("-pk").values_list("payload", flat=True)
    return any(payload.get("volumes") for payload in requests if payload.get("placement") == placement.pk)


def _volumes_of(placement: Placement) -> set[str]:
    """The volumes of every version that was ever deployed here, and the home directory that its instances shared."""
    tried = Artifact.objects.filter(
        deployments__application=placement.application_id, deployments__environment=placement.environment_id
    ).distinct()
    stored = [pair for artifact in tried for pair in volumes_of(artifact.parsed_spec)]
    named = {volume_name(placement.name, name) for name, _target in stored}
    return named | {placement.name}


def _retire(context: Context, runtime: Runtime, instances: list[Instance], *, remove: bool) -> None:
    addresses = [instance.address for instance in instances if instance.address]
    if addresses:
        drain(proxy().in_flight, addresses, limit=settings.DRAIN_SECONDS, cancelled=context.stop)
    context.checkpoint()  # no other worker has taken the run over since they were listed, so none of them serves
    (remove_all if remove else stop_all)(runtime, instances, Unlogged(context))


def tidy_routes(context: Context, ending: Ending) -> None:
    """Replace the starting page with the page that says the application is down, because the adjustment failed."""
    placement = _placement(context)
    for host in placement.hosts if placement else []:
        route = proxy().route(host)
        is_held = route is not None and (route.kind == RouteKind.STARTING or _is_held_in_vain(placement, route))
        if is_held:
            proxy().ensure_route(Route(host, RouteKind.DOWN), fence=context.checkpoint)


def _is_held_in_vain(placement: Placement | None, route: Route) -> bool:
    """Whether requests wait for an application that could not be woken."""
    return placement is not None and not placement.is_asleep and route.kind in ASLEEP


class AdjustWatcher:
    """Records how an adjustment ended: as an event, and if it failed, on the placement's row."""

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
            if "asleep_since" not in run.payload.get("asked", ()):
                after = {"wanted": placement.wanted, "replicas": placement.replicas}
                progress.adjusted(placement, "placement.adjusted", after)
            elif placement.is_asleep:
                progress.adjusted(placement, "placement.fell_asleep", {})
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
