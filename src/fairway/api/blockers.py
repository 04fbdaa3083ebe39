"""Why an act may not happen now: the gate's answer, without requesting the act."""

from __future__ import annotations

from typing import Literal

from django.http import HttpRequest
from ninja import Query, Schema
from pydantic import Field

from fairway.accounts.permissions import actor_of, needs
from fairway.accounts.rules import Act, Actor
from fairway.api.problems import BlockerShown, blockers_shown
from fairway.api.routing import PermissionRouter
from fairway.api.schemas import LARGEST, Asked, Slug, Text
from fairway.applications.models import Application, Artifact, Configuration
from fairway.applications.queries import get_application, get_artifact, latest_configuration
from fairway.deployments.gate import Subject, blockers
from fairway.deployments.models import Placement
from fairway.deployments.protection import approval_words, needs_approval
from fairway.deployments.subjects import placement_of
from fairway.environments.models import Environment
from fairway.environments.queries import get_environment_for

router = PermissionRouter(tags=["blockers"])
ACTS = {
    "deploy": Act.DEPLOY,
    "promote": Act.PROMOTE,
    "rollback": Act.ROLL_BACK,
    "restart": Act.RESTART,
    "stop": Act.STOP,
    "start": Act.START,
    "scale": Act.SCALE,
    "remove": Act.REMOVE,
    "route": Act.ROUTE,
    "configure": Act.CONFIGURE,
}


class BlockersAsked(Asked):
    """`artifact` (deploy) and `from_environment` (promote) say what would be deployed."""

    act: Literal[
        "deploy", "promote", "rollback", "restart", "stop", "start", "scale", "remove", "route", "configure"
    ] = "deploy"  # fmt: skip
    artifact: int | None = Field(None, ge=1, le=LARGEST)
    from_environment: Text = Field("", max_length=40)


class BlockersShown(Schema):
    """`may` is true when nothing is in the way. `approval` says whose approval it will wait for; empty where it needs
    none."""

    may: bool
    approval: str
    blockers: list[BlockerShown]


@router.get("/applications/{app}/environments/{env}/blockers", response=BlockersShown)
@needs(Act.VIEW)
def show_blockers(request: HttpRequest, app: Slug, env: Slug, asked: Query[BlockersAsked]) -> BlockersShown:
    """Every reason why you may not do this here right now; none means yes."""
    actor = actor_of(request)
    one = get_application(actor, app)
    where = get_environment_for(actor, one, env)
    placement = placement_of(one, where)
    future, settings = _what_would_run(actor, asked, one, where, placement)
    act = ACTS[asked.act]
    found = blockers(act, Subject(one, where, placement, future, settings), actor)
    approval = approval_words(where) if needs_approval(act, where) else ""
    return BlockersShown(
        may=not found, approval=approval, blockers=[BlockerShown(**reason) for reason in blockers_shown(found)]
    )


def _what_would_run(
    actor: Actor, asked: BlockersAsked, application: Application, where: Environment, placement: Placement | None
) -> tuple[Artifact | None, Configuration | None]:
    latest = latest_configuration(application, where)
    if asked.act == "deploy":
        return (get_artifact(application, asked.artifact) if asked.artifact is not None else None), latest
    if asked.act == "promote":
        origin = (
            placement_of(application, get_environment_for(actor, application, asked.from_environment))
            if asked.from_environment
            else None
        )
        return (origin.current.artifact if origin and origin.current else None), latest
    there = placement.previous_good if placement and asked.act == "rollback" else placement.current if placement else None
    return (there.artifact, there.configuration) if there else (None, None)
