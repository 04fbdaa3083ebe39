"""Tables of this room. Nothing refers to their rows. Samples, and alerts that ended, are deleted by age."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from django.db import models
from django.db.models import Q
from django.utils import timezone

from fairway.applications.models import Application
from fairway.deployments.models import Placement
from fairway.environments.models import Environment
from fairway.monitoring.alert_rules import Severity, Standing
from fairway.monitoring.metering_rules import NAMES, Metered
from fairway.monitoring.rules import COUNTS, Served, Used

__all__ = ["Alert", "AlertSettings", "Meter", "Price", "Scaling", "Silence", "TrafficSample", "UsageSample"]

USED = tuple(Used.__dataclass_fields__)  # the columns with values, in the order of `Used`


class UsageSample(models.Model):
    """What the instances of one service of a placement used in one interval, which begins at `at` (seconds since 1970) and
    lasts `resolution` seconds. See `rules.Used`."""

    placement = models.ForeignKey(Placement, on_delete=models.CASCADE, related_name="usage_samples", db_index=False)
    service = models.CharField(max_length=40)
    resolution = models.PositiveSmallIntegerField()
    at = models.PositiveBigIntegerField()
    seconds = models.PositiveSmallIntegerField()
    instances = models.PositiveSmallIntegerField()
    cpu_seconds = models.FloatField()
    memory_bytes = models.PositiveBigIntegerField()
    memory_peak_bytes = models.PositiveBigIntegerField()
    limit_bytes = models.PositiveBigIntegerField(null=True)
    restarts = models.PositiveIntegerField(default=0)
    cpu_limit = models.FloatField(null=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["placement", "service", "resolution", "at"], name="one_usage_sample_each")
        ]
        indexes: ClassVar = [models.Index(fields=["resolution", "at"], name="usage_by_age")]

    def __str__(self) -> str:
        return f"{self.placement_id} {self.service} at {self.at} for {self.resolution} s"

    @property
    def used(self) -> Used:
        return Used(**{name: getattr(self, name) for name in USED})


class Meter(models.Model):
    """What a placement held and used in the hour or day (UTC) that begins at `at` and lasts `length` seconds; see
    `metering_rules.Metered`. It outlives its placement, which is only a number here: what was used was used."""

    placement = models.PositiveBigIntegerField()
    application = models.ForeignKey(Application, on_delete=models.PROTECT, related_name="+")
    environment = models.ForeignKey(Environment, on_delete=models.PROTECT, related_name="+")
    length = models.PositiveIntegerField()
    at = models.PositiveBigIntegerField()
    seconds = models.PositiveIntegerField()
    replica_seconds = models.PositiveBigIntegerField()
    cpu_ms = models.PositiveBigIntegerField()
    cpu_reserved_ms = models.PositiveBigIntegerField()
    memory_byte_seconds = models.PositiveBigIntegerField()
    memory_reserved_byte_seconds = models.PositiveBigIntegerField()

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["placement", "length", "at"], name="one_meter_each")]
        indexes: ClassVar = [models.Index(fields=["length", "at"], name="meter_by_age")]

    def __str__(self) -> str:
        return f"{self.application_id} in {self.environment_id} at {self.at} for {self.length} s"

    @property
    def metered(self) -> Metered:
        return Metered(**{name: getattr(self, name) for name in NAMES})


class Price(models.Model):
    """What an environment costs from the day `begins` (UTC) until its next price; see `pricing_rules.Rates`."""

    environment = models.ForeignKey(Environment, on_delete=models.PROTECT, related_name="prices")
    begins = models.DateField()
    currency = models.CharField(max_length=3)
    cpu_hour = models.DecimalField(max_digits=12, decimal_places=6, default=0)
    memory_gb_hour = models.DecimalField(max_digits=12, decimal_places=6, default=0)
    month = models.DecimalField(max_digits=12, decimal_places=2, default=0)

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["environment", "begins"], name="one_price_a_day")]

    def __str__(self) -> str:
        return f"price of {self.environment_id} from {self.begins}"


class TrafficSample(models.Model):
    """What the proxy answered for one deployment of a placement in one interval; deployment 0 stands for answers that no
    deployment gave, e.g. the page that says that it is stopped.

    `durations` is a histogram with text keys, because JSON has no others; see `rules.bucket_of`.
    """

    placement = models.ForeignKey(Placement, on_delete=models.CASCADE, related_name="traffic_samples", db_index=False)
    deployment = models.PositiveBigIntegerField(default=0)
    resolution = models.PositiveSmallIntegerField()
    at = models.PositiveBigIntegerField()
    requests = models.PositiveIntegerField(default=0)
    informational = models.PositiveIntegerField(default=0)
    successes = models.PositiveIntegerField(default=0)
    redirects = models.PositiveIntegerField(default=0)
    client_errors = models.PositiveIntegerField(default=0)
    server_errors = models.PositiveIntegerField(default=0)
    bytes_sent = models.PositiveBigIntegerField(default=0)
    durations = models.JSONField(default=dict)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["placement", "deployment", "resolution", "at"], name="one_traffic_sample_each")
        ]
        indexes: ClassVar = [models.Index(fields=["resolution", "at"], name="traffic_by_age")]

    def __str__(self) -> str:
        return f"{self.placement_id} d{self.deployment} at {self.at} for {self.resolution} s"

    @property
    def served(self) -> Served:
        return Served(**{name: getattr(self, name) for name in COUNTS}, durations=histogram_of(self.durations))


def histogram_of(durations: Mapping[str, int]) -> dict[int, int]:
    """A histogram as it is stored, with numbers as keys."""
    return {int(index): count for index, count in durations.items()}


def columns_of(served: Served) -> dict[str, Any]:
    """The values of a row of `TrafficSample`."""
    durations = {str(index): count for index, count in (served.durations or {}).items()}
    return {name: getattr(served, name) for name in COUNTS} | {"durations": durations}


class Alert(models.Model):
    """Something that is or was wrong: one row for each cause, from when it was first seen (`since`).

    It is only waiting until `started_at` is set, and nobody is shown one that waits. `value` and `facts` are the numbers of
    the last look at which it was wrong, `sentence` says them. `is_told` says whether channels heard of its start: they do
    not while it is silenced. An alert without an application and an environment is about the installation.
    """

    kind = models.CharField(max_length=20)
    subject_kind = models.CharField(max_length=20)
    subject_id = models.CharField(max_length=300)
    label = models.CharField(max_length=300)
    application = models.ForeignKey(Application, null=True, on_delete=models.PROTECT, related_name="alerts")
    environment = models.ForeignKey(Environment, null=True, on_delete=models.PROTECT, related_name="alerts")
    severity = models.CharField(max_length=10)
    value = models.FloatField(default=0)
    facts = models.JSONField(default=dict)
    sentence = models.TextField(blank=True)
    since = models.DateTimeField()
    checked_at = models.DateTimeField()
    started_at = models.DateTimeField(null=True)
    fine_since = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)
    is_told = models.BooleanField(default=False)
    acknowledged_by_id = models.BigIntegerField(null=True)
    acknowledged_by = models.CharField(max_length=200, blank=True)
    acknowledged_at = models.DateTimeField(null=True)

    class Meta:
        ordering: ClassVar = ["-since", "-id"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["kind", "subject_kind", "subject_id"], condition=Q(ended_at=None), name="one_open_alert_per_cause"
            )
        ]
        indexes: ClassVar = [
            models.Index(fields=["-ended_at"], condition=Q(ended_at__isnull=False), name="alert_ended"),
            models.Index(fields=["application", "environment"], name="alert_of_placement"),
        ]

    def __str__(self) -> str:
        return f"{self.kind}: {self.label}"

    @property
    def standing(self) -> Standing:
        return Standing(
            self.since, self.checked_at, Severity(self.severity), self.started_at, self.fine_since, self.ended_at
        )


class Scaling(models.Model):
    """How a placement is scaled by itself; see `scaling_rules.Policy`."""

    placement = models.OneToOneField(Placement, on_delete=models.CASCADE, related_name="scaling")
    policy = models.JSONField()

    def __str__(self) -> str:
        return f"scaling of {self.placement_id}"


class AlertSettings(models.Model):
    """What an environment says about alerts: its changes to the rules; see `alert_rules.parse_rules`."""

    environment = models.OneToOneField(Environment, on_delete=models.CASCADE, related_name="alert_settings")
    rules = models.JSONField(default=dict)

    def __str__(self) -> str:
        return f"alerts of {self.environment_id}"


class Silence(models.Model):
    """Until when channels hear of no alert in an environment; of one application and one kind only where they are given.
    Pages show what is silenced."""

    environment = models.ForeignKey(Environment, on_delete=models.CASCADE, related_name="silences")
    application = models.ForeignKey(Application, null=True, on_delete=models.CASCADE, related_name="+")
    kind = models.CharField(max_length=20, blank=True)
    reason = models.CharField(max_length=500)
    until = models.DateTimeField()
    created_by_id = models.BigIntegerField(null=True)
    created_by = models.CharField(max_length=200)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering: ClassVar = ["until", "id"]

    def __str__(self) -> str:
        return f"{self.environment_id} until {self.until}"
