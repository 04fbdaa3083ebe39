"""What is left lying about beside artifacts: old logs and runs, uploads, routes, homes, caches. Each may run twice."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.sessions.models import Session
from django.db.models import Sum
from django.utils import timezone

from fairway.activity.models import Event
from fairway.applications.models import Application, Inspection, Upload
from fairway.applications.places import upload_file
from fairway.deployments.commands.log_retention import collect_logs
from fairway.deployments.models import Deployment, Placement
from fairway.deployments.rules import ACTIVE, ENDED
from fairway.drivers.builders.bundle import BundleBuilder
from fairway.drivers.runtimes.contract import Instance, Runtime
from fairway.engine import clock
from fairway.engine.commands import forget_finished, forget_workers
from fairway.environments.models import Environment
from fairway.environments.runtimes import availability_of, runtime_of
from fairway.releases.queries import still_resolving, uploads_needed
from fairway.worker.rules import GOOD_KEPT, KeptLog, logs_to_collect
from fairway.workflows.outside import forget_work_folder, proxy

A_DAY = timedelta(days=1)
A_WEEK = timedelta(days=7)
SMALL_RUNS = ("adjust", "inspect", "watch", "resource")  # runs that no deployment shows
LOGS_AT_ONCE = 200  # deployments whose logs go in one transaction


def tidy_logs() -> dict[str, int]:
    """Logs older than ``LOG_DAYS``, then the oldest until the rest fits into ``LOG_BYTES``; the last good of each placement
    keep theirs."""
    ended = Deployment.objects.filter(status__in=ENDED, log_collected_at=None, finished_at__isnull=False)
    total = ended.aggregate(total=Sum("log_bytes"))["total"] or 0
    rows = ended.order_by("finished_at", "pk").values_list("pk", "finished_at", "log_bytes")
    kept = (KeptLog(number, at, size) for number, at, size in rows.iterator(chunk_size=500) if at)
    longest = timedelta(days=settings.LOG_DAYS)
    going = list(
        logs_to_collect(
            kept, now=timezone.now(), longest=longest, most_bytes=settings.LOG_BYTES, total=total, spared=_remembered()
        )
    )
    batches = [going[start : start + LOGS_AT_ONCE] for start in range(0, len(going), LOGS_AT_ONCE)]
    size = sum(collect_logs(numbers=batch) for batch in batches)
    return {"logs": len(going), "log_bytes": size}


def _remembered() -> set[int]:
    """The deployments whose logs stay: what serves, what a rollback returns to, the last good ones."""
    numbers: set[int] = set()
    for placement in Placement.objects.all():
        numbers |= {number for number in (placement.current_id, placement.previous_good_id) if number}
        there = Deployment.objects.filter(application=placement.application_id, environment=placement.environment_id)
        numbers |= set(there.filter(status="succeeded").order_by("-pk").values_list("pk", flat=True)[:GOOD_KEPT])
    return numbers


def tidy_rows() -> dict[str, int]:
    """Runs that no deployment shows, workers that are no more, looks nobody came back to, sessions that ended."""
    now = clock.now()
    leaving = [placement.key for placement in Placement.objects.filter(wanted="removed")]  # their wishes lie in their runs
    return {
        "runs": forget_finished(kinds=SMALL_RUNS, before=now - A_DAY, spared_keys=leaving),
        "workers": forget_workers(before=now - A_DAY),
        "inspections": Inspection.objects.filter(created_at__lt=timezone.now() - A_DAY).delete()[0],
        "sessions": Session.objects.filter(expire_date__lt=timezone.now()).delete()[0],
    }


def tidy_uploads() -> dict[str, int]:
    """Uploads a day old that no application uses and no waiting deployment was made of, and files no upload names."""
    used = {one.source.get("upload") for one in Application.objects.filter(deleted_at=None, source_kind="archive")}
    used |= {one.source.get("upload") for one in Deployment.objects.filter(status__in=ACTIVE, source_kind="archive")}
    used |= uploads_needed()
    old = Upload.objects.filter(created_at__lt=timezone.now() - A_DAY).exclude(checksum__in=[one for one in used if one])
    count = 0
    for upload in old:
        upload_file(upload.checksum).unlink(missing_ok=True)
        upload.delete()
        count += 1
    known = set(Upload.objects.values_list("checksum", flat=True))
    for place in settings.DATA.folder("uploads").iterdir():
        if place.name not in known and _is_older(place, A_DAY):
            place.unlink(missing_ok=True)
            count += 1
    return {"uploads": count}


def tidy_work() -> dict[str, int]:
    """Working folders of runs that are over (their worker died at a bad moment)."""
    left = work_folders_left_behind()
    for name in left:
        forget_work_folder(name)
    return {"work_folders": len(left)}


def work_folders_left_behind() -> list[str]:
    folder = settings.DATA.folder("work")
    there = [place.name for place in folder.iterdir()]  # looked at first: a run that begins meanwhile has its row already
    active = {f"deployment-{number}" for number in Deployment.objects.filter(status__in=ACTIVE).values_list("pk", flat=True)}
    open_looks = Inspection.objects.filter(finished_at=None).values_list("pk", flat=True)
    active |= {f"inspection-{number}" for number in open_looks}
    active |= {f"package-{number}" for number in still_resolving()}
    return [name for name in there if name not in active]


def tidy_caches() -> dict[str, int]:
    """Dependency layers that no build used for a month, and what builds that died left behind."""
    return {"layers": BundleBuilder(settings.DATA.folder()).trim()}


def tidy_routes() -> dict[str, int]:
    """Routes of hosts that no placement has, and what old routes left behind."""
    routed = [route.host for route in proxy().routes()]  # looked at first: a placement has its row before its route
    known = {host for placement in _placements() for host in placement.hosts}
    strays = [host for host in routed if host not in known]
    for host in strays:
        proxy().ensure_no_route(host)
    proxy().collect()
    return {"routes": len(strays)}


def tidy_deleted_environments() -> dict[str, int]:
    """Instances in environments that no longer exist; the reconciler looks at those that do."""
    alive = set(Environment.objects.filter(deleted_at=None).values_list("slug", flat=True))
    count = 0
    for environment in Environment.objects.exclude(deleted_at=None).exclude(slug__in=alive):
        if availability_of(environment).is_available:
            runtime = runtime_of(environment)
            for one in _instances_in(runtime, environment.slug):
                runtime.ensure_removed(one.name)
                count += 1
    return {"instances": count}


def _instances_in(runtime: Runtime, slug: str) -> Iterator[Instance]:
    yield from (one for one in runtime.instances() if one.placement.rpartition(".")[2] == slug)


def tidy_homes() -> dict[str, int]:
    """Homes of placements that were removed a week ago. One nobody knows anything of is left alone."""
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


def _is_older(place: Path, age: timedelta) -> bool:
    return place.exists() and timezone.now().timestamp() - place.lstat().st_mtime > age.total_seconds()
