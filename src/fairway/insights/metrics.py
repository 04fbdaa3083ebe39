"""What monitoring systems ask for: numbers about all that somebody may see, in Prometheus' text format.

The names follow https://prometheus.io/docs/practices/naming/. Nothing is counted between two questions: every number is read
from the database when it is asked for, so several web processes say the same, and a restart loses nothing.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from typing import TYPE_CHECKING

from django.db.models import Count, Max

from fairway import __version__
from fairway.accounts.rules import Act, Actor, may
from fairway.activity.checking import current_verification
from fairway.activity.queries import latest_number
from fairway.deployments.queries import placements_visible_to
from fairway.deployments.queries import visible_to as deployments_visible_to
from fairway.deployments.rules import ACTIVE, AVAILABLE, Health, Status, Wanted
from fairway.engine.queries import living_workers
from fairway.monitoring.alert_queries import open_alerts
from fairway.monitoring.queries import current_usage
from fairway.resources.queries import backups_visible_to
from fairway.resources.queries import visible_to as resources_visible_to
from fairway.resources.rules import BackupState, State

if TYPE_CHECKING:
    from prometheus_client.core import Metric

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
PLACE = ("application", "environment")


def metrics_text(actor: Actor) -> bytes:
    """Everything that this actor may see."""
    from prometheus_client import CollectorRegistry, generate_latest  # 1 MB that only this needs

    class Everything:
        def collect(self) -> Iterator[Metric]:
            yield from _installation(actor)
            yield from _deployments(actor)
            yield from _applications(actor)
            yield from _resources(actor)
            yield from _usage(actor)
            yield from _alerts(actor)

    registry = CollectorRegistry(auto_describe=False)
    registry.register(Everything())
    return generate_latest(registry)


def _installation(actor: Actor) -> Iterator[Metric]:
    from prometheus_client.core import GaugeMetricFamily, InfoMetricFamily

    yield InfoMetricFamily("fairway", "The version of Fairway.", {"version": __version__})
    yield GaugeMetricFamily("fairway_workers", "Worker processes that are alive.", len(living_workers()))
    if may(actor, Act.MANAGE_SYSTEM):
        yield GaugeMetricFamily("fairway_newest_event", "The number of the newest event.", latest_number())
        intact = GaugeMetricFamily("fairway_events_intact", "1 unless the chain of events was found broken.")
        intact.add_metric([], int(current_verification().is_intact))
        yield intact


def _deployments(actor: Actor) -> Iterator[Metric]:
    from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

    ended = CounterMetricFamily("fairway_deployments", "Deployments that ended, by how.", labels=[*PLACE, "status"])
    active = GaugeMetricFamily("fairway_deployments_active", "Deployments that run or wait.", labels=[*PLACE, "status"])
    last = GaugeMetricFamily(
        "fairway_deployment_last_success_timestamp_seconds", "When the last one succeeded (Unix time).", labels=list(PLACE)
    )
    counted = (
        deployments_visible_to(actor)
        .order_by()
        .values_list("application__slug", "environment__slug", "status")
        .annotate(Count("pk"), Max("finished_at"))
    )
    for application, environment, status, count, newest in counted:
        (active if status in ACTIVE else ended).add_metric([application, environment, status], count)
        if status == Status.SUCCEEDED and newest:
            last.add_metric([application, environment], newest.timestamp())
    yield from (ended, active, last)


def _applications(actor: Actor) -> Iterator[Metric]:
    from prometheus_client.core import GaugeMetricFamily

    healthy = GaugeMetricFamily(
        "fairway_application_healthy", "1 if healthy or asleep, 0 if not; only of those that should run.", labels=list(PLACE)
    )
    drifts = GaugeMetricFamily(
        "fairway_application_drift", "How many things differ from what should run.", labels=list(PLACE)
    )
    instances = GaugeMetricFamily("fairway_instances", "Instances, as last seen.", labels=[*PLACE, "state"])
    for one in placements_visible_to(actor).filter(current__isnull=False):
        place = [one.application.slug, one.environment.slug]
        if one.wanted == Wanted.RUNNING and one.health != Health.UNKNOWN:
            healthy.add_metric(place, int(one.health in AVAILABLE))
        drifts.add_metric(place, len(one.drift))
        for state, count in Counter(str(seen.get("state", "")) for seen in one.observed).items():
            instances.add_metric([*place, state], count)
    yield from (healthy, drifts, instances)


def _usage(actor: Actor) -> Iterator[Metric]:
    """What services used in the newest interval. CPU is a rate, not a counter: the cumulative sum of instances that come
    and go would not be one."""
    from prometheus_client.core import GaugeMetricFamily

    names = [*PLACE, "service"]
    cpu = GaugeMetricFamily(
        "fairway_service_cpu_cores", "Cores that the instances of a service used over the last 10 seconds.", labels=names
    )
    memory = GaugeMetricFamily("fairway_service_memory_bytes", "Memory that the instances of a service use.", labels=names)
    limit = GaugeMetricFamily(
        "fairway_service_memory_limit_bytes", "The sum of their limits, if all have one.", labels=names
    )
    for one in current_usage(actor, now=time.time()):
        which = [one.placement.application.slug, one.placement.environment.slug, one.service]
        cpu.add_metric(which, one.used.cpu_seconds / one.used.seconds)
        memory.add_metric(which, one.used.memory_bytes)
        if one.used.limit_bytes is not None:
            limit.add_metric(which, one.used.limit_bytes)
    yield from (cpu, memory, limit)


def _resources(actor: Actor) -> Iterator[Metric]:
    from prometheus_client.core import GaugeMetricFamily

    names = ["resource", "environment", "kind"]
    up = GaugeMetricFamily("fairway_resource_up", "1 if it can be used, 0 if not.", labels=names)
    size = GaugeMetricFamily("fairway_resource_size_bytes", "Its size on disk.", labels=names)
    for one in resources_visible_to(actor):
        which = [one.name, one.environment.slug, one.kind]
        up.add_metric(which, int(one.state == State.RUNNING))
        if (bytes_now := one.observed.get("size_bytes")) is not None:
            size.add_metric(which, bytes_now)
    verified = GaugeMetricFamily(
        "fairway_backup_last_verified_timestamp_seconds",
        "When the newest backup that was restored once and held the same was taken (Unix time).",
        labels=["resource", *PLACE],
    )
    newest = (
        backups_visible_to(actor)
        .filter(state=BackupState.VERIFIED, resource__deleted_at=None)
        .order_by()
        .values_list("resource__name", "application__slug", "resource__environment__slug")
        .annotate(Max("taken_at"))
    )
    for *which, taken_at in newest:
        if isinstance(taken_at, datetime):
            verified.add_metric([str(one) for one in which], taken_at.timestamp())
    yield from (up, size, verified)


def _alerts(actor: Actor) -> Iterator[Metric]:
    from prometheus_client.core import GaugeMetricFamily

    firing = GaugeMetricFamily(
        "fairway_alert_firing",
        "1 for each alert that has begun and not ended.",
        labels=["kind", "severity", "subject", *PLACE],
    )
    for one in open_alerts(actor):
        application = one.application.slug if one.application else ""
        environment = one.environment.slug if one.environment else ""
        firing.add_metric([one.kind, one.severity, one.label, application, environment], 1)
    yield firing
