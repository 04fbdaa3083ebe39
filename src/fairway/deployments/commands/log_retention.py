"""Removes the logs of deployments and jobs that ended long ago, and the times of their steps, but never their rows."""

from __future__ import annotations

from collections.abc import Collection

from django.db import transaction
from django.utils import timezone

from fairway.deployments.models import Deployment, JobLogChunk, JobRun, LogChunk
from fairway.deployments.rules import ENDED
from fairway.engine.commands import delete_runs


@transaction.atomic
def collect_logs(*, numbers: Collection[int]) -> int:
    """Delete the logs and runs of these ended deployments and record when; returns the number of bytes of text.

    Sentence, detail (the last lines of a failed one), figures and events are kept. A deployment that has not ended is left
    alone.
    """
    chosen = Deployment.objects.filter(pk__in=numbers, status__in=ENDED, log_collected_at=None)
    ended = list(chosen.select_for_update(no_key=True).values_list("pk", "run", "log_bytes"))
    LogChunk.objects.filter(deployment__in=[number for number, _, _ in ended]).delete()
    Deployment.objects.filter(pk__in=[number for number, _, _ in ended]).update(log_collected_at=timezone.now())
    delete_runs(ids=[run for _, run, _ in ended if run])
    return sum(size for _, _, size in ended)


@transaction.atomic
def collect_job_logs(*, numbers: Collection[int]) -> int:
    """Delete what these ended jobs printed and record when; returns the number of bytes of text. Their rows are kept."""
    chosen = JobRun.objects.filter(pk__in=numbers, status__in=ENDED, log_collected_at=None)
    ended = dict(chosen.select_for_update(no_key=True).values_list("pk", "log_bytes"))
    JobLogChunk.objects.filter(job__in=ended).delete()
    JobRun.objects.filter(pk__in=ended).update(log_collected_at=timezone.now())
    return sum(ended.values())
