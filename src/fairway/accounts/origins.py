"""Since when a person has had each of their roles, and who gave it, read from the events."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from fairway.accounts.rules import Grant
from fairway.activity.models import Event

_VERBS = (
    "person.first_administrator_created",
    "person.created",
    "person.admitted",
    "person.roles_set",
    "service_account.created",
)


@dataclass(frozen=True)
class Origin:
    """The event that gave a role. `provider` is the sign-in provider whose rules gave it; then `by` is nobody."""

    event: int
    at: datetime
    by: str
    provider: str = ""


def grant_in_words(role: str, environment: str | None, application: str | None) -> str:
    """A grant as events store it."""
    return " ".join(filter(None, [role, environment and f"in {environment}", application and f"of {application}"]))


def origins_of(user_id: int, grants: Iterable[Grant]) -> dict[Grant, Origin]:
    """Where each of a person's grants comes from, in one query; one whose event is unknown is left out.

    A grant that was taken away and given again comes from the last time.
    """
    held: dict[str, Origin] = {}
    rows = Event.objects.filter(subject_kind="person", subject_id=str(user_id), verb__in=_VERBS).order_by("pk")
    for number, at, by, after in rows.values_list("pk", "at", "actor_name", "after"):
        words = after.get("roles")
        if not isinstance(words, list):
            continue
        provider = str(after.get("by_groups_of") or after.get("provider") or "")
        new = Origin(number, at, "" if provider else by, provider)
        held = {str(word): held.get(str(word), new) for word in words}
    words_of = {grant: grant_in_words(grant.role, grant.environment, grant.application) for grant in grants}
    return {grant: held[words] for grant, words in words_of.items() if words in held}
