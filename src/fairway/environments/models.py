"""Tables of environments, freeze windows, Docker hosts and the installation."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import ClassVar
from zoneinfo import ZoneInfo

from django.db import models
from django.db.models import Q
from django.utils import timezone

from fairway.environments.freeze_rules import Kind, Window
from fairway.environments.host_rules import HostFacts, HostState, host_sentence, host_state
from fairway.environments.recurrence import parse_recurrence
from fairway.environments.rules import AVAILABLE, LOCKED, Lock, Strategy, WhenWorse

__all__ = ["Environment", "FreezeWindow", "Host", "Installation"]


class Environment(models.Model):
    """Where applications run; the release desk calls it a deployment target.

    `host` is the domain below which applications get their host names, `position` its position in the promotion order (lower
    comes first), `lane` the engine lane of its deployments, so that one environment never queues behind another.
    """

    slug = models.CharField(max_length=40)
    name = models.CharField(max_length=80)
    host = models.CharField(max_length=253)
    url = models.CharField(max_length=300, blank=True)
    description = models.TextField(blank=True)
    position = models.PositiveIntegerField(default=100)
    runtime = models.CharField(max_length=40, default="process")
    options = models.JSONField(default=dict, blank=True)
    lane = models.CharField(max_length=40, default="default")
    # how many people must approve before anything new comes here
    approvals_needed = models.PositiveSmallIntegerField(default=0)
    needs_ready = models.BooleanField(default=False)  # packages must be Ready to be deployed here
    # Other protection rules; see `protection.py`. Roles and user names; if both are empty, the usual roles decide.
    approval_roles = models.JSONField(default=list, blank=True)
    approval_people = models.JSONField(default=list, blank=True)
    approval_days = models.PositiveSmallIntegerField(default=7)  # how long a deployment waits for its approvals
    deploy_roles = models.JSONField(default=list, blank=True)
    deploy_people = models.JSONField(default=list, blank=True)
    only_releases = models.BooleanField(default=False)
    proven_in = models.CharField(max_length=40, blank=True)  # the slug of another environment, "" for none
    proven_hours = models.PositiveSmallIntegerField(default=0)
    strategy = models.CharField(
        max_length=10, default=Strategy.ALL.value
    )  # of what is deployed here, unless it says another
    # what happens if a new version answers worse than the one before: `rules.WhenWorse`
    when_worse = models.CharField(max_length=10, default=WhenWorse.TELL.value)
    locked_at = models.DateTimeField(null=True)
    locked_until = models.DateTimeField(null=True)
    locked_by_id = models.BigIntegerField(null=True)
    locked_by = models.CharField(max_length=200, blank=True)
    lock_reason = models.TextField(blank=True)
    created_at = models.DateTimeField(default=timezone.now)
    # the row stays, because history refers to it; its slug and host are free again
    deleted_at = models.DateTimeField(null=True)

    class Meta:
        ordering: ClassVar = ["position", "slug"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["slug"], condition=Q(deleted_at=None), name="one_live_environment_per_slug"),
            models.UniqueConstraint(fields=["host"], condition=Q(deleted_at=None), name="one_live_environment_per_host"),
        ]

    def __str__(self) -> str:
        return self.name

    def lock_at(self, now: datetime) -> Lock | None:
        """The lock in force at an instant."""
        if self.locked_at is None:
            return None
        lock = Lock(self.locked_by, self.lock_reason, self.locked_at, self.locked_until)
        return lock if lock.holds_at(now) else None

    @property
    def lock(self) -> Lock | None:
        return self.lock_at(timezone.now())

    @property
    def status(self) -> str:
        """Available or Locked, right now."""
        return LOCKED if self.lock else AVAILABLE


class Installation(models.Model):
    """Where the installation runs: one row. `identity` is that of its data directory, `keys` a fingerprint of the keys
    that seal its secrets, `machine` identifies the machine of its workers (see `installation.py`), `host` is its name for
    people."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)
    identity = models.CharField(max_length=8)
    keys = models.CharField(max_length=16)
    machine = models.CharField(max_length=300, blank=True)
    host = models.CharField(max_length=255)
    since = models.DateTimeField(default=timezone.now)

    def __str__(self) -> str:
        return self.host


class FreezeWindow(models.Model):
    """When deployments are closed (deny) or the only times at which they are open (allow); see `freeze_rules`.

    `starts` is a wall time in `zone`, stored as text (``2026-03-29T22:30``) because it is not an instant; `minutes` is
    how long it lasts on that clock. `environments` and `applications` are lists of slugs, empty for all; slugs, not ids,
    so that something that is created again under the same name is covered again.
    """

    kind = models.CharField(max_length=5)
    name = models.CharField(max_length=80)
    reason = models.CharField(max_length=500)
    starts = models.CharField(max_length=16)
    minutes = models.PositiveIntegerField()
    zone = models.CharField(max_length=64)
    rrule = models.CharField(max_length=500, blank=True)
    environments = models.JSONField(default=list, blank=True)
    applications = models.JSONField(default=list, blank=True)
    created_by_id = models.BigIntegerField(null=True)
    created_by = models.CharField(max_length=200)
    created_at = models.DateTimeField(default=timezone.now)
    deleted_at = models.DateTimeField(null=True)  # the row stays, because history refers to it

    class Meta:
        ordering: ClassVar = ["name", "id"]
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(kind__in=[kind.value for kind in Kind]), name="freeze_kind_known"),
            models.CheckConstraint(condition=Q(minutes__gte=1), name="freeze_lasts"),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def ends(self) -> datetime:
        """The wall time at which its first occurrence ends."""
        return datetime.fromisoformat(self.starts) + timedelta(minutes=self.minutes)

    @property
    def window(self) -> Window:
        """The window as a value for `freeze_rules`."""
        return Window(
            kind=Kind(self.kind),
            starts=datetime.fromisoformat(self.starts),
            lasts=timedelta(minutes=self.minutes),
            zone=self.zone,
            recurrence=parse_recurrence(self.rrule, ZoneInfo(self.zone)),
            environments=frozenset(self.environments),
            applications=frozenset(self.applications),
            name=self.name,
            reason=self.reason,
            number=self.pk or 0,
        )


class Host(models.Model):
    """A Docker host reached over SSH, identified by its address; the environments whose options name it share it.

    `public_key` and `sealed_key` are Fairway's key pair for this host alone. `host_key` is the host's own key, confirmed
    by a person; `offered_key` is the one it offered last. The rest is the result of a worker's last check.
    """

    address = models.CharField(max_length=300, unique=True)
    public_key = models.TextField()
    sealed_key = models.TextField()
    host_key = models.TextField(blank=True)
    confirmed_by = models.CharField(max_length=200, blank=True)
    confirmed_at = models.DateTimeField(null=True)
    offered_key = models.TextField(blank=True)
    is_connected = models.BooleanField(default=False)
    reason = models.CharField(max_length=20, blank=True)
    detail = models.TextField(blank=True)
    version = models.CharField(max_length=80, blank=True)
    seen_at = models.DateTimeField(null=True)
    look_wanted_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField(default=timezone.now)

    def __str__(self) -> str:
        return self.address

    @property
    def facts(self) -> HostFacts:
        """The facts for `host_rules`."""
        return HostFacts(
            self.address, self.host_key, self.offered_key, self.is_connected, self.reason, self.version, self.seen_at
        )

    @property
    def state(self) -> HostState:
        return host_state(self.facts, timezone.now())

    @property
    def sentence(self) -> str:
        return host_sentence(self.facts, timezone.now())
