"""Contexts of scheduled jobs: those of one environment, and the form of one."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from fairway.accounts.rules import Act, Actor, Blocker, may, role_blocker
from fairway.applications.models import Application
from fairway.deployments.commands.jobs import subject_of
from fairway.deployments.commands.scheduled_jobs import still_runs
from fairway.deployments.gate import blockers
from fairway.deployments.models import JobRun, ScheduledJob
from fairway.deployments.queries import last_runs_of, scheduled_jobs_visible_to
from fairway.drivers.builders.spec_rules import command_text
from fairway.environments.cron import next_after, parse_cron
from fairway.environments.freeze_rules import parse_zone
from fairway.environments.models import Environment
from fairway.web.cron_words import cron_words
from fairway.web.errors import shown
from fairway.web.failure_words import in_words
from fairway.web.presenters.acts import Button
from fairway.web.presenters.freezes import offset_words, wall_words

PREVIEWED = 5


def schedules_shown(actor: Actor, application: Application, environment: Environment) -> dict[str, Any]:
    """The scheduled jobs of one environment, and the button that adds one."""
    jobs = list(scheduled_jobs_visible_to(actor).filter(application=application, environment=environment))
    may_change = may(actor, Act.RUN_COMMAND, application=application.slug, environment=environment.slug)
    why_not = list(blockers(Act.RUN_COMMAND, subject_of(application, environment), actor)) if jobs and may_change else []
    runs = last_runs_of(jobs) if jobs else {}
    new = reverse("schedule-new", args=[application.slug, environment.slug])
    add = Button(_("Schedule a command"), new, "plus", method="get")
    return {
        "rows": [_row(job, runs.get(job.pk), why_not, may_change) for job in jobs],
        "add": add if may_change else None,
    }


def _row(job: ScheduledJob, run: JobRun | None, why_not: list[Blocker], may_change: bool) -> dict[str, Any]:
    return {
        "id": job.pk,
        "name": job.name,
        "command": command_text(tuple(job.command)),
        "when": when_words(job),
        "zone": "" if job.zone == timezone.get_current_timezone_name() else job.zone,
        "is_paused": job.is_paused,
        "next_at": job.next_at,
        "last": _last(run),
        "skipped": {"at": job.skipped_at, "sentence": in_words(job.skipped_because)} if job.skipped_because else None,
        "saved_by": job.saved_by,
        "acts": _acts(job, run, why_not) if may_change else [],
    }


def _last(run: JobRun | None) -> dict[str, Any] | None:
    if run is None:
        return None
    return {"id": run.pk, "status": run.status, "at": run.finished_at or run.created_at, "exit_code": run.exit_code}


def _acts(job: ScheduledJob, run: JobRun | None, why_not: list[Blocker]) -> list[Button]:
    busy = [still_runs(run)] if run is not None and run.is_active else []
    paused = (
        Button(_("Resume"), reverse("schedule-resume", args=[job.pk]), "restart", "ghost")
        if job.is_paused
        else Button(_("Pause"), reverse("schedule-pause", args=[job.pk]), "pause", "ghost")
    )
    return [
        Button(_("Run now"), reverse("schedule-run", args=[job.pk]), "play", "ghost", blockers=shown([*why_not, *busy])),
        paused,
        Button(_("Edit"), reverse("schedule-edit", args=[job.pk]), "settings", "ghost", method="get"),
    ]


def when_words(job: ScheduledJob) -> str:
    """“Every day at 02:30”."""
    return sentence_of(job.schedule)


def sentence_of(schedule: str) -> str:
    """A valid schedule in words, with a capital letter."""
    words = cron_words(parse_cron(schedule))
    return words[:1].upper() + words[1:]


def form_shown(actor: Actor, application: Application, environment: Environment, job: ScheduledJob | None) -> dict[str, Any]:
    """The context of ``schedules/form.html``, without the form."""
    where = {"application": application.slug, "environment": environment.slug}
    may_change = may(actor, Act.RUN_COMMAND, **where)
    tab = reverse("application-commands", args=[application.slug])
    return {
        "application": application,
        "environment": environment,
        "schedule": None if job is None else _summary(job),
        "back": f"{tab}?environment={environment.slug}",
        "blockers": [] if may_change else shown([role_blocker(Act.RUN_COMMAND)]),
        "delete": _delete(job) if job is not None and may_change else None,
    }


def _summary(job: ScheduledJob) -> dict[str, Any]:
    return {
        "id": job.pk,
        "name": job.name,
        "command": command_text(tuple(job.command)),
        "when": when_words(job),
        "zone": job.zone,
        "saved_by": job.saved_by,
    }


def _delete(job: ScheduledJob) -> Button:
    return Button(
        _("Delete"),
        reverse("schedule-delete", args=[job.pk]),
        "trash",
        "danger",
        confirm=job.name,
        consequence=_("It does not run any more. A run that goes on ends by itself, and the history is kept."),
    )


def preview_shown(schedule: str, zone: str) -> dict[str, Any]:
    """What a schedule means and its next due times, on the clock of its zone. Raises `Invalid`."""
    cron, zone, at = parse_cron(schedule), parse_zone(zone), timezone.now()
    due: list[datetime] = []
    for _number in range(PREVIEWED):
        at = next_after(cron, zone, at)
        due.append(at)
    return {"words": sentence_of(schedule), "due": _due_shown(due, zone)}


def _due_shown(due: list[datetime], zone: str) -> list[dict[str, Any]]:
    is_elsewhere = zone != timezone.get_current_timezone_name()
    rows: list[dict[str, Any]] = []
    for at in due:
        local = at.astimezone(ZoneInfo(zone))
        offset = offset_words(local)
        rows.append(
            {
                "text": wall_words(local),
                "offset": offset,
                "has_changed": bool(rows) and rows[-1]["offset"] != offset,
                "here": at if is_elsewhere else None,
            }
        )
    return rows
