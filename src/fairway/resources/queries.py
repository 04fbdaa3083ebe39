"""Reading resources, bindings and backups; every look-up starts at what the actor may see."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import OuterRef, QuerySet, Subquery
from django.utils import timezone

from fairway.accounts.queries import reached
from fairway.accounts.rules import Act, Actor, NotVisible, may, reach_of
from fairway.drivers.runtimes.contract import OutputLine
from fairway.environments.cron import parse_cron
from fairway.resources.models import Backup, BackupSchedule, Binding, Resource
from fairway.resources.rules import BackupState, BindingState, Wanted
from fairway.resources.schedule_rules import late_since
from fairway.resources.servers import driver_of


def visible_to(actor: Actor) -> QuerySet[Resource]:
    """The resources in the environments that this actor may see, without deleted ones."""
    chosen = Resource.objects.filter(deleted_at=None, environment__deleted_at=None)
    chosen = chosen.select_related("environment", "backup_schedule")
    return chosen.filter(reached(reach_of(actor), environment="environment__slug"))


def get_resource(actor: Actor, environment: str, name: str) -> Resource:
    """The resource with this name in this environment. Raises `NotVisible`."""
    row = visible_to(actor).filter(environment__slug=environment, name=name).first()
    if row is None:
        raise NotVisible("resource", name)
    return row


def log_of(actor: Actor, resource: Resource, *, tail: int) -> list[OutputLine]:
    """The last `tail` lines that the server of a resource printed. They may quote what any application there sent, so this
    raises `NotVisible` unless the actor may see all applications of the environment."""
    if not may_see_all_of(actor, resource):
        raise NotVisible("log", resource.name)
    return driver_of(resource).log(resource.server, tail=tail)


def may_see_all_of(actor: Actor, resource: Resource) -> bool:
    """Whether the actor may see every application in the resource's environment."""
    return may(actor, Act.VIEW, environment=resource.environment.slug)


def bindings_visible_to(actor: Actor) -> QuerySet[Binding]:
    """The bindings of the applications that this actor may see in the resource's environment, without ended ones."""
    chosen = Binding.objects.filter(ended_at=None).select_related("resource__environment", "application")
    return chosen.filter(
        reached(reach_of(actor), application="application__slug", environment="resource__environment__slug")
    )


def bindings_of(actor: Actor, resource: Resource) -> list[Binding]:
    return list(bindings_visible_to(actor).filter(resource=resource))


def get_binding(actor: Actor, resource: Resource, application: str) -> Binding:
    """The binding of this application to this resource. Raises `NotVisible`."""
    row = bindings_visible_to(actor).filter(resource=resource, application__slug=application).first()
    if row is None:
        raise NotVisible("binding", application)
    return row


def backups_visible_to(actor: Actor) -> QuerySet[Backup]:
    """The backups of the applications that this actor may see in the resource's environment, newest first, without removed
    ones."""
    chosen = Backup.objects.exclude(state=BackupState.REMOVED).select_related("resource__environment", "application")
    return chosen.filter(
        reached(reach_of(actor), application="application__slug", environment="resource__environment__slug")
    )


def backups_of(actor: Actor, resource: Resource) -> list[Backup]:
    return list(backups_visible_to(actor).filter(resource=resource))


def backups_of_deleted(actor: Actor) -> QuerySet[Backup]:
    """The verified backups that are left of deleted resources, newest first."""
    return backups_visible_to(actor).filter(resource__deleted_at__isnull=False, state=BackupState.VERIFIED)


def get_backup(actor: Actor, number: int) -> Backup:
    """The backup with this number. Raises `NotVisible`."""
    row = backups_visible_to(actor).filter(pk=number).first()
    if row is None:
        raise NotVisible("backup", number)
    return row


@dataclass(frozen=True)
class Trouble:
    """A bound application without a recent good backup. `late_at` is the due time that passed without one; `failed` is the
    number of the newest backup if it failed, `sentence` why, and `at` since when."""

    binding: Binding
    late_at: datetime | None
    failed: int | None
    sentence: str
    at: datetime


def troubled_backups(actor: Actor, **where: Any) -> list[Trouble]:
    """The bound applications that this actor may see whose backup is late, or whose newest one failed; one query.

    A server that was stopped on purpose is not waited for: its data does not change.
    """
    bound = bindings_visible_to(actor).filter(
        state=BindingState.BOUND, resource__deleted_at=None, resource__wanted=Wanted.RUNNING, **where
    )
    same = Backup.objects.filter(resource=OuterRef("resource"), database=OuterRef("database")).order_by("-pk")
    settled = same.filter(state__in=[BackupState.VERIFIED, BackupState.FAILED])
    bound = bound.select_related("resource__backup_schedule").annotate(
        good_at=Subquery(same.filter(state=BackupState.VERIFIED).values("created_at")[:1]),
        newest=Subquery(settled.values("pk")[:1]),
        newest_state=Subquery(settled.values("state")[:1]),
        newest_sentence=Subquery(settled.values("sentence")[:1]),
        newest_at=Subquery(settled.values("created_at")[:1]),
    )
    now = timezone.now()  # not the database's: that is a query, and it is about hours
    return [found for row in bound if (found := _trouble(row, now)) is not None]


def _trouble(binding: Any, now: datetime) -> Trouble | None:
    """What is wrong with the backups of a binding from `troubled_backups`."""
    late_at = _late_since(binding, now)
    if binding.newest_state == BackupState.FAILED:
        return Trouble(binding, late_at, binding.newest, binding.newest_sentence, binding.newest_at)
    return Trouble(binding, late_at, None, "", late_at) if late_at is not None else None


def _late_since(binding: Binding, now: datetime) -> datetime | None:
    row: BackupSchedule | None = getattr(binding.resource, "backup_schedule", None)
    if row is None or not row.is_on:
        return None
    times = filter(None, (row.since, binding.created_at, getattr(binding, "good_at", None)))
    return late_since(parse_cron(row.schedule), row.zone, since=max(times), now=now)
