"""A deployment that waits for people: yes, no, and what ends the waiting.

Its run waits without slot and key, so it stands in nobody's way. Runs are locked before any row of ours.
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
from fairway.deployments.rules import BRINGS_SOMETHING_NEW, Status
from fairway.deployments.subjects import on_deployment
from fairway.engine.commands import request_cancel, signal
from fairway.engine.models import Run
from fairway.environments.commands import WHEN_DELETED
from fairway.environments.models import Environment
from fairway.environments.protection import approver_blocker, may_approve
from fairway.shared.names import Invalid, parse_text

WAITS = AWAITS_APPROVAL | Q(status=Status.WAITING, run__awaits_signal=True)  # for people, or for the gate to open


@transaction.atomic
def approve(*, actor: Actor, deployment: Deployment, fingerprint: str, comment: str = "") -> Deployment:
    """Say yes to exactly what `fingerprint` stands for; with the last yes that is needed it goes on. Raises `Blocked`."""
    row = _waiting(actor, deployment)
    if reasons := why_not_approve(actor, row):
        raise Blocked(reasons)
    _answer(actor, row, fingerprint, comment, is_approved=True)
    found = approvals_of(row)
    if not found.missing and row.run_id is not None:
        settle(row, found)
        signal(run_id=row.run_id, name="approval", data={})
    return row


@transaction.atomic
def reject(*, actor: Actor, deployment: Deployment, fingerprint: str, comment: str) -> Deployment:
    """Say no, and why: that ends it. Raises `Blocked`, or `Invalid` without a comment."""
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
    said = parse_text(comment, field="comment", longest=500)
    earlier = DeploymentApproval.objects.filter(deployment=row, person_id=actor.id, fingerprint=now).first()
    if earlier is not None and earlier.is_approved == is_approved:
        return earlier
    made = earlier or DeploymentApproval(deployment=row, person_id=actor.id, fingerprint=now)
    made.person, made.is_approved, made.comment, made.created_at = actor.name, is_approved, said, timezone.now()
    made.save()
    verb = "deployment.approved" if is_approved else "deployment.rejected"
    record(who=actor.who, verb=verb, on=on_deployment(row), comment=said, after={"fingerprint": now})
    return made


def ask_for_approval(deployment: Deployment, environment: Environment) -> None:
    """It waits for people from now on: its environment asks for approvals it does not have (any more)."""
    until = deployment.approve_by or may_wait_until(environment, timezone.now(), deployment.start_by)
    Deployment.objects.filter(pk=deployment.pk).update(approve_by=until, approved_at=None)
    deployment.approve_by, deployment.approved_at = until, None
    after = {"approvals_needed": environment.approvals_needed, "approve_by": until.isoformat()}
    record(who=SYSTEM.who, verb="deployment.approval_asked", on=on_deployment(deployment), after=after)


def settle(deployment: Deployment, found: Approvals) -> None:
    """It has every approval that its environment asks for, or is asked for none any more."""
    if deployment.approve_by is None or deployment.approved_at is not None:
        return
    now = timezone.now()
    Deployment.objects.filter(pk=deployment.pk).update(approved_at=now)
    deployment.approved_at = now
    after = {"given": found.given, "needed": found.needed, "fingerprint": found.fingerprint}
    record(who=SYSTEM.who, verb="deployment.approval_settled", on=on_deployment(deployment), after=after)


def locked_waiting(waits: Q = AWAITS_APPROVAL, **where: object) -> list[Deployment]:
    """The deployments that wait for approval (or as `waits` says), with their runs locked, in the order of these: call it
    before anything else is locked."""
    chosen = Deployment.objects.filter(waits, **where)
    runs = list(chosen.exclude(run=None).order_by("run_id").values_list("run_id", flat=True))
    list(Run.objects.select_for_update(no_key=True).filter(pk__in=runs).order_by("pk"))
    return list(_related(Deployment.objects.filter(waits, run__in=runs, **where)).order_by("run_id"))


def end_waiting(found: Iterable[Deployment], sentence: str) -> None:
    """End what was waiting; `found` comes from `locked_waiting`."""
    for one in found:
        _end(one, sentence)


@transaction.atomic
def end_overtaken(*, deployment: Deployment) -> None:
    """End what was asked for earlier and still waits, for people or for the gate, where `deployment` has just gone live: it
    would be refused as soon as it began. A way back overtakes nothing. In a transaction of its own: runs are locked first.
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


def _end(one: Deployment, sentence: str) -> None:
    """Cancelled with this sentence; the engine cleans up and frees what there is to free."""
    if one.run_id is not None:
        request_cancel(run_id=one.run_id, reason=sentence)
    one.refresh_from_db()
    if one.is_active and one.status != Status.CANCELLING:
        one.move_to(Status.CANCELLING)


def _locked(deployment: Deployment) -> Deployment:
    """The run first: the engine locks it, then tells us."""
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
