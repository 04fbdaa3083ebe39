"""Reads what alerts are about: for each kind, one query at most, whatever the number of applications."""

from __future__ import annotations

import logging
import shutil
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

from django.conf import settings
from django.utils import timezone

from fairway.accounts.rules import SYSTEM
from fairway.activity.checking import last_check
from fairway.deployments.models import Placement
from fairway.deployments.rules import Health, Wanted
from fairway.environments.host_rules import HostState
from fairway.environments.queries import hosts_in_use
from fairway.monitoring.alert_rules import FEWEST_REQUESTS, AlertKind, Rule, SubjectKind
from fairway.monitoring.models import TrafficSample, UsageSample, histogram_of
from fairway.monitoring.rules import FINE, MIDDLE, merged, percentile, start_of
from fairway.resources.models import Resource
from fairway.resources.queries import troubled_backups
from fairway.resources.rules import State
from fairway.resources.rules import Wanted as WantedResource

log = logging.getLogger(__name__)

NEWEST = 6 * FINE  # seconds for which the newest sample says how much memory is used now
LATE_BY = {FINE: 2 * FINE, MIDDLE: MIDDLE}  # seconds by which the newest sample of a resolution may be behind
_UNSURE = frozenset({Health.UNKNOWN, Health.STARTING})
_OWN_CERTIFICATES = "local"  # Caddy's own authority, whose certificates last half a day and are renewed by themselves

Rules = Callable[[int | None], Mapping[AlertKind, Rule]]  # those of an environment; None for the installation


@dataclass(frozen=True)
class Subject:
    """What something is wrong with. `application` and `environment` are ids."""

    kind: SubjectKind
    id: str
    label: str = ""
    application: int | None = None
    environment: int | None = None


@dataclass(frozen=True)
class Measured:
    """A value of one kind at one look; None if it is not known. `facts` are the numbers of its sentence."""

    subject: Subject
    value: float | None
    facts: Mapping[str, Any] = field(default_factory=dict)


Found = dict[AlertKind, list[Measured] | None]  # None: could not be read this time


def measure(rules: Rules, now: datetime) -> Found:
    """Everything that alerts are about, as it is now. What cannot be read is logged and counts as not known."""
    placed = [one for one in _placed() if one.environment.deleted_at is None]
    at = now.timestamp()
    readers: Mapping[AlertKind, Callable[[], Iterable[Measured]]] = {
        AlertKind.DOWN: lambda: [*_down(placed), *_resources_down()],
        AlertKind.ERRORS: lambda: _errors(placed, rules, at),
        AlertKind.LATENCY: lambda: _latency(placed, rules, at),
        AlertKind.MEMORY: lambda: _memory(placed, at),
        AlertKind.RESTARTS: lambda: _restarts(placed, rules, at),
        AlertKind.CERTIFICATE: lambda: _certificates(placed, now),
        AlertKind.HOST: _hosts,
        AlertKind.DISK: _disk,
        AlertKind.CHAIN: _chain,
    }
    found: Found = {kind: _read(kind, reader) for kind, reader in readers.items()}
    return found | _backups()


def _read(kind: str, reader: Callable[[], Iterable[Measured]]) -> list[Measured] | None:
    try:
        return list(reader())
    except Exception:  # one kind that cannot be read keeps no other from being looked at
        log.warning("What alerts of the kind “%s” are about could not be read", kind, exc_info=True)
        return None


def _placed() -> Iterable[Placement]:
    """The placements that should run."""
    there = Placement.objects.filter(wanted=Wanted.RUNNING).exclude(current=None)
    return there.select_related("application", "environment").order_by("pk")


def subject_of(placement: Placement) -> Subject:
    label = f"{placement.application.name} · {placement.environment.name}"
    where = (placement.application_id, placement.environment_id)
    return Subject(SubjectKind.PLACEMENT, str(placement.pk), label, *where)


def _down(placed: Iterable[Placement]) -> Iterator[Measured]:
    for one in placed:
        yield Measured(subject_of(one), None if one.health in _UNSURE else float(one.health == Health.DOWN))


def _resources_down() -> Iterator[Measured]:
    wanted = Resource.objects.filter(deleted_at=None, wanted=WantedResource.RUNNING, environment__deleted_at=None)
    for one in wanted.select_related("environment"):
        label = f"{one.name} · {one.environment.name}"
        subject = Subject(SubjectKind.RESOURCE, str(one.pk), label, None, one.environment_id)
        yield Measured(subject, float(one.state in (State.DOWN, State.FAILED)))


# -- from samples


def _errors(placed: list[Placement], rules: Rules, at: float) -> Iterator[Measured]:
    rows = TrafficSample.objects.values_list("placement", "at", "requests", "server_errors")
    for one, minutes, window in _windows(placed, rules, at, AlertKind.ERRORS, rows):
        requests, errors = sum(row[0] for row in window), sum(row[1] for row in window)
        share = 100 * errors / requests if requests >= FEWEST_REQUESTS else 0.0
        yield Measured(subject_of(one), share, {"percent": f"{share:.1f}", "requests": requests, "minutes": minutes})


def _latency(placed: list[Placement], rules: Rules, at: float) -> Iterator[Measured]:
    """From roll-ups of a minute: reading the histograms of all the finer rows would take most of the time of a look."""
    rows = TrafficSample.objects.values_list("placement", "at", "durations")
    for one, minutes, window in _windows(placed, rules, at, AlertKind.LATENCY, rows, resolution=MIDDLE):
        durations = merged(histogram_of(row[0]) for row in window)
        requests = sum(durations.values())
        seconds = percentile(durations, 0.95) if requests >= FEWEST_REQUESTS else None
        value = round(1000 * (seconds or 0.0))
        yield Measured(subject_of(one), value, {"milliseconds": value, "requests": requests, "minutes": minutes})


def _restarts(placed: list[Placement], rules: Rules, at: float) -> Iterator[Measured]:
    rows = UsageSample.objects.filter(restarts__gt=0).values_list("placement", "at", "restarts")
    for one, minutes, window in _windows(placed, rules, at, AlertKind.RESTARTS, rows):
        times = sum(row[0] for row in window)
        yield Measured(subject_of(one), times, {"times": times, "minutes": minutes})


def _windows(
    placed: list[Placement], rules: Rules, at: float, kind: AlertKind, rows: Any, resolution: int = FINE
) -> Iterator[tuple[Placement, int, list[tuple[Any, ...]]]]:
    """For each placement whose rule of this kind is on: over how many minutes it looks, and the rows of these, without the
    first two columns. One query."""
    every = [(one, rules(one.environment_id)[kind]) for one in placed]
    wanted = [(one, rule.minutes) for one, rule in every if rule.is_on]
    if not wanted:
        return
    until, late = start_of(at, resolution), LATE_BY[resolution]
    first = until - 60 * max(minutes for _, minutes in wanted) - late
    grouped: dict[int, list[tuple[Any, ...]]] = defaultdict(list)
    for row in rows.filter(resolution=resolution, at__gte=first, at__lte=until):
        grouped[row[0]].append(row[1:])
    for one, minutes in wanted:
        since = until - 60 * minutes - late
        yield one, minutes, [row[1:] for row in grouped[one.pk] if row[0] >= since]


def _memory(placed: list[Placement], at: float) -> Iterator[Measured]:
    """The service that is nearest to its limit, for each placement whose services have one."""
    rows = UsageSample.objects.filter(resolution=FINE, at__gte=at - NEWEST, at__lte=at, limit_bytes__gt=0).order_by("at")
    shares: dict[int, dict[str, float]] = defaultdict(dict)
    for placement, service, used, limit in rows.values_list("placement", "service", "memory_bytes", "limit_bytes"):
        shares[placement][service] = 100 * used / (limit or used)
    for one in placed:
        services = shares.get(one.pk)
        if services:
            service = max(services, key=lambda name: services[name])
            yield Measured(subject_of(one), services[service], {"service": service, "percent": f"{services[service]:.0f}"})


# -- from elsewhere


def _certificates(placed: Iterable[Placement], now: datetime) -> Iterator[Measured]:
    """The certificate that ends first, for each placement that has one of another authority than Caddy's own."""
    ends = {path.stem: _end_of(path, path.stat().st_mtime_ns) for path in _certificate_files()}
    for one in placed if ends else ():
        days = {host: (ends[host] - now).total_seconds() / 86400 for host in one.hosts if host in ends}
        if days:
            host = min(days, key=lambda name: days[name])
            yield Measured(subject_of(one), days[host], {"host": host, "day": ends[host].date().isoformat()})


def _certificate_files() -> Iterator[Path]:
    folder = settings.DATA.folder("caddy") / "storage" / "certificates"
    for path in folder.glob("*/*/*.crt"):
        if path.parts[-3] != _OWN_CERTIFICATES:
            yield path


@lru_cache(maxsize=1000)
def _end_of(path: Path, _changed: int) -> datetime:
    from cryptography.x509 import load_pem_x509_certificate  # only where there are certificates

    return load_pem_x509_certificate(path.read_bytes()).not_valid_after_utc


def _hosts() -> Iterator[Measured]:
    for one in hosts_in_use():
        subject = Subject(SubjectKind.HOST, one.address, one.address)
        is_old = one.facts.seen_at is None or (timezone.now() - one.facts.seen_at).total_seconds() > NEWEST
        if one.state is HostState.CONNECTED:
            yield Measured(subject, 0.0, {"host": one.address})
        elif one.state is HostState.AWAY and not is_old:
            yield Measured(subject, 1.0, {"host": one.address})
        else:  # nobody has looked, or a person has to confirm its key first
            yield Measured(subject, None, {"host": one.address})


def _backups() -> Found:
    """Those that failed and those that are late, in one query."""
    troubles = _read("backup", lambda: troubled_backups(SYSTEM))  # type: ignore[arg-type, return-value]
    if troubles is None:
        return {AlertKind.BACKUP_FAILED: None, AlertKind.BACKUP_LATE: None}
    failed, late = list[Measured](), list[Measured]()
    for trouble in troubles:
        bound: Any = trouble.binding  # type: ignore[attr-defined]
        where = bound.resource.environment
        label = f"{bound.resource.name} · {bound.application.name} · {where.name}"
        subject = Subject(SubjectKind.BINDING, str(bound.pk), label, bound.application_id, where.pk)
        measured = Measured(subject, 1.0, {"application": bound.application.name})
        # one cause, one alert: a backup is late because the last one failed
        (failed if trouble.failed is not None else late).append(measured)  # type: ignore[attr-defined]
    return {AlertKind.BACKUP_FAILED: failed, AlertKind.BACKUP_LATE: late}


def _disk() -> Iterator[Measured]:
    disk = shutil.disk_usage(settings.DATA.folder())
    share = 100 * (disk.total - disk.free) / disk.total
    yield Measured(Subject(SubjectKind.INSTALLATION, "data", "Fairway"), share, {"percent": f"{share:.0f}"})


def _chain() -> Iterator[Measured]:
    broken = last_check().broken_at
    subject = Subject(SubjectKind.INSTALLATION, "events", "Fairway")
    yield Measured(subject, float(broken is not None), {"number": broken})
