"""The deploy workflow, top to bottom.

prepare     resolve tag → digest, or commit → build once → artifact
distribute  artifact onto the environment's runtime, digest verified
release     the release command, once, where there is one: with the new bytes, before anything of them starts
start       new instances beside the old, own configuration version
check       port answers / health path is 2xx–3xx / container healthy, until the deadline
switch      atomic route switch, probe running
retire      drain, then stop the old instances

Where the old and the new have a volume in common, they are never there both (see `making_way`): *start* stops the old
first, visitors see the starting page until the *switch*, and *retire* removes what is stopped already.

Until the run has ended well, everything can be taken back: the clean-up gives the traffic back to what served before
and removes what this deployment started; on a common volume it stops that first and starts the old again, the same
instances under the same configuration. Every step may run twice.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import transaction

from fairway.accounts.queries import actor_of_request
from fairway.accounts.rules import SYSTEM, Actor
from fairway.deployments.commands import progress
from fairway.deployments.commands.approvals import ask_for_approval, end_overtaken, settle
from fairway.deployments.commands.requests import STORY, act_of, replicas_for
from fairway.deployments.gate import Subject, blockers, opens_by_itself
from fairway.deployments.models import Deployment, Placement, counts_of
from fairway.deployments.protection import approval_words, approvals_of, needs_approval, overtaken_by
from fairway.deployments.queries import has_proved_itself
from fairway.deployments.rules import Kind, Wanted
from fairway.drivers.health import refusal
from fairway.drivers.proxy.admin import drain
from fairway.drivers.proxy.contract import Route, RouteKind
from fairway.drivers.proxy.probe import Probe
from fairway.drivers.runtimes.contract import Instance, InstanceState, NullProgress
from fairway.engine import clock
from fairway.engine.commands import request_cancel
from fairway.engine.workflow import Context, Ending, Outcome, Step, Wait, Workflow
from fairway.environments.runtimes import runtime_of
from fairway.shared.failures import Away, Cancelled, Failure, Refused, Retry
from fairway.shared.sentences import joined
from fairway.workflows.away import away_seconds, make_way, tell_how_long_it_was_away, tell_if_it_will_be_away
from fairway.workflows.draining import drained
from fairway.workflows.gate_waits import wait_for_gate
from fairway.workflows.instances import LAST_LINES, check_all, describe, remove_all, start_all, stop_all
from fairway.workflows.judging import paths_of, refuse_if_it_answers_worse, refuse_if_its_page_fails, watch_answers
from fairway.workflows.outside import forget_work_folder, probe_token
from fairway.workflows.releasing import end_release_command, run_release_command
from fairway.workflows.sources import artifact_from_source, build_input_of, work_name
from fairway.workflows.step_context import (
    RELATED,
    PlacementGone,
    StepContext,
    instance_specs,
    instances_of,
    live_route,
    step_context_of,
)
from fairway.workflows.transfer import transfer
from fairway.workflows.watching import DeploymentWatcher
from fairway.workflows.writes import look_at_writes

LOOK_EVERY = 0.25  # seconds between two looks at whether it still lives
PROBATION = 1.0  # seconds that bytes nobody has run yet must last after they were ready, before anybody visits them
SEEN_WITHIN = 10.0  # seconds until the probe must have seen the new version


def prepare(context: Context) -> Mapping[str, Any]:
    """Settle what will run. A deployment of an existing artifact has nothing to do here."""
    with step_context_of(context) as step:
        _refuse_to_go_back_in_time(step)
        _settle_replicas(step)
        _ask_gate(step)
        if step.deployment.artifact is None:
            if not _approval_is_missing(step):
                _admit(step)
            progress.artifact_settled(deployment=step.deployment, artifact=artifact_from_source(build_input_of(step)))
            _ask_gate(step)
            forget_work_folder(work_name(step.deployment))
        else:
            step.log.say(f"{step.artifact.version} is built already ({step.artifact.digest[:19]}).")
        _await_approval(step)
        _admit(step)
        _tell_if_it_serves_already(step)
        tell_if_it_will_be_away(step)
        return {"artifact": step.artifact.pk, "release": step.deployment.runs_release_command}


def distribute(context: Context) -> None:
    """Bring the artifact to the runtime; the runtime verifies the digest."""
    with step_context_of(context) as step:
        if step.runtime.is_distributed(step.artifact.ref):
            step.log.say(f"{step.artifact.version} is here already, digest verified.")
            return
        transfer(step.artifact, step.placement.environment, step.runtime, step.log)
        step.log.say(f"Digest verified: {step.artifact.digest}")


def release(context: Context) -> None:
    """Run the release command of the new version; the old one serves meanwhile."""
    with step_context_of(context) as step:
        run_release_command(step)


def start(context: Context) -> Mapping[str, Any]:
    """Start the new instances: beside whatever serves now, or in its place where both have one volume."""
    with step_context_of(context) as step:
        make_way(step)
        if "away_since" not in context.state:
            step.recreate.refuse_if_emptied(step.specs())
        started = start_all(step.runtime, step.specs(), step.log)
        return {"instances": [one.name for one in started]}


def check(context: Context) -> Mapping[str, Any]:
    """Every new instance must be ready, and run the digest it was asked to run."""
    with step_context_of(context) as step:
        _start_again_what_a_host_ended(step)
        results = check_all(step.runtime, step.specs(), step.log, hosts=step.placement.hosts)
        refuse_if_its_page_fails(step)
        progress.gate_used(deployment=step.deployment, gate=results[0].gate)
        restarts = {one.name: one.restarts for one in _read_back(step)}
        if not has_proved_itself(step.artifact):
            context.sleep(PROBATION)
            _refuse_if_one_died(step, restarts)
        return {"restarts": restarts}


def switch(context: Context) -> None:
    """Send the traffic to the new instances in one rename, with the probe watching from outside."""
    with step_context_of(context) as step:
        _start_again_what_a_host_ended(step)
        instances = _read_back(step)
        addresses = {one.address for one in instances if one.is_main}
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
            away = away_seconds(step)
            was_seen = _is_seen(step, probe)
            if was_seen:
                watch_answers(step, probe)
            _refuse_if_one_died(step)  # at once: each moment more is one in which visitors meet it
            if was_seen:
                refuse_if_it_answers_worse(step, probe)
        progress.probed(deployment=step.deployment, figure=probe.figure())
        _refuse_if_one_died(step)
        if not was_seen:
            raise Retry("The proxy did not serve the new version in time.", detail=probe.figure().first_failure)
        _record_switch(step)
        tell_how_long_it_was_away(step, away)


def _is_seen(step: StepContext, probe: Probe) -> bool:
    """Whether visitors meet the new version in time. One that dies under their eyes is not waited for."""
    until = time.monotonic() + SEEN_WITHIN
    while not probe.await_new(LOOK_EVERY):
        _refuse_if_one_died(step)
        if time.monotonic() > until:
            return False
    return True


def retire(context: Context) -> None:
    """Let the old instances finish their requests, then stop and remove them."""
    with step_context_of(context) as step:
        step.recreate.remember_data(step.specs())
        done = drained(step, step.other_instances())
        context.checkpoint()  # nobody has taken over since the old ones were counted: none of them serves
        stop_all(step.runtime, done, step.log)
        look_at_writes(step.runtime, step.placement, done, step.log)
        context.checkpoint()  # up to here the old version can be started again as it was
        remove_all(step.runtime, done, step.log)
        end_overtaken(deployment=step.deployment)


def clean_up(context: Context, ending: Ending) -> None:
    """Put everything back: the old version serves, nothing of this deployment is left."""
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
        _give_back(step, serving)
        tell_how_long_it_was_away(step, away_seconds(step))
        remove_all(step.runtime, step.own_instances(), step.log)
    except Retry:  # its host is away; what should serve is settled now, and made so when it is back
        _settle_what_serves(step, serving)
        raise


def _log_tail(step: StepContext, ending: Ending) -> None:
    """What the new version printed goes with its instances; its end is kept in the log."""
    if ending.outcome is Outcome.CANCELLED:
        return
    for one in step.own_instances():
        for line in step.runtime.output(one.name, tail=LAST_LINES):
            step.log.line(line.text, stream=line.stream)


def _refuse_to_go_back_in_time(step: StepContext) -> None:
    """What was asked for because of a version that no longer serves is moot; a person's own rollback never is."""
    deployment, current = step.deployment, step.placement.current_id
    if current is None or current == deployment.pk:
        return
    if deployment.approve_by is not None:  # what was taken back while people thought about it does not make it old
        is_older = overtaken_by(deployment, step.placement.current)
    else:
        is_older = deployment.kind in {Kind.DEPLOY, Kind.PROMOTE} and current > deployment.pk
    if is_older:
        raise Refused(f"A newer deployment (#{current}) is already live, so this older one is not deployed.")
    if deployment.kind in {Kind.RESTART, Kind.AUTOMATIC_ROLLBACK} and current != deployment.replaces_id:
        raise Refused(f"#{current} went live meanwhile with instances of its own; there is nothing left to do.")


def _ask_gate(step: StepContext) -> None:
    """The gate is asked again when the act starts: a lock or a missing setting since then still counts.

    What only keeps new work from starting is waited for, without slot and key, and spares what has passed here once. A
    missing approval is waited for first.
    """
    deployment = step.deployment
    subject = Subject(
        deployment.application,
        deployment.environment,
        step.placement,
        deployment.artifact,
        deployment.configuration,
        deployment,
        deployment.replicas,
    )
    glass = bool(deployment.broke_glass)
    found = blockers(act_of(deployment), subject, _requester(deployment), clock.now(), breaks_glass=glass)
    if step.context.state.get("admitted") or _approval_is_missing(step):
        found = [one for one in found if not one.only_starts]
    if not found:
        return
    if opens_by_itself(found):
        wait_for_gate(found, deployment)
    is_away = all(blocker.code == "runtime" for blocker in found)  # it was there when this was asked for
    raise (Away if is_away else Refused)(joined(blocker.sentence for blocker in found))


def _approval_is_missing(step: StepContext) -> bool:
    deployment, environment = step.deployment, step.placement.environment
    is_needed = needs_approval(act_of(deployment), environment, breaks_glass=bool(deployment.broke_glass))
    return is_needed and approvals_of(deployment, environment).missing > 0


def _await_approval(step: StepContext) -> None:
    """Go on with every approval that the environment asks for *now*; else wait, without slot and key, and ask again.

    Raises `Wait`, or `Cancelled` when nobody approved it in time.
    """
    deployment, environment = step.deployment, step.placement.environment
    if not _approval_is_missing(step):
        with transaction.atomic():
            step.context.checkpoint()
            settle(deployment, approvals_of(deployment, environment))
        return
    with transaction.atomic():
        step.context.checkpoint(admitted=False)  # a freeze that begins meanwhile counts
        if not deployment.awaits_approval:
            ask_for_approval(deployment, environment)
    assert deployment.approve_by is not None
    if clock.now() < deployment.approve_by:
        raise Wait(until=deployment.approve_by, keeps_key=False, reason=approval_words(environment))
    found = approvals_of(deployment, environment)
    sentence = f"It was not approved in time: it had {found.given} of {found.needed} approvals."
    request_cancel(run_id=step.context.run_id, reason=sentence)
    raise Cancelled


def _admit(step: StepContext) -> None:
    """It begins: from here on only what is wrong with it stops it."""
    if not step.context.state.get("admitted"):
        step.context.checkpoint(admitted=True)
    _announce(step)


def _went_with_its_host(one: Instance) -> bool:
    """Stopped from outside, or gone without anybody having seen it end: its machine went, and its shim with it."""
    return one.state == InstanceState.STOPPED or (one.state == InstanceState.FAILED and one.exit_code is None)


def _start_again_what_a_host_ended(step: StepContext) -> None:
    """A later attempt may follow a restart of the Docker Engine, which ends instances that did no wrong."""
    if step.context.attempt == 1:
        return
    stopped = {one.name for one in step.own_instances() if _went_with_its_host(one)}
    again = [spec for spec in step.specs() if spec.name in stopped]
    if again:
        start_all(step.runtime, again, step.log)
        check_all(step.runtime, again, step.log, hosts=step.placement.hosts)


def _requester(deployment: Deployment) -> Actor:
    if deployment.requested_by_id is None:
        return SYSTEM
    who = (deployment.requested_by_id, deployment.requested_by, deployment.door, deployment.acting_role)
    return actor_of_request(*who, token=deployment.requested_with_id)


def _settle_replicas(step: StepContext) -> None:
    """Who deploys without a number means as many as there are by now, scaled meanwhile or not."""
    wanted = step.deployment.replicas
    if step.context.payload.get("replicas") is None:
        wanted = replicas_for(Kind(step.deployment.kind), step.deployment.artifact, step.placement.replicas)
    progress.replicas_settled(deployment=step.deployment, replicas=wanted, scales=step.placement.scales)


def _announce(step: StepContext) -> None:
    """A host that serves nothing yet shows that something is coming."""
    for host in step.placement.hosts:
        if step.proxy.route(host) is None:
            step.serve(Route(host, RouteKind.STARTING, (), step.deployment.label))


def _tell_if_it_serves_already(step: StepContext) -> None:
    """Deployed all the same: people press Deploy to have fresh instances."""
    current, wanted = step.placement.current, step.deployment
    if current is None or current.artifact is None or current.pk == wanted.pk:
        return
    if (current.artifact.digest, current.configuration_id) == (step.artifact.digest, wanted.configuration_id):
        same = f"#{current.pk} serves exactly this already ({current.artifact.digest[:19]}, same configuration)"
        step.log.say(f"{same}; it is restarted.")


def _read_back(step: StepContext) -> list[Instance]:
    """What really runs must be what was asked for."""
    instances = step.own_instances()
    if len(instances) != (wanted := sum(step.deployment.counts.values())):
        raise Refused(f"{len(instances)} of {wanted} instances run; one is gone since it was checked.")
    for one in instances:
        if one.digest != step.artifact.digest:
            raise Refused(f"{one.name} runs {one.digest or 'nothing known'} instead of {step.artifact.digest}.")
    _refuse_if_one_died(step)
    return instances


def _refuse_if_one_died(step: StepContext, known: Mapping[str, int] | None = None) -> None:
    """A version that dies as soon as it has been checked, or has visitors, must not replace one that works."""
    known = step.context.state.get("restarts", {}) if known is None else known
    for one in step.own_instances():
        if one.state != InstanceState.RUNNING or one.restarts > known.get(one.name, one.restarts):
            code = "" if one.exit_code is None else f" with code {one.exit_code}"
            who = "The application" if one.is_main else f"Its service “{one.service}”"
            raise refusal(step.runtime, [one.name], f"{who} was ready and then ended{code}.")


def _record_switch(step: StepContext) -> None:
    """Only said after reading back both the digest and the route."""
    instances = _read_back(step)
    for host in step.placement.hosts:
        route = step.proxy.route(host)
        if route is None or set(route.addresses) != {one.address for one in instances if one.is_main}:
            raise Retry(f"The route of {host} is not what was just written.")
    with transaction.atomic():
        step.context.checkpoint()
        progress.switched(
            deployment=step.deployment,
            placement=step.placement,
            served_digest=instances[0].digest,
            observed=[describe(one) for one in instances],
        )
    step.log.say(f"{step.placement.url} serves {step.artifact.version}.")


def _as_it_was(placement: Placement) -> dict[str, Any]:
    """What the switch changes of the placement, to be given back if the deployment does not end well."""
    kept = ("wanted", "replicas", "scales")
    return {"previous_good": placement.previous_good_id, **{name: getattr(placement, name) for name in kept}}


def _give_back(step: StepContext, serving: Deployment | None) -> None:
    """Route everything to `serving` again, starting its instances where they were stopped already."""
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
    """What the placement was when this deployment switched it."""
    return step.context.state.get("before") or _as_it_was(step.placement)


def _serve_again(step: StepContext, serving: Deployment, before: Mapping[str, Any]) -> None:
    was_stopped = before["wanted"] == Wanted.STOPPED
    counts = counts_of(serving.artifact, before["replicas"], before.get("scales", {}))
    instances = [] if was_stopped else _running_again(step, serving, counts)
    for host in step.placement.hosts:
        route = live_route(step.placement, host, instances, serving) if instances else Route(host, RouteKind.STOPPED)
        step.serve(route)
    step.log.say("It is stopped again." if was_stopped else f"{serving.version} (#{serving.pk}) serves again.")
    addresses = [one.address for one in step.own_instances() if one.address]
    drain(step.proxy.in_flight, addresses, limit=settings.DRAIN_SECONDS)


def _traffic_is_ours(step: StepContext) -> bool:
    routes = [step.proxy.route(host) for host in step.placement.hosts]
    is_current = step.placement.current_id == step.deployment.pk
    return is_current or any(route is not None and route.generation == step.deployment.label for route in routes)


def _running_again(step: StepContext, serving: Deployment, counts: Mapping[str, int]) -> list[Instance]:
    """The old instances, started again where they were stopped. What cannot be brought back is not announced for ever."""
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
    return [one for one in instances_of(step.runtime, serving) if one.name in names]


DEPLOY = Workflow(
    kind=STORY,
    steps=(
        Step("prepare", prepare, deadline=timedelta(minutes=30)),
        Step("distribute", distribute, deadline=timedelta(minutes=20), attempts=4),
        Step("release", release, deadline=timedelta(minutes=10), applies=lambda state: bool(state.get("release"))),
        Step("start", start, deadline=timedelta(minutes=5)),
        Step("check", check, deadline=timedelta(minutes=20)),
        Step("switch", switch, deadline=timedelta(minutes=2)),
        Step("retire", retire, deadline=timedelta(minutes=15)),
    ),
    clean_up=clean_up,
    watcher=DeploymentWatcher(),
    clean_up_deadline=timedelta(minutes=15),
)
