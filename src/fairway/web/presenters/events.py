"""Events as sentences, with what changed."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from django.db.models import QuerySet
from django.urls import reverse
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext as _

from fairway.accounts.queries import shown_names, usernames_of, visible_events
from fairway.accounts.rules import Act, Actor, may
from fairway.activity.checking import book, elsewhere_failure, last_check
from fairway.activity.heads import Head, Misfit
from fairway.activity.models import ChainCheck, Event
from fairway.activity.queries import EventFilter, events
from fairway.activity.rules import ACKNOWLEDGEABLE, Break, Door
from fairway.applications.queries import visible_to as applications_visible_to
from fairway.environments.queries import visible_to as environments_visible_to
from fairway.shared.urls import without_secrets
from fairway.web.presenters.filters import day, people_choices, who
from fairway.web.words import BROKEN_WORDS, DOOR_LABELS, EVENT_GROUPS, EVENT_LABELS, ROLE_LABELS, SUBJECT_KINDS

FILTERS = ("person", "act", "kind", "application", "environment", "since", "until", "q", "steps")
LONGEST_SHOWN = 2000


def chosen(actor: Actor, filters: Mapping[str, str]) -> QuerySet[Event]:
    """The events asked for, as far as this actor may see them, newest first."""
    wanted = EventFilter(
        application=filters["application"],
        environment=filters["environment"],
        verb=filters["act"],
        since=day(filters["since"]),
        subject_kind=filters["kind"],
        until=day(filters["until"], end=True),
        text=filters["q"].strip(),
        hides_steps=not filters["steps"],
    )
    return visible_events(actor, events(wanted), person=filters["person"].strip())


def exports(filters: Mapping[str, str]) -> list[dict[str, str]]:
    """Where the events that are shown are had as a file: the API's own export, under the same filters."""
    since, until = day(filters["since"]), day(filters["until"], end=True)
    query = {
        "application": filters["application"],
        "environment": filters["environment"],
        "person": filters["person"].strip(),
        "verb": filters["act"],
        "subject_kind": filters["kind"],
        "since": since.isoformat() if since else "",
        "until": until.isoformat() if until else "",
        "text": filters["q"].strip(),
        "hides_steps": "" if filters["steps"] else "true",
    }
    given = {name: value for name, value in query.items() if value}
    return [
        {"label": label, "url": f"/api/v1/events/export?{urlencode({**given, 'format': form})}"}
        for form, label in (("csv", "CSV"), ("jsonl", "JSON Lines"))
    ]


def choices(actor: Actor) -> dict[str, Any]:
    return {
        "people": people_choices(actor),
        "kinds": [{"key": key, "label": label} for key, label in SUBJECT_KINDS.items()],
        "acts": [{"key": key, "label": label} for key, label in EVENT_GROUPS.items()],
        "applications": applications_visible_to(actor),
        "environments": environments_visible_to(actor),
    }


def events_shown(found: Sequence[Event]) -> list[dict[str, Any]]:
    """Their lines; two more queries for all of them."""
    usernames, names = usernames_of(one.actor_id for one in found), shown_names()
    return [_event(one, usernames, names) for one in found]


def _who(event: Event, usernames: Mapping[int, str], names: Mapping[str, str]) -> dict[str, str]:
    """The account behind it, also where what was written is what it called itself then."""
    username = usernames.get(event.actor_id or 0, event.actor_name)
    written = event.actor_name if event.actor_name != username else ""
    return {**who(username, names), "written": written}


def _event(event: Event, usernames: Mapping[int, str], names: Mapping[str, str]) -> dict[str, Any]:
    """One line and what is behind it."""
    return {
        "number": event.pk,
        "at": event.at,
        "actor": _who(event, usernames, names),
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
    text = without_secrets(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, sort_keys=True))
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
    """What the walks along the chain found; the worker does them, see `activity.checking`.

    `head` is the newest signed head, `elsewhere_failure` why another place has not got it. `may_check` and
    `may_acknowledge` are about who looks.
    """

    is_intact: bool | None
    checked_at: datetime | None
    sentence: str
    head: Head | None
    elsewhere_failure: str
    may_check: bool
    may_acknowledge: bool

    @property
    def signed_at(self) -> datetime | None:
        return parse_datetime(self.head.at) if self.head else None


def chain(actor: Actor) -> Chain:
    """Whether the chain is whole, as far as it was verified."""
    found, may_manage = last_check(), may(actor, Act.MANAGE_SYSTEM)
    is_intact = None if found.checked_at is None else found.broken_at is None
    return Chain(
        is_intact=is_intact,
        checked_at=found.checked_at,
        sentence=_chain_sentence(found),
        head=book().last(),
        elsewhere_failure=elsewhere_failure() if may_manage else "",
        may_check=may_manage,
        may_acknowledge=may_manage and is_intact is False and found.code in ACKNOWLEDGEABLE,
    )


def _chain_sentence(found: ChainCheck) -> str:
    if found.checked_at is None:
        return _("The chain has not been checked yet; the worker does so every half minute.")
    if found.broken_at is not None:
        words = {"first": found.broken_at, "sentence": _broken_sentence(found)}
        return _("The chain is broken at event %(first)s: %(sentence)s") % words
    return _("An unbroken chain, verified up to event %(number)s.") % {"number": found.front_id}


def _broken_sentence(found: ChainCheck) -> str:
    """What was found, in the reader's language; as it was written down where there are no words for it."""
    kind = str(found.details.get("misfit") or found.code)
    if kind == Break.END and "head" in found.details:
        kind = "moved"
    if found.details.get("restored") and kind != Misfit.FORGED:
        kind = "restored"
    template = BROKEN_WORDS.get(kind)
    values: dict[str, Any] = {"first": found.broken_at, "reached": "", "newest": "", **found.details}
    return str(template) % values if template and found.code else found.sentence
