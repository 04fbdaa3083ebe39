"""Contexts of one deployment's page: its head, steps, facts and outcome."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.urls import reverse
from django.utils.translation import gettext as _

from fairway.accounts.rules import SYSTEM, Act, Actor, may
from fairway.activity.rules import Door
from fairway.applications.queries import latest_configuration
from fairway.deployments.commands.requests import act_of
from fairway.deployments.gate import Subject, blockers
from fairway.deployments.models import Deployment, Placement
from fairway.deployments.protection import Approvals, approvals_of, replacement, why_not_approve
from fairway.deployments.queries import (
    absence,
    expected_total_seconds,
    last_log_text,
    place_in_queue,
    placements_visible_to,
    restarting_services,
    steps_of,
    visible_to,
)
from fairway.deployments.rules import Kind, Status, Wanted, shown_status
from fairway.engine.rules import CleanUp
from fairway.environments.protection import approvers_words, may_approve
from fairway.environments.queries import next_after
from fairway.insights.rows import seconds_of, shown_kind
from fairway.monitoring.judging import WORSE
from fairway.web.errors import shown
from fairway.web.failure_words import findings_in_words, in_words
from fairway.web.presenters.acts import ActContext, Button, deployment_acts
from fairway.web.presenters.applications import source_text
from fairway.web.presenters.changes import changes_shown
from fairway.web.presenters.filters import who
from fairway.web.presenters.forges import told_shown
from fairway.web.presenters.placements import away_shown
from fairway.web.words import DOOR_LABELS, LOG_LABELS, ROLE_LABELS, STEP_LABELS, gate_words

LAST_LINES = 12
STEP_STATES = {"waiting": "pending"}  # a step that was not reached; that the run waits is shown above the steps


def deployment_shown(actor: Actor, deployment: Deployment) -> dict[str, Any]:
    """The context of ``deployments/detail.html``."""
    placement = _placement(actor, deployment)
    is_failed = deployment.status in {Status.FAILED, Status.ERRORED}
    return {
        "deployment": {
            **_facts(deployment, placement),
            **_workflow(deployment),
            **_relations(actor, deployment),
            **_outcome(deployment),
        },
        "steps": [_step(step, is_told=not deployment.awaits_approval) for step in steps_of(deployment)],
        "last_lines": [{"text": text} for text in last_log_text(deployment, LAST_LINES)] if is_failed else [],
        "acts": deployment_acts(actor, deployment, placement, _onward(actor, deployment, placement)),
        "approval": approval_shown(actor, deployment) if deployment.approve_by else None,
        "log": None if deployment.log_collected_at else log_shown(deployment),
        "told": told_shown(deployment),
        "changes": changes_shown(deployment),
    }


def approval_shown(actor: Actor, deployment: Deployment) -> dict[str, Any]:
    """The approvals, who can approve, and what the deployment would change."""
    found, change = approvals_of(deployment), replacement(deployment)
    is_mine = may_approve(actor, deployment.environment, deployment.application.slug)
    url = reverse("deployment-approval", args=[deployment.pk])
    again = Button(_("Request again with the new settings"), reverse("deployment-again", args=[deployment.pk]), "settings")
    may_again = may(actor, Act.DEPLOY, application=deployment.application.slug, environment=deployment.environment.slug)
    return {
        "state": _approval_state(deployment, found),
        "needed": found.needed,
        "given": found.given,
        "who": approvers_words(deployment.environment),
        "until": deployment.approve_by,
        "at": deployment.approved_at,
        "ended": _why_it_ended(deployment),
        "fingerprint": found.fingerprint,
        "people": [
            {
                **who(each.person),
                "decision": "approved" if each.is_approved else "rejected",
                "at": each.created_at,
                "comment": each.comment,
                "is_void": each.fingerprint != found.fingerprint,
                "is_lapsed": each.is_approved and each.pk not in found.counting and deployment.awaits_approval,
            }
            for each in found.answers
        ],
        "now": change.now,
        "then": deployment.artifact,
        "keys": [{"name": each.name, "how": each.kind} for each in change.settings],
        "newer": change.newer if deployment.awaits_approval else None,
        "again": again if change.newer and deployment.artifact and may_again else None,
        "decide": {"url": url, "blockers": shown(why_not_approve(actor, deployment))}
        if is_mine and deployment.awaits_approval
        else None,
    }


def _why_it_ended(deployment: Deployment) -> str:
    """Why it ended (rejected, superseded, not approved in time, cancelled), also while its clean-up is still running."""
    if deployment.status not in {Status.CANCELLING, Status.CANCELLED}:
        return ""
    return in_words(deployment.sentence or (deployment.run.cancel_reason if deployment.run else ""))


def _approval_state(deployment: Deployment, found: Approvals) -> str:
    if any(not each.is_approved for each in found.answers):
        return "rejected"
    if deployment.approved_at is not None:
        return "approved"
    return "waiting" if deployment.awaits_approval else deployment.status


def log_shown(deployment: Deployment) -> dict[str, Any]:
    """The context of ``parts/log.html``: the URLs to fetch, follow and download the log."""
    return {
        "url": reverse("deployment-log", args=[deployment.pk]),
        "stream_url": "" if not deployment.is_active else reverse("deployment-log-stream", args=[deployment.pk]),
        "raw_url": reverse("deployment-log-raw", args=[deployment.pk]),
        "is_complete": not deployment.is_active,
        "step_words": {name: str(label) for name, label in LOG_LABELS.items()},
        "name": f"{deployment.application.slug}-{deployment.environment.slug}-{deployment.pk}",
    }


def _placement(actor: Actor, deployment: Deployment) -> Placement | None:
    there = placements_visible_to(actor).filter(application=deployment.application_id, environment=deployment.environment_id)
    return there.select_related("previous_good__configuration").first()


def _onward(actor: Actor, deployment: Deployment, placement: Placement | None) -> ActContext | None:
    if placement is None or placement.current_id != deployment.pk or deployment.is_active:
        return None
    environment = next_after(deployment.environment, actor, deployment.application)
    if environment is None:
        return None
    there = placements_visible_to(actor).filter(application=deployment.application_id, environment=environment).first()
    latest = latest_configuration(deployment.application, environment)
    return ActContext(actor, Subject(deployment.application, environment, there, configuration=latest), placement, latest)


def _facts(deployment: Deployment, placement: Placement | None) -> dict[str, Any]:
    is_current = placement is not None and placement.current_id == deployment.pk
    is_open = is_current and placement is not None and placement.wanted == Wanted.RUNNING
    return {
        "id": deployment.pk,
        "kind": shown_kind(deployment.kind),
        "status": shown_status(deployment.status, is_current=is_current),
        "application": deployment.application,
        "environment": deployment.environment,
        "version": deployment.version,
        "digest": deployment.artifact.digest if deployment.artifact else "",
        "configuration_version": deployment.configuration.version if deployment.configuration else 0,
        "replicas": replicas_shown(deployment.counts),
        "url": placement.url if placement and is_open else "",
        "gate": gate_words(deployment.gate_used),
        "probe": deployment.probe,
        "judgement": judgement_shown(deployment),
        "away_seconds": deployment.away_seconds,
        "away": away_shown(absence(placement, deployment.artifact) if placement and deployment.is_active else None),
        "restarting": ", ".join(restarting_services(placement, deployment.artifact))
        if placement and deployment.is_active
        else "",
        "remarks": findings_in_words(deployment.artifact.remarks if deployment.artifact else []),
        "log_lines": deployment.log_lines,
        "log_collected_at": deployment.log_collected_at,
        "source": _source(deployment),
    }


def judgement_shown(deployment: Deployment) -> dict[str, Any] | None:
    """How its version answers compared with the one before; None until they were compared."""
    judged = deployment.judgement
    if not judged:
        return None
    replaced = deployment.replaces.version if deployment.replaces else ""
    before, after = (
        {"version": version, **conduct, "failed_percent": 100 * conduct["failed"] / max(1, conduct["requests"])}
        for version, conduct in ((replaced, judged["before"]), (deployment.version, judged["after"]))
    )
    return {
        "verdict": judged["verdict"],
        "is_worse": judged["verdict"] in WORSE,
        "before": before,
        "after": after,
        "rows": [before, after],
        "slower_percent": None if judged["slower_by"] is None else round(100 * judged["slower_by"]),
    }


def _workflow(deployment: Deployment) -> dict[str, Any]:
    return {
        "actor": who(deployment.requested_by),
        "acting_role": ROLE_LABELS.get(deployment.acting_role, deployment.acting_role),
        "door": DOOR_LABELS.get(Door(deployment.door), deployment.door),
        "reason": in_words(deployment.reason),
        "at": deployment.created_at,
        "started_at": deployment.started_at,
        "ended_at": deployment.finished_at,
        "seconds": seconds_of(deployment),
        "expected_seconds": expected_total_seconds(deployment) if deployment.is_active else None,
        "position": place_in_queue(deployment),
        **_waiting(deployment),
    }


def _waiting(deployment: Deployment) -> dict[str, Any]:
    """What it waits for, in the reader's language if the gate says it, and until when at the latest."""
    if deployment.run is None or deployment.status != Status.WAITING:
        return {"waiting_for": "", "waits_until": None, "starts_by": None}
    if deployment.awaits_approval:
        return {"waiting_for": _("for approval"), "waits_until": None, "starts_by": None}
    subject = Subject(
        deployment.application,
        deployment.environment,
        artifact=deployment.artifact,
        configuration=deployment.configuration,
        deployment=deployment,
    )
    closed = [reason.sentence for reason in blockers(act_of(deployment), subject, SYSTEM) if reason.only_starts]
    return {
        "waiting_for": in_words(" ".join(closed) or deployment.run.wait_reason),
        "waits_until": deployment.run.run_at if closed else None,
        "starts_by": deployment.starts_by if closed else None,
    }


def _relations(actor: Actor, deployment: Deployment) -> dict[str, Any]:
    replaces = deployment.replaces
    after = deployment.replaced_by.filter(status=Status.SUCCEEDED).select_related("artifact").order_by("pk").first()
    return {
        "from_deployment": _came_from(actor, deployment),
        "replaced": {"id": replaces.pk, "version": replaces.version} if replaces else None,
        "superseded_by": {"id": after.pk, "version": after.version} if after else None,
    }


def _came_from(actor: Actor, deployment: Deployment) -> dict[str, Any] | None:
    origin = deployment.returns_to
    if deployment.kind == Kind.PROMOTE and deployment.artifact_id:
        served = visible_to(actor).filter(artifact=deployment.artifact_id, status=Status.SUCCEEDED, pk__lt=deployment.pk)
        elsewhere = served.exclude(environment=deployment.environment_id)
        origin = elsewhere.order_by("-environment__position", "-pk").first()
    return {"id": origin.pk, "environment_name": origin.environment.name} if origin else None


def _outcome(one: Deployment) -> dict[str, Any]:
    run = one.run
    found: dict[str, Any] = {"failure": None, "clean_up_failure": ""}
    if run is not None and run.clean_up_status == CleanUp.FAILED:
        found["clean_up_failure"] = in_words(run.clean_up_error)
    if one.status in {Status.FAILED, Status.ERRORED}:
        step = (run.outcome_step if run else "") or one.step
        found["failure"] = {
            "step": STEP_LABELS.get(step, step) or _("before the first step"),
            "sentence": in_words(one.sentence),
            "advice": "",
            "detail": one.detail,
        }
    return found


def _source(one: Deployment) -> dict[str, Any]:
    artifact = one.artifact
    return {
        "text": source_text(one.source_kind, one.source),
        "commit": artifact.commit if artifact else "",
        "author": artifact.author if artifact else "",
        "message": artifact.message if artifact else "",
        "committed_at": artifact.committed_at if artifact else None,
    }


def _step(step: Any, *, is_told: bool) -> dict[str, Any]:
    """One step. `is_told`: what it waits for is shown elsewhere already, so its sentence is left out."""
    return {
        "name": step.name,
        "label": STEP_LABELS.get(step.name, step.name),
        "status": STEP_STATES.get(step.state, step.state),
        "seconds": step.seconds,
        "expected_seconds": step.expected_seconds,
        "started_at": step.started_at,
        "sentence": in_words(step.sentence) if is_told else "",
        "attempt": step.attempt,
    }


def replicas_shown(counts: Mapping[str, int]) -> str:
    """How many instances it runs; of each service, where there are several: ``web 2 · worker 1``."""
    if len(counts) == 1:
        return str(sum(counts.values()))
    return " · ".join(f"{name} {count}" for name, count in counts.items())
