"""The deploy workflow, top to bottom.

prepare     resolve tag → digest, or commit → build once → artifact
distribute  bring the artifact to the environment's runtime, which verifies its digest
release     run the release command once, if there is one, with the new bytes, before any new instance starts
start       start new instances beside the old ones, with a configuration version of their own
check       until the deadline: the port answers, the health path is 2xx–3xx, or the container is healthy
canary      where asked for: give the new version some eighths of the requests, then more (see `canary`)
switch      switch the route atomically while the probe runs
retire      drain, then stop the old instances

If the old and the new version have a volume in common, they never run at the same time (see `recreate`): *start* (or
*release*) stops the old instances first, visitors see the starting page until the *switch*, and *retire* removes the
stopped instances.

Until the run has succeeded, everything can be taken back: the clean-up gives the traffic back to what served before and
removes what this deployment started. With a common volume it first stops the new instances and then starts the old ones
again, the same instances with the same configuration. Every step may run twice.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import transaction

from fairway.deployments.commands import progress
from fairway.deployments.commands.approvals import end_overtaken
from fairway.deployments.commands.requests import STORY, replicas_for
from fairway.deployments.models import Deployment, Placement, counts_of
from fairway.deployments.queries import has_proved_itself
from fairway.deployments.rules import Kind, Wanted
from fairway.drivers.proxy.admin import drain
from fairway.drivers.proxy.contract import Route, RouteKind
from fairway.drivers.proxy.probe import Probe
from fairway.drivers.runtimes.contract import Instance, InstanceState, NullProgress
from fairway.engine.workflow import Context, Ending, Outcome, Step, Workflow
from fairway.environments.runtimes import runtime_of
from fairway.shared.failures import Failure, Refused, Retry
from fairway.workflows.admission import admit, approval_is_missing, ask_gate, await_approval, refuse_to_go_back_in_time
from fairway.workflows.backing import ensure_backing, remember_data, retire_backing
from fairway.workflows.canary import canary, settle_strategy
from fairway.workflows.draining import drained
from fairway.workflows.instances import LAST_LINES, check_all, describe, remove_all, start_all, stop_all
from fairway.workflows.interruption import (
    announce_interruption,
    interruption_seconds,
    record_interruption,
    stop_volume_holders,
)
from fairway.workflows.judging import paths_of, refuse_if_it_answers_worse, refuse_if_its_page_fails, watch_answers
from fairway.workflows.outside import forget_work_folder, probe_token
from fairway.workflows.readback import read_back, refuse_if_one_died
from fairway.workflows.releasing import end_release_command, run_release_command
from fairway.workflows.sources import artifact_from_source, build_input_of, work_name
from fairway.workflows.specs import backing_specs, instance_specs
from fairway.workflows.step_context import RELATED, PlacementGone, StepContext, instances_of, live_route, step_context_of
from fairway.workflows.transfer import transfer, transfer_backing
from fairway.workflows.waking import wake_first
from fairway.workflows.watching import DeploymentWatcher
from fairway.workflows.writes import look_at_writes

LOOK_EVERY = 0.25  # seconds between two checks whether the new version still lives
PROBATION = 1.0  # seconds for which a version that has never proved itself must survive before it gets visitors
SEEN_WITHIN = 10.0  # seconds within which the probe must have seen the new version


def prepare(context: Context) -> Mapping[str, Any]:
    """Settle what will run: ask the gate, build the artifact unless it exists, and wait for approvals. Raises `Wait`,
    `Refused` or `Away` as the gate decides, `Cancelled` if nobody approves in time, and what the build raises."""
    with step_context_of(context) as step:
        refuse_to_go_back_in_time(step)
        wake_first(step)
        _settle_replicas(step)
        ask_gate(step)
        if step.deployment.artifact is None:
            if not approval_is_missing(step):
                admit(step)
            progress.artifact_settled(deployment=step.deployment, artifact=artifact_from_source(build_input_of(step)))
            ask_gate(step)
            forget_work_folder(work_name(step.deployment))
        else:
            step.log.say(f"{step.artifact.version} is built already ({step.artifact.digest[:19]}).")
        await_approval(step)
        admit(step)
        _tell_if_it_serves_already(step)
        announce_interruption(step)
        settle_strategy(step)
        return {
            "artifact": step.artifact.pk,
            "release": step.deployment.runs_release_command,
            "canary": step.deployment.is_canary,
        }


def distribute(context: Context) -> None:
    """Bring the artifact to the runtime; the runtime verifies the digest."""
    with step_context_of(context) as step:
        transfer_backing(step.artifact, step.placement.environment, step.runtime, step.log)
        if step.runtime.is_distributed(step.artifact.ref):
            step.log.say(f"{step.artifact.version} is here already, digest verified.")
            return
        transfer(step.artifact, step.placement.environment, step.runtime, step.log)
        step.log.say(f"Digest verified: {step.artifact.digest}")


def release(context: Context) -> None:
    """Make the services with an image of their own run as the new version wants them, and run its release command; the old
    version serves meanwhile."""
    with step_context_of(context) as step:
        ensure_backing(step.recreate, backing_specs(step.deployment), step.log)
        run_release_command(step)


def start(context: Context) -> Mapping[str, Any]:
    """Start the new instances: beside whatever serves now, or in its place where both have one volume."""
    with step_context_of(context) as step:
        ensure_backing(step.recreate, backing_specs(step.deployment), step.log)
        stop_volume_holders(step)
        if "away_since" not in context.state:
            step.recreate.refuse_if_emptied(step.specs())
        started = start_all(step.runtime, step.specs(), step.log)
        return {"instances": [instance.name for instance in started]}


def check(context: Context) -> Mapping[str, Any]:
    """Wait until every new instance is ready, and verify that it runs the digest that was asked for. Raises `Refused`."""
    with step_context_of(context) as step:
        _start_again_what_a_host_ended(step)
        specs = step.specs()
        results = check_all(step.runtime, specs, step.log, hosts=step.placement.hosts)
        refuse_if_its_page_fails(step)
        progress.gate_used(deployment=step.deployment, gate=results[0].gate)
        restarts = {spec.name: result.restarts for spec, result in zip(specs, results, strict=True)}
        read_back(step, restarts)
        if not has_proved_itself(step.artifact):
            context.sleep(PROBATION)
            refuse_if_one_died(step, restarts)
        return {"restarts": restarts}


def switch(context: Context) -> None:
    """Send the traffic to the new instances with one rename per host, while the probe requests pages like a visitor.

    Raises `Refused` if the new version dies or answers worse than the one before, and `Retry` if the proxy does not serve it
    in time.
    """
    with step_context_of(context) as step:
        _start_again_what_a_host_ended(step)
        instances = read_back(step)
        addresses = {instance.address for instance in instances if instance.is_main}
        if step.placement.current_id != step.deployment.pk:
            context.checkpoint(before=_as_it_was(step.placement))  # also proves we still own this run
        probe = Probe(
            ("127.0.0.1", settings.PROXY_PORT),
            step.placement.host,
            paths_of(step),
            token=probe_token(),
            is_new=addresses.__contains__,
        )
        with probe:
            probe.switching()
            for host in step.placement.hosts:
                step.serve(live_route(step.placement, host, instances, step.deployment))
            probe.switched()
            away = interruption_seconds(step)
            was_seen = _is_seen(step, probe)
            if was_seen:
                watch_answers(step, probe)
            refuse_if_one_died(step)  # before the answers are judged, because visitors meet the dead version meanwhile
            if was_seen:
                refuse_if_it_answers_worse(step, probe)
        progress.probed(deployment=step.deployment, figure=probe.figure())
        refuse_if_one_died(step)
        if not was_seen:
            raise Retry("The proxy did not serve the new version in time.", detail=probe.figure().first_failure)
        _record_switch(step)
        record_interruption(step, away)


def _is_seen(step: StepContext, probe: Probe) -> bool:
    """Whether the probe sees the new version within `SEEN_WITHIN` seconds. Raises `Refused` if an instance dies before."""
    until = time.monotonic() + SEEN_WITHIN
    while not probe.await_new(LOOK_EVERY):
        refuse_if_one_died(step)
        if time.monotonic() > until:
            return False
    return True


def retire(context: Context) -> None:
    """Let the old instances finish their requests, then stop and remove them."""
    with step_context_of(context) as step:
        step.recreate.remember_data(step.specs())
        remember_data(step.recreate, backing_specs(step.deployment))
        done = drained(step, step.other_instances())
        context.checkpoint()  # no other worker has taken the run over since they were listed, so none of them serves
        stop_all(step.runtime, done, step.log)
        look_at_writes(step.runtime, step.placement, done, step.log)
        context.checkpoint()  # up to here the old version can be started again as it was
        remove_all(step.runtime, done, step.log)
        retire_backing(step.runtime, step.placement.name, backing_specs(step.deployment), step.log)
        end_overtaken(deployment=step.deployment)


def clean_up(context: Context, ending: Ending) -> None:
    """Put everything back: the old version serves, and nothing of this deployment is left. If the placement was removed,
    only remove what this deployment made."""
    try:
        with step_context_of(context) as step:
            _put_back(step, ending)
    except PlacementGone:
        deployment = Deployment.objects.select_related(*RELATED).get(pk=context.payload["deployment"])
        runtime = runtime_of(deployment.environment)
        end_release_command(runtime, deployment)
        remove_all(runtime, instances_of(runtime, deployment), NullProgress())
        forget_work_folder(work_name(deployment))


def _put_back(step: StepContext, ending: Ending) -> None:
    forget_work_folder(work_name(step.deployment))
    if ending.sentence:
        step.log.say(ending.sentence)
    serving = step.placement.current
    if serving is not None and serving.pk == step.deployment.pk:
        serving = step.deployment.replaces
    try:
        _log_tail(step, ending)
        end_release_command(step.runtime, step.deployment)
        _put_services_back(step, serving)
        _give_back(step, serving)
        retire_backing(step.runtime, step.placement.name, backing_specs(serving) if serving else (), step.log)
        record_interruption(step, interruption_seconds(step))
        remove_all(step.runtime, step.own_instances(), step.log)
    except Retry:  # the host cannot be reached: record now what shall serve, and the reconciler makes it so later
        _settle_what_serves(step, serving)
        raise


def _log_tail(step: StepContext, ending: Ending) -> None:
    """Copy the last lines that the new version printed into the log, because its instances are removed with their output."""
    if ending.outcome is Outcome.CANCELLED:
        return
    for instance in step.own_instances():
        for line in step.runtime.output(instance.name, tail=LAST_LINES):
            step.log.line(line.text, stream=line.stream)


def _went_with_its_host(instance: Instance) -> bool:
    """Whether an instance was stopped from outside, or ended without an exit code because its machine and shim ended."""
    return instance.state == InstanceState.STOPPED or (instance.state == InstanceState.FAILED and instance.exit_code is None)


def _put_services_back(step: StepContext, serving: Deployment | None) -> None:
    """Let the services with an image of their own run as what served before needs them. One that cannot is said and does
    not keep the old version from its visitors."""
    if serving is None or _before(step)["wanted"] == Wanted.STOPPED:
        return
    try:
        ensure_backing(step.recreate, backing_specs(serving), step.log)
    except Refused as refused:
        step.log.say(f"A service of #{serving.pk} could not be started again: {refused.sentence}")


def _start_again_what_a_host_ended(step: StepContext) -> None:
    """In a later attempt, start the instances that ended with their host: a restart of the Docker Engine, for example, ends
    instances that have no fault."""
    if step.context.attempt == 1:
        return
    stopped = {instance.name for instance in step.own_instances() if _went_with_its_host(instance)}
    again = [spec for spec in step.specs() if spec.name in stopped]
    if again:
        start_all(step.runtime, again, step.log)
        check_all(step.runtime, again, step.log, hosts=step.placement.hosts)


def _settle_replicas(step: StepContext) -> None:
    """Settle the number of replicas. If the request named none, it is what the placement has now, because somebody may have
    scaled it since."""
    wanted = step.deployment.replicas
    if step.context.payload.get("replicas") is None:
        wanted = replicas_for(Kind(step.deployment.kind), step.deployment.artifact, step.placement.replicas)
    there = step.placement
    progress.replicas_settled(deployment=step.deployment, replicas=wanted, scales=there.scales, limits=there.limits)


def _tell_if_it_serves_already(step: StepContext) -> None:
    """Log it if the same artifact and configuration are live already. They are deployed all the same, because people press
    Deploy to get fresh instances."""
    current, wanted = step.placement.current, step.deployment
    if current is None or current.artifact is None or current.pk == wanted.pk:
        return
    if (current.artifact.digest, current.configuration_id) == (step.artifact.digest, wanted.configuration_id):
        same = f"#{current.pk} serves exactly this already ({current.artifact.digest[:19]}, same configuration)"
        step.log.say(f"{same}; it is restarted.")


def _record_switch(step: StepContext) -> None:
    """Record that the new version is live, after reading back both the digest and the routes. Raises `Retry` if a route is
    not the one that was written."""
    instances = read_back(step)
    for host in step.placement.hosts:
        route = step.proxy.route(host)
        if route is None or set(route.addresses) != {instance.address for instance in instances if instance.is_main}:
            raise Retry(f"The route of {host} is not what was just written.")
    with transaction.atomic():
        step.context.checkpoint()
        progress.switched(
            deployment=step.deployment,
            placement=step.placement,
            served_digest=instances[0].digest,
            observed=[describe(instance) for instance in [*instances, *step.backing_instances()]],
        )
    step.log.say(f"{step.placement.url} serves {step.artifact.version}.")


def _as_it_was(placement: Placement) -> dict[str, Any]:
    """The fields of the placement that the switch changes, to be restored if the deployment does not succeed."""
    kept = ("wanted", "replicas", "scales")
    return {"previous_good": placement.previous_good_id, **{name: getattr(placement, name) for name in kept}}


def _give_back(step: StepContext, serving: Deployment | None) -> None:
    """Route everything to `serving` again and start its instances if they were stopped. If it is None, remove the routes."""
    before = _before(step)
    if serving is None or serving.artifact is None:
        for host in step.placement.hosts:
            step.serve_nothing(host)
    elif _traffic_is_ours(step):
        _serve_again(step, serving, before)
    _settle_what_serves(step, serving)


def _settle_what_serves(step: StepContext, serving: Deployment | None) -> None:
    with transaction.atomic():
        step.context.checkpoint()
        progress.switched_back(deployment=step.deployment, placement=step.placement, to=serving, before=_before(step))


def _before(step: StepContext) -> Mapping[str, Any]:
    """The placement's fields as they were before the switch, or as they are if there was none."""
    return step.context.state.get("before") or _as_it_was(step.placement)


def _serve_again(step: StepContext, serving: Deployment, before: Mapping[str, Any]) -> None:
    was_stopped = before["wanted"] == Wanted.STOPPED
    counts = counts_of(serving.artifact, before["replicas"], before.get("scales", {}))
    instances = [] if was_stopped else _running_again(step, serving, counts)
    for host in step.placement.hosts:
        route = live_route(step.placement, host, instances, serving) if instances else Route(host, RouteKind.STOPPED)
        step.serve(route)
    step.log.say("It is stopped again." if was_stopped else f"{serving.version} (#{serving.pk}) serves again.")
    addresses = [instance.address for instance in step.own_instances() if instance.address]
    drain(step.proxy.in_flight, addresses, limit=settings.DRAIN_SECONDS)


def _traffic_is_ours(step: StepContext) -> bool:
    routes = [step.proxy.route(host) for host in step.placement.hosts]
    is_current = step.placement.current_id == step.deployment.pk
    return is_current or any(route is not None and route.generation == step.deployment.label for route in routes)


def _running_again(step: StepContext, serving: Deployment, counts: Mapping[str, int]) -> list[Instance]:
    """The old instances; those that were stopped are started again. If that fails after an interruption, the starting page
    is replaced by the page that says the application is down, and the failure is raised."""
    specs = instance_specs(serving, counts)
    try:
        if holders := step.recreate.holders(specs):
            step.recreate.stop(holders, step.deployment.label)
        start_all(step.runtime, specs, step.log)
        check_all(step.runtime, specs, step.log, hosts=step.placement.hosts, has_served=True)
    except Failure:
        if "away_since" in step.context.state:
            step.recreate.announce(step.deployment.label, RouteKind.DOWN)
        raise
    names = {spec.name for spec in specs}
    return [instance for instance in instances_of(step.runtime, serving) if instance.name in names]


DEPLOY = Workflow(
    kind=STORY,
    steps=(
        Step("prepare", prepare, deadline=timedelta(minutes=30)),
        Step("distribute", distribute, deadline=timedelta(minutes=20), attempts=4),
        Step("release", release, deadline=timedelta(minutes=10), applies=lambda state: bool(state.get("release"))),
        Step("start", start, deadline=timedelta(minutes=5)),
        Step("check", check, deadline=timedelta(minutes=20)),
        Step("canary", canary, deadline=timedelta(minutes=2), applies=lambda state: bool(state.get("canary"))),
        Step("switch", switch, deadline=timedelta(minutes=2)),
        Step("retire", retire, deadline=timedelta(minutes=15)),
    ),
    clean_up=clean_up,
    watcher=DeploymentWatcher(),
    clean_up_deadline=timedelta(minutes=15),
)
