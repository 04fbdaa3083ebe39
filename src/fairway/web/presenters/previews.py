"""Contexts of previews: the section on the Deployments tab of an application."""

from __future__ import annotations

from typing import Any

from django.urls import reverse
from django.utils.translation import gettext as _

from fairway.accounts.rules import Act, Actor, may
from fairway.applications.models import Application
from fairway.deployments.queries import live_numbers
from fairway.deployments.rules import shown_status
from fairway.drivers.forges.contract import RefKind
from fairway.pipelines.models import Preview
from fairway.pipelines.preview_queries import visible_to
from fairway.pipelines.preview_rules import PreviewState
from fairway.pipelines.queries import visible_to as triggers_visible_to
from fairway.pipelines.remarks import live_placement, why_ended
from fairway.pipelines.report_words import trouble_sentence
from fairway.web.failure_words import in_words
from fairway.web.presenters.acts import Button

ENDED_SHOWN = 5


def previews_shown(actor: Actor, application: Application) -> dict[str, Any] | None:
    """The section; None if requests of this application have no previews."""
    found = visible_to(actor).filter(application=application)
    alive = list(found.exclude(state=PreviewState.ENDED))
    ended = list(found.filter(state=PreviewState.ENDED).order_by("-ended_at", "-pk")[:ENDED_SHOWN])
    triggers = triggers_visible_to(actor).filter(application=application, ref_kind=RefKind.REQUEST)
    if not alive and not ended and not triggers.exists():
        return None
    live = live_numbers([one.deployment for one in alive if one.deployment])
    return {"rows": [_row(actor, one, live) for one in alive], "ended": [_ended(one) for one in ended]}


def _row(actor: Actor, one: Preview, live: set[int]) -> dict[str, Any]:
    placed = live_placement(one)
    return {
        **_common(one),
        "environment": one.environment,
        "commit": one.commit,
        "approved": one.approved,
        "approved_by": one.approved_by,
        "waits_for_approval": one.waits_for_approval,
        "status": _status(one, live),
        "sentence": in_words(one.sentence),
        "trouble": trouble_sentence(one.trouble, one.said),
        "deployment": one.deployment_id,
        "copy": one.copy.slug if one.copy and one.copy.deleted_at is None else "",
        "url": placed.url if placed else "",
        "ends_at": one.ends_at,
        "why_ended": why_ended(one),
        "acts": _acts(actor, one),
    }


def _common(one: Preview) -> dict[str, Any]:
    return {
        "sign": one.sign,
        "title": one.title,
        "author": one.author,
        "branch": one.branch,
        "page": one.page,
        "is_fork": one.is_fork,
    }


def _ended(one: Preview) -> dict[str, Any]:
    return {**_common(one), "at": one.ended_at, "why_ended": why_ended(one)}


def _status(one: Preview, live: set[int]) -> str:
    if one.state == PreviewState.ENDING:
        return "preview_ending"
    if one.sentence:
        return "push_blocked"
    if one.deployment is not None:
        return shown_status(one.deployment.status, is_current=one.deployment.pk in live)
    return "waiting" if one.state == PreviewState.WAITING else "queued"


def _acts(actor: Actor, one: Preview) -> list[Button]:
    where = {"application": one.application.slug, "environment": one.environment.slug}
    if one.state == PreviewState.ENDING or not may(actor, Act.DEPLOY, **where):
        return []
    number, acts = [one.pk], []
    if one.waits_for_approval:
        fields = (("commit", one.commit),)
        acts.append(Button(_("Approve"), reverse("preview-approve", args=number), "check", "primary", fields=fields))
    acts.append(Button(_("Keep longer"), reverse("preview-keep", args=number), "clock"))
    consequence = _("Everything that it stored is deleted. It comes back with the next push to the request.")
    remove = reverse("preview-remove", args=number)
    acts.append(Button(_("Remove now"), remove, "trash", "danger", confirm=one.sign, consequence=consequence))
    return acts
