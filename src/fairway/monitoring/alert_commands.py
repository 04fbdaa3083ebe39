"""What people do about alerts: acknowledge them, say when there are any, and silence them.

Keyword-only, one transaction, one event.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db import transaction

from fairway.accounts.commands import require
from fairway.accounts.rules import Act, Actor, NotVisible
from fairway.activity.changes import refuse_stale
from fairway.activity.commands import record
from fairway.activity.rules import On
from fairway.applications.models import Application
from fairway.applications.queries import get_application
from fairway.engine import clock
from fairway.environments.models import Environment
from fairway.environments.queries import get_environment_for
from fairway.environments.subjects import on_environment
from fairway.monitoring.alert_rules import IN_ENVIRONMENTS, LONGEST_SILENCE, parse_rules
from fairway.monitoring.alerting import on_alert
from fairway.monitoring.models import Alert, AlertSettings, Silence
from fairway.shared.names import Invalid, check_year, parse_text

MOST_SILENCES = 100  # that hold at a time in one environment


@transaction.atomic
def acknowledge(*, actor: Actor, alert: Alert) -> Alert:
    """Say that somebody takes care of it. An alert that is acknowledged stays so; the first who did it is named. Raises
    `Blocked`, or `Invalid` if it is over."""
    row = Alert.objects.select_for_update(no_key=True, of=("self",)).get(pk=alert.pk)
    require(actor, Act.HANDLE_ALERTS, application=_slug(row.application), environment=_slug(row.environment))
    if row.ended_at is not None:
        raise Invalid("alert", "is over already, so there is nothing to acknowledge.")
    if row.acknowledged_at is not None:
        return row
    row.acknowledged_by_id, row.acknowledged_by, row.acknowledged_at = actor.id, actor.name, clock.now()
    row.save(update_fields=["acknowledged_by_id", "acknowledged_by", "acknowledged_at"])
    record(who=actor.who, verb="alert.acknowledged", on=on_alert(row), after={"kind": row.kind})
    return row


def _slug(named: Application | Environment | None) -> str:
    return named.slug if named else ""


@transaction.atomic
def set_rules(
    *, actor: Actor, environment: Environment, rules: Mapping[str, Mapping[str, Any]], as_of: int | None = None
) -> dict[str, dict[str, Any]]:
    """Say when there are alerts in an environment. A kind that is left out is as Fairway has it from the start. Raises
    `Blocked`, `Invalid`, or `Changed` if it was changed after event `as_of`."""
    require(actor, Act.EDIT_ENVIRONMENT, environment=environment.slug)
    wanted = parse_rules(rules)
    Environment.objects.select_for_update(no_key=True).get(pk=environment.pk)
    refuse_stale(as_of, "alert.rules_set", subject_kind="environment", subject_id=str(environment.pk))
    row, _ = AlertSettings.objects.get_or_create(environment=environment)
    if row.rules != wanted:
        before, row.rules = row.rules, wanted
        row.save(update_fields=["rules"])
        record(who=actor.who, verb="alert.rules_set", on=on_environment(environment), before=before, after=wanted)
    return wanted


@transaction.atomic
def silence(
    *, actor: Actor, environment: Environment, until: datetime, reason: str, application: str = "", kind: str = ""
) -> Silence:
    """Let channels hear of no alert in an environment until then; of one application (a slug) and one kind only, if they are
    given. Raises `Blocked` or `Invalid`."""
    require(actor, Act.HANDLE_ALERTS, application=application, environment=environment.slug)
    about = _application(actor, application, environment)
    if kind and kind not in IN_ENVIRONMENTS:
        raise Invalid("kind", "“{name}” is no kind; use one of {names}.", name=kind[:40], names=", ".join(IN_ENVIRONMENTS))
    why, now = parse_text(reason, field="reason", longest=500, required=True), clock.now()
    check_year(until, field="until")
    if until <= now:
        raise Invalid("until", "must lie in the future.")
    if until > now + LONGEST_SILENCE:
        raise Invalid("until", "must lie within the next {most} days.", most=LONGEST_SILENCE.days)
    Environment.objects.select_for_update(no_key=True).get(pk=environment.pk)
    if Silence.objects.filter(environment=environment, until__gt=now).count() >= MOST_SILENCES:
        raise Invalid("until", "there are {most} silences here already; end one first.", most=MOST_SILENCES)
    row = Silence.objects.create(
        environment=environment, application=about, kind=kind, reason=why, until=until, created_by_id=actor.id,
        created_by=actor.name, created_at=now,
    )  # fmt: skip
    record(who=actor.who, verb="silence.created", on=on_silence(row), comment=why, after=_facts(row))
    return row


def _application(actor: Actor, slug: str, environment: Environment) -> Application | None:
    if not slug:
        return None
    try:
        application = get_application(actor, slug)
        get_environment_for(actor, application, environment.slug)
    except NotVisible:
        raise Invalid("application", "there is no application “{name}” here.", name=slug[:40]) from None
    return application


@transaction.atomic
def end_silence(*, actor: Actor, silence: Silence) -> None:
    """Let channels hear of its alerts again, now. Raises `Blocked`."""
    row = Silence.objects.select_for_update(no_key=True, of=("self",)).get(pk=silence.pk)
    require(actor, Act.HANDLE_ALERTS, application=_slug(row.application), environment=row.environment.slug)
    now = clock.now()
    if row.until > now:
        before, row.until = _facts(row), now
        row.save(update_fields=["until"])
        record(who=actor.who, verb="silence.ended", on=on_silence(row), before=before, after=_facts(row))


def on_silence(row: Silence) -> On:
    """How events name a silence: by where it holds."""
    label = f"{row.application.name} · {row.environment.name}" if row.application else row.environment.name
    return On("silence", row.pk, label, application=_slug(row.application), environment=row.environment.slug)


def _facts(row: Silence) -> dict[str, Any]:
    return {"kind": row.kind, "until": row.until.isoformat()}
