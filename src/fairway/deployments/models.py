"""Tables of this room."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone

from fairway.applications.models import Application, Artifact, Configuration
from fairway.deployments.lost import WrittenFiles, not_dismissed
from fairway.deployments.rules import (
    ACTIVE,
    ENDED,
    START_BY,
    Access,
    Health,
    Kind,
    Status,
    Wanted,
    instance_counts,
    may_move,
    runs_release_command,
    shown_status,
    steps_for,
)
from fairway.drivers.builders.services import backing_services_of, services_of
from fairway.drivers.runtimes.contract import MAIN
from fairway.engine import clock
from fairway.engine.models import Run
from fairway.environments.models import Environment
from fairway.environments.rules import Strategy

__all__ = [
    "Deployment",
    "DeploymentApproval",
    "HealthyStretch",
    "JobLogChunk",
    "JobRun",
    "LogChunk",
    "Placement",
    "ScheduledJob",
]


class IllegalMove(Exception):
    """A status change that the state machine does not know, or that somebody else made first."""


class StatusRow(models.Model):
    """A row with a `Status` that only `move_to` changes."""

    status = models.CharField(max_length=12, default=Status.QUEUED.value)

    class Meta:
        abstract = True

    @property
    def is_active(self) -> bool:
        return self.status in ACTIVE

    def move_to(self, status: Status, **values: object) -> None:
        """Change the status and other fields. Raises `IllegalMove` if the state machine does not allow it, or if the row
        has another status by now than when it was read."""
        if not may_move(self.status, status):
            raise IllegalMove(f"{self} cannot go from {self.status} to {status}")
        if status in ENDED:
            values["finished_at"] = clock.now()
        rows = type(self)._default_manager.filter(pk=self.pk, status=self.status)
        if not rows.update(status=status, **values):
            raise IllegalMove(f"{self} is no longer {self.status}")
        self.refresh_from_db()


class Deployment(StatusRow):
    """One attempt to put one artifact and one configuration version live in one environment. Never rewritten.

    `probe` is what the probe measured during the switch, `gate_used` how readiness was decided. `log_lines` counts the lines
    of its log, `log_bytes` the bytes of their text in UTF-8. The lines are in `LogChunk` until they are collected
    (`log_collected_at`) together with the times of the steps. `away_seconds` is how long visitors saw the starting page,
    because the old version had to stop before the new one could start; None if they never saw it.
    """

    application = models.ForeignKey(Application, on_delete=models.PROTECT, related_name="deployments")
    environment = models.ForeignKey(Environment, on_delete=models.PROTECT, related_name="deployments")
    kind = models.CharField(max_length=24)
    artifact = models.ForeignKey(Artifact, null=True, on_delete=models.PROTECT, related_name="deployments")
    configuration = models.ForeignKey(Configuration, null=True, on_delete=models.PROTECT, related_name="deployments")
    source_kind = models.CharField(max_length=20, blank=True)
    source = models.JSONField(default=dict)
    spec = models.JSONField(null=True)  # a person's changes to what is detected
    replicas = models.PositiveSmallIntegerField(default=1)
    scales = models.JSONField(default=dict)  # numbers of instances of the other services, if not one each
    limits = models.JSONField(default=dict)  # what a person set for services there; see `limits.limits_for`
    run = models.OneToOneField(Run, null=True, on_delete=models.SET_NULL, related_name="deployment")
    replaces = models.ForeignKey("self", null=True, on_delete=models.SET_NULL, related_name="replaced_by")
    returns_to = models.ForeignKey("self", null=True, on_delete=models.SET_NULL, related_name="returned_to_by")
    requested_by_id = models.BigIntegerField(null=True)
    requested_by = models.CharField(max_length=200)
    acting_role = models.CharField(max_length=40, blank=True)
    requested_with_id = models.BigIntegerField(null=True)  # the API token, if it was requested with one
    door = models.CharField(max_length=20)
    asked_as = models.CharField(max_length=40, blank=True)  # the act of the room above that requested it
    reason = models.CharField(max_length=500, blank=True)
    broke_glass = models.CharField(max_length=500, blank=True)
    step = models.CharField(max_length=20, blank=True)
    sentence = models.TextField(blank=True)
    detail = models.TextField(blank=True)
    gate_used = models.CharField(max_length=200, blank=True)
    strategy = models.CharField(max_length=10, default=Strategy.ALL.value)  # how it gets the requests of visitors
    probe = models.JSONField(null=True)
    judgement = models.JSONField(null=True)  # `monitoring.judging.Judgement`; None until it was compared with the one before
    away_seconds = models.FloatField(null=True)
    served_digest = models.CharField(max_length=80, blank=True)
    log_lines = models.PositiveIntegerField(default=0)
    log_bytes = models.PositiveBigIntegerField(default=0)
    log_collected_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField(default=timezone.now)
    start_by = models.DateTimeField(null=True)  # it waits for the gate to open until then at most; None: START_BY
    approve_by = models.DateTimeField(null=True)  # it waits for approvals until then at most; None: it needs none
    approved_at = models.DateTimeField(null=True)  # when it had every approval, or its environment required none any more
    started_at = models.DateTimeField(null=True)
    switched_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(status__in=[known.value for known in Status]), name="deployment_status_known"
            ),
            models.CheckConstraint(condition=Q(kind__in=[known.value for known in Kind]), name="deployment_kind_known"),
        ]
        indexes: ClassVar = [
            models.Index(fields=["application", "environment", "-id"]),
            models.Index(fields=["environment", "-id"]),
            models.Index(fields=["status", "-id"]),
            models.Index(fields=["requested_by", "-id"]),
            models.Index(fields=["-finished_at"], name="deployment_ended"),
            models.Index(fields=["application", "-finished_at"], name="deployment_ended_of"),
            # Few deployments of the history still have a log, so the index covers only those.
            models.Index(fields=["finished_at"], condition=Q(log_collected_at=None), name="deployment_with_log"),
        ]

    def __str__(self) -> str:
        return f"#{self.pk} {self.application.slug} → {self.environment.slug}"

    @property
    def label(self) -> str:
        """The generation label on instances and routes, e.g. ``d42``."""
        return f"d{self.pk}"

    @property
    def key(self) -> str:
        return f"{self.application.slug}:{self.environment.slug}"

    @property
    def starts_by(self) -> datetime:
        """Until when it may wait for the gate to open by itself, for example when a freeze ends."""
        return self.start_by or (self.approved_at or self.created_at) + START_BY

    @property
    def awaits_approval(self) -> bool:
        """Whether it waits for people to approve it. Meanwhile it takes neither a slot nor its key."""
        return (
            self.is_active and self.status != Status.CANCELLING and self.approve_by is not None and self.approved_at is None
        )

    @property
    def version(self) -> str:
        return self.artifact.version if self.artifact else ""

    @property
    def counts(self) -> dict[str, int]:
        """How many instances of each service it runs, the main one first."""
        return counts_of(self.artifact, self.replicas, self.scales)

    def sticks(self, instances: int) -> bool:
        """Whether the proxy keeps each visitor with the same one of so many instances."""
        return instances > 1 and self.artifact is not None and self.artifact.is_sticky

    @property
    def runs_release_command(self) -> bool:
        """Whether its artifact has a release command and this deployment runs it."""
        return self.artifact is not None and runs_release_command(self.kind, self.artifact.spec)

    @property
    def steps(self) -> tuple[str, ...]:
        """The names of the steps that it has, in order."""
        return steps_for(self.kind, self.artifact.spec if self.artifact else {}, is_canary=self.is_canary)

    @property
    def is_canary(self) -> bool:
        """Whether its version gets the requests in growing shares."""
        return bool(self.strategy == Strategy.CANARY)

    @property
    def is_current(self) -> bool:
        """Whether it is what its placement serves."""
        return Placement.objects.filter(current=self).exists()

    @property
    def shown_status(self) -> str:
        return shown_status(self.status, is_current=self.status == Status.SUCCEEDED and self.is_current)


class Placement(models.Model):
    """What should run in one environment of one application, and what was last seen there.

    `replicas` counts the instances of its main service, `scales` those of its other services if they have not one each.
    `sleeps_after` is after how many minutes without a visit it falls asleep, None if it never does; with `keeps_workers`
    only the main service sleeps. `asleep_since` is set while it should sleep; it still counts as running (`wanted`),
    because the next visit wakes it. `wake_seconds` is how long waking took last.
    `stored` names the volumes that were seen with data in them; if one of them is empty later, nothing is started on it.
    `writes` lists the files and folders outside volumes to which its instances wrote (`lost.WrittenFiles`),
    `writes_dismissed` the names of those that a person dismissed.
    """

    application = models.ForeignKey(Application, on_delete=models.PROTECT, related_name="placements")
    environment = models.ForeignKey(Environment, on_delete=models.PROTECT, related_name="placements")
    current = models.ForeignKey(Deployment, null=True, on_delete=models.PROTECT, related_name="+")
    previous_good = models.ForeignKey(Deployment, null=True, on_delete=models.PROTECT, related_name="+")
    wanted = models.CharField(max_length=10, default=Wanted.RUNNING.value)
    replicas = models.PositiveSmallIntegerField(default=1)
    scales = models.JSONField(default=dict)
    limits = models.JSONField(default=dict)  # of its next deployment, by service
    sleeps_after = models.PositiveSmallIntegerField(null=True)
    keeps_workers = models.BooleanField(default=False)
    asleep_since = models.DateTimeField(null=True)
    woken_at = models.DateTimeField(null=True)
    wake_seconds = models.FloatField(null=True)
    domains = models.JSONField(default=list)
    access = models.CharField(max_length=12, default=Access.PUBLIC.value)
    hold_reason = models.CharField(max_length=500, blank=True)
    held_at = models.DateTimeField(null=True)
    health = models.CharField(max_length=10, default=Health.UNKNOWN.value)
    stored = models.JSONField(default=list)
    writes = models.JSONField(default=list)
    writes_dismissed = models.JSONField(default=list)
    drift = models.JSONField(default=list)  # sentences that say what differs from what should run
    observed = models.JSONField(default=list)  # the instances, as last seen
    observed_at = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["application", "environment"], name="one_placement_each"),
            models.CheckConstraint(condition=Q(wanted__in=[known.value for known in Wanted]), name="placement_wanted_known"),
            models.CheckConstraint(condition=Q(health__in=[known.value for known in Health]), name="placement_health_known"),
            models.CheckConstraint(condition=Q(access__in=[known.value for known in Access]), name="placement_access_known"),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def name(self) -> str:
        """Its name in runtimes, e.g. ``hello.staging``."""
        return f"{self.application.slug}.{self.environment.slug}"

    @property
    def key(self) -> str:
        return f"{self.application.slug}:{self.environment.slug}"

    @property
    def counts(self) -> dict[str, int]:
        """How many instances of each service should run, the main one first."""
        return counts_of(self.current.artifact if self.current else None, self.replicas, self.scales)

    @property
    def all_counts(self) -> dict[str, int]:
        """The same, with the services that have an image of their own, each of which runs once."""
        return {**self.counts, **dict.fromkeys(backing_names(self.current.artifact if self.current else None), 1)}

    @property
    def is_asleep(self) -> bool:
        """Whether it should sleep now. It may not have fallen asleep yet."""
        return self.asleep_since is not None

    @property
    def host(self) -> str:
        return f"{self.application.slug}.{self.environment.host}"

    @property
    def hosts(self) -> list[str]:
        return [self.host, *self.domains]

    @property
    def lost_writes(self) -> list[WrittenFiles]:
        """The files and folders that the next deployment loses, without those that a person dismissed and those that a
        volume of the current version keeps by now."""
        artifact = self.current.artifact if self.current else None
        kept = {target for _, target in artifact.parsed_spec.volumes} if artifact else set()
        return [entry for entry in not_dismissed(self.writes, self.writes_dismissed) if entry["target"] not in kept]

    @property
    def urls(self) -> list[str]:
        """Its public URLs, the one that Fairway gave it first."""
        return [public_url(host) for host in self.hosts]

    @property
    def url(self) -> str:
        return public_url(self.host)


def counts_of(artifact: Artifact | None, replicas: int, scales: Mapping[str, int]) -> dict[str, int]:
    """How many instances each service has; see `rules.instance_counts`. Without an artifact, only the main one is known."""
    if artifact is None:
        return {MAIN: replicas}
    spec = artifact.parsed_spec
    return instance_counts([service.name for service in services_of(spec)], replicas, scales, spec.volumes)


def backing_names(artifact: Artifact | None) -> tuple[str, ...]:
    """The names of the services of an artifact that run an image of their own."""
    return tuple(service.name for service in backing_services_of(artifact.parsed_spec)) if artifact else ()


def public_url(host: str) -> str:
    """The URL of a host: https if HTTPS is set up and the host is public, else http; with the proxy's port if it is not the
    usual one."""
    is_local = host == "localhost" or host.endswith(".localhost")
    if settings.PROXY_TLS_PORT and not is_local:
        return f"https://{host}" + ("" if settings.PROXY_TLS_PORT == 443 else f":{settings.PROXY_TLS_PORT}")
    return f"http://{host}" + ("" if settings.PROXY_PORT == 80 else f":{settings.PROXY_PORT}")


class DeploymentApproval(models.Model):
    """One person's answer about a deployment, bound to the fingerprint of what they saw would be deployed."""

    deployment = models.ForeignKey(Deployment, on_delete=models.PROTECT, related_name="answers")
    fingerprint = models.CharField(max_length=64)
    person_id = models.BigIntegerField()
    person = models.CharField(max_length=200)
    is_approved = models.BooleanField()
    comment = models.CharField(max_length=500, blank=True)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["deployment", "person_id", "fingerprint"], name="one_deployment_answer_each")
        ]

    def __str__(self) -> str:
        return f"{self.person} {'approves' if self.is_approved else 'rejects'} #{self.deployment_id}"


class HealthyStretch(models.Model):
    """A time without a break in which an environment served these bytes of an application and was seen healthy. It continues
    when the same bytes are restarted, and while the health cannot be observed."""

    application = models.ForeignKey(Application, on_delete=models.PROTECT, related_name="+")
    environment = models.ForeignKey(Environment, on_delete=models.PROTECT, related_name="+")
    digest = models.CharField(max_length=80)
    since = models.DateTimeField()
    until = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["application", "environment"], condition=Q(until=None), name="one_open_stretch_each"
            )
        ]
        indexes: ClassVar = [models.Index(fields=["application", "environment", "digest"], name="stretch_of_digest")]

    def __str__(self) -> str:
        return f"{self.digest[:19]} in {self.environment_id} since {self.since}"


class LogChunk(models.Model):
    """Some consecutive lines of a deployment's log: ``[[number, unix time, step, stream, text], …]``, secrets masked."""

    deployment = models.ForeignKey(Deployment, on_delete=models.PROTECT, related_name="log_chunks")
    first = models.PositiveIntegerField()
    last = models.PositiveIntegerField()
    lines = models.JSONField()

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["deployment", "first"], name="log_line_once")]
        indexes: ClassVar = [models.Index(fields=["deployment", "last"])]

    def __str__(self) -> str:
        return f"lines {self.first}–{self.last} of {self.deployment_id}"


class ScheduledJob(models.Model):
    """A command that runs again and again, each time with the version that is live then.

    `schedule` is five fields of cron (`environments.cron`) on the clock of `zone`. `next_at` is the next due time, None
    while it is paused or deleted. It runs with the present rights of whoever saved it last (`saved_by`). `skipped_because`
    says why its last due time was not run (`skipped_at`); "" if it was.
    """

    application = models.ForeignKey(Application, on_delete=models.PROTECT, related_name="scheduled_jobs")
    environment = models.ForeignKey(Environment, on_delete=models.PROTECT, related_name="scheduled_jobs")
    name = models.CharField(max_length=80)
    command = models.JSONField()
    schedule = models.CharField(max_length=200)
    zone = models.CharField(max_length=64)
    is_paused = models.BooleanField(default=False)
    next_at = models.DateTimeField(null=True)
    skipped_at = models.DateTimeField(null=True)
    skipped_because = models.TextField(blank=True)
    saved_by_id = models.BigIntegerField(null=True)
    saved_by = models.CharField(max_length=200)
    saved_with_id = models.BigIntegerField(null=True)  # the API token, when it was one
    acting_role = models.CharField(max_length=40, blank=True)
    created_at = models.DateTimeField(default=timezone.now)
    deleted_at = models.DateTimeField(null=True)  # the row stays, because history refers to it

    class Meta:
        ordering: ClassVar = ["name", "id"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["application", "environment", "name"], condition=Q(deleted_at=None), name="scheduled_job_name_once"
            )
        ]
        indexes: ClassVar = [models.Index(fields=["next_at"], condition=Q(next_at__isnull=False), name="scheduled_job_due")]

    def __str__(self) -> str:
        return self.name


class JobRun(StatusRow):
    """A command that somebody ran once, with the bytes, configuration and volumes of the deployment that was live.

    `command` is the list of its words. `exit_code` is None while it runs, and if it was cut off. What it printed is in
    `JobLogChunk` until it is collected, like the log of a deployment.
    """

    application = models.ForeignKey(Application, on_delete=models.PROTECT, related_name="job_runs")
    environment = models.ForeignKey(Environment, on_delete=models.PROTECT, related_name="job_runs")
    deployment = models.ForeignKey(Deployment, on_delete=models.PROTECT, related_name="job_runs")
    command = models.JSONField()
    scheduled_job = models.ForeignKey(ScheduledJob, null=True, on_delete=models.PROTECT, related_name="runs")
    due_at = models.DateTimeField(null=True)  # the due time that it is of; None if somebody asked for it
    exit_code = models.IntegerField(null=True)
    run = models.OneToOneField(Run, null=True, on_delete=models.SET_NULL, related_name="job_run")
    requested_by_id = models.BigIntegerField(null=True)
    requested_by = models.CharField(max_length=200)
    acting_role = models.CharField(max_length=40, blank=True)
    door = models.CharField(max_length=20)
    reason = models.CharField(max_length=500, blank=True)
    sentence = models.TextField(blank=True)
    log_lines = models.PositiveIntegerField(default=0)
    log_bytes = models.PositiveBigIntegerField(default=0)
    log_collected_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField(default=timezone.now)
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(status__in=[known.value for known in Status]), name="job_run_status_known"),
            models.UniqueConstraint(
                fields=["scheduled_job", "due_at"], condition=Q(due_at__isnull=False), name="one_run_of_a_due_time"
            ),
        ]
        indexes: ClassVar = [models.Index(fields=["application", "environment", "-id"], name="job_run_newest")]

    def __str__(self) -> str:
        return f"job {self.pk} of {self.application.slug} in {self.environment.slug}"


class JobLogChunk(models.Model):
    """Some consecutive lines of what a job printed; see `LogChunk`."""

    job = models.ForeignKey(JobRun, on_delete=models.PROTECT, related_name="log_chunks")
    first = models.PositiveIntegerField()
    last = models.PositiveIntegerField()
    lines = models.JSONField()

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["job", "first"], name="job_log_line_once")]

    def __str__(self) -> str:
        return f"lines {self.first}–{self.last} of job {self.job_id}"
