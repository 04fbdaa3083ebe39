"""Stages of pipelines: a version that was healthy in one environment for a while is promoted to another automatically."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.http import HttpRequest
from ninja import Query, Schema, Status
from pydantic import Field

from fairway.accounts.permissions import actor_of, needs
from fairway.accounts.rules import Act, Actor
from fairway.api.preconditions import AsOf
from fairway.api.routing import PermissionRouter
from fairway.api.schemas import Asked, Given, Named, Number, Slug, Text
from fairway.applications.models import Application
from fairway.applications.queries import get_application
from fairway.environments.models import Environment
from fairway.environments.queries import environments_for, get_environment_for
from fairway.pipelines.commands import stages as commands
from fairway.pipelines.models import Stage, StagePromotion
from fairway.pipelines.stage_rules import LONGEST_AFTER, Promoted, StageState
from fairway.pipelines.stages import Standing, get_stage, promotions_of, sees_origin, stages_visible_to, standings_of
from fairway.pipelines.subjects import lost_rights
from fairway.shared.names import LONGEST_APPLICATION, Invalid

router = PermissionRouter(tags=["stages"])
MOST_SHOWN = 200


class PromotionShown(Schema):
    """What a stage did with one version. `source` is the number of the deployment that brought it to the environment
    before (null if you may not see that one), `deployment` that of the promotion. `sentence` says why it could not be
    promoted; it is tried again."""

    id: int
    version: str
    source: int | None
    outcome: Promoted
    sentence: str
    deployment: int | None
    created_at: datetime
    tried_at: datetime


class StageShown(Schema):
    """A stage. `from_environment` is null if you may not see it. `state` is what it waits for, `version` what it would
    promote, `due_at` when, if only the time is missing.
    `lost_right` says why it promotes nothing any more: whoever saved it may no longer deploy here; empty while they may."""

    id: int
    application: Named
    environment: Named
    from_environment: Named | None
    after_minutes: int
    is_paused: bool
    state: StageState
    version: str
    due_at: datetime | None
    saved_by: str
    lost_right: str
    last_promotion: PromotionShown | None
    created_at: datetime


class StageWanted(Given):
    """`from_environment` is where versions come from; `after_minutes` how long they must have been healthy there."""

    from_environment: Slug
    after_minutes: int = Field(10, ge=0, le=LONGEST_AFTER)


class StageChanges(Given):
    """What is left out does not change. It then promotes with your rights, unless you only pause it."""

    from_environment: Slug | None = None
    after_minutes: int | None = Field(None, ge=0, le=LONGEST_AFTER)
    is_paused: bool | None = None


class StagesAsked(Asked):
    """Only those of this application."""

    application: Text = Field("", max_length=LONGEST_APPLICATION)


@router.get("/stages", response=list[StageShown])
@needs(Act.VIEW)
def list_stages(request: HttpRequest, asked: Query[StagesAsked]) -> list[StageShown]:
    """The stages of all pipelines, by application and environment."""
    found = stages_visible_to(actor_of(request))
    if asked.application:
        found = found.filter(application__slug=asked.application)
    return _all(actor_of(request), list(found))


@router.post("/applications/{app}/environments/{env}/stages", response={201: StageShown})
@needs(Act.PROMOTE)
def make_stage(request: HttpRequest, app: Slug, env: Slug, given: StageWanted) -> Status[StageShown]:
    """Promote to this environment automatically, with the rights that you have at that time."""
    actor = actor_of(request)
    application = get_application(actor, app)
    stage = commands.create_stage(
        actor=actor,
        application=application,
        environment=get_environment_for(actor, application, env),
        origin=_origin(actor, application, given.from_environment),
        after_minutes=given.after_minutes,
    )
    return Status(201, _all(actor, [stage])[0])


@router.get("/stages/{number}", response=StageShown)
@needs(Act.VIEW)
def show_stage(request: HttpRequest, number: Number) -> StageShown:
    """One stage."""
    actor = actor_of(request)
    return _all(actor, [get_stage(actor, number)])[0]


@router.patch("/stages/{number}", response=StageShown)
@needs(Act.PROMOTE)
def change_stage(request: HttpRequest, number: Number, given: StageChanges, as_of: AsOf) -> StageShown:
    """Change, pause or resume a stage; fields that are left out do not change."""
    actor = actor_of(request)
    stage = get_stage(actor, number)
    changes: dict[str, Any] = {name: value for name, value in given.dict(exclude_unset=True).items() if value is not None}
    if "from_environment" in changes:
        changes["origin"] = _origin(actor, stage.application, changes.pop("from_environment"))
    return _all(actor, [commands.edit_stage(actor=actor, stage=stage, as_of=as_of, **changes)])[0]


@router.delete("/stages/{number}", response={204: None})
@needs(Act.PROMOTE)
def remove_stage(request: HttpRequest, number: Number) -> Status[None]:
    """Delete a stage; nothing is promoted by it from then on."""
    actor = actor_of(request)
    commands.delete_stage(actor=actor, stage=get_stage(actor, number))
    return Status(204, None)


@router.get("/stages/{number}/promotions", response=list[PromotionShown])
@needs(Act.VIEW)
def list_promotions(request: HttpRequest, number: Number) -> list[PromotionShown]:
    """What it did last, newest first: 200 at most."""
    actor = actor_of(request)
    stage = get_stage(actor, number)
    sees = sees_origin(actor, stage)
    return [_promotion(one, sees) for one in promotions_of(stage)[:MOST_SHOWN]]


def _origin(actor: Actor, application: Application, slug: str) -> Environment:
    found = environments_for(actor, application).filter(slug=slug).first()
    if found is None:
        raise Invalid("from_environment", "“{slug}” is no environment that you may see.", slug=slug)
    return found


def _all(actor: Actor, stages: list[Stage]) -> list[StageShown]:
    standings, lost = standings_of(stages), lost_rights(stages, Act.PROMOTE)
    return [_shown(stage, standings[stage.pk], lost[stage.pk], sees_origin(actor, stage)) for stage in stages]


def _shown(stage: Stage, standing: Standing, lost: str, sees: bool) -> StageShown:
    def named(one: Application | Environment) -> Named:
        return Named(slug=one.slug, name=one.name)

    return StageShown(
        **{name: getattr(stage, name) for name in ("after_minutes", "is_paused", "saved_by", "created_at")},
        id=stage.pk,
        application=named(stage.application),
        environment=named(stage.environment),
        from_environment=named(stage.origin) if sees else None,
        state=standing.state,
        version=standing.source.version if standing.source else "",
        due_at=standing.due_at,
        lost_right=lost,
        last_promotion=_promotion(standing.promotion, sees) if standing.promotion else None,
    )


def _promotion(one: StagePromotion, sees: bool) -> PromotionShown:
    same = ("outcome", "sentence", "created_at", "tried_at")
    return PromotionShown(
        **{name: getattr(one, name) for name in same},
        id=one.pk,
        version=one.source.version,
        source=one.source_id if sees else None,
        deployment=one.deployment_id,
    )
