"""Backups that are taken by themselves: changing a schedule, taking what is due, removing what is not kept any more."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import Any

from django.conf import settings
from django.db import transaction

from fairway.accounts.commands import require
from fairway.accounts.rules import SYSTEM, Act, Actor, Blocked, NotVisible
from fairway.activity.changes import refuse_stale
from fairway.activity.commands import record
from fairway.activity.rules import Door
from fairway.engine import clock
from fairway.engine.queries import live_payloads
from fairway.environments.cron import newest_until, next_after, parse_cron
from fairway.environments.freeze_rules import parse_zone
from fairway.resources.commands import RESTORE, back_up, live_bindings, locked
from fairway.resources.models import Backup, BackupSchedule, Resource
from fairway.resources.rules import BackupState, BindingState, Purpose, Wanted
from fairway.resources.schedule_rules import Copy, Retention, default_schedule, kept, parse_backup_cron, parse_retention
from fairway.resources.servers import backup_place
from fairway.resources.subjects import on_backup, on_resource
from fairway.shared.names import Invalid

log = logging.getLogger(__name__)

CHANGEABLE = ("is_on", "schedule", "zone", "daily", "weekly", "monthly")
EDITED = ("resource.schedule_saved",)
# No person's rights: looking after data must not end because somebody leaves.
SCHEDULER = replace(SYSTEM, door=Door.SCHEDULE)


def schedule_of(resource: Resource) -> BackupSchedule | None:
    """The schedule of a resource; None if it never had one."""
    found: BackupSchedule | None = getattr(resource, "backup_schedule", None)
    return found


def offered(resource: Resource) -> BackupSchedule:
    """The schedule that a resource without one is offered; it is not stored."""
    keep = Retention()
    return BackupSchedule(
        resource=resource,
        is_on=False,
        schedule=default_schedule(resource.pk),
        zone=settings.TIME_ZONE,
        keep_daily=keep.daily,
        keep_weekly=keep.weekly,
        keep_monthly=keep.monthly,
    )


@transaction.atomic
def save_schedule(*, actor: Actor, resource: Resource, as_of: int | None = None, **changes: Any) -> BackupSchedule:
    """Change any of `CHANGEABLE`; what is left out stays, or is what `offered` says where there was none.

    Raises `Blocked` (role), `Invalid`, `NotVisible`, or `Changed` if it was changed after event `as_of`.
    """
    require(actor, Act.BACK_UP_RESOURCE, environment=resource.environment.slug)
    if unknown := set(changes) - set(CHANGEABLE):
        raise Invalid(sorted(unknown)[0], "cannot be changed; only {names} can.", names=", ".join(CHANGEABLE))
    place = locked(resource)
    refuse_stale(as_of, *EDITED, subject_kind="resource", subject_id=str(place.pk))
    row = BackupSchedule.objects.filter(resource=place).first() or offered(place)
    before = _facts(row) if row.pk else {}
    _fill(actor, row, {**_values(row), **changes})
    after = _facts(row)
    if before != after:
        row.saved_by = actor.name
        row.save()
        record(who=actor.who, verb="resource.schedule_saved", on=on_resource(place), before=before, after=after)
    return row


def _values(row: BackupSchedule) -> dict[str, Any]:
    keep = {"daily": row.keep_daily, "weekly": row.keep_weekly, "monthly": row.keep_monthly}
    return {"is_on": row.is_on, "schedule": row.schedule, "zone": row.zone, **keep}


def _facts(row: BackupSchedule) -> dict[str, Any]:
    return _values(row)


def _fill(actor: Actor, row: BackupSchedule, values: dict[str, Any]) -> None:
    """Raises `Invalid`."""
    cron = parse_backup_cron(values["schedule"])
    keep = parse_retention(daily=values["daily"], weekly=values["weekly"], monthly=values["monthly"])
    times = " ".join(values["schedule"].split()), parse_zone(values["zone"]), bool(values["is_on"])
    if row.pk is None or times != (row.schedule, row.zone, row.is_on):
        row.since = clock.now()
        row.next_at = next_after(cron, times[1], row.since) if times[2] else None
    row.schedule, row.zone, row.is_on = times
    row.keep_daily, row.keep_weekly, row.keep_monthly = keep.daily, keep.weekly, keep.monthly


def take_due_backups() -> int:
    """Request the backups that are due, each due time at most once however many workers do this; returns how many.

    Of several due times that have passed, only the newest is taken, however long ago. Where the server was stopped on
    purpose, it is taken once the server runs again.
    """
    due = BackupSchedule.objects.filter(
        next_at__lte=clock.now(), resource__wanted=Wanted.RUNNING, resource__deletion_asked_at=None
    )
    taken = 0
    for row in list(due.select_related("resource__environment").order_by("next_at")):
        try:
            taken += _take_due(row.resource)
        except (Blocked, NotVisible):
            continue  # it was deleted meanwhile
        except Exception:
            log.exception("%s could not be backed up; it is tried again", row.resource.server)
    return taken


@transaction.atomic
def _take_due(resource: Resource) -> int:
    """The resource is locked, so no other worker does it as well."""
    place, now = locked(resource), clock.now()
    row = BackupSchedule.objects.filter(resource=place, next_at__lte=now).first()
    if row is None or row.next_at is None:  # another worker was quicker, or somebody switched it off
        return 0
    cron = parse_cron(row.schedule)
    due = newest_until(cron, row.zone, row.next_at, now) or row.next_at
    row.next_at = next_after(cron, row.zone, now)
    row.save(update_fields=["next_at"])
    mine = Backup.objects.filter(resource=place)
    # One that is still being taken is not followed by a second one; with the clock set back, a due time may come again.
    busy = set(mine.filter(state=BackupState.TAKING).values_list("database", flat=True))
    busy |= set(mine.filter(due_at=due).values_list("database", flat=True))
    wanted = [one for one in live_bindings(place) if one.state == BindingState.BOUND and one.database not in busy]
    for binding in wanted:
        back_up(SCHEDULER, place, binding.application, binding.database, Purpose.SCHEDULED, due)
    return len(wanted)


@transaction.atomic
def remove_outdated(*, backup: Backup) -> int:
    """Remove the scheduled backups of this one's database that are not kept any more; returns how many. Their files are
    deleted by `delete_removed_files`. Backups that somebody asked for stay, and so does what is being restored."""
    row = BackupSchedule.objects.filter(resource=backup.resource_id, is_on=True).first()
    if row is None:
        return 0
    chosen = Backup.objects.select_for_update(no_key=True, of=("self",))
    chosen = chosen.select_related("resource__environment", "application").exclude(state=BackupState.REMOVED)
    rows = list(
        chosen.filter(resource=backup.resource_id, database=backup.database, purpose=Purpose.SCHEDULED).order_by("pk")
    )
    restored = {payload["backup"] for payload in live_payloads(RESTORE)}
    copies = [
        Copy(
            one.pk,
            one.due_at or one.created_at,
            one.state == BackupState.VERIFIED,
            is_needed=one.state == BackupState.TAKING or one.pk in restored,
        )
        for one in rows
    ]
    stay = kept(copies, Retention(row.keep_daily, row.keep_weekly, row.keep_monthly), row.zone)
    gone = [one for one in rows if one.pk not in stay]
    for one in gone:
        before = {"state": one.state}
        one.state, one.removed_at = BackupState.REMOVED, clock.now()
        one.save(update_fields=["state", "removed_at"])
        record(who=SCHEDULER.who, verb="backup.removed", on=on_backup(one), before=before)
    return len(gone)


def delete_removed_files() -> int:
    """Delete the files of removed backups; returns how many. A file that cannot be deleted is tried again."""
    deleted = 0
    for one in Backup.objects.filter(state=BackupState.REMOVED).exclude(file=""):
        try:
            backup_place(one.file).unlink(missing_ok=True)
        except OSError as error:
            log.warning("The file of backup %s could not be deleted: %s", one.pk, error)
            continue
        Backup.objects.filter(pk=one.pk).update(file="")
        deleted += 1
    return deleted
