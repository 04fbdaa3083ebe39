"""Scheduled jobs: creating, changing, pausing and deleting them, running one now, and running those that are due."""

from __future__ import annotations

import logging
import shlex
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from fairway.accounts.commands import require
from fairway.accounts.queries import actor_of_request
from fairway.accounts.rules import SYSTEM, Act, Actor, Blocked, Blocker
from fairway.activity.changes import refuse_stale
from fairway.activity.commands import record
from fairway.activity.rules import Door
from fairway.applications.models import Application
from fairway.deployments.commands.jobs import parse_words, refuse_secrets, run_command
from fairway.deployments.models import JobRun, ScheduledJob
from fairway.deployments.rules import ACTIVE, Wanted
from fairway.deployments.subjects import on_schedule, placement_of
from fairway.engine import clock
from fairway.environments.commands import WHEN_DELETED
from fairway.environments.cron import newest_until, next_after, parse_cron
from fairway.environments.freeze_rules import parse_zone
from fairway.environments.models import Environment
from fairway.shared.names import Invalid, parse_text

log = logging.getLogger(__name__)

CHANGEABLE = ("name", "command", "schedule", "zone", "is_paused")
STILL_RUN = timedelta(hours=1)  # how long after its due time a run is still begun
MOST_JOBS = 100  # of one application in one environment
EDITED = ("schedule.edited", "schedule.paused", "schedule.resumed")
MISSED = "No worker ran at this due time and maybe at later ones; only the newest is run."
TOO_LATE = "No worker ran within an hour of its due time."
STOPPED = "The application is stopped."


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
    is_paused: bool = False,
) -> ScheduledJob:
    """Let a command run again and again, with the present rights of the actor. Raises `Blocked` (role) or `Invalid`."""
    require(actor, Act.RUN_COMMAND, application=application.slug, environment=environment.slug)
    job = ScheduledJob(application=application, environment=environment)
    _fill(actor, job, {"name": name, "command": command, "schedule": schedule, "zone": zone, "is_paused": is_paused})
    if ScheduledJob.objects.filter(application=application, environment=environment, deleted_at=None).count() >= MOST_JOBS:
        raise Invalid("name", "there are {most} scheduled jobs here already; delete one first.", most=MOST_JOBS)
    job.save()
    record(who=actor.who, verb="schedule.created", on=on_schedule(job), after=_facts(job))
    return job


@transaction.atomic
def edit_job(*, actor: Actor, job: ScheduledJob, as_of: int | None = None, **changes: Any) -> ScheduledJob:
    """Change any of `CHANGEABLE`. From then on it runs with the rights of this actor, unless it was only paused.

    Raises `Blocked`, `Invalid`, or `Changed` if it was changed after event `as_of`.
    """
    if unknown := set(changes) - set(CHANGEABLE):
        raise Invalid(sorted(unknown)[0], "cannot be changed; only {names} can.", names=", ".join(CHANGEABLE))
    row = _locked(job)
    _may(actor, row)
    refuse_stale(as_of, *EDITED, subject_kind="schedule", subject_id=str(row.pk))
    before = _facts(row)
    if changes == {"is_paused": True}:
        row.is_paused, row.next_at = True, None
    else:
        _fill(actor, row, {**{name: getattr(row, name) for name in CHANGEABLE}, **changes})
    row.save()
    after = _facts(row)
    if before != after:
        record(who=actor.who, verb=_verb_of(before, after), on=on_schedule(row), before=before, after=after)
    return row


def _verb_of(before: dict[str, Any], after: dict[str, Any]) -> str:
    changed = {name for name in after if before[name] != after[name]}
    if changed != {"is_paused"}:
        return "schedule.edited"
    return "schedule.paused" if after["is_paused"] else "schedule.resumed"


@transaction.atomic
def delete_job(*, actor: Actor, job: ScheduledJob) -> None:
    """Delete it. A run that goes on ends by itself, and the history stays. Raises `Blocked`."""
    _may(actor, job)
    row = _rows_for_change().get(pk=job.pk)
    if row.deleted_at is None:
        _delete(actor, row)


def locked_jobs_of(**where: Any) -> list[ScheduledJob]:
    """Lock the scheduled jobs of an application or environment that is being deleted.

    Call it before the first event of the transaction: a worker that begins a run holds the row of its job and then waits
    for the head of the events' chain.
    """
    return list(_rows_for_change().filter(deleted_at=None, **where).order_by("pk"))


def delete_jobs(actor: Actor, locked: Sequence[ScheduledJob]) -> None:
    """Delete these jobs, because their application or environment is being deleted."""
    for row in locked:
        _delete(actor, row)


def _delete(actor: Actor, row: ScheduledJob) -> None:
    row.deleted_at, row.next_at = clock.now(), None
    row.save(update_fields=["deleted_at", "next_at"])
    record(who=actor.who, verb="schedule.deleted", on=on_schedule(row), before=_facts(row))


@transaction.atomic
def run_job_now(*, actor: Actor, job: ScheduledJob, reason: str = "") -> JobRun:
    """Run it now, as this actor. Its due times stay. Raises `Blocked`, also while it runs, or `Invalid`."""
    row = _locked(job)
    _may(actor, row)
    if (running := _running(row)) is not None:
        raise Blocked([still_runs(running)])
    return run_command(
        actor=actor,
        application=row.application,
        environment=row.environment,
        command=row.command,
        reason=reason,
        scheduled_job=row,
    )


def run_due_jobs() -> int:
    """Begin what is due, each due time at most once however many workers do this; returns how many runs were begun.

    If several due times of a job have passed, only the newest is run, and only within an hour (`STILL_RUN`).
    """
    due = ScheduledJob.objects.filter(next_at__lte=clock.now()).order_by("next_at").values_list("pk", flat=True)
    begun = 0
    for number in list(due):
        try:
            begun += _run_due(number)
        except Exception:
            log.exception("scheduled job %s could not be begun; it is tried again", number)
    return begun


@transaction.atomic
def _run_due(number: int) -> bool:
    """Begin the run that is due, or write down why not. The row is locked, so no other worker does it as well."""
    job = _rows_for_change().filter(pk=number, next_at__lte=clock.now(), is_paused=False, deleted_at=None).first()
    if job is None or job.next_at is None:  # another worker was quicker, or somebody paused it
        return False
    if job.application.deleted_at is not None or job.environment.deleted_at is not None:
        _delete(SYSTEM, job)  # it was created while they were being deleted
        return False
    now, first, cron = clock.now(), job.next_at, parse_cron(job.schedule)
    job.next_at = next_after(cron, job.zone, now)
    due = newest_until(cron, job.zone, first, now) or first
    if JobRun.objects.filter(scheduled_job=job, due_at=due).exists():  # the clock of the database was set back
        job.save(update_fields=["next_at"])
        return False
    why = _why_not(job, due, now) or _begin(job, due)
    if why and why != job.skipped_because:  # the same reason is recorded once, not every minute
        _record_skipped(job, due, why)
    elif not why and due != first:
        _record_skipped(job, first, MISSED)
    job.skipped_at, job.skipped_because = (due, why) if why else (None, "")
    job.save(update_fields=["next_at", "skipped_at", "skipped_because"])
    return not why


def _begin(job: ScheduledJob, due: datetime) -> str:
    """Request the run of this due time. Returns why it was refused, "" if it was not."""
    try:
        with transaction.atomic():
            run_command(
                actor=_runner(job),
                application=job.application,
                environment=job.environment,
                command=job.command,
                scheduled_job=job,
                due_at=due,
            )
    except Blocked as problem:
        return " ".join(blocker.sentence for blocker in problem.blockers)
    except Invalid as problem:
        return f"{problem.field}: {problem.sentence}"
    return ""


def _record_skipped(job: ScheduledJob, due: datetime, why: str) -> None:
    assert job.next_at is not None, "it was moved on"
    after = {"due": due.isoformat(), "next": job.next_at.isoformat()}
    record(who=SYSTEM.who, verb="schedule.skipped", on=on_schedule(job), comment=why, after=after)


def _why_not(job: ScheduledJob, due: datetime, now: datetime) -> str:
    """Why this due time is not run, as far as the gate does not say it: a person may run a command of a stopped
    application, but nothing does so by itself. "" if it may."""
    if now - due > STILL_RUN:
        return TOO_LATE
    if (running := _running(job)) is not None:
        return still_runs(running).sentence
    placement = placement_of(job.application, job.environment)
    if placement is not None and placement.current_id is not None and placement.wanted != Wanted.RUNNING:
        return STOPPED
    return ""


def _running(job: ScheduledJob) -> JobRun | None:
    return JobRun.objects.filter(scheduled_job=job, status__in=ACTIVE).order_by("-pk").first()


def still_runs(running: JobRun) -> Blocker:
    """The blocker for a second run of one job, while `running` has not ended."""
    return Blocker(
        code="job_runs",
        sentence=_("Its run %(number)s has not ended yet.") % {"number": running.pk},
        who=_("a Deployer, by cancelling it"),
    )


def _runner(job: ScheduledJob) -> Actor:
    """Whoever saved it last, with their present grants: what they may no longer run is not run for them either."""
    if job.saved_by_id is None:
        return SYSTEM
    return actor_of_request(job.saved_by_id, job.saved_by, Door.SCHEDULE, job.acting_role, token=job.saved_with_id)


def _rows_for_change() -> QuerySet[ScheduledJob]:
    return ScheduledJob.objects.select_for_update(of=("self",), no_key=True).select_related("application", "environment")


def _locked(job: ScheduledJob) -> ScheduledJob:
    """Raises `Invalid` if it was deleted meanwhile."""
    row = _rows_for_change().filter(pk=job.pk, deleted_at=None).first()
    if row is None:
        raise Invalid("job", "was deleted meanwhile.")
    return row


def _may(actor: Actor, job: ScheduledJob) -> None:
    require(actor, Act.RUN_COMMAND, application=job.application.slug, environment=job.environment.slug)


def _fill(actor: Actor, job: ScheduledJob, values: dict[str, Any]) -> None:
    """Raises `Invalid`."""
    words = parse_words(values["command"])
    placement = placement_of(job.application, job.environment)
    if placement is not None:
        refuse_secrets(placement, words)
    job.name = parse_text(values["name"], field="name", longest=80, required=True)
    same = ScheduledJob.objects.filter(
        application=job.application, environment=job.environment, name=job.name, deleted_at=None
    )
    if same.exclude(pk=job.pk).exists():
        raise Invalid("name", "is taken by another scheduled job here; choose another.")
    cron = parse_cron(values["schedule"])
    schedule, zone, is_paused = " ".join(values["schedule"].split()), parse_zone(values["zone"]), bool(values["is_paused"])
    if job.pk is None or (schedule, zone, is_paused) != (job.schedule, job.zone, job.is_paused):
        job.next_at = None if is_paused else next_after(cron, zone, clock.now())
    job.command, job.schedule, job.zone, job.is_paused = list(words), schedule, zone, is_paused
    job.skipped_at, job.skipped_because = None, ""  # somebody has seen to it
    job.saved_by_id, job.saved_by = actor.id, actor.name
    job.saved_with_id, job.acting_role = actor.authentication.token, actor.acting_as or ""


def _facts(job: ScheduledJob) -> dict[str, Any]:
    return {
        "name": job.name,
        "command": shlex.join(job.command),
        "schedule": job.schedule,
        "zone": job.zone,
        "is_paused": job.is_paused,
    }


def _lock_jobs_in(environment: Environment) -> None:
    locked_jobs_of(environment=environment)


def _delete_jobs_in(environment: Environment) -> None:
    delete_jobs(SYSTEM, locked_jobs_of(environment=environment))


WHEN_DELETED.insert(0, _lock_jobs_in)  # before others record events
WHEN_DELETED.append(_delete_jobs_in)
