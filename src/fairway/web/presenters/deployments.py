"""One deployment, live: its head, its steps, its facts and how it came out."""

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
    steps_of,
    visible_to,
)
from fairway.deployments.rules import Kind, Status, Wanted, shown_status
from fairway.engine.rules import CleanUp
from fairway.environments.protection import approvers_words, may_approve
from fairway.environments.queries import next_after
from fairway.insights.rows import seconds_of, shown_kind
from fairway.web.errors import shown
from fairway.web.failure_words import in_words
from fairway.web.presenters.acts import Button, Place, deployment_acts
from fairway.web.presenters.applications import source_text
from fairway.web.presenters.filters import who
from fairway.web.presenters.placements import away_shown
from fairway.web.words import DOOR_LABELS, LOG_LABELS, ROLE_LABELS, STEP_LABELS

LAST_LINES = 12
STEP_STATES = {"waiting": "pending"}  # a step that was not reached; a run that waits is told above the steps


def deployment_shown(actor: Actor, one: Deployment) -> dict[str, Any]:
    """The whole context of ``deployments/detail.html``."""
    placement = _placement(actor, one)
    is_failed = one.status in {Status.FAILED, Status.ERRORED}
    return {
        "deployment": {**_facts(one, placement), **_workflow(one), **_relations(actor, one), **_outcome(one)},
        "steps": [_step(step, is_told=not one.awaits_approval) for step in steps_of(one)],
        "last_lines": [{"text": text} for text in last_log_text(one, LAST_LINES)] if is_failed else [],
        "acts": deployment_acts(actor, one, placement, _onward(actor, one, placement)),
        "approval": approval_shown(actor, one) if one.approve_by else None,
        "log": None if one.log_collected_at else log_shown(one),
    }


def approval_shown(actor: Actor, one: Deployment) -> dict[str, Any]:
    """Who approved it, who can, and what it would change."""
    found, change = approvals_of(one), replacement(one)
    is_mine = may_approve(actor, one.environment, one.application.slug)
    url = reverse("deployment-approval", args=[one.pk])
    again = Button(_("Request again with the new settings"), reverse("deployment-again", args=[one.pk]), "settings")
    may_again = may(actor, Act.DEPLOY, application=one.application.slug, environment=one.environment.slug)
    return {
        "state": _approval_state(one, found),
        "needed": found.needed,
        "given": found.given,
        "who": approvers_words(one.environment),
        "until": one.approve_by,
        "at": one.approved_at,
        "ended": _why_it_ended(one),
        "fingerprint": found.fingerprint,
        "people": [
            {
                **who(each.person),
                "decision": "approved" if each.is_approved else "rejected",
                "at": each.created_at,
                "comment": each.comment,
                "is_void": each.fingerprint != found.fingerprint,
                "is_lapsed": each.is_approved and each.pk not in found.counting and one.awaits_approval,
            }
            for each in found.answers
        ],
        "now": change.now,
        "then": one.artifact,
        "keys": [{"name": each.name, "how": each.kind} for each in change.settings],
        "newer": change.newer if one.awaits_approval else None,
        "again": again if change.newer and one.artifact and may_again else None,
        "decide": {"url": url, "blockers": shown(why_not_approve(actor, one))} if is_mine and one.awaits_approval else None,
    }


def _why_it_ended(one: Deployment) -> str:
    """Rejected, superseded, not approved in time, cancelled: the sentence, also while the worker is still tidying up."""
    if one.status not in {Status.CANCELLING, Status.CANCELLED}:
        return ""
    return in_words(one.sentence) or (one.run.cancel_reason if one.run else "")


def _approval_state(one: Deployment, found: Approvals) -> str:
    if any(not each.is_approved for each in found.answers):
        return "rejected"
    if one.approved_at is not None:
        return "approved"
    return "waiting" if one.awaits_approval else one.status


def log_shown(one: Deployment) -> dict[str, Any]:
    """What ``parts/log.html`` needs to fetch, follow and download the log."""
    return {
        "url": reverse("deployment-log", args=[one.pk]),
        "stream_url": "" if not one.is_active else reverse("deployment-log-stream", args=[one.pk]),
        "raw_url": reverse("deployment-log-raw", args=[one.pk]),
        "is_complete": not one.is_active,
        "step_words": {name: str(label) for name, label in LOG_LABELS.items()},
        "name": f"{one.application.slug}-{one.environment.slug}-{one.pk}",
    }


def _placement(actor: Actor, one: Deployment) -> Placement | None:
    there = placements_visible_to(actor).filter(application=one.application_id, environment=one.environment_id)
    return there.select_related("previous_good__configuration").first()


def _onward(actor: Actor, one: Deployment, placement: Placement | None) -> Place | None:
    if placement is None or placement.current_id != one.pk or one.is_active:
        return None
    environment = next_after(one.environment, actor, one.application)
    if environment is None:
        return None
    there = placements_visible_to(actor).filter(application=one.application_id, environment=environment).first()
    latest = latest_configuration(one.application, environment)
    return Place(actor, Subject(one.application, environment, there, configuration=latest), placement, latest)


def _facts(one: Deployment, placement: Placement | None) -> dict[str, Any]:
    is_current = placement is not None and placement.current_id == one.pk
    is_open = is_current and placement is not None and placement.wanted == Wanted.RUNNING
    return {
        "id": one.pk,
        "kind": shown_kind(one.kind),
        "status": shown_status(one.status, is_current=is_current),
        "application": one.application,
        "environment": one.environment,
        "version": one.version,
        "digest": one.artifact.digest if one.artifact else "",
        "configuration_version": one.configuration.version if one.configuration else 0,
        "replicas": replicas_shown(one.counts),
        "url": placement.url if placement and is_open else "",
        "gate": one.gate_used,
        "probe": one.probe,
        "away_seconds": one.away_seconds,
        "away": away_shown(absence(placement, one.artifact) if placement and one.is_active else None),
        "remarks": one.artifact.remarks if one.artifact else [],
        "log_lines": one.log_lines,
        "log_collected_at": one.log_collected_at,
        "source": _source(one),
    }


def _workflow(one: Deployment) -> dict[str, Any]:
    return {
        "actor": who(one.requested_by),
        "acting_role": ROLE_LABELS.get(one.acting_role, one.acting_role),
        "door": DOOR_LABELS.get(Door(one.door), one.door),
        "reason": one.reason,
        "at": one.created_at,
        "started_at": one.started_at,
        "ended_at": one.finished_at,
        "seconds": seconds_of(one),
        "expected_seconds": expected_total_seconds(one) if one.is_active else None,
        "position": place_in_queue(one),
        **_waiting(one),
    }


def _waiting(one: Deployment) -> dict[str, Any]:
    """What it waits for, in the reader's language where the gate says it, and until when at the latest."""
    if one.run is None or one.status != Status.WAITING:
        return {"waiting_for": "", "waits_until": None, "starts_by": None}
    if one.awaits_approval:
        return {"waiting_for": _("for approval"), "waits_until": None, "starts_by": None}
    subject = Subject(
        one.application, one.environment, artifact=one.artifact, configuration=one.configuration, deployment=one
    )
    closed = [reason.sentence for reason in blockers(act_of(one), subject, SYSTEM) if reason.only_starts]
    return {
        "waiting_for": " ".join(closed) or one.run.wait_reason,
        "waits_until": one.run.run_at if closed else None,
        "starts_by": one.starts_by if closed else None,
    }


def _relations(actor: Actor, one: Deployment) -> dict[str, Any]:
    replaces = one.replaces
    after = one.replaced_by.filter(status=Status.SUCCEEDED).select_related("artifact").order_by("pk").first()
    return {
        "from_deployment": _came_from(actor, one),
        "replaced": {"id": replaces.pk, "version": replaces.version} if replaces else None,
        "superseded_by": {"id": after.pk, "version": after.version} if after else None,
    }


def _came_from(actor: Actor, one: Deployment) -> dict[str, Any] | None:
    origin = one.returns_to
    if one.kind == Kind.PROMOTE and one.artifact_id:
        served = visible_to(actor).filter(artifact=one.artifact_id, status=Status.SUCCEEDED, pk__lt=one.pk)
        elsewhere = served.exclude(environment=one.environment_id)
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
    """What a step that waits for people waits for stands beside it already, in the reader's language."""
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
