"""Scheduled jobs: commands that run again and again with what is live at that time."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from django.http import HttpRequest
from ninja import Query, Schema, Status
from pydantic import Field

from fairway.accounts.permissions import actor_of, needs
from fairway.accounts.rules import Act
from fairway.api.jobs import JobShown, job_shown
from fairway.api.preconditions import AsOf
from fairway.api.routing import PermissionRouter
from fairway.api.schemas import Asked, Given, Named, Number, Reason, Slug, Text
from fairway.applications.queries import get_application
from fairway.deployments.commands import scheduled_jobs as commands
from fairway.deployments.commands.jobs import MOST_WORDS
from fairway.deployments.models import JobRun, ScheduledJob
from fairway.deployments.queries import get_scheduled_job, last_runs_of, scheduled_jobs_visible_to
from fairway.environments.queries import get_environment_for
from fairway.shared.names import LONGEST_APPLICATION

router = PermissionRouter(tags=["schedules"])
Cron = Field(description="Five fields of cron (minute, hour, day, month, weekday), or @daily and the like.", max_length=250)
Words = Field(min_length=1, max_length=MOST_WORDS, description="The program and its arguments, run without a shell.")


class LastRun(Schema):
    """The newest run of a scheduled job; `due_at` is null if somebody ran it by hand. `/jobs/{id}` says more."""

    id: int
    status: str
    exit_code: int | None
    sentence: str
    due_at: datetime | None
    created_at: datetime
    finished_at: datetime | None


class ScheduleShown(Schema):
    """A scheduled job. `next_at` is null while it is paused. `skipped_because` says why its last due time (`skipped_at`)
    was not run; empty if it was."""

    id: int
    application: Named
    environment: Named
    name: str
    command: list[str]
    schedule: str
    zone: str
    is_paused: bool
    next_at: datetime | None
    skipped_at: datetime | None
    skipped_because: str
    last_run: LastRun | None
    saved_by: str
    created_at: datetime


class ScheduleWanted(Given):
    name: str = Field(max_length=80)
    command: list[str] = Words
    schedule: str = Cron
    zone: str = Field("UTC", max_length=64)
    is_paused: bool = False


class ScheduleChanges(Given):
    """What is left out does not change. It then runs with your rights, unless you only pause it."""

    name: str | None = Field(None, max_length=80)
    command: list[str] | None = Field(None, min_length=1, max_length=MOST_WORDS)
    schedule: str | None = Field(None, max_length=250)
    zone: str | None = Field(None, max_length=64)
    is_paused: bool | None = None


class SchedulesAsked(Asked):
    """Only those of this application, and of this environment."""

    application: Text = Field("", max_length=LONGEST_APPLICATION)
    environment: Text = Field("", max_length=40)


@router.get("/schedules", response=list[ScheduleShown])
@needs(Act.VIEW)
def list_schedules(request: HttpRequest, asked: Query[SchedulesAsked]) -> list[ScheduleShown]:
    """The scheduled jobs, by name."""
    found = scheduled_jobs_visible_to(actor_of(request))
    if asked.application:
        found = found.filter(application__slug=asked.application)
    if asked.environment:
        found = found.filter(environment__slug=asked.environment)
    jobs = list(found)
    runs = last_runs_of(jobs)
    return [schedule_shown(job, runs) for job in jobs]


@router.post("/applications/{app}/environments/{env}/schedules", response={201: ScheduleShown})
@needs(Act.RUN_COMMAND)
def make_schedule(request: HttpRequest, app: Slug, env: Slug, given: ScheduleWanted) -> Status[ScheduleShown]:
    """Let a command run again and again. It runs with the rights that you have at that time."""
    actor = actor_of(request)
    application = get_application(actor, app)
    environment = get_environment_for(actor, application, env)
    job = commands.create_job(actor=actor, application=application, environment=environment, **given.dict())
    return Status(201, schedule_shown(job, {}))


@router.get("/schedules/{number}", response=ScheduleShown)
@needs(Act.VIEW)
def show_schedule(request: HttpRequest, number: Number) -> ScheduleShown:
    """One scheduled job."""
    return _shown(get_scheduled_job(actor_of(request), number))


@router.patch("/schedules/{number}", response=ScheduleShown)
@needs(Act.RUN_COMMAND)
def change_schedule(request: HttpRequest, number: Number, given: ScheduleChanges, as_of: AsOf) -> ScheduleShown:
    """Change, pause or resume a scheduled job; fields that are left out do not change."""
    actor = actor_of(request)
    changes = {name: value for name, value in given.dict(exclude_unset=True).items() if value is not None}
    return _shown(commands.edit_job(actor=actor, job=get_scheduled_job(actor, number), as_of=as_of, **changes))


@router.delete("/schedules/{number}", response={204: None})
@needs(Act.RUN_COMMAND)
def remove_schedule(request: HttpRequest, number: Number) -> Status[None]:
    """Delete a scheduled job; a run that goes on ends by itself."""
    actor = actor_of(request)
    commands.delete_job(actor=actor, job=get_scheduled_job(actor, number))
    return Status(204, None)


@router.post("/schedules/{number}/runs", response={201: JobShown})
@needs(Act.RUN_COMMAND)
def run_schedule(request: HttpRequest, number: Number, given: Reason) -> Status[JobShown]:
    """Run a scheduled job now. What comes back is the run; `/jobs/{id}` and its log say how it goes on."""
    actor = actor_of(request)
    made = commands.run_job_now(actor=actor, job=get_scheduled_job(actor, number), reason=given.reason)
    return Status(201, job_shown(made))


def _shown(job: ScheduledJob) -> ScheduleShown:
    return schedule_shown(job, last_runs_of([job]))


def schedule_shown(job: ScheduledJob, runs: Mapping[int, JobRun]) -> ScheduleShown:
    """A scheduled job as the API shows it. `runs` are the newest runs, by the job's id."""
    same = (
        "name", "command", "schedule", "zone", "is_paused", "next_at", "skipped_at", "skipped_because", "saved_by",
        "created_at",
    )  # fmt: skip
    return ScheduleShown(
        **{name: getattr(job, name) for name in same},
        id=job.pk,
        application=Named(slug=job.application.slug, name=job.application.name),
        environment=Named(slug=job.environment.slug, name=job.environment.name),
        last_run=_last(runs.get(job.pk)),
    )


def _last(run: JobRun | None) -> LastRun | None:
    if run is None:
        return None
    return LastRun(id=run.pk, **{name: getattr(run, name) for name in LastRun.model_fields if name != "id"})
