"""Parses the filters in URLs, and offers their choices."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, time, timedelta
from typing import Any

from django.utils import timezone
from django.utils.dateparse import parse_date

from fairway.accounts.models import User
from fairway.accounts.queries import people_visible_to, shown_names
from fairway.accounts.rules import Actor
from fairway.applications.queries import visible_to as applications_visible_to
from fairway.deployments.queries import HistoryFilter
from fairway.environments.queries import visible_to as environments_visible_to
from fairway.shared.names import check_year

HISTORY_FILTERS = ("application", "environment", "outcome", "person", "since", "until")


def day(text: str, *, end: bool = False) -> datetime | None:
    """The start of that day in the reader's zone (with `end`, of the next day); None if it is malformed, because filters
    show no errors."""
    try:
        found = parse_date(text)
        if found is None:
            return None
        check_year(found, field="day")
    except ValueError:
        return None
    return datetime.combine(found + timedelta(days=1) if end else found, time.min, timezone.get_current_timezone())


def history_wanted(filters: Mapping[str, str]) -> HistoryFilter:
    return HistoryFilter(
        application=filters["application"],
        environment=filters["environment"],
        status=filters["outcome"],
        person=filters["person"].strip(),
        since=day(filters["since"]),
        until=day(filters["until"], end=True),
    )


def history_choices(actor: Actor) -> dict[str, Any]:
    return {
        "applications": applications_visible_to(actor),
        "environments": environments_visible_to(actor),
        "people": people_choices(actor),
    }


def people_choices(actor: Actor) -> list[dict[str, str]]:
    """The people that the actor may see."""
    return [
        {"username": person.username, "name": named(person)} for person in people_visible_to(actor).prefetch_related(None)
    ]


def who(username: str, names: Mapping[str, str] | None = None) -> dict[str, str]:
    """A person for ``parts/who.html``; `names` is the result of `shown_names`, if it was read already."""
    names = shown_names() if names is None else names
    return {"username": username, "name": username, "called": names.get(username, "")}


def named(user: User) -> str:
    """A person's user name and display name."""
    return user.username if user.shown_name == user.username else f"{user.username} ({user.shown_name})"
