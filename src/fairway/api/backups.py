"""Backups of resources: taking, scheduling, restoring and downloading them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from django.http import HttpRequest, StreamingHttpResponse
from ninja import Schema, Status
from pydantic import Field

from fairway.accounts.permissions import actor_of, needs
from fairway.accounts.rules import Act, Actor
from fairway.api.preconditions import AsOf
from fairway.api.routing import PermissionRouter
from fairway.api.schemas import RESOURCE, Confirmed, Given, Named, Number, Slug
from fairway.environments.queries import get_environment
from fairway.resources import commands, restoring
from fairway.resources.backup_files import clear_pieces
from fairway.resources.models import Backup, BackupSchedule
from fairway.resources.queries import Trouble, get_backup, get_resource
from fairway.resources.schedules import save_schedule
from fairway.shared.names import Invalid

router = PermissionRouter(tags=["resources"])


class BackupShown(Schema):
    """`rows` are counted by table; of Redis, keys are counted. It counts once `verified_at` is set: then it was restored
    once and held the same. `purpose` is `asked`, `scheduled` or `last` (before its resource is deleted); `due_at` is the
    time of the schedule."""

    id: int
    application: Named
    database: str
    version: str
    state: str
    sentence: str
    size_bytes: int
    sha256: str
    rows: dict[str, int]
    purpose: str
    due_at: datetime | None
    requested_by: str
    created_at: datetime
    taken_at: datetime | None
    verified_at: datetime | None


class BackupScheduleShown(Schema):
    """When backups are taken by themselves. `daily`, `weekly` and `monthly` are how many days, weeks and months one each is
    kept of. `next_at` is null while it is off."""

    is_on: bool
    schedule: str
    zone: str
    daily: int
    weekly: int
    monthly: int
    next_at: datetime | None
    saved_by: str


class TroubleShown(Schema):
    """A bound application without a recent good backup: `late_at` is the due time that passed without one, `failed` the
    number of the newest backup if it failed."""

    application: Named
    late_at: datetime | None
    failed: int | None


class ScheduleChanges(Given):
    """What is left out does not change. Where there was no schedule, it is nightly, 7 days, 4 weeks and 3 months."""

    is_on: bool | None = None
    schedule: str | None = Field(None, max_length=250)
    zone: str | None = Field(None, max_length=64)
    daily: int | None = None
    weekly: int | None = None
    monthly: int | None = None


class RestoreWanted(Confirmed):
    """The resource to restore into, by environment and name; `confirmed` is its name once more. With `create` it is a new
    one, made for this."""

    environment: str = Field(max_length=40)
    name: str = Field(max_length=40)
    create: bool = False


def schedule_shown(row: BackupSchedule | None) -> BackupScheduleShown | None:
    """The schedule as the API shows it."""
    if row is None:
        return None
    same = {name: getattr(row, name) for name in ("is_on", "schedule", "zone", "next_at", "saved_by")}
    return BackupScheduleShown(**same, daily=row.keep_daily, weekly=row.keep_weekly, monthly=row.keep_monthly)


def trouble_shown(one: Trouble) -> TroubleShown:
    """The trouble as the API shows it."""
    application = one.binding.application
    return TroubleShown(
        application=Named(slug=application.slug, name=application.name),
        late_at=one.late_at,
        failed=one.failed,
    )


def backup_shown(one: Backup) -> BackupShown:
    """The backup as the API shows it."""
    names = ("database", "version", "state", "sentence", "size_bytes", "sha256", "purpose", "requested_by")
    times = ("due_at", "created_at", "taken_at", "verified_at")
    return BackupShown(
        id=one.pk,
        application=Named(slug=one.application.slug, name=one.application.name),
        rows=one.content,
        **{name: getattr(one, name) for name in (*names, *times)},
    )


@router.post(f"{RESOURCE}/backups", response={202: list[BackupShown]})
@needs(Act.BACK_UP_RESOURCE)
def back_up_resource(request: HttpRequest, place: Slug, name: Slug) -> Status[list[BackupShown]]:
    """Back up the database of each bound application; each copy is restored once and looked at before it counts."""
    actor = actor_of(request)
    made = commands.request_backup(actor=actor, resource=get_resource(actor, place, name))
    return Status(202, [backup_shown(one) for one in made])


@router.patch(f"{RESOURCE}/backup-schedule", response=BackupScheduleShown)
@needs(Act.BACK_UP_RESOURCE)
def change_backup_schedule(
    request: HttpRequest, place: Slug, name: Slug, given: ScheduleChanges, as_of: AsOf
) -> BackupScheduleShown | None:
    """Say when backups are taken by themselves and how many are kept, or switch that off."""
    actor = actor_of(request)
    changes = {field: value for field, value in given.dict(exclude_unset=True).items() if value is not None}
    one = get_resource(actor, place, name)
    return schedule_shown(save_schedule(actor=actor, resource=one, as_of=as_of, **changes))


@router.get("/backups/{number}", response=BackupShown)
@needs(Act.VIEW)
def show_backup(request: HttpRequest, number: Number) -> BackupShown:
    """One backup."""
    return backup_shown(get_backup(actor_of(request), number))


@router.post("/backups/{number}/restoration", response={202: BackupShown})
@needs(Act.RESTORE_RESOURCE)
def restore_backup(request: HttpRequest, number: Number, given: RestoreWanted) -> Status[BackupShown]:
    """Make the application's database in a resource what the backup holds; what is there now is kept beside it. The
    resource may be another than the one it is of, in another environment, or a new one."""
    actor = actor_of(request)
    one = get_backup(actor, number)
    if given.create:
        place = get_environment(actor, given.environment)
        refuse_another_name(given)
        restoring.restore_into_new(actor=actor, backup=one, environment=place, name=given.name)
    else:
        into = get_resource(actor, given.environment, given.name)
        restoring.request_restore(actor=actor, backup=one, into=into, confirmed=given.confirmed)
    return Status(202, backup_shown(one))


def refuse_another_name(given: RestoreWanted) -> None:
    """Raise `Invalid` unless the name of the new resource was confirmed."""
    if given.confirmed != given.name:
        raise Invalid("confirmed", "type “{name}” exactly to restore into it.", name=given.name)


@router.get(
    "/backups/{number}/file",
    response={200: None},
    openapi_extra={"responses": {200: {"description": "The dump", "content": {"application/octet-stream": {}}}}},
)
@needs(Act.DOWNLOAD_BACKUP)
def download_backup(request: HttpRequest, number: Number) -> StreamingHttpResponse:
    """The dump itself, in the format of the server's own tools: for pg_restore, SQL, or an RDB file."""
    actor = actor_of(request)
    return backup_response(actor, get_backup(actor, number))


def backup_response(actor: Actor, one: Backup) -> StreamingHttpResponse:
    """The clear dump as a file; the event is written before the first byte leaves."""
    pieces: Iterator[bytes] = clear_pieces(one)
    commands.note_download(actor=actor, backup=one)
    response = StreamingHttpResponse(pieces, content_type="application/octet-stream")
    response["Content-Disposition"] = f'attachment; filename="{one.file_name}"'
    response["Cache-Control"] = "private, no-store"
    return response
