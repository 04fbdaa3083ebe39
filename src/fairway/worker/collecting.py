"""Garbage: what no rollback could need goes; what runs, the last good versions and every volume stay."""

from __future__ import annotations

import logging
from datetime import timedelta

from django.conf import settings
from django.utils import timezone

from fairway.applications.models import Application, Artifact, Inspection, Upload
from fairway.applications.places import upload_file
from fairway.deployments.models import Deployment, Placement
from fairway.deployments.rules import ACTIVE, Status
from fairway.drivers.runtimes.contract import Silent
from fairway.environments.models import Environment
from fairway.environments.runtimes import availability_of, runtime_of

log = logging.getLogger(__name__)

GOOD_KEPT = 5  # per placement


def collect() -> dict[str, list[str]]:
    """Remove unused artifacts from every runtime; returns the digests removed per environment."""
    keep = digests_to_keep()
    removed = {}
    for environment in Environment.objects.filter(deleted_at=None):
        if availability_of(environment).is_available:
            gone = list(runtime_of(environment).collect(keep, Silent()))
            if gone:
                removed[environment.slug] = gone
                Artifact.objects.filter(digest__in=gone).update(collected_at=timezone.now())
    _collect_uploads()
    return removed


def digests_to_keep() -> set[str]:
    """What serves, what a rollback could need, what is on its way, and everything made within the last hour."""
    numbers: set[int] = set(Deployment.objects.filter(status__in=ACTIVE).values_list("pk", flat=True))
    for placement in Placement.objects.all():
        numbers |= {number for number in (placement.current_id, placement.previous_good_id) if number}
        good = Deployment.objects.filter(
            application=placement.application_id, environment=placement.environment_id, status=Status.SUCCEEDED
        )
        numbers |= set(good.order_by("-pk").values_list("pk", flat=True)[:GOOD_KEPT])
    kept = set(Artifact.objects.filter(deployments__in=numbers).values_list("digest", flat=True))
    fresh = timezone.now() - timedelta(hours=1)
    return kept | set(Artifact.objects.filter(created_at__gte=fresh).values_list("digest", flat=True))


def _collect_uploads() -> None:
    """Uploads that no application uses and no kept deployment was made of, a day old."""
    used = {one.source.get("upload") for one in Application.objects.filter(deleted_at=None, source_kind="archive")}
    used |= {one.source.get("upload") for one in Deployment.objects.filter(status__in=ACTIVE, source_kind="archive")}
    day_ago = timezone.now() - timedelta(days=1)
    for upload in Upload.objects.filter(created_at__lt=day_ago).exclude(checksum__in=[name for name in used if name]):
        upload_file(upload.checksum).unlink(missing_ok=True)
        upload.delete()
    Inspection.objects.filter(created_at__lt=day_ago).delete()


def work_folders_left_behind() -> list[str]:
    """Working folders of runs that are over (their worker died at a bad moment)."""
    folder = settings.DATA.folder("work")
    active = {f"deployment-{number}" for number in Deployment.objects.filter(status__in=ACTIVE).values_list("pk", flat=True)}
    open_looks = Inspection.objects.filter(finished_at=None).values_list("pk", flat=True)
    active |= {f"inspection-{number}" for number in open_looks}
    return [place.name for place in folder.iterdir() if place.name not in active]
