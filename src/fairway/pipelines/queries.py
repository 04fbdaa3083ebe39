"""Reading triggers and what came to their webhooks; every lookup starts at `visible_to(actor)`."""

from __future__ import annotations

from collections.abc import Sequence

from django.db.models import Max, QuerySet

from fairway.accounts.queries import reached
from fairway.accounts.rules import Actor, NotVisible, reach_of
from fairway.pipelines.models import CiTrust, Trigger, WebhookDelivery


def visible_to(actor: Actor) -> QuerySet[Trigger]:
    """The triggers that this actor may see, by application and environment."""
    scope = reached(reach_of(actor), application="application__slug", environment="environment__slug")
    living = Trigger.objects.filter(scope, deleted_at=None, application__deleted_at=None, environment__deleted_at=None)
    return living.select_related("application", "environment").order_by("application__slug", "environment__position", "pk")


def get_trigger(actor: Actor, number: int) -> Trigger:
    """The trigger with this number. Raises `NotVisible`."""
    found = visible_to(actor).filter(pk=number).first()
    if found is None:
        raise NotVisible("trigger", number)
    return found


def deliveries_of(triggers: Sequence[Trigger]) -> QuerySet[WebhookDelivery]:
    """What came to the webhooks of these triggers, newest first."""
    related = ("trigger__environment", "deployment__artifact", "deployment__application", "deployment__environment")
    return WebhookDelivery.objects.filter(trigger__in=triggers).select_related(*related).order_by("-received_at", "-pk")


def last_deliveries_of(triggers: Sequence[Trigger]) -> dict[int, WebhookDelivery]:
    """The newest delivery of each of these triggers, by its id."""
    newest = WebhookDelivery.objects.filter(trigger__in=triggers).values("trigger").annotate(newest=Max("pk"))
    found = deliveries_of(triggers).filter(pk__in=list(newest.values_list("newest", flat=True)))
    return {one.trigger_id: one for one in found}


def ci_trusts_visible_to(actor: Actor) -> QuerySet[CiTrust]:
    """The trusted CI jobs that this actor may see, by application and environment."""
    scope = reached(reach_of(actor), application="application__slug", environment="environment__slug")
    living = CiTrust.objects.filter(scope, deleted_at=None, application__deleted_at=None, environment__deleted_at=None)
    return living.select_related("application", "environment").order_by("application__slug", "environment__position", "pk")


def get_ci_trust(actor: Actor, number: int) -> CiTrust:
    """The trust with this number. Raises `NotVisible`."""
    found = ci_trusts_visible_to(actor).filter(pk=number).first()
    if found is None:
        raise NotVisible("trust in CI jobs", number)
    return found
