"""Contexts of alerts: the list, one alert, what the home page and an application show, and an environment's page."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from fairway.accounts.rules import Act, Actor, may, reach_of
from fairway.applications.models import Application
from fairway.applications.queries import visible_to as applications_visible_to
from fairway.environments.models import Environment
from fairway.environments.queries import visible_to as environments_visible_to
from fairway.monitoring.alert_queries import OPEN, AlertFilter, alerts, open_alerts, silences_visible_to
from fairway.monitoring.alert_rules import Severity, SubjectKind
from fairway.monitoring.alerting import is_silenced, lasted
from fairway.monitoring.models import Alert, Silence
from fairway.notifications.messages import ALERTS
from fairway.resources.queries import visible_to as resources_visible_to
from fairway.web.alert_forms import RulesForm, SilenceForm, choices_of_applications
from fairway.web.failure_words import in_words
from fairway.web.presenters.acts import Button

MOST_ON_HOME = 8
FILTERS = ("state", "kind", "environment", "application")
TONES = {Severity.CRITICAL: "bad", Severity.WARNING: "warn"}

Data = dict[str, Any]


def wanted(filters: Mapping[str, str]) -> AlertFilter:
    return AlertFilter(**{name: filters[name] for name in FILTERS})


def choices(actor: Actor) -> Data:
    """What the list can be filtered by."""
    return {
        "kinds": [{"key": kind, "label": str(label)} for kind, label in ALERTS.items()],
        "environments": environments_visible_to(actor),
        "applications": applications_visible_to(actor),
    }


def alerts_shown(actor: Actor, found: Iterable[Alert]) -> list[Data]:
    """Rows of the list; one query more."""
    silences = list(silences_visible_to(actor))
    return [alert_shown(actor, one, silences) for one in found]


def alert_shown(actor: Actor, alert: Alert, silences: Iterable[Silence] = ()) -> Data:
    """One alert, as lists and its page show it."""
    place = {"application": _slug(alert.application), "environment": _slug(alert.environment)}
    is_open = alert.ended_at is None
    url = reverse("alert-acknowledgement", args=[alert.pk])
    button = Button(_("Acknowledge"), url, "check") if is_open and alert.acknowledged_at is None else None
    return {
        "number": alert.pk,
        "title": str(ALERTS.get(alert.kind, alert.kind)),
        "label": alert.label,
        "sentence": in_words(alert.sentence),
        "tone": TONES.get(Severity(alert.severity), "warn") if is_open else "idle",
        "severity": _("Critical") if alert.severity == Severity.CRITICAL else _("Warning"),
        "is_open": is_open,
        "since": alert.since,
        "ended_at": alert.ended_at,
        "seconds": lasted(alert, timezone.now()),
        "is_silenced": is_open and is_silenced(alert, silences),
        "acknowledged_by": alert.acknowledged_by,
        "acknowledged_at": alert.acknowledged_at,
        "acknowledge": button if may(actor, Act.HANDLE_ALERTS, **place) else None,
    }


def _slug(named: Any) -> str:
    return named.slug if named is not None else ""


def alert_page(actor: Actor, alert: Alert) -> Data:
    """The context of ``alerts/detail.html``."""
    rules = reverse("environment-alerts", args=[alert.environment.slug]) if alert.environment else ""
    return {
        "alert": alert_shown(actor, alert, silences_visible_to(actor)),
        "where": _where(actor, alert),
        "rules_url": rules,
    }


def _where(actor: Actor, alert: Alert) -> Data:
    """The page on which to look further; with an empty URL if there is none."""
    if alert.application and alert.environment and alert.subject_kind == SubjectKind.PLACEMENT:
        url = f"{reverse('application-metrics', args=[alert.application.slug])}?environment={alert.environment.slug}"
        return {"label": _("Metrics"), "url": url}
    if alert.environment and alert.subject_kind in (SubjectKind.RESOURCE, SubjectKind.BINDING):
        bound = {"bindings": alert.subject_id} if alert.subject_kind == SubjectKind.BINDING else {"pk": alert.subject_id}
        resource = resources_visible_to(actor).filter(**bound).first()
        url = reverse("resource-detail", args=[alert.environment.slug, resource.name]) if resource else ""
        return {"label": _("Resource"), "url": url}
    if alert.subject_kind == SubjectKind.HOST:
        return {"label": _("Environments"), "url": reverse("environment-list")}
    if alert.subject_id == "events":
        return {"label": _("Events"), "url": reverse("event-list")}
    url = reverse("storage") if may(actor, Act.MANAGE_SYSTEM) else ""
    return {"label": _("Storage"), "url": url}


def home_alerts(actor: Actor) -> Data:
    """What is wrong now and is not silenced; one query."""
    found = [one for one in open_alerts(actor) if one.is_told]
    found.sort(key=lambda one: one.severity != Severity.CRITICAL)
    return {"alerts": [alert_shown(actor, one) for one in found[:MOST_ON_HOME]], "alerts_count": len(found)}


def application_alerts(actor: Actor, application: Application) -> Data:
    """What is wrong now with an application, wherever it runs; one query."""
    found = alerts(actor, AlertFilter(state=OPEN, application=application.slug))
    return {"alerts": [alert_shown(actor, one) for one in found]}


def environment_alerts(actor: Actor, environment: Environment, rules: RulesForm, silence: SilenceForm | None = None) -> Data:
    """The context of ``environments/alerts.html``, with forms that may have been refused."""
    here = environment.slug
    silences = silences_visible_to(actor).filter(environment=environment)
    may_silence = _may_silence(actor, here)
    if may_silence and silence is None:
        silence = SilenceForm(applications=choices_of_applications(actor, environment))
    return {
        "environment": environment,
        "rules": rules.rows(),
        "rules_form": rules,
        "may_edit": may(actor, Act.EDIT_ENVIRONMENT, environment=here),
        "silence_form": silence if may_silence else None,
        "silences": [_silence_shown(actor, one) for one in silences],
        "zone": timezone.get_current_timezone_name(),
    }


def _may_silence(actor: Actor, environment: str) -> bool:
    """Whether the actor may silence anything there."""
    return reach_of(actor, Act.HANDLE_ALERTS).meets_environment(environment)


def _silence_shown(actor: Actor, row: Silence) -> Data:
    place = {"application": _slug(row.application), "environment": row.environment.slug}
    end = Button(_("End now"), reverse("silence-end", args=[row.pk]), "bell", "ghost")
    return {
        "application": row.application.name if row.application else "",
        "kind": str(ALERTS.get(row.kind, row.kind)) if row.kind else "",
        "until": row.until,
        "reason": row.reason,
        "by": row.created_by,
        "end": end if may(actor, Act.HANDLE_ALERTS, **place) else None,
    }
