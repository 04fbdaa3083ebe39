"""Scheduled jobs: creating, changing and deleting them, running one now, and running those that are due."""

from __future__ import annotations

import logging
import shlex
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from fairway.accounts.commands import require
from fairway.accounts.queries import actor_of_request
from fairway.accounts.rules import SYSTEM, Act, Actor, Blocked, Blocker
from fairway.activity.changes import refuse_stale
from fairway.activity.commands import record
from fairway.activity.rules import Door
from fairway.applications.models import Application
from fairway.deployments.commands.jobs import parse_words, refuse_secrets, run_command
from fairway.deployments.models import Job, JobRun
from fairway.deployments.rules import ACTIVE
from fairway.deployments.subjects import on_schedule, placement_of
from fairway.engine import clock
from fairway.environments.cron import newest_until, next_after, parse_cron
from fairway.environments.freeze_rules import parse_zone
from fairway.environments.models import Environment
from fairway.shared.names import Invalid, parse_text

log = logging.getLogger(__name__)

CHANGEABLE = ("name", "command", "schedule", "zone", "is_enabled")
STILL_RUN = timedelta(hours=1)  # how long after its due time a run is still begun
MOST_JOBS = 100  # of one application in one environment


@transaction.atomic
def create_job(
    *,
    actor: Actor,
    application: Application,
    environment: Environment,
    name: str,
    command: Sequence[str],
    schedule: str,
    zone: str = "UTC",
    is_enabled: bool = True,
) -> Job:
    """Have a program run again and again. Raises `Blocked` (role) or `Invalid`."""
    require(actor, Act.RUN_COMMAND, application=application.slug, environment=environment.slug)
    job = Job(application=application, environment=environment)
    _fill(actor, job, {"name": name, "command": command, "schedule": schedule, "zone": zone, "is_enabled": is_enabled})
    if Job.objects.filter(application=application, environment=environment, deleted_at=None).count() >= MOST_JOBS:
        raise Invalid("name", "there are {most} scheduled jobs here already; delete one first.", most=MOST_JOBS)
    job.save()
    record(who=actor.who, verb="schedule.created", on=on_schedule(job), after=_facts(job))
    return job


@transaction.atomic
def edit_job(*, actor: Actor, job: Job, as_of: int | None = None, **changes: Any) -> Job:
    """Change any of `CHANGEABLE`. It then runs with this actor's rights. Raises `Blocked`, `Invalid`, or `Changed` if it was
    changed after event `as_of`."""
    if unknown := set(changes) - set(CHANGEABLE):
        raise Invalid(sorted(unknown)[0], "cannot be changed; only {names} can.", names=", ".join(CHANGEABLE))
    row = _locked(job)
    _may(actor, row)
    refuse_stale(as_of, "schedule.edited", subject_kind="schedule", subject_id=str(row.pk))
    before = _facts(row)
    _fill(actor, row, {**{name: getattr(row, name) for name in CHANGEABLE}, **changes})
    row.save()
    if before != _facts(row):
        record(who=actor.who, verb="schedule.edited", on=on_schedule(row), before=before, after=_facts(row))
    return row


@transaction.atomic
def delete_job(*, actor: Actor, job: Job) -> None:
    """It is not run any more; a run that goes on ends by itself, and what it ran stays in the history. Raises `Blocked`."""
    row = (
        Job.objects.select_for_update(of=("self",), no_key=True).select_related("application", "environment").get(pk=job.pk)
    )
    _may(actor, row)
    if row.deleted_at is not None:
        return
    row.deleted_at, row.next_at = clock.now(), None
    row.save(update_fields=["deleted_at", "next_at"])
    record(who=actor.who, verb="schedule.deleted", on=on_schedule(row), before=_facts(row))


@transaction.atomic
def run_job_now(*, actor: Actor, job: Job, reason: str = "") -> JobRun:
    """Run it now, as this actor. Its due times stay. Raises `Blocked`, also while it runs, or `Invalid`."""
    row = _locked(job)
    _may(actor, row)
    if (running := _running(row)) is not None:
        raise Blocked([Blocker(code="job_runs", sentence=_still_runs(running))])
    return run_command(
        actor=actor,
        application=row.application,
        environment=row.environment,
        command=row.command,
        reason=reason,
        job=row,
    )


def run_due_jobs() -> int:
    """Begin what is due, each due time at most once however many workers do this; returns how many were begun.

    Of several due times that were missed only the newest is run, and only within an hour (`STILL_RUN`).
    """
    due = Job.objects.filter(next_at__lte=clock.now()).order_by("next_at").values_list("pk", flat=True)
    begun = 0
    for number in list(due):
        try:
            begun += _run_due(number)
        except Exception:
            log.exception("scheduled job %s could not be begun; it is tried again", number)
    return begun


@transaction.atomic
def _run_due(number: int) -> bool:
    job = (
        Job.objects.select_for_update(of=("self",), no_key=True)
        .select_related("application", "environment")
        .filter(pk=number, next_at__lte=clock.now(), is_enabled=True, deleted_at=None)
        .first()
    )
    if job is None or job.next_at is None:  # another worker was quicker, or somebody disabled it
        return False
    now, first, cron = clock.now(), job.next_at, parse_cron(job.schedule)
    job.next_at = next_after(cron, job.zone, now)
    due = newest_until(cron, job.zone, first, now) or first
    if JobRun.objects.filter(job=job, due_at=due).exists():  # somebody edited it after it was begun
        job.save(update_fields=["next_at"])
        return False
    why = _why_not(job, due, now)
    if not why:
        try:
            with transaction.atomic():
                run_command(
                    actor=_runner(job),
                    application=job.application,
                    environment=job.environment,
                    command=job.command,
                    job=job,
                    due_at=due,
                )
        except Blocked as problem:
            why = " ".join(blocker.sentence for blocker in problem.blockers)
        except Invalid as problem:
            why = f"{problem.field}: {problem.sentence}"
    job.skipped_at, job.skipped_because = (due, why) if why else (None, "")
    job.save(update_fields=["next_at", "skipped_at", "skipped_because"])
    if why:
        after = {"due": due.isoformat(), "next": job.next_at.isoformat()}
        record(who=SYSTEM.who, verb="schedule.skipped", on=on_schedule(job), comment=why, after=after)
    return not why


def _why_not(job: Job, due: datetime, now: datetime) -> str:
    if job.application.deleted_at is not None or job.environment.deleted_at is not None:
        return _("The application or the environment was deleted.")
    if now - due > STILL_RUN:
        return _("No worker ran within an hour of its due time.")
    running = _running(job)
    return _still_runs(running) if running is not None else ""


def _running(job: Job) -> JobRun | None:
    return JobRun.objects.filter(job=job, status__in=ACTIVE).order_by("-pk").first()


def _still_runs(running: JobRun) -> str:
    return _("Its run %(number)s has not ended yet.") % {"number": running.pk}


def _runner(job: Job) -> Actor:
    """Whoever saved it last, with their present grants: what they may no longer run is not run for them either."""
    if job.saved_by_id is None:
        return SYSTEM
    return actor_of_request(job.saved_by_id, job.saved_by, Door.SCHEDULE, job.acting_role, token=job.saved_with_id)


def _locked(job: Job) -> Job:
    """Raises `Invalid` if it was deleted meanwhile."""
    rows = Job.objects.select_for_update(of=("self",), no_key=True).select_related("application", "environment")
    row = rows.filter(pk=job.pk, deleted_at=None).first()
    if row is None:
        raise Invalid("job", "was deleted meanwhile.")
    return row


def _may(actor: Actor, job: Job) -> None:
    require(actor, Act.RUN_COMMAND, application=job.application.slug, environment=job.environment.slug)


def _fill(actor: Actor, job: Job, values: dict[str, Any]) -> None:
    """Raises `Invalid`."""
    words = parse_words(values["command"])
    placement = placement_of(job.application, job.environment)
    if placement is not None:
        refuse_secrets(placement, words)
    job.name = parse_text(values["name"], field="name", longest=80, required=True)
    same = Job.objects.filter(application=job.application, environment=job.environment, name=job.name, deleted_at=None)
    if same.exclude(pk=job.pk).exists():
        raise Invalid("name", "is taken by another scheduled job here; choose another.")
    cron = parse_cron(values["schedule"])
    job.command, job.schedule, job.zone = list(words), " ".join(values["schedule"].split()), parse_zone(values["zone"])
    job.is_enabled = bool(values["is_enabled"])
    job.next_at = next_after(cron, job.zone, clock.now()) if job.is_enabled else None
    job.saved_by_id, job.saved_by = actor.id, actor.name
    job.saved_with_id, job.acting_role = actor.authentication.token, actor.acting_as or ""


def _facts(job: Job) -> dict[str, Any]:
    return {
        "name": job.name,
        "command": shlex.join(job.command),
        "schedule": job.schedule,
        "zone": job.zone,
        "is_enabled": job.is_enabled,
    }
