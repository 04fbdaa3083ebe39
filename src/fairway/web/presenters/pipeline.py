"""Contexts of an application's pipeline: the line of its environments, and the page of one stage."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from fairway.accounts.rules import Act, Actor, may, role_blocker
from fairway.applications.models import Application
from fairway.deployments.models import Placement
from fairway.deployments.queries import live_numbers
from fairway.deployments.rules import Wanted, shown_status
from fairway.drivers.forges.contract import PUSHED
from fairway.environments.models import Environment
from fairway.environments.protection import hours_words
from fairway.environments.queries import environments_for
from fairway.pipelines.commands.stages import stage_blockers
from fairway.pipelines.models import Stage, StagePromotion
from fairway.pipelines.queries import visible_to
from fairway.pipelines.stage_rules import StageState
from fairway.pipelines.stages import Standing, promotions_of, sees_origin, stages_visible_to, standings_of
from fairway.pipelines.subjects import lost_right, lost_rights
from fairway.web.errors import shown
from fairway.web.failure_words import in_words
from fairway.web.presenters.acts import Button

DAY = 24 * 60  # minutes
SHOWN = 50  # promotions on the page of one stage


def pipeline_shown(actor: Actor, application: Application) -> dict[str, Any] | None:
    """The section of the Deployments tab; None if there is only one environment and nothing comes to it automatically."""
    environments = list(environments_for(actor, application))
    stages = {one.environment_id: one for one in stages_visible_to(actor).filter(application=application)}
    found = list(stages.values())
    standings = standings_of(found) if found else {}
    lost = lost_rights(found, Act.PROMOTE) if found else {}
    active = visible_to(actor).filter(application=application, is_paused=False, ref_kind__in=PUSHED)
    pushes = {one.environment_id: one for one in active}
    if len(environments) < 2 and not stages and not pushes:
        return None
    chosen = Placement.objects.filter(application=application, environment__in=environments)
    placements = {one.environment_id: one for one in chosen.select_related("current__artifact")}
    free = [slug for slug, _name in free_targets(actor, application, environments, stages)]
    line = []
    for number, environment in enumerate(environments):
        stage, push = stages.get(environment.pk), pushes.get(environment.pk)
        line.append(
            {
                "environment": environment,
                **_running(placements.get(environment.pk)),
                "push": {"id": push.pk, "pattern": push.pattern, "is_tag": push.ref_kind == "tag"} if push else None,
                "stage": _stage(actor, stage, standings[stage.pk], lost[stage.pk]) if stage else None,
                "add": _add(application, environment) if number and environment.slug in free else None,
            }
        )
    return {"line": line, "has_stages": bool(stages)}


def _running(placement: Placement | None) -> dict[str, Any]:
    if placement is None or placement.current is None or placement.wanted == Wanted.REMOVED:
        return {"version": "", "status": "", "deployment": None, "at": None}
    current = placement.current
    return {
        "version": current.version,
        "status": placement.health,
        "deployment": current.pk,
        "at": current.switched_at or current.finished_at,
    }


def _stage(actor: Actor, stage: Stage, standing: Standing, lost: str) -> dict[str, Any]:
    last = standing.promotion
    return {
        "id": stage.pk,
        "origin": _origin(actor, stage),
        "after_minutes": stage.after_minutes,
        "after": after_words(stage.after_minutes),
        "is_paused": stage.is_paused,
        "saved_by": stage.saved_by,
        "lost_right": in_words(lost),
        "state": str(standing.state),
        "sentence": _sentence(_origin(actor, stage), standing),
        "due_at": standing.due_at,
        "deployment": last.deployment_id if last and standing.state == StageState.REQUESTED else None,
    }


def after_words(minutes: int) -> str:
    """For how long a version must have been healthy: “30 minutes”, “2 hours”, “3 days”."""
    if minutes and minutes % DAY == 0:
        return ngettext("%(count)d day", "%(count)d days", minutes // DAY) % {"count": minutes // DAY}
    if minutes and minutes % 60 == 0:
        return hours_words(minutes // 60)
    return ngettext("%(count)d minute", "%(count)d minutes", minutes) % {"count": minutes}


def _origin(actor: Actor, stage: Stage) -> str:
    """The name of the environment that its versions come from, if this actor may see it."""
    return stage.origin.name if sees_origin(actor, stage) else _("another environment")


def _sentence(origin: str, standing: Standing) -> str:
    """What the stage waits for."""
    words = {"version": standing.source.version if standing.source else "", "environment": origin}
    match standing.state:
        case StageState.PAUSED:
            return _("It is paused.")
        case StageState.NOTHING:
            return _("Nothing runs in %(environment)s.") % words
        case StageState.TAKEN_BACK:
            return _("%(environment)s was rolled back; that is not promoted.") % words
        case StageState.THERE:
            return _("%(version)s is here already.") % words
        case StageState.UNHEALTHY:
            return _("%(version)s is not healthy in %(environment)s.") % words
        case StageState.WAITING | StageState.DUE:
            return _("%(version)s follows:") % words
        case StageState.BLOCKED:
            why = in_words(standing.promotion.sentence) if standing.promotion else ""
            return f"{words['version']}: {why}"
        case StageState.REQUESTED:
            return _("%(version)s was promoted:") % words


def _add(application: Application, environment: Environment) -> Button:
    url = f"{reverse('stage-new', args=[application.slug])}?to={environment.slug}"
    return Button(_("Promote automatically"), url, "plus", method="get")


def free_targets(
    actor: Actor, application: Application, environments: Sequence[Environment], stages: dict[int, Stage] | None = None
) -> list[tuple[str, str]]:
    """The environments, as choices of a form, to which this actor may promote the application and no stage does yet."""
    if stages is None:
        stages = {one.environment_id: one for one in stages_visible_to(actor).filter(application=application)}
    return [
        (one.slug, one.name)
        for one in environments
        if one.pk not in stages and may(actor, Act.PROMOTE, application=application.slug, environment=one.slug)
    ]


def origins(actor: Actor, application: Application) -> list[tuple[str, str]]:
    """The environments from which versions may come, as choices of a form."""
    return [(one.slug, one.name) for one in environments_for(actor, application)]


def new_stage_shown(actor: Actor, application: Application) -> dict[str, Any]:
    """The context of ``pipelines/stage.html`` for a new stage, without the form."""
    free = free_targets(actor, application, list(environments_for(actor, application)))
    return {**_common(application), "blockers": [] if free else shown([role_blocker(Act.PROMOTE)])}


def _common(application: Application) -> dict[str, Any]:
    back = reverse("application-deployments", args=[application.slug])
    return {"application": application, "stage": None, "back": back, "acts": [], "promotions": []}


def stage_shown(actor: Actor, stage: Stage) -> dict[str, Any]:
    """The context of ``pipelines/stage.html`` for one that exists, without the form."""
    may_change = may(actor, Act.PROMOTE, application=stage.application.slug, environment=stage.environment.slug)
    standing = standings_of([stage])[stage.pk]
    return {
        **_common(stage.application),
        "stage": _stage(actor, stage, standing, lost_right(stage, Act.PROMOTE)),
        "environment": stage.environment,
        "blockers": shown(stage_blockers(actor, stage.application, stage.environment)),
        "acts": _acts(stage) if may_change else [],
        "promotions": _promotions(list(promotions_of(stage)[:SHOWN]), sees_origin(actor, stage)),
    }


def _promotions(found: Sequence[StagePromotion], sees: bool) -> list[dict[str, Any]]:
    live = live_numbers([one.deployment for one in found if one.deployment])
    return [_promotion(one, live, sees) for one in found]


def _promotion(one: StagePromotion, live: set[int], sees: bool) -> dict[str, Any]:
    deployment = one.deployment
    status = shown_status(deployment.status, is_current=deployment.pk in live) if deployment else "promotion_blocked"
    return {
        "at": one.tried_at,
        "version": one.source.version,
        "source": one.source_id if sees else None,
        "status": status,
        "sentence": in_words(deployment.sentence if deployment else one.sentence),
        "deployment": deployment.pk if deployment else None,
    }


def _acts(stage: Stage) -> list[Button]:
    number = [stage.pk]
    paused = (
        Button(_("Resume"), reverse("stage-resume", args=number), "restart")
        if stage.is_paused
        else Button(_("Pause"), reverse("stage-pause", args=number), "pause")
    )
    delete = Button(
        _("Delete"),
        reverse("stage-delete", args=number),
        "trash",
        "danger",
        confirm=stage.environment.slug,
        consequence=_("Nothing is promoted here automatically from then on. What runs stays as it is."),
    )
    return [paused, delete]
