"""Running a command once with the version that is live: requesting it, cancelling it, and what its workflow records."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from datetime import datetime

from django.db import transaction
from django.db.models import F
from django.utils.translation import gettext as _

from fairway.accounts.rules import SYSTEM, Act, Actor
from fairway.activity.commands import record
from fairway.applications.models import Application
from fairway.deployments.commands.gate_waiting import wake_waiting
from fairway.deployments.commands.progress import Line
from fairway.deployments.commands.requests import cancelled_by
from fairway.deployments.gate import Subject, ask
from fairway.deployments.models import JobLogChunk, JobRun, Placement, ScheduledJob
from fairway.deployments.output import masker_of_output
from fairway.deployments.rules import Status
from fairway.deployments.subjects import on_job, placement_of
from fairway.drivers.builders.command_line import programs_of, split_command
from fairway.engine import clock
from fairway.engine.commands import enqueue, request_cancel
from fairway.engine.models import Run
from fairway.environments.models import Environment
from fairway.shared.names import Invalid, parse_text

STORY = "job"
MOST_WORDS = 200
LONGEST_WORD = 10_000  # characters


@transaction.atomic
def run_command(
    *,
    actor: Actor,
    application: Application,
    environment: Environment,
    command: Sequence[str],
    reason: str = "",
    scheduled_job: ScheduledJob | None = None,
    due_at: datetime | None = None,
) -> JobRun:
    """Request that a command runs once, with the bytes, configuration and volumes of the version that is live.

    `scheduled_job` is the scheduled job that it is a run of, and `due_at` the due time, None if somebody asked for it now.
    Raises `Blocked` or `Invalid`.
    """
    subject = subject_of(application, environment)
    ask(Act.RUN_COMMAND, subject, actor)
    words = parse_words(command)
    placement = subject.placement
    assert placement is not None, "the gate has refused where nothing is"
    current = placement.current
    assert current is not None, "the gate has refused where nothing is"
    refuse_secrets(placement, words)
    job_run = JobRun.objects.create(
        application=application,
        environment=environment,
        deployment=current,
        scheduled_job=scheduled_job,
        due_at=due_at,
        command=list(words),
        requested_by_id=actor.id,
        requested_by=actor.name,
        acting_role=actor.acting_as or "",
        door=actor.door,
        reason=parse_text(reason, field="reason", longest=500),
    )
    job_run.run = enqueue(
        kind=STORY, key=f"job:{job_run.pk}", payload={"job": job_run.pk}, lane=environment.lane, priority=10
    )
    job_run.save(update_fields=["run"])
    after = {"command": shlex.join(words), "deployment": current.pk, "version": current.version}
    if scheduled_job is not None:
        after["schedule"] = scheduled_job.name
    record(who=actor.who, verb="job.requested", on=on_job(job_run), comment=job_run.reason, after=after)
    return job_run


def refuse_secrets(placement: Placement, words: Sequence[str]) -> None:
    """Raise `Invalid` for a secret's value in a command: it would stand in the history, which is never rewritten."""
    current = placement.current
    mask = masker_of_output(placement, [current.label] if current else [])
    if any(mask(word) != word for word in words):
        raise Invalid("command", "contains the value of a secret; write {form} with its name instead.", form="${NAME}")


def subject_of(application: Application, environment: Environment) -> Subject:
    """What the gate is told about a command: it runs with what is live there."""
    placement = placement_of(application, environment)
    current = placement.current if placement else None
    return Subject(
        application,
        environment,
        placement,
        artifact=current.artifact if current else None,
        configuration=current.configuration if current else None,
    )


def words_of_line(line: str) -> tuple[str, ...]:
    """The words of a command that a person wrote in one line, quotes understood. Raises `Invalid`."""
    variables, words = split_command(line)
    return (*(f"{name}={value}" for name, value in variables.items()), *words)


def parse_words(command: Sequence[str]) -> tuple[str, ...]:
    """The words of a command. Raises `Invalid` if there are none, or if they are too long or cannot be run."""
    if not command or not command[0].strip():
        raise Invalid("command", "is empty; write the program and its words, e.g. “python manage.py createsuperuser”.")
    if len(command) > MOST_WORDS or any(len(word) > LONGEST_WORD for word in command):
        raise Invalid(
            "command", "is longer than {words} words or {letters} letters in one.", words=MOST_WORDS, letters=LONGEST_WORD
        )
    if any("\x00" in word for word in command):
        raise Invalid("command", "contains a NUL character; remove it.")
    programs_of(command)
    return tuple(command)


@transaction.atomic
def cancel_job(*, actor: Actor, job: JobRun, reason: str = "") -> JobRun:
    """Ask a job to end: its command gets TERM, then KILL. A job that has ended is left as it is. Raises `Blocked`."""
    if job.run_id is not None:
        Run.objects.select_for_update(no_key=True).get(pk=job.run_id)  # before the job, as the engine does
    row = JobRun.objects.select_for_update(of=("self",), no_key=True).select_related("application", "environment")
    locked = row.get(pk=job.pk)
    ask(Act.CANCEL, Subject(locked.application, locked.environment), actor)
    why = parse_text(reason, field="reason", longest=500)
    if locked.is_active and locked.status != Status.CANCELLING and locked.run_id is not None:
        request_cancel(run_id=locked.run_id, reason=cancelled_by(actor, why))
        locked.refresh_from_db()
        if locked.is_active:
            locked.move_to(Status.CANCELLING)
        record(who=actor.who, verb="job.cancel_requested", on=on_job(locked), comment=why)
    return locked


def job_started(job: JobRun) -> None:
    """Record that a worker has started the job."""
    if job.status == Status.QUEUED:
        job.move_to(Status.RUNNING, started_at=clock.now())
        record(who=SYSTEM.who, verb="job.started", on=on_job(job))  # pages show it at once


@transaction.atomic
def job_exited(*, job: JobRun, code: int) -> None:
    """Record the exit code of a command that ended by itself."""
    JobRun.objects.filter(pk=job.pk).update(exit_code=code)


def job_ended(job: JobRun, status: Status, sentence: str) -> None:
    """Record how the job ended, and wake the deployments that waited for it."""
    if job.status == Status.QUEUED and status in {Status.SUCCEEDED, Status.FAILED}:
        job.move_to(Status.RUNNING)
    job.move_to(status, sentence=sentence)
    transaction.on_commit(wake_waiting, robust=True)  # only after this transaction, because it locks runs
    after = {"command": shlex.join(job.command), "exit_code": job.exit_code, "requested_by": job.requested_by}
    if job.scheduled_job is not None:
        after["schedule"] = job.scheduled_job.name
    record(who=SYSTEM.who, verb=f"job.{status}", on=on_job(job), comment=sentence, after=after)


def append_job_log(*, job_id: int, lines: Sequence[Line]) -> None:
    """Append numbered lines, already masked; see `progress.append_log`."""
    if not lines:
        return
    JobLogChunk.objects.create(job_id=job_id, first=lines[0][0], last=lines[-1][0], lines=[list(line) for line in lines])
    size = sum(len(line[4].encode()) for line in lines)
    JobRun.objects.filter(pk=job_id).update(log_lines=lines[-1][0], log_bytes=F("log_bytes") + size)


def words_of_exit(code: int) -> str:
    """What an exit code other than 0 means, as a sentence."""
    if code > 128:
        return _("It was ended by signal %(number)s.") % {"number": code - 128}
    return _("It ended with code %(code)s.") % {"code": code}
