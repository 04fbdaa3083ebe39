"""Events as sentences, with what changed."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Q, QuerySet
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from fairway.accounts.queries import visible_events
from fairway.accounts.rules import Actor
from fairway.activity.models import Event
from fairway.activity.queries import EventFilter, events, verify
from fairway.activity.rules import Door
from fairway.applications.queries import visible_to as applications_visible_to
from fairway.environments.queries import visible_to as environments_visible_to
from fairway.web.shown.filters import day, people_choices
from fairway.web.words import DOOR_LABELS, EVENT_GROUPS, EVENT_LABELS, ROLE_LABELS

FILTERS = ("person", "act", "application", "environment", "since", "until", "q")
CHECKED_FOR = 300.0  # seconds a verified chain is believed without walking it again
LONGEST_SHOWN = 2000


def chosen(actor: Actor, filters: Mapping[str, str]) -> QuerySet[Event]:
    """The events asked for, as far as this actor may see them, newest first."""
    wanted = EventFilter(
        application=filters["application"],
        environment=filters["environment"],
        person=filters["person"].strip(),
        verb=filters["act"],
        since=day(filters["since"]),
        until=day(filters["until"], end=True),
    )
    found = visible_events(actor, events(wanted))
    if text := filters["q"].strip():
        found = found.filter(Q(subject_label__icontains=text) | Q(comment__icontains=text))
    return found


def choices(actor: Actor) -> dict[str, Any]:
    return {
        "people": people_choices(),
        "acts": [{"key": key, "label": label} for key, label in EVENT_GROUPS.items()],
        "applications": applications_visible_to(actor),
        "environments": environments_visible_to(actor),
    }


def event_shown(event: Event) -> dict[str, Any]:
    """One line and what is behind it."""
    return {
        "number": event.pk,
        "at": event.at,
        "actor": {"name": event.actor_name},
        "acting_role": ROLE_LABELS.get(event.acting_role, event.acting_role),
        "door": DOOR_LABELS.get(Door(event.door), event.door) if event.door in set(Door) else event.door,
        "label": EVENT_LABELS.get(event.verb, event.verb),
        "subject": {"label": event.subject_label, "url": _url(event)},
        "comment": event.comment,
        "changes": changes(event.before, event.after),
        "address": event.address,
        "client": event.client,
        "hash": event.hash,
    }


def changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What is different, field by field; what stayed the same is left out."""
    names = [*after, *(name for name in before if name not in after)]
    return [
        {"field": name, "before": _text(before, name), "after": _text(after, name)}
        for name in names
        if name not in before or name not in after or before[name] != after[name]
    ]


def _text(values: Mapping[str, Any], name: str) -> str | None:
    if name not in values or values[name] is None:
        return None
    value = values[name]
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, sort_keys=True)
    return text if len(text) <= LONGEST_SHOWN else text[:LONGEST_SHOWN] + "…"


def _url(event: Event) -> str:
    if event.subject_kind == "deployment":
        return reverse("deployment-detail", args=[event.subject_id])
    if event.subject_kind in {"application", "placement", "artifact"} and event.application:
        return reverse("application-detail", args=[event.application])
    if event.subject_kind == "configuration" and event.application:
        url = reverse("application-configuration", args=[event.application])
        return f"{url}?environment={event.environment}"
    if event.subject_kind == "environment" and event.environment:
        return reverse("environment-detail", args=[event.environment])
    return ""


@dataclass(frozen=True)
class Chain:
    """What the last walk along the whole chain found."""

    is_intact: bool | None
    count: int
    checked_at: datetime | None
    sentence: str


_last: tuple[float, Chain] | None = None


def chain() -> Chain:
    """Whether the chain is whole, as of the last walk: walking it takes long with a million events, so no page waits."""
    if _last is None:
        return Chain(None, 0, None, _("The chain has not been checked since this process started."))
    return _last[1]


def check_chain() -> Chain:
    """Walk the chain, at most once in `CHECKED_FOR` seconds."""
    global _last
    if _last is not None and time.monotonic() - _last[0] < CHECKED_FOR:
        return _last[1]
    found = verify()
    words = {"count": found.checked, "sentence": found.sentence}
    sentence = (
        _("%(count)s events, an unbroken chain.") % words
        if found.is_intact
        else _("The chain is broken: %(sentence)s") % words
    )
    _last = (time.monotonic(), Chain(found.is_intact, found.checked, timezone.now(), sentence))
    return _last[1]
