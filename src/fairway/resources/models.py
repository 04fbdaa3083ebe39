"""Tables of this room."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.utils import timezone

from fairway.applications.models import Application
from fairway.drivers.resources.engines import ENGINES, Engine
from fairway.environments.models import Environment
from fairway.resources.rules import BackupState, BindingState, Purpose, State, Wanted, server_name

__all__ = ["Backup", "BackupSchedule", "Binding", "Resource"]


class Resource(models.Model):
    """One server in one environment. No other resource has its `port` until it is deleted. `made_at` is when its data folder
    was created; `observed` is what it last reported (``version``, ``size_bytes``, ``connections``, ``most_connections``).
    `deletion_asked_at` is set while a last backup is taken before it is deleted; `kept_because` says why the last deletion
    was called off."""

    environment = models.ForeignKey(Environment, on_delete=models.PROTECT, related_name="resources")
    name = models.CharField(max_length=40)
    kind = models.CharField(max_length=20)
    version = models.CharField(max_length=40)
    wanted = models.CharField(max_length=20, default=Wanted.RUNNING.value)
    state = models.CharField(max_length=20, default=State.PREPARING.value)
    sentence = models.TextField(blank=True)
    port = models.PositiveIntegerField()
    sealed_password = models.TextField()
    made_at = models.DateTimeField(null=True)
    observed = models.JSONField(default=dict)
    observed_at = models.DateTimeField(null=True)
    created_by = models.CharField(max_length=200)
    created_at = models.DateTimeField(default=timezone.now)
    deletion_asked_at = models.DateTimeField(null=True)
    kept_because = models.TextField(blank=True)
    deleted_at = models.DateTimeField(null=True)  # its data is put away; the row stays, because events refer to it

    class Meta:
        ordering: ClassVar = ["environment__position", "name", "id"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["environment", "name"], condition=Q(deleted_at=None), name="one_live_resource_per_name"
            ),
            models.UniqueConstraint(fields=["port"], condition=Q(deleted_at=None), name="one_live_resource_per_port"),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def key(self) -> str:
        """The key of the runs that change it; those that copy its data have `commands.copies_key`."""
        return f"resource:{self.pk}"

    @property
    def engine(self) -> Engine:
        return ENGINES[self.kind]

    @property
    def server(self) -> str:
        """Its name in the driver."""
        return server_name(self.name, self.environment.slug, self.pk)


class BackupSchedule(models.Model):
    """When backups of a resource are taken, and how many are kept. `next_at` is null while it is off. `since` is when it was
    switched on or its times changed last: what was due before is not missing."""

    resource = models.OneToOneField(Resource, on_delete=models.CASCADE, related_name="backup_schedule")
    is_on = models.BooleanField(default=True)
    schedule = models.CharField(max_length=200)
    zone = models.CharField(max_length=64)
    keep_daily = models.PositiveSmallIntegerField()
    keep_weekly = models.PositiveSmallIntegerField()
    keep_monthly = models.PositiveSmallIntegerField()
    next_at = models.DateTimeField(null=True)
    since = models.DateTimeField()
    saved_by = models.CharField(max_length=200)

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["next_at"], condition=Q(next_at__isnull=False), name="backup_schedule_due")
        ]

    def __str__(self) -> str:
        return f"{self.resource.name} · {self.schedule}"


class Binding(models.Model):
    """A resource that an application uses under a name (`alias`).

    No other binding has its `database` and its `login`. `previous_login` is the one before; it works until somebody ends it.
    `configuration_version` is the first version with the current password. `login_number` counts the passwords.
    """

    resource = models.ForeignKey(Resource, on_delete=models.PROTECT, related_name="bindings")
    application = models.ForeignKey(Application, on_delete=models.PROTECT, related_name="bindings")
    alias = models.CharField(max_length=30)
    database = models.CharField(max_length=63)
    login = models.CharField(max_length=63)
    login_number = models.PositiveIntegerField(default=1)
    previous_login = models.CharField(max_length=63, blank=True)
    sealed_password = models.TextField()
    configuration_version = models.PositiveIntegerField(null=True)
    state = models.CharField(max_length=20, default=BindingState.BINDING.value)
    sentence = models.TextField(blank=True)
    created_by = models.CharField(max_length=200)
    created_at = models.DateTimeField(default=timezone.now)
    ended_at = models.DateTimeField(null=True)

    class Meta:
        ordering: ClassVar = ["application__name", "id"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["resource", "application"], condition=Q(ended_at=None), name="one_live_binding_per_application"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.resource.name} · {self.application.name}"


class Backup(models.Model):
    """One copy of one database. `content` is the number of rows of each table, or of keys, when it was taken. The backup
    counts once `verified_at` is set: then it was restored into a temporary database and had the same numbers. `due_at` is
    the time of the schedule that it was taken for. Once it is removed, `file` is "" as soon as the file is deleted."""

    resource = models.ForeignKey(Resource, on_delete=models.PROTECT, related_name="backups")
    application = models.ForeignKey(Application, on_delete=models.PROTECT, related_name="backups")
    database = models.CharField(max_length=63)
    version = models.CharField(max_length=40)
    state = models.CharField(max_length=20, default=BackupState.TAKING.value)
    sentence = models.TextField(blank=True)
    file = models.CharField(max_length=200, blank=True)
    size_bytes = models.BigIntegerField(default=0)
    sha256 = models.CharField(max_length=64, blank=True)
    content = models.JSONField(default=dict)
    purpose = models.CharField(max_length=20, default=Purpose.ASKED.value)
    due_at = models.DateTimeField(null=True)
    requested_by = models.CharField(max_length=200)
    created_at = models.DateTimeField(default=timezone.now)
    taken_at = models.DateTimeField(null=True)
    verified_at = models.DateTimeField(null=True)
    removed_at = models.DateTimeField(null=True)

    class Meta:
        ordering: ClassVar = ["-id"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["resource", "database", "due_at"], condition=Q(due_at__isnull=False), name="one_backup_per_due_time"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.resource.name} · {self.application.name} · {self.pk}"

    @property
    def file_name(self) -> str:
        """The name of the file that is downloaded."""
        return f"{self.database}-{self.pk}.{self.resource.engine.ending}"
