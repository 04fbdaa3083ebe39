"""Tables of this room."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.utils import timezone

from fairway.applications.frameworks import is_sticky
from fairway.applications.places import bundle_folder
from fairway.applications.rules import SourceKind
from fairway.drivers.builders.contract import Spec
from fairway.drivers.runtimes.contract import ArtifactKind, ArtifactRef

__all__ = ["Application", "Artifact", "Configuration", "Credential", "CredentialScope", "Inspection", "Upload"]


class Application(models.Model):
    """A thing that can run. `spec` holds only what a person changed of what is detected (``{"port": 9000}``), else None.

    A deleted application keeps its row, because history names it; its slug is free again.
    """

    slug = models.CharField(max_length=40)
    name = models.CharField(max_length=80)
    description = models.TextField(blank=True)
    source_kind = models.CharField(max_length=20, choices=[(kind.value, kind.value) for kind in SourceKind])
    source = models.JSONField(default=dict)
    spec = models.JSONField(null=True)
    created_at = models.DateTimeField(default=timezone.now)
    created_by = models.CharField(max_length=200, blank=True)
    deleted_at = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["slug"], condition=Q(deleted_at=None), name="one_live_application_per_slug"),
            models.CheckConstraint(
                condition=Q(source_kind__in=[kind.value for kind in SourceKind]), name="source_kind_known"
            ),
        ]

    def __str__(self) -> str:
        return self.name


class Artifact(models.Model):
    """One immutable, runnable version. Built once, never rebuilt for the next environment."""

    application = models.ForeignKey(Application, on_delete=models.PROTECT, related_name="artifacts")
    number = models.PositiveIntegerField()
    version = models.CharField(max_length=120)  # what people call it: a tag, a short commit, the project's own version
    kind = models.CharField(max_length=10)
    digest = models.CharField(max_length=80)
    reference = models.CharField(max_length=500, blank=True)
    location = models.CharField(max_length=1000, blank=True)
    spec = models.JSONField()
    source_kind = models.CharField(max_length=20)
    source = models.JSONField(default=dict)
    source_key = models.CharField(max_length=64, blank=True)  # what makes a second build unnecessary
    commit = models.CharField(max_length=64, blank=True)
    author = models.CharField(max_length=200, blank=True)
    message = models.TextField(blank=True)
    committed_at = models.DateTimeField(null=True)
    builder = models.CharField(max_length=80, blank=True)
    remarks = models.JSONField(default=list)  # what was seen in the source and not used: [{"what", "because"}]
    size_bytes = models.BigIntegerField(default=0)
    created_at = models.DateTimeField(default=timezone.now)
    created_by = models.CharField(max_length=200, blank=True)
    collected_at = models.DateTimeField(null=True)  # its bytes were garbage-collected; it can be fetched or built again
    bad_at = models.DateTimeField(null=True)
    bad_by = models.CharField(max_length=200, blank=True)
    bad_reason = models.TextField(blank=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["application", "number"], name="artifact_number_once"),
            models.CheckConstraint(condition=Q(kind__in=[kind.value for kind in ArtifactKind]), name="artifact_kind_known"),
        ]
        indexes: ClassVar = [
            models.Index(fields=["application", "digest"]),
            models.Index(fields=["application", "source_key"]),
        ]

    def __str__(self) -> str:
        return f"{self.application.slug} {self.version}"

    @property
    def ref(self) -> ArtifactRef:
        """What a runtime needs to know."""
        return ArtifactRef(ArtifactKind(self.kind), self.digest, self.reference, self.folder)

    @property
    def folder(self) -> Path | None:
        """Its bundle: where it was built, or in this data directory, which may have been moved since. None for an image."""
        if not self.location:
            return None
        built = Path(self.location)
        return built if built.is_dir() else bundle_folder(self.digest)

    @property
    def is_sticky(self) -> bool:
        """Whether visitors of several instances stay with one."""
        return is_sticky(self.spec)

    @property
    def parsed_spec(self) -> Spec:
        return Spec.from_json(self.spec)


class Configuration(models.Model):
    """One version of the settings and secrets of an application in an environment. Immutable.

    `marks` are irreversible markers of the secrets, so that two versions can be compared without opening them.
    """

    application = models.ForeignKey(Application, on_delete=models.PROTECT, related_name="configurations")
    environment = models.ForeignKey("fairway.Environment", on_delete=models.PROTECT, related_name="configurations")
    version = models.PositiveIntegerField()
    variables = models.JSONField(default=dict)
    sealed_secrets = models.TextField(blank=True)
    marks = models.JSONField(default=dict)
    comment = models.CharField(max_length=500, blank=True)
    created_at = models.DateTimeField(default=timezone.now)
    created_by = models.CharField(max_length=200, blank=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["application", "environment", "version"], name="configuration_version_once")
        ]

    def __str__(self) -> str:
        return f"{self.application.slug} configuration {self.version}"

    @property
    def secret_names(self) -> list[str]:
        return sorted(self.marks)


class Credential(models.Model):
    """How to get at a private registry or repository. The secret is write-only."""

    REGISTRY = "registry"
    DEPLOY_KEY = "deploy_key"
    HTTPS = "https"  # a user name and a token for Git over https

    kind = models.CharField(max_length=20)
    name = models.CharField(max_length=80, unique=True)
    host = models.CharField(max_length=253)
    username = models.CharField(max_length=200, blank=True)
    sealed_secret = models.TextField()
    known_hosts = models.TextField(blank=True)
    public_key = models.TextField(blank=True)
    created_at = models.DateTimeField(default=timezone.now)
    created_by = models.CharField(max_length=200, blank=True)

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(kind__in=["registry", "deploy_key", "https"]), name="credential_kind_known")
        ]

    def __str__(self) -> str:
        return self.name


class CredentialScope(models.Model):
    """Where one credential may be used: an application (None: every one) in an environment (None: every one), as a pair."""

    credential = models.ForeignKey(Credential, on_delete=models.CASCADE, related_name="scopes")
    application = models.ForeignKey(Application, null=True, on_delete=models.CASCADE, related_name="+")
    environment = models.ForeignKey("fairway.Environment", null=True, on_delete=models.CASCADE, related_name="+")

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["credential", "application", "environment"], nulls_distinct=False, name="credential_scope_once"
            )
        ]

    def __str__(self) -> str:
        return f"{self.credential}: {self.application or '*'} in {self.environment or '*'}"


class Upload(models.Model):
    """An archive somebody uploaded, known by its SHA-256; the file lies below the data directory."""

    checksum = models.CharField(max_length=64, unique=True)
    name = models.CharField(max_length=200)
    size_bytes = models.BigIntegerField()
    created_at = models.DateTimeField(default=timezone.now)
    created_by_id = models.BigIntegerField(null=True)
    created_by = models.CharField(max_length=200, blank=True)

    def __str__(self) -> str:
        return self.name


class Inspection(models.Model):
    """A look at a source before anything is made of it: what was detected, and why. Disposable."""

    source_kind = models.CharField(max_length=20)
    source = models.JSONField(default=dict)
    status = models.CharField(max_length=12, default="queued")  # queued, running, done, failed
    spec = models.JSONField(null=True)
    findings = models.JSONField(default=list)  # [{"what", "because"}]
    candidates = models.JSONField(default=list)  # every way to run it: [{"spec", "findings", "problem", "offer"}]
    remarks = models.JSONField(default=list)  # what was seen and not used: [{"what", "because"}]
    advice = models.TextField(blank=True)
    sentence = models.TextField(blank=True)  # why it failed
    provenance = models.JSONField(default=dict)  # commit, author, message; digest of an image
    created_by_id = models.BigIntegerField(null=True)
    created_at = models.DateTimeField(default=timezone.now)
    finished_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"inspection {self.pk}"
