"""What comes to the webhook of a trigger: it is verified, recorded and answered at once; a worker requests the deployment.

Whoever needs several rows locks runs first, then the trigger.
"""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.core.cache import cache
from django.db import transaction
from django.db.models import Q

from fairway.accounts.rules import Blocked, NotVisible
from fairway.activity.commands import record
from fairway.activity.rules import Door, Who
from fairway.applications.secrets import seal
from fairway.deployments.commands.approvals import end_waiting, locked_waiting, superseded_by
from fairway.deployments.commands.requests import request_deployment
from fairway.deployments.models import Deployment
from fairway.drivers.forges.contract import ChangeRequest, NotAccepted, Push, RefKind, Told
from fairway.drivers.forges.payloads import is_of, is_push, parse_payload, parse_push, repositories_in, told_by
from fairway.drivers.forges.requests import is_request, parse_request
from fairway.drivers.forges.signatures import verify
from fairway.engine import clock
from fairway.engine.models import Run
from fairway.pipelines.commands.previews import NOT_BEGUN, let_a_worker_see, note
from fairway.pipelines.models import Trigger, WebhookDelivery
from fairway.pipelines.preview_rules import sign_of
from fairway.pipelines.rules import (
    KEPT_AT_LEAST,
    KEPT_FOR,
    MOST_IN_A_MINUTE,
    MOST_KEPT,
    MOST_REFUSED_IN_A_MINUTE,
    Outcome,
    reason_for,
    why_ignored,
)
from fairway.pipelines.subjects import lost_right, on_trigger, runner_of
from fairway.shared.names import Invalid
from fairway.shared.sentences import joined

PUBLIC_ID = re.compile(r"[A-Za-z0-9_-]{1,40}")
LEFT_AFTER = timedelta(minutes=1)
COUNTED_WITHIN = timedelta(hours=1)  # refused and ignored deliveries of the same kind are one row


@dataclass(frozen=True)
class Incoming:
    """One request to a webhook. `headers` have names in lower case. `is_too_large`: its body was not read to the end."""

    headers: Mapping[str, str]
    body: bytes
    address: str = ""
    is_too_large: bool = False

    @property
    def digest(self) -> str:
        return hashlib.sha256(self.body).hexdigest()


@dataclass(frozen=True)
class Receipt:
    """What the sender is told. `code` says in a word why it was refused; "" if it was not."""

    outcome: Outcome
    sentence: str
    code: str = ""


def receive(*, public_id: str, incoming: Incoming) -> Receipt:
    """Verify and record what came to a webhook. A push that will be deployed is a row, and a run for a worker, when this
    returns. Raises `NotVisible` if there is no such webhook."""
    trigger = webhook(public_id)
    told = told_by(incoming.headers)
    try:
        found = _read(trigger, told, incoming)
        if isinstance(found, str):
            return _take_other(trigger, told, incoming, found)
        return _take(trigger, told, incoming, found)
    except NotAccepted as problem:
        return _refuse(trigger, told, incoming, problem)


def webhook(public_id: str) -> Trigger:
    """The trigger whose webhook has this id. Raises `NotVisible`."""
    found: Trigger | None = _living().filter(public_id=public_id).first() if PUBLIC_ID.fullmatch(public_id) else None
    if found is None:
        raise NotVisible("webhook", public_id)
    return found


def _living() -> Any:
    there = Trigger.objects.filter(deleted_at=None, application__deleted_at=None, environment__deleted_at=None)
    return there.select_related("application", "environment")


def _read(trigger: Trigger, told: Told, incoming: Incoming) -> Push | ChangeRequest | str:
    """The push or the request, or why something else is ignored. Raises `NotAccepted`."""
    if incoming.is_too_large:
        raise NotAccepted("too_large", "Its body is larger than 30 MB.")
    verify(incoming.headers, incoming.body, seal().open(trigger.sealed_secret), time.time())
    wants_requests = trigger.ref_kind == RefKind.REQUEST
    if not (is_request(told) if wants_requests else is_push(told)) and told.event != "ping":
        if wants_requests:
            return f"Only requests have previews here; this was “{told.event}”."
        return f"Only pushes are deployed; this was “{told.event}”."
    payload = parse_payload(incoming.headers.get("content-type", ""), incoming.body)
    repositories = repositories_in(payload)
    if told.event == "ping" and not repositories:
        return _works(wants_requests)
    if not is_of(repositories, str(trigger.application.source.get("url", ""))):
        names = repositories[0][:200] if repositories else "none"
        raise NotAccepted("repository", f"It comes from another repository ({names}) than the application.")
    if told.event == "ping":
        return _works(wants_requests)
    if wants_requests:
        return parse_request(told, payload) or "It changes neither what is proposed nor whether it is open."
    return parse_push(payload) or "Neither a branch nor a tag was pushed."


def _works(wants_requests: bool) -> str:
    if wants_requests:
        return "The webhook works; the next request has a preview."
    return "The webhook works; the next push is deployed."


@transaction.atomic
def _take(trigger: Trigger, told: Told, incoming: Incoming, found: Push | ChangeRequest) -> Receipt:
    """Raises `NotAccepted` if it came before, or too many came."""
    row = _locked(trigger)
    _refuse_again(row, told, incoming)
    delivery = WebhookDelivery(
        trigger=row,
        received_at=clock.now(),
        forge=told.forge,
        event=told.event,
        delivery=told.delivery,
        body_digest=incoming.digest,
        address=incoming.address,
        commit=found.commit,
    )
    return _take_push(delivery, found) if isinstance(found, Push) else _take_request(delivery, found)


def _refuse_again(row: Trigger, told: Told, incoming: Incoming) -> None:
    """Raises `NotAccepted`."""
    came = WebhookDelivery.objects.filter(trigger=row).exclude(outcome=Outcome.REFUSED)
    same = Q(body_digest=incoming.digest) | (Q(delivery=told.delivery) if told.delivery else Q())
    if came.filter(same).exists():
        raise NotAccepted(
            "replayed", "It was received before, so it is not accepted again; push a new commit, or deploy it yourself."
        )
    if came.filter(received_at__gt=clock.now() - timedelta(minutes=1)).count() >= MOST_IN_A_MINUTE:
        raise NotAccepted("too_many", f"More than {MOST_IN_A_MINUTE} pushes came within a minute.")


def _take_push(delivery: WebhookDelivery, push: Push) -> Receipt:
    row = delivery.trigger
    why = why_ignored(push, kind=row.ref_kind, pattern=row.pattern, paths=row.paths, is_paused=row.is_paused)
    outcome = Outcome.IGNORED if why else Outcome.ACCEPTED
    delivery.ref_kind, delivery.ref, delivery.pusher, delivery.message = push.kind, push.name, push.pusher, push.message
    delivery.outcome, delivery.sentence = outcome, why
    delivery.save()
    if not why:
        let_a_worker_see(row)
    return Receipt(outcome, why or "It will be deployed.")


def _take_request(delivery: WebhookDelivery, request: ChangeRequest) -> Receipt:
    preview, why = note(delivery.trigger, request)
    sign = sign_of(request.number, is_merge=request.is_merge)
    delivery.ref_kind, delivery.ref = RefKind.REQUEST, f"{sign} {request.branch}"[:250]
    delivery.pusher, delivery.message, delivery.sentence = request.author, request.title, why
    delivery.outcome = Outcome.PREVIEWED if preview else Outcome.IGNORED
    delivery.save()
    if preview is None:
        return Receipt(Outcome.IGNORED, why)
    let_a_worker_see(delivery.trigger)
    return Receipt(Outcome.PREVIEWED, f"The preview of {sign} follows it.")


@transaction.atomic
def _take_other(trigger: Trigger, told: Told, incoming: Incoming, sentence: str) -> Receipt:
    _count(_locked(trigger), told, Outcome.IGNORED, "", sentence, incoming.address)
    return Receipt(Outcome.IGNORED, sentence)


def _refuse(trigger: Trigger, told: Told, incoming: Incoming, problem: NotAccepted) -> Receipt:
    """Record why it was refused, except if the same address sends many."""
    key = f"webhook-refused:{trigger.pk}:{incoming.address}:{int(time.time() // 60)}"
    count = cache.get(key, 0) + 1
    cache.set(key, count, 120)
    if count > MOST_REFUSED_IN_A_MINUTE:
        return Receipt(Outcome.REFUSED, "Too many requests of this address were refused; wait a minute.", "too_many")
    _record_refusal(trigger, told, incoming, problem)
    return Receipt(Outcome.REFUSED, problem.sentence, problem.code)


@transaction.atomic
def _record_refusal(trigger: Trigger, told: Told, incoming: Incoming, problem: NotAccepted) -> None:
    row = _locked(trigger)
    times = _count(row, told, Outcome.REFUSED, problem.code, problem.sentence, incoming.address)
    if times & (times - 1) == 0:  # the 1st, 2nd, 4th, 8th …, so that nobody can flood the chain of events
        who = Who(id=None, name="", door=Door.WEBHOOK, identified_by="nothing", address=incoming.address)
        after = {"reason": problem.code, "within_an_hour": times}
        record(who=who, verb="trigger.refused", on=on_trigger(row), comment=problem.sentence, after=after)


def _count(trigger: Trigger, told: Told, outcome: Outcome, code: str, sentence: str, address: str) -> int:
    """Record a delivery that leads to nothing; several of one kind are one row. Returns how many they are."""
    now = clock.now()
    alike = WebhookDelivery.objects.filter(
        trigger=trigger, outcome=outcome, code=code, event=told.event, body_digest="", received_at__gt=now - COUNTED_WITHIN
    )
    newest = alike.order_by("-pk").first()
    if newest is None:
        newest = WebhookDelivery(trigger=trigger, forge=told.forge, event=told.event, outcome=outcome, code=code, times=0)
    newest.times += 1
    newest.received_at, newest.delivery, newest.sentence, newest.address = now, told.delivery, sentence, address
    newest.save()
    return newest.times


def _locked(trigger: Trigger) -> Trigger:
    """Raises `NotVisible` if it was deleted meanwhile."""
    row: Trigger | None = _living().select_for_update(of=("self",), no_key=True).filter(pk=trigger.pk).first()
    if row is None:
        raise NotVisible("webhook", trigger.public_id)
    return row


@transaction.atomic
def deploy_newest(*, number: int) -> Deployment | None:
    """Request the deployment of the newest push of this trigger that no deployment was requested for; older ones are
    superseded, also those whose deployment has not begun. None if there is none, or it is refused, which is recorded."""
    begun_before = locked_waiting(NOT_BEGUN, pushes__trigger=number)
    chosen = Trigger.objects.select_for_update(of=("self",), no_key=True).select_related("application", "environment")
    trigger = chosen.get(pk=number)
    waiting = list(WebhookDelivery.objects.filter(trigger=trigger, outcome=Outcome.ACCEPTED).order_by("-pk"))
    if not waiting:
        return None
    newest, *older = waiting
    sentence = f"A newer push ({newest.commit[:12]}) came before its deployment was requested."
    WebhookDelivery.objects.filter(pk__in=[one.pk for one in older]).update(outcome=Outcome.SUPERSEDED, sentence=sentence)
    deployment, why_not = _requested(trigger, newest)
    if deployment is None:
        _block(trigger, newest, why_not)
        return None
    newest.outcome, newest.deployment = Outcome.REQUESTED, deployment
    newest.save(update_fields=["outcome", "deployment"])
    end_waiting(begun_before, superseded_by(deployment))
    return deployment


def _requested(trigger: Trigger, push: WebhookDelivery) -> tuple[Deployment | None, str]:
    """The requested deployment, or why it was refused."""
    if trigger.deleted_at or trigger.application.deleted_at or trigger.environment.deleted_at:
        return None, "It was deleted before the deployment was requested."
    if trigger.is_paused:
        return None, "It was paused before the deployment was requested."
    if why := lost_right(trigger):
        return None, why
    try:
        with transaction.atomic():
            requested = request_deployment(
                actor=runner_of(trigger),
                application=trigger.application,
                environment=trigger.environment,
                reason=reason_for(push.ref_kind, push.ref, push.pusher, push.message),
                when_open=True,
                commit=push.commit,
            )
    except Blocked as problem:
        return None, joined(blocker.sentence for blocker in problem.blockers)
    except Invalid as problem:
        return None, f"{problem.field}: {problem.sentence}"
    return requested, ""


def _block(trigger: Trigger, push: WebhookDelivery, why: str) -> None:
    push.outcome, push.sentence = Outcome.BLOCKED, why
    push.save(update_fields=["outcome", "sentence"])
    after = {"ref": push.ref, "commit": push.commit}
    record(who=runner_of(trigger).who, verb="trigger.blocked", on=on_trigger(trigger), comment=why, after=after)


def take_up_left_pushes() -> int:
    """Queue a run for each trigger whose pushes wait although no run is on its way: the one that was to see them broke down.
    Returns how many were queued."""
    waiting = WebhookDelivery.objects.filter(outcome=Outcome.ACCEPTED, received_at__lt=clock.now() - LEFT_AFTER)
    numbers = sorted(set(waiting.values_list("trigger", flat=True)))
    return sum(_take_up(number) for number in numbers)


@transaction.atomic
def _take_up(number: int) -> bool:
    chosen = Trigger.objects.select_for_update(of=("self",), no_key=True).select_related("environment")
    trigger = chosen.get(pk=number)
    if Run.objects.live().filter(key=f"push:{number}").exists():
        return False
    let_a_worker_see(trigger)
    return True


def forget_deliveries() -> int:
    """Delete old deliveries, and the oldest of a trigger that has more than it keeps; returns how many. None is deleted
    before `KEPT_AT_LEAST`, within which the same one is recognised."""
    now = clock.now()
    settled = WebhookDelivery.objects.exclude(outcome=Outcome.ACCEPTED)
    count = settled.filter(received_at__lt=now - KEPT_FOR).delete()[0]
    for number in Trigger.objects.values_list("pk", flat=True):
        last = settled.filter(trigger=number).order_by("-pk").values_list("pk", flat=True)[MOST_KEPT : MOST_KEPT + 1]
        for oldest in list(last):
            old = settled.filter(trigger=number, pk__lte=oldest, received_at__lt=now - KEPT_AT_LEAST)
            count += old.delete()[0]
    return count
