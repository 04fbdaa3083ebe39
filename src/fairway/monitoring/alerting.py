"""Looks for what is wrong, and writes down when it began and when it ended. A worker calls `look` every few seconds.

Several workers may look at once, and one that dies may be followed by another at any point: what stands is in the database,
every change of it is conditional on what was read, and its event is written in the same transaction.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import Q

from fairway.accounts.rules import SYSTEM
from fairway.activity.commands import record
from fairway.activity.rules import On
from fairway.engine import clock
from fairway.monitoring.alert_facts import Measured, measure
from fairway.monitoring.alert_rules import (
    INSTALLATION_WIDE,
    KEPT,
    RULES,
    AlertKind,
    Level,
    Rule,
    Standing,
    rules_with,
    sentence_of,
    step,
)
from fairway.monitoring.models import Alert, AlertSettings, Silence

Cause = tuple[str, str, str]  # the kind of an alert, the kind and the id of its subject
OPEN = Q(ended_at=None)


@dataclass(frozen=True)
class Seen:
    """A value at this look, and what it says by which rule."""

    measured: Measured
    rule: Rule
    level: Level


def look(*, now: datetime | None = None) -> None:
    """Look at everything once."""
    now = now or clock.now()
    changed = {row.environment_id: rules_with(row.rules) for row in AlertSettings.objects.all()}
    found = measure(lambda environment: changed.get(environment or 0, RULES), now)
    there = Alert.objects.filter(OPEN, kind__in=AlertKind).select_related("application", "environment")
    standing = {_cause(one): one for one in there}
    silences = list(Silence.objects.filter(until__gt=now))
    for kind, every in found.items():
        for measured in every or ():
            rule = changed.get(measured.subject.environment or 0, RULES)[kind]
            seen = Seen(measured, rule, rule.level(measured.value) if rule.is_on else Level.FINE)
            alert = standing.pop((kind, measured.subject.kind, measured.subject.id), None)
            _look_at(kind, alert, seen, silences, now)
    for alert in standing.values():  # what it is about is gone, or could not be read
        known = AlertKind(alert.kind)
        _go_on(alert, None, Level.UNKNOWN if found[known] is None else Level.FINE, RULES[known], silences, now)


def _cause(alert: Alert) -> Cause:
    return alert.kind, alert.subject_kind, alert.subject_id


def _look_at(kind: AlertKind, alert: Alert | None, seen: Seen, silences: list[Silence], now: datetime) -> None:
    if alert is not None:
        _go_on(alert, seen.measured, seen.level, seen.rule, silences, now)
    elif (standing := step(None, seen.level, seen.rule, now)) is not None:
        _begin(kind, seen.measured, standing, silences)


@transaction.atomic
def _begin(kind: AlertKind, measured: Measured, standing: Standing, silences: list[Silence]) -> None:
    """Write down that something is wrong, unless another worker has."""
    subject = measured.subject
    alert = Alert(
        kind=kind, subject_kind=subject.kind, subject_id=subject.id, label=subject.label[:300],
        application_id=subject.application, environment_id=subject.environment, severity=standing.severity,
        since=standing.since, checked_at=standing.checked_at, started_at=standing.started_at, **_numbers(kind, measured),
    )  # fmt: skip
    alert.is_told = alert.started_at is not None and not is_silenced(alert, silences)
    try:
        with transaction.atomic():
            alert.save(force_insert=True)
    except IntegrityError:  # another worker was first
        return
    if alert.started_at is not None:
        _record("alert.started", alert)


def _go_on(
    alert: Alert, measured: Measured | None, level: Level, rule: Rule, silences: list[Silence], now: datetime
) -> None:
    """Write down what became of an alert since the look before."""
    was, after = alert.standing, step(alert.standing, level, rule, now)
    row = Alert.objects.filter(OPEN, pk=alert.pk, started_at=was.started_at, severity=was.severity)
    if after is None:
        row.delete()
        return
    values: dict[str, Any] = {
        "since": after.since, "checked_at": after.checked_at, "started_at": after.started_at, "severity": after.severity,
        "fine_since": after.fine_since, "ended_at": after.ended_at,
    }  # fmt: skip
    if measured is not None and level in (Level.WARNING, Level.CRITICAL):
        values |= _numbers(AlertKind(alert.kind), measured)
    has_to_be_told = after.started_at is not None and not alert.is_told and after.ended_at is None
    if has_to_be_told and not is_silenced(alert, silences):
        values["is_told"] = True
    verb = _verb(was, after, is_told_now="is_told" in values)
    with transaction.atomic():
        if row.filter(is_told=alert.is_told).update(**values) and verb:
            for name, value in values.items():
                setattr(alert, name, value)
            _record(verb, alert)


def _verb(was: Standing, after: Standing, *, is_told_now: bool) -> str:
    """What happened; "" if nothing did that anybody wants to know."""
    if after.ended_at is not None:
        return "alert.ended"
    if was.started_at is None:
        return "alert.started" if after.started_at is not None else ""
    if is_told_now:
        return "alert.goes_on"
    return "alert.worsened" if was.severity != after.severity else ""


def _numbers(kind: AlertKind, measured: Measured) -> dict[str, Any]:
    facts = dict(measured.facts)
    return {"value": measured.value or 0.0, "facts": facts, "sentence": sentence_of(kind, facts)}


def _record(verb: str, alert: Alert) -> None:
    """The event of a change, in its transaction."""
    after: dict[str, Any] = {
        "kind": alert.kind, "severity": alert.severity, "subject": alert.subject_kind, "facts": alert.facts,
        "since": alert.since.isoformat(), "is_told": alert.is_told,
    }  # fmt: skip
    if alert.ended_at is not None:
        after |= {"ended_at": alert.ended_at.isoformat(), "seconds": lasted(alert, alert.ended_at)}
    record(who=SYSTEM.who, verb=verb, on=on_alert(alert), comment=alert.sentence, after=after)


def on_alert(alert: Alert) -> On:
    """How events name an alert."""
    application = alert.application.slug if alert.application else ""
    environment = alert.environment.slug if alert.environment else ""
    return On("alert", alert.pk, alert.label, application=application, environment=environment)


def lasted(alert: Alert, now: datetime) -> int:
    """The seconds from when it was first seen to its end, or to `now`."""
    return max(0, round(((alert.ended_at or now) - alert.since).total_seconds()))


def is_silenced(alert: Alert, silences: Iterable[Silence]) -> bool:
    """Whether one of these silences is about the alert. Those of the whole installation cannot be silenced."""
    return any(silence_covers(one, alert) for one in silences)


def silence_covers(silence: Silence, alert: Alert) -> bool:
    return (
        alert.kind not in INSTALLATION_WIDE
        and silence.environment_id == alert.environment_id
        and silence.application_id in (None, alert.application_id)
        and silence.kind in ("", alert.kind)
    )


def forget_alerts(*, now: datetime) -> int:
    """Delete alerts that ended long ago, and silences; returns how many rows."""
    ended = Alert.objects.filter(ended_at__lt=now - KEPT).delete()[0]
    return ended + Silence.objects.filter(until__lt=now - KEPT).delete()[0]
