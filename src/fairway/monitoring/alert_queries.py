"""Reading alerts and silences, from what an actor may see."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.db.models import F, Q, QuerySet
from django.utils import timezone

from fairway.accounts.queries import reached
from fairway.accounts.rules import Actor, NotVisible, reach_of
from fairway.deployments.models import Placement
from fairway.environments.models import Environment
from fairway.monitoring.alert_rules import AlertKind, Rule, rules_with
from fairway.monitoring.models import Alert, AlertSettings, Silence

OPEN, ENDED = "open", "ended"


def alerts_visible_to(actor: Actor) -> QuerySet[Alert]:
    """The alerts that this actor may see, newest first. Those of hosts and of the installation are seen by whoever may see
    everything."""
    started = Alert.objects.filter(started_at__isnull=False).select_related("application", "environment")
    return started.filter(reached(reach_of(actor), application="application__slug", environment="environment__slug"))


@dataclass(frozen=True)
class AlertFilter:
    """Empty fields match everything; `state` is ``open`` or ``ended``; `environment` and `application` are slugs."""

    state: str = ""
    kind: str = ""
    environment: str = ""
    application: str = ""


def alerts(actor: Actor, wanted: AlertFilter | None = None) -> QuerySet[Alert]:
    """The alerts that this actor may see and that match: open ones first, of each the newest first."""
    wanted = wanted or AlertFilter()
    chosen = alerts_visible_to(actor)
    if wanted.state:
        chosen = chosen.filter(ended_at__isnull=wanted.state == OPEN)
    if wanted.kind:
        chosen = chosen.filter(kind=wanted.kind)
    if wanted.environment:
        chosen = chosen.filter(environment__slug=wanted.environment)
    if wanted.application:
        chosen = chosen.filter(application__slug=wanted.application)
    return chosen.order_by(F("ended_at").desc(nulls_first=True), "-since", "-pk")


def open_alerts(actor: Actor, placement: Placement | None = None) -> list[Alert]:
    """What is wrong now; with `placement`, there. One query."""
    chosen = alerts(actor, AlertFilter(state=OPEN))
    if placement is not None:
        chosen = chosen.filter(application=placement.application_id, environment=placement.environment_id)
    return list(chosen)


def get_alert(actor: Actor, number: int) -> Alert:
    """The alert with this number. Raises `NotVisible`."""
    alert = alerts_visible_to(actor).filter(pk=number).first()
    if alert is None:
        raise NotVisible("alert", number)
    return alert


def silences_visible_to(actor: Actor, now: datetime | None = None) -> QuerySet[Silence]:
    """The silences that hold now and are about something that this actor may see, by their end. One of a whole environment
    is seen by whoever may see any of it."""
    holding = Silence.objects.filter(until__gt=now or timezone.now(), environment__deleted_at=None)
    reach = reach_of(actor)
    whole = Q(application=None) & reached(reach, environment="environment__slug")
    one = reached(reach, application="application__slug", environment="environment__slug")
    seen = holding.filter(whole | Q(application__isnull=False) & one)
    return seen.select_related("environment", "application").order_by("until", "pk")


def get_silence(actor: Actor, number: int) -> Silence:
    """The silence with this number, if it still holds. Raises `NotVisible`."""
    silence = silences_visible_to(actor).filter(pk=number).first()
    if silence is None:
        raise NotVisible("silence", number)
    return silence


def rules_of(environment: Environment) -> dict[AlertKind, Rule]:
    """The rules that hold in an environment."""
    row = AlertSettings.objects.filter(environment=environment).first()
    return rules_with(row.rules if row else {})
