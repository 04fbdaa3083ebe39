"""Tables of releases, packages, approvals and rollouts."""

from __future__ import annotations

from enum import StrEnum
from typing import Any, ClassVar, Self

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone

from fairway.applications.models import Application, Artifact, Configuration
from fairway.deployments.models import Deployment, IllegalMove
from fairway.engine.models import Run
from fairway.environments.models import Environment
from fairway.releases.plan import NEXT_STEP_STATUS, StepStatus
from fairway.releases.rules import (
    IN_USE,
    NEXT_ON_TARGET,
    NEXT_RESOLUTION,
    NEXT_ROLLOUT,
    ROLLOUT_ACTIVE,
    ROLLOUT_ENDED,
    USUAL_PARALLEL,
    Direction,
    OnTarget,
    Resolution,
    RolloutStatus,
    Stage,
)

__all__ = [
    "Approval",
    "Dependency",
    "Package",
    "PackageLog",
    "PackageOnTarget",
    "Release",
    "Rollout",
    "RolloutClaim",
    "RolloutPackage",
]


def _known(field: str, words: type[StrEnum], name: str) -> models.CheckConstraint:
    return models.CheckConstraint(condition=Q(**{f"{field}__in": [word.value for word in words]}), name=name)


class _StateMachine(models.Model):
    """A row whose `status` changes only by `move_to`, which obeys its state machine and detects concurrent changes."""

    status: str

    class Meta:
        abstract = True

    def _may_become(self, status: str) -> bool:
        raise NotImplementedError

    def move_to(self, status: StrEnum, **values: Any) -> Self:
        """Change the status. Raises `IllegalMove` if the state machine does not allow it, or the row's status changed
        since it was read."""
        if not self._may_become(status):
            raise IllegalMove(f"{type(self).__name__} {self.pk} cannot go from {self.status} to {status}")
        changed = type(self)._default_manager.filter(pk=self.pk, status=self.status).update(status=status.value, **values)
        if not changed:
            raise IllegalMove(f"{type(self).__name__} {self.pk} is no longer {self.status}")
        for name, value in {"status": status.value, **values}.items():
            setattr(self, name, value)
        return self


class Release(models.Model):
    """Packages that go out together. Its status is not stored; it is derived from facts (`queries.status_of`).

    `fingerprint` is what was sealed, and `sealed_configurations` are the settings it was sealed with; later ones are
    offered, but never used silently. A deleted release keeps its row, because history refers to it.
    """

    name = models.CharField(max_length=80)
    version = models.CharField(max_length=60)
    description = models.TextField(blank=True)
    manager = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    deputy = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+")
    targets = models.ManyToManyField(Environment, related_name="releases")  # the environments it is meant for
    cloned_from = models.ForeignKey("self", null=True, on_delete=models.SET_NULL, related_name="clones")
    created_by_id = models.BigIntegerField(null=True)
    created_by = models.CharField(max_length=200)
    created_at = models.DateTimeField(default=timezone.now)
    sealed_at = models.DateTimeField(null=True)
    sealed_by_id = models.BigIntegerField(null=True)
    sealed_by = models.CharField(max_length=200, blank=True)
    fingerprint = models.CharField(max_length=64, blank=True)
    sealed_configurations = models.ManyToManyField(Configuration, related_name="+")  # at most one per package and target
    cancelled_at = models.DateTimeField(null=True)
    cancelled_by = models.CharField(max_length=200, blank=True)
    cancel_reason = models.CharField(max_length=500, blank=True)
    deleted_at = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["name", "version"], condition=Q(deleted_at=None), name="one_live_release_per_version"
            )
        ]

    def __str__(self) -> str:
        return f"{self.name} {self.version}"


class Package(models.Model):
    """One application's version in a release. `source_input` is what a person entered; `artifact` is what it resolved to.

    `stage` is how far it is according to people; `resolution` says whether it has an artifact, and `sentence` why not.
    """

    release = models.ForeignKey(Release, on_delete=models.PROTECT, related_name="packages")
    name = models.CharField(max_length=80)
    application = models.ForeignKey(Application, on_delete=models.PROTECT, related_name="packages")
    made_application = models.BooleanField(default=False)  # the application was created for this package
    artifact = models.ForeignKey(Artifact, null=True, on_delete=models.PROTECT, related_name="packages")
    stage = models.CharField(max_length=12, default=Stage.REGISTERED.value)
    source_kind = models.CharField(max_length=20, blank=True)  # "" for an artifact that existed already
    source = models.JSONField(default=dict)
    source_input = models.CharField(max_length=1000, blank=True)
    resolution = models.CharField(max_length=14, default=Resolution.RESOLVING.value)
    sentence = models.TextField(blank=True)
    run = models.ForeignKey(Run, null=True, on_delete=models.SET_NULL, related_name="+")
    created_by_id = models.BigIntegerField(null=True)
    created_by = models.CharField(max_length=200)
    created_at = models.DateTimeField(default=timezone.now)
    deleted_at = models.DateTimeField(null=True)

    class Meta:
        ordering: ClassVar = ["name"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["release", "name"], condition=Q(deleted_at=None), name="package_name_once_in_release"
            ),
            models.UniqueConstraint(  # a target cannot serve two versions of one application
                fields=["release", "application"], condition=Q(deleted_at=None), name="application_once_in_release"
            ),
            _known("stage", Stage, "package_stage_known"),
            _known("resolution", Resolution, "package_resolution_known"),
            models.CheckConstraint(
                condition=~Q(resolution=Resolution.RESOLVED.value) | Q(artifact__isnull=False),
                name="package_resolved_has_artifact",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def version(self) -> str:
        return self.artifact.version if self.artifact else ""

    def resolve_to(self, resolution: Resolution, **values: Any) -> None:
        """Change `resolution`; nothing else may change it. Raises `IllegalMove`."""
        if resolution not in NEXT_RESOLUTION[Resolution(self.resolution)]:
            raise IllegalMove(f"package {self.pk} cannot go from {self.resolution} to {resolution}")
        same = Package.objects.filter(pk=self.pk, resolution=self.resolution)
        if not same.update(resolution=resolution.value, **values):
            raise IllegalMove(f"package {self.pk} is no longer {self.resolution}")
        for name, value in {"resolution": resolution.value, **values}.items():
            setattr(self, name, value)


class Dependency(models.Model):
    """`package` needs `needs`: on each target it is deployed after it."""

    package = models.ForeignKey(Package, on_delete=models.CASCADE, related_name="dependencies")
    needs = models.ForeignKey(Package, on_delete=models.CASCADE, related_name="dependents")

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["package", "needs"], name="dependency_once"),
            models.CheckConstraint(condition=~Q(package=models.F("needs")), name="nothing_needs_itself"),
        ]

    def __str__(self) -> str:
        return f"{self.package_id} needs {self.needs_id}"


class PackageOnTarget(_StateMachine):
    """One package on one target. No row means absent.

    `digest` was verified on the target. `deployment` brought it live; `before` is the deployment that served until then
    (None: nothing ran), with `before_stopped` and `before_replicas`: a fallback restores exactly that.
    """

    package = models.ForeignKey(Package, on_delete=models.PROTECT, related_name="on_targets")
    environment = models.ForeignKey(Environment, on_delete=models.PROTECT, related_name="packages")
    status = models.CharField(max_length=14, default=OnTarget.ABSENT.value)
    artifact = models.ForeignKey(Artifact, null=True, on_delete=models.PROTECT, related_name="+")  # the distributed artifact
    digest = models.CharField(max_length=80, blank=True)
    distributed_at = models.DateTimeField(null=True)
    deployed_at = models.DateTimeField(null=True)
    run = models.ForeignKey(Run, null=True, on_delete=models.SET_NULL, related_name="+")  # the run that works on it now
    deployment = models.ForeignKey(Deployment, null=True, on_delete=models.PROTECT, related_name="+")
    fallback = models.ForeignKey(Deployment, null=True, on_delete=models.PROTECT, related_name="+")
    before = models.ForeignKey(Deployment, null=True, on_delete=models.PROTECT, related_name="+")
    before_stopped = models.BooleanField(default=False)
    before_replicas = models.PositiveSmallIntegerField(default=1)
    sentence = models.TextField(blank=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["package", "environment"], name="package_once_on_target"),
            _known("status", OnTarget, "package_on_target_status_known"),
            models.CheckConstraint(
                condition=Q(status__in=["absent", "distributing"]) | Q(distributed_at__isnull=False),
                name="package_on_target_distributed_first",
            ),
        ]
        indexes: ClassVar = [models.Index(fields=["environment", "status"])]

    def __str__(self) -> str:
        return f"{self.package_id} on {self.environment_id}: {self.status}"

    def _may_become(self, status: str) -> bool:
        return status in NEXT_ON_TARGET[OnTarget(self.status)]

    @property
    def is_in_use(self) -> bool:
        return self.status in IN_USE


class PackageLog(models.Model):
    """The log of one run of a package (resolving, or distributing to a target): ``[[unix time, stream, text], …]``.

    Secrets are masked. Each run has its own row, so a retry hides nothing.
    """

    package = models.ForeignKey(Package, on_delete=models.PROTECT, related_name="logs")
    environment = models.ForeignKey(Environment, null=True, on_delete=models.PROTECT, related_name="+")
    run = models.OneToOneField(Run, on_delete=models.CASCADE, related_name="package_log")
    lines = models.JSONField(default=list)
    created_at = models.DateTimeField(default=timezone.now)

    def __str__(self) -> str:
        return f"log of run {self.run_id}"


class Approval(models.Model):
    """One person's answer about a release on a target, bound to the fingerprint they saw."""

    release = models.ForeignKey(Release, on_delete=models.PROTECT, related_name="approvals")
    environment = models.ForeignKey(Environment, on_delete=models.PROTECT, related_name="+")
    fingerprint = models.CharField(max_length=64)
    person_id = models.BigIntegerField()
    person = models.CharField(max_length=200)
    is_approved = models.BooleanField()
    comment = models.CharField(max_length=500, blank=True)
    created_at = models.DateTimeField(default=timezone.now)
    voided_at = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["release", "environment", "person_id"], condition=Q(voided_at=None), name="one_answer_per_person"
            )
        ]

    def __str__(self) -> str:
        return f"{self.person} {'approves' if self.is_approved else 'rejects'} {self.release_id}"


class Rollout(_StateMachine):
    """One attempt to bring a whole release live on a target, or (direction *back*) to take it back there.

    `before` is the state of every placement there when it began: ``{application: {deployment, artifact, digest,
    configuration, replicas, wanted}}``. For a schedule, `wall_time` and `zone` are as entered; `planned_at` and
    `start_by` are instants.
    """

    release = models.ForeignKey(Release, on_delete=models.PROTECT, related_name="rollouts")
    environment = models.ForeignKey(Environment, on_delete=models.PROTECT, related_name="rollouts")
    direction = models.CharField(max_length=8, default=Direction.FORWARD.value)
    redeploys = models.BooleanField(default=False)  # also packages that serve there already
    status = models.CharField(max_length=16)
    parallel = models.PositiveSmallIntegerField(default=USUAL_PARALLEL)
    run = models.OneToOneField(Run, null=True, on_delete=models.SET_NULL, related_name="rollout")
    wall_time = models.CharField(max_length=20, blank=True)
    zone = models.CharField(max_length=60, blank=True)
    planned_at = models.DateTimeField(null=True)
    start_by = models.DateTimeField(null=True)
    sequence = models.PositiveIntegerField(default=0)  # how often it was rescheduled: SEQUENCE of RFC 5545
    before = models.JSONField(default=dict)
    asked_as = models.CharField(max_length=40)  # the act with which it was requested
    requested_by_id = models.BigIntegerField(null=True)
    requested_by = models.CharField(max_length=200)
    acting_role = models.CharField(max_length=40, blank=True)
    requested_with_id = models.BigIntegerField(null=True)  # the API token, if one was used
    door = models.CharField(max_length=20)
    reason = models.CharField(max_length=500, blank=True)
    sentence = models.TextField(blank=True)
    decided_by = models.CharField(max_length=200, blank=True)
    created_at = models.DateTimeField(default=timezone.now)
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["release", "environment"],
                condition=Q(status__in=sorted(one.value for one in ROLLOUT_ACTIVE)),
                name="one_active_rollout_per_target",
            ),
            _known("status", RolloutStatus, "rollout_status_known"),
            _known("direction", Direction, "rollout_direction_known"),
        ]
        indexes: ClassVar = [models.Index(fields=["planned_at"]), models.Index(fields=["environment", "-id"])]

    def __str__(self) -> str:
        return f"rollout {self.pk} of {self.release_id}"

    @property
    def is_active(self) -> bool:
        return self.status in ROLLOUT_ACTIVE

    @property
    def key(self) -> str:
        return f"release:{self.release_id}:{self.environment.slug}"

    def _may_become(self, status: str) -> bool:
        return status in NEXT_ROLLOUT[RolloutStatus(self.status)]

    def move_to(self, status: StrEnum, **values: Any) -> Self:
        """Change the status; a rollout that ends loses its claims."""
        super().move_to(status, **values)
        if status in ROLLOUT_ENDED:
            self.claims.all().delete()
        return self


class RolloutClaim(models.Model):
    """The claim of one running rollout on an application on a target, so that two releases never change it in turns."""

    rollout = models.ForeignKey(Rollout, on_delete=models.CASCADE, related_name="claims")
    environment = models.ForeignKey(Environment, on_delete=models.CASCADE, related_name="+")
    application = models.ForeignKey(Application, on_delete=models.CASCADE, related_name="+")

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["environment", "application"], name="one_rollout_per_application_and_target")
        ]

    def __str__(self) -> str:
        return f"{self.application_id} on {self.environment_id} for rollout {self.rollout_id}"


class RolloutPackage(_StateMachine):
    """One package in a rollout: its level, its state, and the deployments made for it. `is_ours`: this rollout deployed
    it."""

    rollout = models.ForeignKey(Rollout, on_delete=models.CASCADE, related_name="steps")
    package = models.ForeignKey(Package, on_delete=models.PROTECT, related_name="+")
    level = models.PositiveSmallIntegerField()
    status = models.CharField(max_length=14, default=StepStatus.PENDING.value)
    is_ours = models.BooleanField(default=False)
    attempts = models.PositiveSmallIntegerField(default=0)
    deployment = models.ForeignKey(Deployment, null=True, on_delete=models.PROTECT, related_name="+")
    fallback = models.ForeignKey(Deployment, null=True, on_delete=models.PROTECT, related_name="+")
    sentence = models.TextField(blank=True)
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)

    class Meta:
        ordering: ClassVar = ["level", "pk"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["rollout", "package"], name="package_once_in_rollout"),
            _known("status", StepStatus, "rollout_package_status_known"),
        ]

    def __str__(self) -> str:
        return f"{self.package_id} in rollout {self.rollout_id}: {self.status}"

    def _may_become(self, status: str) -> bool:
        return status in NEXT_STEP_STATUS[StepStatus(self.status)]
