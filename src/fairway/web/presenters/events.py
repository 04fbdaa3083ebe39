"""Contexts of events: sentences, and what changed."""

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
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from fairway.accounts.queries import shown_names, usernames_of, visible_events
from fairway.accounts.rules import Act, Actor, may
from fairway.activity.checking import external_copy_failure, head_file, last_check
from fairway.activity.heads import Head, Mismatch
from fairway.activity.models import ChainCheck, Event
from fairway.activity.queries import EventFilter, events
from fairway.activity.rules import ACKNOWLEDGEABLE, Break, Door
from fairway.activity.verbs import GROUPS, SEVERITIES, Severity, sentence_of, severity_of
from fairway.applications.queries import visible_to as applications_visible_to
from fairway.environments.queries import visible_to as environments_visible_to
from fairway.insights.events import subjects_about
from fairway.notifications.links import path_of
from fairway.releases.models import Release
from fairway.releases.queries import rollouts_visible_to, visible_packages
from fairway.releases.queries import visible_to as releases_visible_to
from fairway.shared.urls import without_secrets
from fairway.web.failure_words import in_words
from fairway.web.presenters.filters import day, people_choices, who
from fairway.web.words import BROKEN_WORDS, DOOR_LABELS, ROLE_LABELS

FILTERS = (
    "q", "act", "severity", "person", "application", "environment", "release", "package", "rollout", "since", "until",
    "steps",
)  # fmt: skip
LONGEST_SHOWN = 2000
NEWEST = 50  # on the pages of an application or a release
MOST_RELEASES = 200  # in the list to choose from, newest first


def chosen(actor: Actor, filters: Mapping[str, str]) -> QuerySet[Event]:
    """The filtered events that this actor may see, newest first."""
    wanted = EventFilter(
        application=filters["application"],
        environment=filters["environment"],
        verb=filters["act"],
        severity=severity(filters),
        about=subjects_about(**{name: number(filters[name]) for name in ("release", "package", "rollout")}),
        since=day(filters["since"]),
        until=day(filters["until"], end=True),
        text=filters["q"].strip(),
    )
    return visible_events(actor, events(wanted), person=filters["person"].strip())


def severity(filters: Mapping[str, str]) -> Severity:
    """The least severity to show. Details, such as steps of deployments, must be requested; old URLs do that with
    ``steps``."""
    if filters["severity"] in set(Severity):
        return Severity(filters["severity"])
    return Severity.DETAIL if filters["steps"] else Severity.INFO


def number(text: str) -> int:
    """The number in a URL's filter; 0 if it is malformed, because filters show no errors."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 16 else 0


def exports(filters: Mapping[str, str]) -> list[dict[str, str]]:
    """The URLs of the API's export with the same filters."""
    since, until = day(filters["since"]), day(filters["until"], end=True)
    query = {
        "application": filters["application"],
        "environment": filters["environment"],
        "person": filters["person"].strip(),
        "verb": filters["act"],
        "severity": severity(filters),
        **{name: str(number(filters[name]) or "") for name in ("release", "package", "rollout")},
        "since": since.isoformat() if since else "",
        "until": until.isoformat() if until else "",
        "text": filters["q"].strip(),
    }
    given = {name: value for name, value in query.items() if value}
    return [
        {"label": label, "url": f"/api/v1/events/export?{urlencode({**given, 'format': form})}"}
        for form, label in (("csv", "CSV"), ("jsonl", "JSON Lines"))
    ]


def choices(actor: Actor, filters: Mapping[str, str]) -> dict[str, Any]:
    """The choices of the filters; packages and rollouts are those of the chosen release."""
    releases = list(releases_visible_to(actor)[:MOST_RELEASES])
    return {
        "people": people_choices(actor),
        "acts": [{"key": key, "label": label} for key, label in GROUPS.items()],
        "severities": [
            {"key": Severity.DETAIL, "label": _("All, with details")},
            {"key": Severity.INFO, "label": _("All but details")},
            {"key": Severity.WARNING, "label": _("Warnings and errors")},
            {"key": Severity.ERROR, "label": _("Errors")},
        ],
        "applications": applications_visible_to(actor),
        "environments": environments_visible_to(actor),
        "releases": [{"key": str(release.pk), "label": str(release)} for release in releases],
        **_of_release(actor, number(filters["release"])),
    }


def _of_release(actor: Actor, chosen: int) -> dict[str, list[dict[str, str]]]:
    release: Release | None = releases_visible_to(actor).filter(pk=chosen).first() if chosen else None
    if release is None:
        return {"packages": [], "rollouts": []}
    rollouts = rollouts_visible_to(actor).filter(release=release).order_by("-pk")
    return {
        "packages": [{"key": str(package.pk), "label": package.name} for package in visible_packages(release, actor)],
        "rollouts": [
            {"key": str(rollout.pk), "label": f"#{rollout.pk} → {rollout.environment.name}"} for rollout in rollouts
        ],
    }


def newest(actor: Actor, **about: str) -> dict[str, Any]:
    """The newest events of one application or release, and the URL of all; `about` are filters."""
    given = {name: value for name, value in about.items() if value}
    found = chosen(actor, {**dict.fromkeys(FILTERS, ""), **given})[:NEWEST]
    return {"newest": events_shown(list(found)), "all_events": f"{reverse('event-list')}?{urlencode(given)}"}


def events_shown(found: Sequence[Event]) -> list[dict[str, Any]]:
    """The events for templates; two more queries for all of them."""
    usernames, names = usernames_of(one.actor_id for one in found), shown_names()
    return [_event(one, usernames, names) for one in found]


def _sentence(event: Event, actor: Mapping[str, str]) -> SafeString:
    """The event's sentence, with the names in it marked up."""
    person = format_html("<strong>{}</strong>", actor["name"])
    if actor["called"]:
        person = format_html('{} <span class="quiet">{}</span>', person, actor["called"])
    if actor["written"]:
        written = _("written as “%(name)s”") % {"name": actor["written"]}
        person = format_html('{} <span class="quiet">({})</span>', person, written)
    what = format_html('<span class="strong">{}</span>', event.subject_label)
    return format_html(sentence_of(event.verb), who=person, what=what, verb=event.verb)


def _who(event: Event, usernames: Mapping[int, str], names: Mapping[str, str]) -> dict[str, str]:
    """The account that acted, also for old events that stored a display name."""
    username = usernames.get(event.actor_id or 0, event.actor_name)
    written = event.actor_name if event.actor_name != username else ""
    return {**who(username, names), "written": written}


def _event(event: Event, usernames: Mapping[int, str], names: Mapping[str, str]) -> dict[str, Any]:
    """One event with its details."""
    actor, seriousness = _who(event, usernames, names), severity_of(event.verb)
    return {
        "number": event.pk,
        "at": event.at,
        "actor": actor,
        "sentence": _sentence(event, actor),
        "severity": {"key": seriousness.value, "label": SEVERITIES[seriousness]},
        "acting_role": ROLE_LABELS.get(event.acting_role, event.acting_role),
        "door": DOOR_LABELS.get(Door(event.door), event.door) if event.door in set(Door) else event.door,
        "verb": event.verb,
        "subject": {"label": event.subject_label, "url": path_of(event)},
        "comment": in_words(event.comment),
        "changes": changes(event.before, event.after),
        "address": event.address,
        "client": event.client,
        "hash": event.hash,
    }


def changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The fields that differ, with their old and new values."""
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


@dataclass(frozen=True)
class Chain:
    """The worker's last verification of the chain; see `activity.checking`.

    `head` is the newest signed head, `external_copy_failure` why another place has not got it. `may_check` and
    `may_acknowledge` are about who looks.
    """

    is_intact: bool | None
    checked_at: datetime | None
    sentence: str
    head: Head | None
    external_copy_failure: str
    may_check: bool
    may_acknowledge: bool

    @property
    def signed_at(self) -> datetime | None:
        return parse_datetime(self.head.at) if self.head else None


def chain(actor: Actor) -> Chain:
    """The state of the chain, as far as it was verified."""
    found, may_manage = last_check(), may(actor, Act.MANAGE_SYSTEM)
    is_intact = None if found.checked_at is None else found.broken_at is None
    return Chain(
        is_intact=is_intact,
        checked_at=found.checked_at,
        sentence=_chain_sentence(found),
        head=head_file().last(),
        external_copy_failure=external_copy_failure() if may_manage else "",
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
    """The break that was found, in the reader's language; as it was stored, if there is no translation."""
    kind = str(found.details.get("misfit") or found.code)
    if kind == Break.END and "head" in found.details:
        kind = "moved"
    if found.details.get("restored") and kind != Mismatch.FORGED:
        kind = "restored"
    template = BROKEN_WORDS.get(kind)
    values: dict[str, Any] = {"first": found.broken_at, "reached": "", "newest": "", **found.details}
    return str(template) % values if template and found.code else found.sentence
