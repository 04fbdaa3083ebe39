"""Commands on freeze windows. Keyword-only, one transaction, one event."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.db import transaction
from django.utils import timezone

from fairway.accounts.commands import require
from fairway.accounts.rules import Act, Actor
from fairway.activity.changes import refuse_stale
from fairway.activity.commands import record
from fairway.activity.rules import On
from fairway.applications.queries import visible_to as applications_visible_to
from fairway.environments.freeze_rules import Kind, occurrences, parse_lasts, parse_wall, parse_zone
from fairway.environments.models import FreezeWindow
from fairway.environments.queries import visible_to as environments_visible_to
from fairway.environments.recurrence import parse_recurrence
from fairway.shared.names import Invalid, parse_text

FACTS = ("kind", "name", "reason", "starts", "minutes", "zone", "rrule", "environments", "applications")
CHANGEABLE = ("kind", "name", "reason", "starts", "ends", "zone", "rrule", "environments", "applications")

# Rooms above register functions that wake what waits for an opening; called first in each transaction that may open
# something.
WHEN_OPENED: list[Callable[[], None]] = []


def on_freeze(row: FreezeWindow) -> On:
    """The subject for events. It has an environment or application only if the window names exactly one."""
    only = [names[0] if len(names) == 1 else "" for names in (row.applications, row.environments)]
    return On("freeze", row.pk, row.name, application=only[0], environment=only[1])


@transaction.atomic
def create_freeze(
    *,
    actor: Actor,
    kind: str = Kind.DENY,
    name: str,
    reason: str,
    starts: str,
    ends: str,
    zone: str,
    rrule: str = "",
    environments: Iterable[str] = (),
    applications: Iterable[str] = (),
) -> FreezeWindow:
    """Create a window that closes (deny), or is the only time that opens (allow), environments and applications, given by
    slug; none given means all.

    `starts` and `ends` are wall times of the first occurrence in `zone`; `ends` may also be a duration (``8h``).
    Raises `Blocked` (role) or `Invalid`.
    """
    row = draft_freeze(
        actor=actor, kind=kind, name=name, reason=reason, starts=starts, ends=ends, zone=zone, rrule=rrule,
        environments=environments, applications=applications,
    )  # fmt: skip
    _require_everywhere(actor, row)
    row.created_by_id, row.created_by = actor.id, actor.name
    row.save()
    record(who=actor.who, verb="freeze.created", on=on_freeze(row), comment=row.reason, after=_facts(row))
    return row


@transaction.atomic
def edit_freeze(*, actor: Actor, freeze: FreezeWindow, as_of: int | None = None, **changes: Any) -> FreezeWindow:
    """Change any of `CHANGEABLE`. Raises `Blocked`, `Invalid`, or `Changed` if it was changed after event `as_of`."""
    if unknown := set(changes) - set(CHANGEABLE):
        raise Invalid(sorted(unknown)[0], "cannot be changed; only {names} can.", names=", ".join(CHANGEABLE))
    notify_opened()
    row = FreezeWindow.objects.select_for_update(no_key=True).get(pk=freeze.pk, deleted_at=None)
    _require_everywhere(actor, row)
    refuse_stale(as_of, "freeze.edited", subject_kind="freeze", subject_id=str(row.pk))
    before = _facts(row)
    same = {name: getattr(row, name) for name in CHANGEABLE if name != "ends"} | {"ends": row.ends.isoformat("T", "minutes")}
    wanted = draft_freeze(actor=actor, **{**same, **changes})
    _require_everywhere(actor, wanted)
    for name in FACTS:
        setattr(row, name, getattr(wanted, name))
    row.save()
    record(who=actor.who, verb="freeze.edited", on=on_freeze(row), before=before, after=_facts(row))
    return row


@transaction.atomic
def delete_freeze(*, actor: Actor, freeze: FreezeWindow) -> None:
    """Delete the window; what waited for its end continues. No error if it is deleted already. Raises `Blocked`."""
    notify_opened()
    row = FreezeWindow.objects.select_for_update(no_key=True).get(pk=freeze.pk)
    _require_everywhere(actor, row)
    if row.deleted_at is not None:
        return
    row.deleted_at = timezone.now()
    row.save(update_fields=["deleted_at"])
    record(who=actor.who, verb="freeze.deleted", on=on_freeze(row), before=_facts(row))


def draft_freeze(
    *,
    actor: Actor,
    kind: str,
    name: str,
    reason: str,
    starts: str,
    ends: str,
    zone: str,
    rrule: str,
    environments: Iterable[str],
    applications: Iterable[str],
) -> FreezeWindow:
    """The window with these values, not saved; previews use it, too. Raises `Invalid`."""
    if kind not in set(Kind):
        raise Invalid("kind", "must be one of {names}.", names=", ".join(Kind))
    row = FreezeWindow(
        kind=Kind(kind).value,
        name=parse_text(name, field="name", longest=80, required=True),
        reason=parse_text(reason, field="reason", longest=500, required=True),
        environments=_parse_slugs(
            "environments", environments, environments_visible_to(actor).values_list("slug", flat=True)
        ),
        applications=_parse_slugs(
            "applications", applications, applications_visible_to(actor).values_list("slug", flat=True)
        ),
        **parsed_times(starts=starts, ends=ends, zone=zone, rrule=rrule),
    )
    if not occurrences(row.window, timezone.now(), count=1):
        raise Invalid("starts" if not row.rrule else "rrule", "has no future occurrence.")
    return row


def parsed_times(*, starts: str, ends: str, zone: str, rrule: str) -> dict[str, Any]:
    """The columns that say when the window happens. Raises `Invalid`."""
    where = parse_zone(zone)
    first = parse_wall(starts, field="starts")
    lasts = parse_lasts(first, ends)
    rule = rrule.strip().removeprefix("RRULE:").upper()
    parse_recurrence(rule, ZoneInfo(where))
    return {"starts": _text(first), "minutes": lasts // timedelta(minutes=1), "zone": where, "rrule": rule}


def _text(wall: datetime) -> str:
    return wall.isoformat("T", "minutes")


def _parse_slugs(field: str, given: Iterable[str], known: Iterable[str]) -> list[str]:
    chosen = sorted({slug.strip() for slug in given if slug.strip()})
    if unknown := set(chosen) - set(known):
        raise Invalid(field, "“{name}” does not exist, or you may not see it.", name=sorted(unknown)[0][:60])
    return chosen


def _require_everywhere(actor: Actor, row: FreezeWindow) -> None:
    """Raise `Blocked` unless the actor's role covers everything that the window selects."""
    for environment in row.environments or [""]:
        for application in row.applications or [""]:
            require(actor, Act.FREEZE_ENVIRONMENT, environment=environment, application=application)


def notify_opened() -> None:
    """Tell the rooms above that something may be open now. Call it before locking any row of this room."""
    for wake in WHEN_OPENED:
        wake()


def _facts(row: FreezeWindow) -> dict[str, Any]:
    return {name: getattr(row, name) for name in FACTS}
