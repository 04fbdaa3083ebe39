"""Filters that live in the address, parsed once, and what there is to choose from."""

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
    """The start of that day where the reader is (or, with `end`, of the one after it); None when it is no date, because a
    filter is not a form."""
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
    """Everybody who could have done something that the actor may see."""
    return [
        {"username": person.username, "name": named(person)} for person in people_visible_to(actor).prefetch_related(None)
    ]


def who(username: str, names: Mapping[str, str] | None = None) -> dict[str, str]:
    """Somebody as ``parts/who.html`` shows them; `names` are those of `shown_names`, where they were read already."""
    names = shown_names() if names is None else names
    return {"username": username, "name": username, "called": names.get(username, "")}


def named(user: User) -> str:
    """Who somebody is, and what they call themselves."""
    return user.username if user.shown_name == user.username else f"{user.username} ({user.shown_name})"
