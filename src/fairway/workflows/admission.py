"""Admitting a deployment: asking the gate when it starts, waiting until it opens, and waiting for approvals.

While a deployment waits, it takes no slot of a worker and does not keep its key.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from django.db import transaction

from fairway.accounts.queries import actor_of_request
from fairway.accounts.rules import SYSTEM, Actor, Blocker
from fairway.deployments.commands.approvals import ask_for_approval, settle
from fairway.deployments.commands.requests import act_of
from fairway.deployments.gate import Subject, blockers, opens_by_itself
from fairway.deployments.models import Deployment
from fairway.deployments.protection import approval_words, approvals_of, needs_approval, overtaken_by
from fairway.deployments.rules import Kind
from fairway.drivers.proxy.contract import Route, RouteKind
from fairway.engine import clock
from fairway.engine.commands import request_cancel
from fairway.engine.workflow import Wait
from fairway.shared.failures import Away, Cancelled, Refused
from fairway.shared.sentences import joined
from fairway.workflows.step_context import StepContext

# After this it asks again if nobody knows when the gate opens. Whatever opens the gate wakes the run earlier.
LOOK_AGAIN = timedelta(hours=1)


def refuse_to_go_back_in_time(step: StepContext) -> None:
    """Raises `Refused` if a newer version is live, or if the version that should be restarted or rolled back automatically
    no longer serves. A rollback that a person asked for is never refused."""
    deployment, current = step.deployment, step.placement.current_id
    if current is None or current == deployment.pk:
        return
    if deployment.approve_by is not None:  # a newer version that was rolled back during the approval does not count
        is_older = overtaken_by(deployment, step.placement.current)
    else:
        is_older = deployment.kind in {Kind.DEPLOY, Kind.PROMOTE} and current > deployment.pk
    if is_older:
        raise Refused(f"A newer deployment (#{current}) is already live, so this older one is not deployed.")
    if deployment.kind in {Kind.RESTART, Kind.AUTOMATIC_ROLLBACK} and current != deployment.replaces_id:
        raise Refused(f"#{current} went live meanwhile with instances of its own; there is nothing left to do.")


def ask_gate(step: StepContext) -> None:
    """Ask the gate again, because a lock may have been set, or a setting removed, since the deployment was asked for.

    Raises `Wait`, without slot and key, if the gate will open by itself; else `Refused`, or `Away` if only the runtime
    cannot be reached. Blockers that only keep new work from starting are ignored once the deployment has been admitted, and
    while an approval is missing, because it waits for that first.
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
    closed_by = blockers(act_of(deployment), subject, _requester(deployment), clock.now(), breaks_glass=glass)
    if step.context.state.get("admitted") or approval_is_missing(step):
        closed_by = [blocker for blocker in closed_by if not blocker.only_starts]
    if not closed_by:
        return
    if opens_by_itself(closed_by):
        _wait_for_gate(closed_by, deployment)
    is_away = all(blocker.code == "runtime" for blocker in closed_by)  # it could be reached when this was asked for
    raise (Away if is_away else Refused)(joined(blocker.sentence for blocker in closed_by))


def _wait_for_gate(closed_by: Sequence[Blocker], deployment: Deployment) -> None:
    """Raises `Wait` until the gate opens, or until the deployment's `starts_by`, whichever is first. After `starts_by` it
    returns, and the caller refuses the deployment."""
    now = clock.now()
    opens_at = max(blocker.clears_at or now + LOOK_AGAIN for blocker in closed_by)
    if now < deployment.starts_by:
        sentences = joined(blocker.sentence for blocker in closed_by)
        raise Wait(until=min(opens_at, deployment.starts_by), keeps_key=False, reason=sentences)


def _requester(deployment: Deployment) -> Actor:
    if deployment.requested_by_id is None:
        return SYSTEM
    requester = (deployment.requested_by_id, deployment.requested_by, deployment.door, deployment.acting_role)
    return actor_of_request(*requester, token=deployment.requested_with_id)


def approval_is_missing(step: StepContext) -> bool:
    deployment, environment = step.deployment, step.placement.environment
    is_needed = needs_approval(act_of(deployment), environment, breaks_glass=bool(deployment.broke_glass))
    return is_needed and approvals_of(deployment, environment).missing > 0


def await_approval(step: StepContext) -> None:
    """Return if the deployment has every approval that the environment requires *now*, and record them. Else ask for them.

    Raises `Wait`, without slot and key, until then, or `Cancelled` if they were not given in time.
    """
    deployment, environment = step.deployment, step.placement.environment
    if not approval_is_missing(step):
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
    approvals = approvals_of(deployment, environment)
    sentence = f"It was not approved in time: it had {approvals.given} of {approvals.needed} approvals."
    request_cancel(run_id=step.context.run_id, reason=sentence)
    raise Cancelled


def admit(step: StepContext) -> None:
    """Admit the deployment: from here on, a lock, a freeze or a limit that only keeps new work from starting does not stop
    it any more."""
    if not step.context.state.get("admitted"):
        step.context.checkpoint(admitted=True)
    _announce(step)


def _announce(step: StepContext) -> None:
    """Show the starting page on each host that has no route yet."""
    for host in step.placement.hosts:
        if step.proxy.route(host) is None:
            step.serve(Route(host, RouteKind.STARTING, (), step.deployment.label))
