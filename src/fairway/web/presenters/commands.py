"""Contexts of an application's commands, and of one command."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.urls import reverse
from django.utils.translation import gettext as _

from fairway.accounts.rules import Act, Actor, may
from fairway.applications.models import Application
from fairway.deployments.commands.jobs import subject_of
from fairway.deployments.gate import blockers
from fairway.deployments.models import JobRun
from fairway.deployments.queries import job_log_lines
from fairway.deployments.rules import Status
from fairway.drivers.builders.spec_rules import command_text
from fairway.environments.models import Environment
from fairway.insights.rows import seconds_of
from fairway.web.errors import shown
from fairway.web.failure_words import in_words
from fairway.web.presenters.acts import Button
from fairway.web.presenters.filters import who
from fairway.web.words import DOOR_LABELS, ROLE_LABELS

LAST_LINES = 12


def rows(found: Sequence[JobRun]) -> list[dict[str, Any]]:
    """The rows of a history of commands."""
    return [_row(one) for one in found]


def _row(one: JobRun) -> dict[str, Any]:
    return {
        "id": one.pk,
        "command": command_text(tuple(one.command)),
        "status": one.status,
        "exit_code": one.exit_code,
        "sentence": in_words(one.sentence) if one.exit_code is None else "",
        "reason": one.reason,
        "version": one.deployment.version,
        "actor": {"name": one.requested_by},
        "at": one.created_at,
        "seconds": seconds_of(one),
    }


def running_shown(actor: Actor, application: Application, environment: Environment) -> dict[str, Any]:
    """Where a command would run, and why it may not; `may_run` is whether the actor may run any there at all."""
    subject = subject_of(application, environment)
    current = subject.placement.current if subject.placement else None
    return {
        "url": reverse("command-run", args=[application.slug, environment.slug]),
        "may_run": may(actor, Act.RUN_COMMAND, application=application.slug, environment=environment.slug),
        "blockers": shown(blockers(Act.RUN_COMMAND, subject, actor)),
        "version": current.version if current else "",
    }


def command_shown(actor: Actor, job: JobRun) -> dict[str, Any]:
    """The context of ``commands/detail.html``."""
    return {
        "command": {
            **_row(job),
            "application": job.application,
            "environment": job.environment,
            "deployment": job.deployment_id,
            "actor": who(job.requested_by),
            "acting_role": ROLE_LABELS.get(job.acting_role, job.acting_role),
            "door": DOOR_LABELS.get(job.door, job.door),
            "is_active": job.is_active,
            "started_at": job.started_at,
            "ended_at": job.finished_at,
            "schedule": job.scheduled_job.name if job.scheduled_job else "",
            "due_at": job.due_at,
            "log_lines": job.log_lines,
            "log_collected_at": job.log_collected_at,
            "outcome": _outcome(job),
        },
        "acts": _acts(actor, job),
        "log": None if job.log_collected_at else log_shown(job),
    }


def _outcome(job: JobRun) -> dict[str, Any] | None:
    """Why it did not end well, with its last lines; None while it runs, and where it did."""
    if job.is_active or job.status == Status.SUCCEEDED:
        return None
    last = job_log_lines(job, after=max(0, job.log_lines - LAST_LINES), limit=LAST_LINES)
    return {"sentence": in_words(job.sentence), "lines": [line["text"] for line in last if line["stream"] != "fairway"]}


def _acts(actor: Actor, job: JobRun) -> list[Button]:
    subject = subject_of(job.application, job.environment)
    if job.is_active:
        url = reverse("command-cancellation", args=[job.pk])
        return [Button(_("Cancel"), url, "x", "danger", blockers=shown(blockers(Act.CANCEL, subject, actor)))]
    if not may(actor, Act.RUN_COMMAND, application=job.application.slug, environment=job.environment.slug):
        return []
    tab = reverse("application-commands", args=[job.application.slug])
    again = f"{tab}?environment={job.environment.slug}&again={job.pk}"
    return [Button(_("Run it again…"), again, "restart", method="get")]


def log_shown(job: JobRun) -> dict[str, Any]:
    """The context of ``parts/log.html``."""
    return {
        "url": reverse("command-log", args=[job.pk]),
        "stream_url": reverse("command-log-stream", args=[job.pk]) if job.is_active else "",
        "raw_url": reverse("command-log-raw", args=[job.pk]),
        "is_complete": not job.is_active,
        "step_words": {"run": _("Command")},
        "name": f"{job.application.slug}-command-{job.pk}",
    }
