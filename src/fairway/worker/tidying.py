"""Removes what accumulates beside artifacts: old logs, runs, uploads, routes, home directories, caches. All are
idempotent."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.sessions.models import Session
from django.db.models import QuerySet, Sum
from django.utils import timezone

from fairway.accounts.sessions import forget_ended_sessions
from fairway.accounts.tokens import forget_expired_tokens
from fairway.activity.models import Event
from fairway.applications.files import upload_file
from fairway.applications.models import Application, Inspection, Upload
from fairway.catalog.openid import forget_ended_tokens
from fairway.deployments.commands.log_retention import collect_job_logs, collect_logs
from fairway.deployments.models import Deployment, JobRun, Placement
from fairway.deployments.rules import ACTIVE, ENDED
from fairway.drivers.builders.bundle import BundleBuilder
from fairway.drivers.runtimes.contract import Instance, Runtime
from fairway.engine import clock
from fairway.engine.commands import delete_finished_runs, delete_stale_workers
from fairway.environments.models import Environment
from fairway.environments.runtimes import availability_of, runtime_of
from fairway.monitoring.alerting import forget_alerts
from fairway.notifications.commands.outbox import forget_notices
from fairway.pipelines.commands.ci_trusts import forget_exchanges
from fairway.pipelines.commands.deliveries import forget_deliveries
from fairway.pipelines.commands.reports import forget_reports
from fairway.releases.queries import still_resolving, uploads_needed
from fairway.worker.rules import GOOD_KEPT, KeptLog, logs_to_collect
from fairway.workflows.outside import forget_work_folder, proxy

A_DAY = timedelta(days=1)
A_WEEK = timedelta(days=7)
SMALL_RUNS = ("adjust", "inspect", "watch", "job", "resource", "push")  # kinds of runs that no page of a deployment shows
LOGS_AT_ONCE = 200  # deployments whose logs are removed in one transaction


def tidy_logs() -> dict[str, int]:
    """Remove logs of deployments older than ``LOG_DAYS``, then the oldest until the rest fits into ``LOG_BYTES``; the last
    good deployments of each placement keep theirs. The same for what jobs printed."""
    of_deployments = _going(Deployment.objects.filter(status__in=ENDED), spared=_remembered())
    of_jobs = _going(JobRun.objects.filter(status__in=ENDED), spared=set())
    size = sum(collect_logs(numbers=batch) for batch in _batches(of_deployments))
    size += sum(collect_job_logs(numbers=batch) for batch in _batches(of_jobs))
    return {"logs": len(of_deployments) + len(of_jobs), "log_bytes": size}


def _going(ended: QuerySet[Any], *, spared: set[int]) -> list[int]:
    """The ids of ended deployments, or jobs, whose logs are removed now."""
    with_log = ended.filter(log_collected_at=None, finished_at__isnull=False)
    total = with_log.aggregate(total=Sum("log_bytes"))["total"] or 0
    rows = with_log.order_by("finished_at", "pk").values_list("pk", "finished_at", "log_bytes")
    kept = (KeptLog(number, at, size) for number, at, size in rows.iterator(chunk_size=500) if at)
    longest, most = timedelta(days=settings.LOG_DAYS), settings.LOG_BYTES
    return list(logs_to_collect(kept, now=timezone.now(), longest=longest, most_bytes=most, total=total, spared=spared))


def _batches(numbers: list[int]) -> Iterator[list[int]]:
    for start in range(0, len(numbers), LOGS_AT_ONCE):
        yield numbers[start : start + LOGS_AT_ONCE]


def _remembered() -> set[int]:
    """The ids of deployments whose logs are kept: live ones, those that a rollback restores, the last good ones."""
    numbers: set[int] = set()
    for placement in Placement.objects.all():
        numbers |= {number for number in (placement.current_id, placement.previous_good_id) if number}
        there = Deployment.objects.filter(application=placement.application_id, environment=placement.environment_id)
        numbers |= set(there.filter(status="succeeded").order_by("-pk").values_list("pk", flat=True)[:GOOD_KEPT])
    return numbers


def tidy_rows() -> dict[str, int]:
    """Remove runs that no page shows, dead workers, old inspections and deliveries, and expired sessions and tokens."""
    now = clock.now()
    # the runs that remove them carry the options
    leaving = [placement.key for placement in Placement.objects.filter(wanted="removed")]
    return {
        "runs": delete_finished_runs(kinds=SMALL_RUNS, before=now - A_DAY, spared_keys=leaving),
        "workers": delete_stale_workers(before=now - A_DAY),
        "inspections": Inspection.objects.filter(created_at__lt=timezone.now() - A_DAY).delete()[0],
        "deliveries": forget_deliveries(),
        "notices": forget_notices(),
        "status reports": forget_reports(),
        "alerts": forget_alerts(now=now),
        "exchanged CI tokens": forget_exchanges(),
        "sessions": Session.objects.filter(expire_date__lt=timezone.now()).delete()[0],
        "ended sessions": forget_ended_sessions(),
        "expired tokens": forget_expired_tokens() + forget_ended_tokens(),
    }


def tidy_uploads() -> dict[str, int]:
    """Remove uploads older than a day that no application and no waiting deployment uses, and files without an upload."""
    used = {
        application.source.get("upload")
        for application in Application.objects.filter(deleted_at=None, source_kind="archive")
    }
    used |= {
        deployment.source.get("upload") for deployment in Deployment.objects.filter(status__in=ACTIVE, source_kind="archive")
    }
    used |= uploads_needed()
    old = Upload.objects.filter(created_at__lt=timezone.now() - A_DAY).exclude(checksum__in=[one for one in used if one])
    count = 0
    for upload in old:
        upload_file(upload.checksum).unlink(missing_ok=True)
        upload.delete()
        count += 1
    known = set(Upload.objects.values_list("checksum", flat=True))
    for path in settings.DATA.folder("uploads").iterdir():
        if path.name not in known and _is_older(path, A_DAY):
            path.unlink(missing_ok=True)
            count += 1
    return {"uploads": count}


def tidy_work() -> dict[str, int]:
    """Remove working folders of finished runs, whose worker died before it could remove them."""
    left = work_folders_left_behind()
    for name in left:
        forget_work_folder(name)
    return {"work_folders": len(left)}


def work_folders_left_behind() -> list[str]:
    folder = settings.DATA.folder("work")
    # listed before the rows are read, because a run has its row before its folder
    there = [path.name for path in folder.iterdir()]
    active = {f"deployment-{number}" for number in Deployment.objects.filter(status__in=ACTIVE).values_list("pk", flat=True)}
    open_looks = Inspection.objects.filter(finished_at=None).values_list("pk", flat=True)
    active |= {f"inspection-{number}" for number in open_looks}
    active |= {f"package-{number}" for number in still_resolving()}
    return [name for name in there if name not in active]


def tidy_caches() -> dict[str, int]:
    """Remove dependency layers that no build used for a month, and leftovers of builds that died."""
    return {"layers": BundleBuilder(settings.DATA.folder()).trim()}


def tidy_routes() -> dict[str, int]:
    """Remove routes of host names that no placement has, and leftovers of old routes."""
    # listed before the rows are read, because a placement has its row before its route
    routed = [route.host for route in proxy().routes()]
    known = {host for placement in _placements() for host in placement.hosts}
    strays = [host for host in routed if host not in known]
    for host in strays:
        proxy().ensure_no_route(host)
    proxy().collect()
    return {"routes": len(strays)}


def tidy_deleted_environments() -> dict[str, int]:
    """Remove instances in deleted environments; the reconciler handles existing ones."""
    alive = set(Environment.objects.filter(deleted_at=None).values_list("slug", flat=True))
    count = 0
    for environment in Environment.objects.exclude(deleted_at=None).exclude(slug__in=alive):
        if availability_of(environment).is_available:
            runtime = runtime_of(environment)
            for instance in _instances_in(runtime, environment.slug):
                runtime.ensure_removed(instance.name)
                count += 1
    return {"instances": count}


def _instances_in(runtime: Runtime, slug: str) -> Iterator[Instance]:
    yield from (instance for instance in runtime.instances() if instance.placement.rpartition(".")[2] == slug)


def tidy_homes() -> dict[str, int]:
    """Remove home directories of placements that were removed a week ago. Unknown ones are left alone."""
    known = {placement.name for placement in _placements()}
    count = 0
    for environment in Environment.objects.all():
        if not availability_of(environment).is_available:
            continue
        runtime = runtime_of(environment)
        for home in runtime.homes():
            if home not in known and home.rpartition(".")[2] == environment.slug and _was_removed_long_ago(home):
                runtime.ensure_home_removed(home)
                count += 1
    return {"homes": count}


def _was_removed_long_ago(name: str) -> bool:
    application, _, environment = name.rpartition(".")
    told = Event.objects.filter(verb="placement.removed", application=application, environment=environment)
    last = told.order_by("-pk").values_list("at", flat=True).first()
    return last is not None and last < timezone.now() - A_WEEK


def _placements() -> Any:
    return Placement.objects.select_related("application", "environment")


def _is_older(path: Path, age: timedelta) -> bool:
    return path.exists() and timezone.now().timestamp() - path.lstat().st_mtime > age.total_seconds()
