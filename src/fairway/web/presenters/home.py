"""Contexts of the home page: the matrix, running deployments, what waits for the reader."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from django.urls import reverse
from django.utils.translation import gettext as _

from fairway.accounts.rules import Act, Actor, may_somewhere
from fairway.applications.models import Application
from fairway.deployments.models import Deployment, Placement, ScheduledJob
from fairway.deployments.queries import active, visible_to
from fairway.environments.freeze_queries import cached_windows
from fairway.environments.models import Environment
from fairway.insights.matrix import Cell, Matrix, matrix
from fairway.insights.queue import positions
from fairway.insights.rows import rows
from fairway.insights.waiting import Waiting, waiting_for
from fairway.releases.queries import Standstill
from fairway.resources.queries import Trouble
from fairway.web.failure_words import in_words
from fairway.web.presenters.alerts import home_alerts
from fairway.web.presenters.applications import KIND_ICONS
from fairway.web.presenters.freezes import environment_freeze
from fairway.web.presenters.resources import trouble_words
from fairway.web.templatetags.fairway import ago_words
from fairway.web.words import STEP_LABELS

RECENT = 8


def home(actor: Actor) -> dict[str, Any]:
    """The context of the whole page."""
    moving = list(active(actor))
    found = matrix(actor, moving)
    return {
        **home_matrix(actor, found),
        **home_alerts(actor),
        **home_running(actor, moving),
        **home_waiting(actor, found.environments, moving),
        **home_recent(actor, found.live),
    }


def home_matrix(actor: Actor, found: Matrix | None = None) -> dict[str, Any]:
    found = found or matrix(actor)
    with cached_windows():
        environments = [_environment(environment) for environment in found.environments]
    return {
        "can_create": may_somewhere(actor, Act.CREATE_APPLICATION),
        "matrix": {
            "environments": environments,
            "rows": [
                {"application": _application(row.application), "cells": [_cell(cell) for cell in row.cells]}
                for row in found.rows
            ],
        },
    }


def home_running(actor: Actor, moving: Sequence[Deployment] | None = None) -> dict[str, Any]:
    moving = list(active(actor)) if moving is None else moving
    queue = positions(moving)
    return {"running": [_running(one, queue.get(one.pk)) for one in moving]}


def home_waiting(
    actor: Actor, environments: Sequence[Environment] | None = None, moving: Sequence[Deployment] | None = None
) -> dict[str, Any]:
    return {"waiting": [_waiting(one) for one in waiting_for(actor, environments, moving)]}


def home_recent(actor: Actor, live: Collection[int] | None = None) -> dict[str, Any]:
    return {"recent": rows(list(visible_to(actor)[:RECENT]), live)}


def _environment(environment: Environment) -> dict[str, Any]:
    lock = environment.lock
    return {
        "slug": environment.slug,
        "name": environment.name,
        "status": environment.status,
        "lock_reason": lock.reason if lock else "",
        "freeze": environment_freeze(environment),
    }


def _application(application: Application) -> dict[str, Any]:
    return {"slug": application.slug, "name": application.name, "kind_icon": KIND_ICONS[application.source_kind]}


def _cell(cell: Cell | None) -> dict[str, Any] | None:
    if cell is None:
        return None
    # The rendered cell is cached by these values, so they include the relative time, which would otherwise never change.
    return {**vars(cell), "step": str(STEP_LABELS.get(cell.step, cell.step)), "ago": ago_words(cell.at)}


def _running(deployment: Deployment, position: int | None) -> dict[str, Any]:
    return {
        "id": deployment.pk,
        "application": deployment.application,
        "environment": deployment.environment,
        "version": deployment.version,
        "status": deployment.status,
        "step": STEP_LABELS.get(deployment.step, deployment.step),
        "step_number": deployment.steps.index(deployment.step) if deployment.step in deployment.steps else 0,
        "step_total": len(deployment.steps),
        "started_at": deployment.started_at or deployment.created_at,
        "position": position,
        "actor": {"name": deployment.requested_by},
    }


def _waiting(waiting: Waiting) -> dict[str, Any]:
    about = waiting.about
    if isinstance(about, Environment):
        title = _("Your lock of %(environment)s ends soon") % {"environment": about.name}
        return {"title": title, "sentence": about.lock_reason, "url": _environment_url(about), "at": waiting.at}
    if isinstance(about, Standstill):
        return {**_standstill(about), "at": waiting.at}
    if isinstance(about, ScheduledJob):
        return {**_job(about), "at": waiting.at}
    if isinstance(about, Trouble):
        place = about.binding.resource
        url = reverse("resource-detail", args=[place.environment.slug, place.name])
        found = trouble_words(about)
        return {**found, "sentence": f"{place.environment.name}: {found['sentence']}", "url": url}
    where = {"application": about.application.name, "environment": about.environment.name}
    if isinstance(about, Deployment) and waiting.kind == "approval":
        title = _("Approve %(application)s → %(environment)s") % where
        words = {"person": about.requested_by, "version": about.version}
        sentence = _("%(person)s asked for %(version)s.") % words + (f" “{about.reason}”" if about.reason else "")
        return {"title": title, "sentence": sentence, "url": reverse("deployment-detail", args=[about.pk]), "at": waiting.at}
    if isinstance(about, Deployment):
        title = _("%(application)s → %(environment)s failed") % where
        url = reverse("deployment-detail", args=[about.pk])
        return {"title": title, "sentence": in_words(about.sentence), "url": url, "at": waiting.at}
    titles = {
        "hold": _("%(application)s in %(environment)s is on hold"),
        "down": _("%(application)s in %(environment)s is down"),
        "drift": _("%(application)s in %(environment)s is not in the desired state"),
    }
    url = reverse("application-detail", args=[about.application.slug])
    return {
        "title": titles[waiting.kind] % where,
        "sentence": _placement_sentence(waiting.kind, about),
        "url": url,
        "at": waiting.at,
    }


def _job(job: ScheduledJob) -> dict[str, Any]:
    """A scheduled job that was skipped, or whose last run failed (see `troubled_jobs`)."""
    words = {"job": job.name, "application": job.application.name, "environment": job.environment.name}
    if job.skipped_because:
        title, why = _("%(job)s was skipped") % words, in_words(job.skipped_because)
        url = f"{reverse('application-commands', args=[job.application.slug])}?environment={job.environment.slug}"
    else:
        run: Any = job
        title, why = _("%(job)s failed") % words, in_words(run.last_sentence)
        url = reverse("command-detail", args=[run.last_id])
    sentence = _("%(application)s in %(environment)s: %(why)s") % {**words, "why": why}
    return {"title": title, "sentence": sentence, "url": url}


def _standstill(standstill: Standstill) -> dict[str, Any]:
    words = {"release": standstill.release, "environment": standstill.environment.name}
    if standstill.rollout is not None:
        title = _("%(release)s → %(environment)s needs a decision") % words
        url = reverse("rollout-detail", args=[standstill.release.pk, standstill.rollout])
        return {"title": title, "sentence": in_words(standstill.sentence), "url": url}
    title = _("%(release)s → %(environment)s waits for approval") % words
    counts = {
        "given": standstill.approved,
        "needed": standstill.environment.approvals_needed,
        "person": standstill.release.sealed_by,
    }
    sentence = _("%(given)s of %(needed)s approvals; sealed by %(person)s.") % counts
    return {"title": title, "sentence": sentence, "url": reverse("release-plan", args=[standstill.release.pk])}


def _placement_sentence(kind: str, about: Placement) -> str:
    if kind == "hold":
        return in_words(about.hold_reason)
    return in_words(" ".join(about.drift)) or _("No instance responds. Check its log, restart it or roll it back.")


def _environment_url(environment: Environment) -> str:
    return reverse("environment-detail", args=[environment.slug])
