"""Running a program once with the version that is live: asking for it, cancelling it, and what its workflow writes."""

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
from fairway.deployments.models import Job, JobLogChunk, JobRun, Placement
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
    job: Job | None = None,
    due_at: datetime | None = None,
) -> JobRun:
    """Run a program once, with the bytes, configuration and volumes of what is live there; of a scheduled `job`, at `due_at`
    if nobody asked for it now. Raises `Blocked` or `Invalid`."""
    subject = subject_of(application, environment)
    ask(Act.RUN_COMMAND, subject, actor)
    words = parse_words(command)
    placement = subject.placement
    assert placement is not None, "the gate has refused where nothing is"
    current = placement.current
    assert current is not None, "the gate has refused where nothing is"
    refuse_secrets(placement, words)
    made = JobRun.objects.create(
        application=application,
        environment=environment,
        deployment=current,
        job=job,
        due_at=due_at,
        command=list(words),
        requested_by_id=actor.id,
        requested_by=actor.name,
        acting_role=actor.acting_as or "",
        door=actor.door,
        reason=parse_text(reason, field="reason", longest=500),
    )
    made.run = enqueue(kind=STORY, key=f"job:{made.pk}", payload={"job": made.pk}, lane=environment.lane, priority=10)
    made.save(update_fields=["run"])
    after = {"command": shlex.join(words), "deployment": current.pk, "version": current.version}
    if job is not None:
        after["schedule"] = job.name
    record(who=actor.who, verb="job.requested", on=on_job(made), comment=made.reason, after=after)
    return made


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
    """The words of a command. Raises `Invalid`."""
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
    """End it: TERM, then KILL. One that has ended stays as it is."""
    if job.run_id is not None:
        Run.objects.select_for_update(no_key=True).get(pk=job.run_id)  # first: the engine locks the run, then tells us
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
    """A worker took it up."""
    if job.status == Status.QUEUED:
        job.move_to(Status.RUNNING, started_at=clock.now())


@transaction.atomic
def job_exited(*, job: JobRun, code: int) -> None:
    """It ended by itself."""
    JobRun.objects.filter(pk=job.pk).update(exit_code=code)


def job_ended(job: JobRun, status: Status, sentence: str) -> None:
    """The last word."""
    if job.status == Status.QUEUED and status in {Status.SUCCEEDED, Status.FAILED}:
        job.move_to(Status.RUNNING)
    job.move_to(status, sentence=sentence)
    transaction.on_commit(wake_waiting, robust=True)  # not now: that would lock runs after rows
    after = {"command": shlex.join(job.command), "exit_code": job.exit_code, "requested_by": job.requested_by}
    record(who=SYSTEM.who, verb=f"job.{status}", on=on_job(job), comment=sentence, after=after)


def append_job_log(*, job_id: int, lines: Sequence[Line]) -> None:
    """Append numbered lines, already masked; see `progress.append_log`."""
    if not lines:
        return
    JobLogChunk.objects.create(job_id=job_id, first=lines[0][0], last=lines[-1][0], lines=[list(line) for line in lines])
    size = sum(len(line[4].encode()) for line in lines)
    JobRun.objects.filter(pk=job_id).update(log_lines=lines[-1][0], log_bytes=F("log_bytes") + size)


def words_of_exit(code: int) -> str:
    """What an exit code says, in a sentence."""
    if code > 128:
        return _("It was ended by signal %(number)s.") % {"number": code - 128}
    return _("It ended with code %(code)s.") % {"code": code}
