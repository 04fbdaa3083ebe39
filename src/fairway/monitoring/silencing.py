"""Keeps channels quiet about what is silenced, also where another topic than *alerts* tells it.

The events of alerts say themselves whether they are told, because an alert that goes on is told when its silence ends.
"""

from __future__ import annotations

from django.db.models import Q

from fairway.activity.models import Event
from fairway.monitoring.alert_rules import AlertKind
from fairway.monitoring.models import Silence
from fairway.notifications.commands import outbox

KINDS = {
    "placement.observed": AlertKind.DOWN,
    "resource.went_down": AlertKind.DOWN,
    "resource.failed": AlertKind.DOWN,
    "backup.failed": AlertKind.BACKUP_FAILED,
}


def is_quiet(event: Event) -> bool:
    """Whether a silence that held when it happened is about this event."""
    kind = KINDS.get(event.verb)
    if kind is None or not event.environment:
        return False
    held = Silence.objects.filter(environment__slug=event.environment, created_at__lte=event.at, until__gt=event.at)
    about = Q(application=None) | Q(application__slug=event.application)
    return held.filter(about, kind__in=("", kind)).exists()


outbox.QUIET.append(is_quiet)
