"""Tables of applications, their artifacts and configurations, credentials, uploads and inspections."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.utils import timezone

from fairway.applications.files import bundle_folder
from fairway.applications.frameworks import is_sticky
from fairway.applications.rules import SourceKind
from fairway.drivers.builders.contract import Spec
from fairway.drivers.runtimes.contract import ArtifactKind, ArtifactRef
from fairway.shared.names import LONGEST_APPLICATION

__all__ = [
    "Application",
    "Artifact",
    "Configuration",
    "Contents",
    "Credential",
    "CredentialScope",
    "Inspection",
    "Upload",
]


class Application(models.Model):
    """A thing that can run. `spec` has only the keys that a person changed (``{"port": 9000}``); None if nothing was
    changed.

    A deleted application keeps its row, because history refers to it; its slug is free again. A preview is an application,
    too: `preview_of` is the one it belongs to.
    """

    slug = models.CharField(max_length=LONGEST_APPLICATION)
    name = models.CharField(max_length=80)
    description = models.TextField(blank=True)
    source_kind = models.CharField(max_length=20, choices=[(kind.value, kind.value) for kind in SourceKind])
    source = models.JSONField(default=dict)
    spec = models.JSONField(null=True)
    created_at = models.DateTimeField(default=timezone.now)
    created_by = models.CharField(max_length=200, blank=True)
    deleted_at = models.DateTimeField(null=True)
    preview_of = models.ForeignKey("self", null=True, on_delete=models.PROTECT, related_name="previews")
    gets_secrets = models.BooleanField(default=True)  # never what comes from a fork of the repository

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["slug"], condition=Q(deleted_at=None), name="one_live_application_per_slug"),
            models.CheckConstraint(
                condition=Q(gets_secrets=True) | Q(preview_of__isnull=False), name="only_previews_lack_secrets"
            ),
            models.CheckConstraint(
                condition=Q(source_kind__in=[kind.value for kind in SourceKind]), name="source_kind_known"
            ),
        ]

    def __str__(self) -> str:
        return self.name


class Artifact(models.Model):
    """One immutable, runnable version. It is built once and never rebuilt for another environment."""

    application = models.ForeignKey(Application, on_delete=models.PROTECT, related_name="artifacts")
    number = models.PositiveIntegerField()
    version = models.CharField(max_length=120)  # its name for people: a tag, a short commit, or the project's version
    kind = models.CharField(max_length=10)
    digest = models.CharField(max_length=80)
    reference = models.CharField(max_length=500, blank=True)
    location = models.CharField(max_length=1000, blank=True)
    spec = models.JSONField()
    source_kind = models.CharField(max_length=20)
    source = models.JSONField(default=dict)
    source_key = models.CharField(max_length=64, blank=True)  # identifies the source, so that it is not built twice
    commit = models.CharField(max_length=64, blank=True)
    author = models.CharField(max_length=200, blank=True)
    message = models.TextField(blank=True)
    committed_at = models.DateTimeField(null=True)
    builder = models.CharField(max_length=80, blank=True)
    remarks = models.JSONField(default=list)  # seen in the source but not used: [{"what", "because"}]
    size_bytes = models.BigIntegerField(default=0)
    created_at = models.DateTimeField(default=timezone.now)
    created_by = models.CharField(max_length=200, blank=True)
    collected_at = models.DateTimeField(null=True)  # when its bytes were deleted; they can be fetched or built again
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
        """The reference that runtimes need."""
        return ArtifactRef(ArtifactKind(self.kind), self.digest, self.reference, self.folder)

    @property
    def folder(self) -> Path | None:
        """The folder of its bundle: where it was built, or in this data directory, which may have moved; None for an
        image."""
        if not self.location:
            return None
        built = Path(self.location)
        return built if built.is_dir() else bundle_folder(self.digest)

    @property
    def is_sticky(self) -> bool:
        """Whether visitors stay with one of several instances."""
        return is_sticky(self.spec)

    @property
    def parsed_spec(self) -> Spec:
        return Spec.from_json(self.spec)


class Contents(models.Model):
    """The packages in an artifact, as they were found when it was built; kept when its bytes are collected.

    `components` are ``[[purl, name, version, licence], …]`` in order. `seen_in` says where they were found: ``bundle`` (what
    is installed there) or ``source`` (what lock files name). `fairway` is the version that looked.
    """

    BUNDLE, SOURCE = "bundle", "source"

    artifact = models.OneToOneField(Artifact, on_delete=models.CASCADE, related_name="contents")
    components = models.JSONField(default=list)
    seen_in = models.CharField(max_length=10)
    fairway = models.CharField(max_length=40)

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(seen_in__in=["bundle", "source"]), name="contents_seen_in_known")
        ]

    def __str__(self) -> str:
        return f"{len(self.components)} packages of {self.artifact_id}"


class Configuration(models.Model):
    """One version of the settings and secrets of an application in an environment. Immutable.

    `marks` are irreversible markers of the secrets, by which two versions are compared without opening them.
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
    """The credential for a private registry or repository. Its secret is write-only."""

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
    """A pair for which a credential may be used: an application (None: all) in an environment (None: all)."""

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
    """An uploaded archive, identified by its SHA-256; the file is in the data directory."""

    checksum = models.CharField(max_length=64, unique=True)
    name = models.CharField(max_length=200)
    size_bytes = models.BigIntegerField()
    created_at = models.DateTimeField(default=timezone.now)
    created_by_id = models.BigIntegerField(null=True)
    created_by = models.CharField(max_length=200, blank=True)

    def __str__(self) -> str:
        return self.name


class Inspection(models.Model):
    """The inspection of a source before an application is created: what was detected, and why. Deleted after a while."""

    source_kind = models.CharField(max_length=20)
    source = models.JSONField(default=dict)
    status = models.CharField(max_length=12, default="queued")  # queued, running, done, failed
    spec = models.JSONField(null=True)
    findings = models.JSONField(default=list)  # [{"what", "because"}]
    candidates = models.JSONField(default=list)  # all detected ways to run it: [{"spec", "findings", "problem", "offer"}]
    remarks = models.JSONField(default=list)  # seen but not used: [{"what", "because"}]
    advice = models.TextField(blank=True)
    sentence = models.TextField(blank=True)  # why it failed
    provenance = models.JSONField(default=dict)  # commit, author, message; digest of an image
    created_by_id = models.BigIntegerField(null=True)
    created_at = models.DateTimeField(default=timezone.now)
    finished_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"inspection {self.pk}"
