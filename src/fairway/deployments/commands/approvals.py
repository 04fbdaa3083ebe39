"""Approving and rejecting a deployment that waits for people, and ending the wait.

The run of such a deployment waits without slot and key, so it delays no other. Runs are locked before deployments.
"""

from __future__ import annotations

from collections.abc import Iterable

from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from fairway.accounts.rules import SYSTEM, Actor, Blocked, Blocker
from fairway.activity.commands import record
from fairway.deployments.models import Deployment, DeploymentApproval
from fairway.deployments.protection import Approvals, approvals_of, may_wait_until, why_not_approve
from fairway.deployments.queries import AWAITS_APPROVAL
from fairway.deployments.rules import BRINGS_SOMETHING_NEW, CANARY, Status
from fairway.deployments.subjects import on_deployment
from fairway.engine.commands import request_cancel, signal
from fairway.engine.models import Run
from fairway.environments.commands import WHEN_DELETED
from fairway.environments.models import Environment
from fairway.environments.protection import approver_blocker, may_approve
from fairway.shared.names import Invalid, parse_text

# For people, or for the gate to open. A canary waits as well, but it has begun.
WAITS = AWAITS_APPROVAL | (Q(status=Status.WAITING, run__awaits_signal=True) & ~Q(step=CANARY))


@transaction.atomic
def approve(*, actor: Actor, deployment: Deployment, fingerprint: str, comment: str = "") -> Deployment:
    """Approve exactly what `fingerprint` stands for. With the last approval that is needed, the deployment goes on.

    Raises `Blocked`, or `Invalid` if something else would be deployed by now.
    """
    row = _waiting(actor, deployment)
    if reasons := why_not_approve(actor, row):
        raise Blocked(reasons)
    _answer(actor, row, fingerprint, comment, is_approved=True)
    approvals = approvals_of(row)
    if not approvals.missing and row.run_id is not None:
        settle(row, approvals)
        signal(run_id=row.run_id, name="approval", data={})
    return row


@transaction.atomic
def reject(*, actor: Actor, deployment: Deployment, fingerprint: str, comment: str) -> Deployment:
    """Reject a deployment, which ends it. Raises `Blocked`, or `Invalid` without a comment or if something else would be
    deployed by now."""
    parse_text(comment, field="comment", longest=500, required=True)
    row = _waiting(actor, deployment)
    made = _answer(actor, row, fingerprint, comment, is_approved=False)
    _end(row, _("Rejected by %(person)s: %(comment)s") % {"person": actor.name, "comment": made.comment})
    return row


def _waiting(actor: Actor, deployment: Deployment) -> Deployment:
    """The row, locked, if it waits for approval and the actor may approve there. Raises `Blocked`."""
    row = _locked(deployment)
    if not may_approve(actor, row.environment, row.application.slug):
        raise Blocked([approver_blocker(row.environment)])
    if actor.id is None:
        raise Blocked([Blocker(code="not_a_person", sentence=_("Only a person can approve."))])
    if not row.awaits_approval:
        raise Blocked([Blocker(code="not_waiting", sentence=why_not_waiting(row))])
    return row


def why_not_waiting(row: Deployment) -> str:
    """Why there is nothing to approve."""
    if not row.is_active:
        return _("This deployment has already ended.")
    if row.status == Status.CANCELLING:
        return _("This deployment is being cancelled.")
    return _("This deployment does not wait for an approval.")


def _answer(actor: Actor, row: Deployment, fingerprint: str, comment: str, *, is_approved: bool) -> DeploymentApproval:
    assert actor.id is not None
    now = approvals_of(row).fingerprint
    if not now or fingerprint != now:
        raise Invalid("fingerprint", "is of something other than what would be deployed now; look at it again.")
    parsed = parse_text(comment, field="comment", longest=500)
    earlier = DeploymentApproval.objects.filter(deployment=row, person_id=actor.id, fingerprint=now).first()
    if earlier is not None and earlier.is_approved == is_approved:
        return earlier
    made = earlier or DeploymentApproval(deployment=row, person_id=actor.id, fingerprint=now)
    made.person, made.is_approved, made.comment, made.created_at = actor.name, is_approved, parsed, timezone.now()
    made.save()
    verb = "deployment.approved" if is_approved else "deployment.rejected"
    record(who=actor.who, verb=verb, on=on_deployment(row), comment=parsed, after={"fingerprint": now})
    return made


def ask_for_approval(deployment: Deployment, environment: Environment) -> None:
    """Record that the deployment waits for people from now on, because its environment requires approvals that it does not
    have, or no longer has."""
    until = deployment.approve_by or may_wait_until(environment, timezone.now(), deployment.start_by)
    Deployment.objects.filter(pk=deployment.pk).update(approve_by=until, approved_at=None)
    deployment.approve_by, deployment.approved_at = until, None
    after = {"approvals_needed": environment.approvals_needed, "approve_by": until.isoformat()}
    record(who=SYSTEM.who, verb="deployment.approval_asked", on=on_deployment(deployment), after=after)


def settle(deployment: Deployment, approvals: Approvals) -> None:
    """Record that the deployment has every approval that its environment requires, or that none is required any more."""
    if deployment.approve_by is None or deployment.approved_at is not None:
        return
    now = timezone.now()
    Deployment.objects.filter(pk=deployment.pk).update(approved_at=now)
    deployment.approved_at = now
    after = {"given": approvals.given, "needed": approvals.needed, "fingerprint": approvals.fingerprint}
    record(who=SYSTEM.who, verb="deployment.approval_settled", on=on_deployment(deployment), after=after)


def locked_waiting(waits: Q = AWAITS_APPROVAL, **where: object) -> list[Deployment]:
    """The deployments that wait for approval (or as `waits` says), in the order of their runs, which are locked. Call it
    before anything else is locked."""
    chosen = Deployment.objects.filter(waits, **where)
    runs = list(chosen.exclude(run=None).order_by("run_id").values_list("run_id", flat=True))
    list(Run.objects.select_for_update(no_key=True).filter(pk__in=runs).order_by("pk"))
    return list(_related(Deployment.objects.filter(waits, run__in=runs, **where)).order_by("run_id"))


def end_waiting(waiting: Iterable[Deployment], sentence: str) -> None:
    """Cancel waiting deployments, which come from `locked_waiting`; `sentence` says why."""
    for deployment in waiting:
        _end(deployment, sentence)


@transaction.atomic
def end_overtaken(*, deployment: Deployment) -> None:
    """After `deployment` has gone live, cancel the earlier ones that still wait for people or for the gate, because they
    would be refused as soon as they began. A rollback or a restart cancels none.

    It needs a transaction of its own, because it locks runs first.
    """
    if deployment.kind not in BRINGS_SOMETHING_NEW:
        return
    words = {"number": deployment.pk, "version": deployment.version}
    waiting = locked_waiting(
        WAITS & Q(kind__in=sorted(BRINGS_SOMETHING_NEW), pk__lt=deployment.pk),
        application=deployment.application_id,
        environment=deployment.environment_id,
    )
    end_waiting(waiting, _("Superseded by #%(number)s (%(version)s), which is live now.") % words)


def superseded_by(newer: Deployment) -> str:
    words = {"number": newer.pk, "person": newer.requested_by}
    return _("Superseded by #%(number)s, requested later by %(person)s.") % words


def _end(deployment: Deployment, sentence: str) -> None:
    """Cancel one deployment with this sentence; the engine runs the clean-up if there is something to clean up."""
    if deployment.run_id is not None:
        request_cancel(run_id=deployment.run_id, reason=sentence)
    deployment.refresh_from_db()
    if deployment.is_active and deployment.status != Status.CANCELLING:
        deployment.move_to(Status.CANCELLING)


def _locked(deployment: Deployment) -> Deployment:
    """The deployment, locked after its run, in the same order as the engine locks them."""
    if deployment.run_id is not None:
        Run.objects.select_for_update(no_key=True).get(pk=deployment.run_id)
    chosen = Deployment.objects.select_for_update(of=("self",), no_key=True)
    return _related(chosen).get(pk=deployment.pk)


def _related(chosen: QuerySet[Deployment]) -> QuerySet[Deployment]:
    return chosen.select_related("application", "environment", "artifact", "configuration", "run")


def _end_in(environment: Environment) -> None:
    words = {"environment": environment.name}
    end_waiting(locked_waiting(environment=environment), _("%(environment)s was deleted.") % words)


WHEN_DELETED.append(_end_in)
