"""Alerts: what is wrong and was, and when an environment has any."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, Literal

from django.http import HttpRequest
from django.utils import timezone
from ninja import Query, Schema, Status
from pydantic import Field

from fairway.accounts.permissions import actor_of, needs
from fairway.accounts.rules import Act, Actor
from fairway.api.preconditions import AsOf
from fairway.api.routing import PermissionRouter
from fairway.api.schemas import Given, Moment, Number, Page, Paged, Slug, Text, page_of
from fairway.environments.models import Environment
from fairway.environments.queries import get_environment
from fairway.monitoring import alert_commands as commands
from fairway.monitoring.alert_queries import AlertFilter, alerts, get_alert, get_silence, rules_of, silences_visible_to
from fairway.monitoring.alert_rules import IN_ENVIRONMENTS, WITHOUT_THRESHOLD
from fairway.monitoring.alerting import is_silenced, lasted
from fairway.monitoring.models import Alert, Silence

router = PermissionRouter(tags=["alerts"])


class AlertShown(Schema):
    """Something that is or was wrong. `since` is when it began, `started_at` when it had been so for long enough, `ended_at`
    is null while it lasts, and `seconds` is how long it has lasted. `facts` are its numbers, `sentence` says them. An alert
    of a host or of the installation has no environment."""

    id: int
    kind: str
    severity: Literal["warning", "critical"]
    subject: str
    label: str
    application: str
    environment: str
    sentence: str
    facts: dict[str, Any]
    since: datetime
    started_at: datetime
    ended_at: datetime | None
    seconds: int
    is_silenced: bool
    acknowledged_by: str
    acknowledged_at: datetime | None


class AlertsAsked(Paged):
    """`state` is ``open``, ``ended`` or ``all``; what is left out asks for everything."""

    state: Literal["open", "ended", "all"] = "open"
    kind: Text = Field("", max_length=20)
    environment: Text = Field("", max_length=80)
    application: Text = Field("", max_length=80)


class SilenceShown(Schema):
    """Until when channels hear of no alert there; `application` and `kind` are "" where it is about all of them."""

    id: int
    environment: str
    application: str
    kind: str
    until: datetime
    reason: str
    created_by: str
    created_at: datetime


class SilenceWanted(Given):
    """`until` lies within the next 31 days."""

    until: Moment
    reason: str = Field(max_length=500)
    application: str = Field("", max_length=80)
    kind: str = Field("", max_length=20)


class RuleShown(Schema):
    """When there is an alert of a kind: at or above `threshold` (of a certificate: at or below) for `minutes`, or within
    them. `threshold` is null for what is either so or not."""

    is_on: bool
    threshold: float | None
    minutes: int


class RuleWanted(Given):
    """What is left out is as Fairway has it from the start."""

    is_on: bool | None = None
    threshold: float | None = None
    minutes: Annotated[int, Field(ge=0, le=60)] | None = None


class AlertSettingsShown(Schema):
    """An environment's rules by kind, and the silences that hold there now."""

    rules: dict[str, RuleShown]
    silences: list[SilenceShown]


class RulesWanted(Given):
    """All of the environment's changes; a kind that is left out is as Fairway has it from the start."""

    rules: dict[str, RuleWanted] = Field(max_length=20)


@router.get("/alerts", response=Page[AlertShown])
@needs(Act.VIEW)
def list_alerts(request: HttpRequest, asked: Query[AlertsAsked]) -> dict[str, Any]:
    """What is wrong now, or was in the last 90 days."""
    actor = actor_of(request)
    state = "" if asked.state == "all" else asked.state
    wanted = AlertFilter(state, asked.kind, asked.environment, asked.application)
    return page_of(alerts(actor, wanted).order_by("-pk"), asked, lambda rows: _rows(actor, rows))


@router.get("/alerts/{number}", response=AlertShown)
@needs(Act.VIEW)
def show_alert(request: HttpRequest, number: Number) -> AlertShown:
    """One alert."""
    actor = actor_of(request)
    return _rows(actor, [get_alert(actor, number)])[0]


@router.post("/alerts/{number}/acknowledgement", response=AlertShown)
@needs(Act.HANDLE_ALERTS)
def acknowledge_alert(request: HttpRequest, number: Number) -> AlertShown:
    """Say that you take care of it. The first who says so is named."""
    actor = actor_of(request)
    commands.acknowledge(actor=actor, alert=get_alert(actor, number))
    return _rows(actor, [get_alert(actor, number)])[0]


@router.get("/environments/{env}/alerts", response=AlertSettingsShown)
@needs(Act.VIEW)
def show_alert_settings(request: HttpRequest, env: Slug) -> AlertSettingsShown:
    """When there are alerts in an environment, and what is silenced there."""
    actor = actor_of(request)
    return _settings(actor, get_environment(actor, env))


@router.put("/environments/{env}/alerts", response=AlertSettingsShown)
@needs(Act.EDIT_ENVIRONMENT)
def put_alert_rules(request: HttpRequest, env: Slug, given: RulesWanted, as_of: AsOf) -> AlertSettingsShown:
    """Say when there are alerts in an environment."""
    actor = actor_of(request)
    environment = get_environment(actor, env)
    rules = {kind: rule.dict(exclude_none=True) for kind, rule in given.rules.items()}
    commands.set_rules(actor=actor, environment=environment, rules=rules, as_of=as_of)
    return _settings(actor, environment)


@router.post("/environments/{env}/silences", response={201: SilenceShown})
@needs(Act.HANDLE_ALERTS)
def make_silence(request: HttpRequest, env: Slug, given: SilenceWanted) -> Status[SilenceShown]:
    """Let channels hear of no alert in an environment for a while."""
    actor = actor_of(request)
    row = commands.silence(actor=actor, environment=get_environment(actor, env), **given.dict())
    return Status(201, _silence(row))


@router.delete("/silences/{number}", response={204: None})
@needs(Act.HANDLE_ALERTS)
def end_silence(request: HttpRequest, number: Number) -> Status[None]:
    """End a silence now."""
    actor = actor_of(request)
    commands.end_silence(actor=actor, silence=get_silence(actor, number))
    return Status(204, None)


def _rows(actor: Actor, found: Sequence[Alert]) -> list[AlertShown]:
    silences, now = list(silences_visible_to(actor)), timezone.now()
    return [_alert(one, is_silenced=one.ended_at is None and is_silenced(one, silences), now=now) for one in found]


def _alert(alert: Alert, *, is_silenced: bool, now: datetime) -> AlertShown:
    same = (
        "kind", "severity", "label", "sentence", "facts", "since", "started_at", "ended_at", "acknowledged_by",
        "acknowledged_at",
    )  # fmt: skip
    return AlertShown(
        id=alert.pk,
        subject=alert.subject_kind,
        application=alert.application.slug if alert.application else "",
        environment=alert.environment.slug if alert.environment else "",
        seconds=lasted(alert, now),
        is_silenced=is_silenced,
        **{name: getattr(alert, name) for name in same},
    )


def _settings(actor: Actor, environment: Environment) -> AlertSettingsShown:
    rules = rules_of(environment)
    shown = {
        kind.value: RuleShown(
            is_on=rules[kind].is_on,
            threshold=None if kind in WITHOUT_THRESHOLD else rules[kind].threshold,
            minutes=rules[kind].minutes,
        )
        for kind in IN_ENVIRONMENTS
    }
    here = silences_visible_to(actor).filter(environment=environment)
    return AlertSettingsShown(rules=shown, silences=[_silence(one) for one in here])


def _silence(row: Silence) -> SilenceShown:
    return SilenceShown(
        id=row.pk,
        environment=row.environment.slug,
        application=row.application.slug if row.application else "",
        kind=row.kind,
        until=row.until,
        reason=row.reason,
        created_by=row.created_by,
        created_at=row.created_at,
    )
