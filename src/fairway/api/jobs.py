"""Jobs: run a program once with what is live; read how it ended and what it printed."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.http import HttpRequest
from ninja import Query, Schema
from ninja import Status as Answer
from pydantic import Field

from fairway.accounts.permissions import actor_of, needs
from fairway.accounts.rules import Act
from fairway.api.deployments import LogAsked, LogLine
from fairway.api.routing import PermissionRouter
from fairway.api.schemas import Given, Named, Number, Page, Paged, Reason, Slug, Text, page_of
from fairway.applications.queries import get_application
from fairway.deployments.commands import jobs
from fairway.deployments.models import JobRun
from fairway.deployments.queries import get_job, job_log_lines, jobs_visible_to
from fairway.environments.queries import get_environment_for
from fairway.shared.names import LONGEST_APPLICATION

router = PermissionRouter(tags=["jobs"])


class JobWanted(Given):
    """A program and its words, run without a shell with the bytes, configuration and volumes of what is live."""

    command: list[str] = Field(min_length=1, max_length=jobs.MOST_WORDS)
    reason: str = Field("", max_length=500)


class JobShown(Schema):
    """A program that was run once. `status`: queued, running, cancelling, succeeded, failed (it ended with another code than
    0), errored (it could not be run to its end), cancelled. `exit_code` is null while it runs, and where it was cut off."""

    id: int
    application: Named
    environment: Named
    deployment: int
    version: str
    command: list[str]
    status: str
    is_active: bool
    exit_code: int | None
    sentence: str
    schedule: int | None = Field(description="The number of the scheduled job that it is a run of.")
    due_at: datetime | None = Field(description="Its due time; null if somebody asked for it.")
    requested_by: str
    acting_role: str
    door: str
    reason: str
    log_lines: int
    log_collected_at: datetime | None
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None


class JobLogShown(Schema):
    """Some lines, and after which line to ask next; nothing more comes once it `is_complete`."""

    lines: list[LogLine]
    next: int
    is_complete: bool


class JobsAsked(Paged):
    """Those of an application, and of an environment."""

    application: Text = Field("", max_length=LONGEST_APPLICATION)
    environment: Text = Field("", max_length=40)


@router.post("/applications/{app}/environments/{env}/jobs", response={201: JobShown})
@needs(Act.RUN_COMMAND)
def run_job(request: HttpRequest, app: Slug, env: Slug, given: JobWanted) -> Answer[JobShown]:
    """Run a program once. It is queued; its log and its end are read by its number."""
    actor = actor_of(request)
    one = get_application(actor, app)
    made = jobs.run_command(
        actor=actor,
        application=one,
        environment=get_environment_for(actor, one, env),
        command=given.command,
        reason=given.reason,
    )
    return Answer(201, job_shown(made))


@router.get("/jobs", response=Page[JobShown])
@needs(Act.VIEW)
def list_jobs(request: HttpRequest, asked: Query[JobsAsked]) -> dict[str, Any]:
    """The programs that were run once, newest first."""
    found = jobs_visible_to(actor_of(request))
    if asked.application:
        found = found.filter(application__slug=asked.application)
    if asked.environment:
        found = found.filter(environment__slug=asked.environment)
    return page_of(found, asked, lambda rows: [job_shown(one) for one in rows])


@router.get("/jobs/{number}", response=JobShown)
@needs(Act.VIEW)
def show_job(request: HttpRequest, number: Number) -> JobShown:
    """How it is, or how it ended."""
    return job_shown(get_job(actor_of(request), number))


@router.get("/jobs/{number}/log", response=JobLogShown)
@needs(Act.VIEW)
def show_job_log(request: HttpRequest, number: Number, asked: Query[LogAsked]) -> JobLogShown:
    """Some lines of what it printed; secrets are masked."""
    one = get_job(actor_of(request), number)  # read before its lines: what ended before has written them all
    lines = job_log_lines(one, after=asked.after, limit=asked.limit)
    return JobLogShown(
        lines=[LogLine(**line) for line in lines],
        next=lines[-1]["n"] if lines else asked.after,
        is_complete=not one.is_active and len(lines) < asked.limit,
    )


@router.post("/jobs/{number}/cancellation", response={201: JobShown})
@needs(Act.CANCEL)
def cancel_job(request: HttpRequest, number: Number, given: Reason) -> Answer[JobShown]:
    """End a program that runs: TERM, then KILL."""
    actor = actor_of(request)
    return Answer(201, job_shown(jobs.cancel_job(actor=actor, job=get_job(actor, number), reason=given.reason)))


def job_shown(one: JobRun) -> JobShown:
    """A job as the API shows it."""
    same = (
        "command", "status", "is_active", "exit_code", "sentence", "due_at", "requested_by", "acting_role", "door", "reason",
        "log_lines", "log_collected_at", "created_at", "started_at", "finished_at",
    )  # fmt: skip
    return JobShown(
        **{name: getattr(one, name) for name in same},
        id=one.pk,
        application=Named(slug=one.application.slug, name=one.application.name),
        environment=Named(slug=one.environment.slug, name=one.environment.name),
        deployment=one.deployment_id,
        version=one.deployment.version,
        schedule=one.scheduled_job_id,
    )
