"""Tables of this room. Nothing refers to their rows, and they are deleted by age."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from django.db import models

from fairway.deployments.models import Placement
from fairway.monitoring.rules import COUNTS, Served, Used

__all__ = ["TrafficSample", "UsageSample"]

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
