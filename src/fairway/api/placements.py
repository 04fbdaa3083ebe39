"""Placements: the wanted state of one application in one environment. Acts are resources: POST …/stopping."""

from __future__ import annotations

from datetime import datetime

from django.http import HttpRequest
from ninja import Query, Schema
from ninja import Status as Answer
from pydantic import Field

from fairway.accounts.permissions import actor_of, needs
from fairway.accounts.rules import Act
from fairway.api.placement_schemas import (
    DeploymentDetail,
    PlacementDetail,
    PlacementShown,
    deployment_detail,
    placement_detail,
    placement_shown,
)
from fairway.api.preconditions import AsOf
from fairway.api.routing import PermissionRouter
from fairway.api.schemas import Asked, Given, Moment, Reason, Slug, Text
from fairway.applications.queries import get_application
from fairway.deployments import queries
from fairway.deployments.commands import placements, requests
from fairway.deployments.models import Placement
from fairway.deployments.output import masker_of_output
from fairway.drivers.runtimes.contract import MAIN
from fairway.environments.queries import get_environment_for
from fairway.environments.runtimes import runtime_of
from fairway.shared.lines import last_shown

router = PermissionRouter(tags=["placements"])
HERE = "/applications/{app}/environments/{env}/placement"


class Removal(Asked):
    """Volumes are kept unless `volumes_confirmed` is the placement's name, e.g. ``hello.staging``."""

    volumes_confirmed: Text = Field("", max_length=100)
    reason: Text = Field("", max_length=500)


class ReplicasWanted(Given):
    """How many instances of a `service` there should be: 1 to 8 of ``web``, 0 to 8 of another."""

    replicas: int = Field(ge=0, le=8)
    service: str = Field(MAIN, max_length=40)
    reason: str = Field("", max_length=500)


class DomainsWanted(Given):
    domains: list[str] = Field(max_length=50)


class AccessRuleWanted(Given):
    """``public`` or ``signed_in``."""

    access: str = Field(max_length=20)


class OutputAsked(Asked):
    """The last `tail` lines of each instance; with `since`, only those printed at that time or later."""

    tail: int = Field(200, ge=1, le=5000)
    since: Moment | None = None


class OutputLineShown(Schema):
    at: datetime
    instance: str
    stream: str
    text: str


def placement_named(request: HttpRequest, app: str, env: str) -> Placement:
    """The placement of these slugs. Raises `NotVisible`."""
    actor = actor_of(request)
    one = get_application(actor, app)
    return queries.get_placement(actor, one, get_environment_for(actor, one, env))


@router.get("/placements", response=list[PlacementShown])
@needs(Act.VIEW)
def list_placements(request: HttpRequest) -> list[PlacementShown]:
    """Every placement you may see."""
    return [placement_shown(placement) for placement in queries.placements_visible_to(actor_of(request))]


@router.get(HERE, response=PlacementDetail)
@needs(Act.VIEW)
def show_placement(request: HttpRequest, app: Slug, env: Slug) -> PlacementDetail:
    """One placement, its instances as last observed, and the deployments that a rollback can restore."""
    return placement_detail(placement_named(request, app, env))


@router.delete(HERE, response={202: PlacementShown})
@needs(Act.REMOVE)
def remove_placement(request: HttpRequest, app: Slug, env: Slug, asked: Query[Removal]) -> Answer[PlacementShown]:
    """Remove an application from an environment."""
    row = placements.remove(
        actor=actor_of(request),
        placement=placement_named(request, app, env),
        reason=asked.reason,
        volumes_confirmed=asked.volumes_confirmed,
    )
    return Answer(202, placement_shown(row))


@router.post(f"{HERE}/restart", response={201: DeploymentDetail})
@needs(Act.RESTART)
def restart_placement(request: HttpRequest, app: Slug, env: Slug, given: Reason) -> Answer[DeploymentDetail]:
    """Restart what runs: a deployment of the same version, which starts new instances beside the old ones."""
    actor = actor_of(request)
    one = get_application(actor, app)
    made = requests.restart(
        actor=actor, application=one, environment=get_environment_for(actor, one, env), reason=given.reason
    )
    return Answer(201, deployment_detail(made))


@router.post(f"{HERE}/stopping", response={202: PlacementShown})
@needs(Act.STOP)
def stop_placement(request: HttpRequest, app: Slug, env: Slug, given: Reason) -> Answer[PlacementShown]:
    """Stop serving; running requests finish first."""
    row = placements.stop(actor=actor_of(request), placement=placement_named(request, app, env), reason=given.reason)
    return Answer(202, placement_shown(row))


@router.post(f"{HERE}/starting", response={202: PlacementShown})
@needs(Act.START)
def start_placement(request: HttpRequest, app: Slug, env: Slug, given: Reason) -> Answer[PlacementShown]:
    """Start a stopped placement."""
    row = placements.start(actor=actor_of(request), placement=placement_named(request, app, env), reason=given.reason)
    return Answer(202, placement_shown(row))


@router.put(f"{HERE}/replicas", response={202: PlacementShown})
@needs(Act.SCALE)
def scale_placement(request: HttpRequest, app: Slug, env: Slug, given: ReplicasWanted) -> Answer[PlacementShown]:
    """Run this many instances of one of its services."""
    row = placements.scale(
        actor=actor_of(request),
        placement=placement_named(request, app, env),
        replicas=given.replicas,
        service=given.service,
        reason=given.reason,
    )
    return Answer(202, placement_shown(row))


@router.put(f"{HERE}/domains", response=PlacementShown)
@needs(Act.ROUTE)
def set_placement_domains(request: HttpRequest, app: Slug, env: Slug, given: DomainsWanted, as_of: AsOf) -> PlacementShown:
    """Set the custom domains, besides the placement's own host name."""
    there = placement_named(request, app, env)
    return placement_shown(
        placements.set_domains(actor=actor_of(request), placement=there, domains=given.domains, as_of=as_of)
    )


@router.put(f"{HERE}/access", response=PlacementShown)
@needs(Act.ROUTE)
def set_placement_access(request: HttpRequest, app: Slug, env: Slug, given: AccessRuleWanted, as_of: AsOf) -> PlacementShown:
    """Set who may open it."""
    there = placement_named(request, app, env)
    return placement_shown(placements.set_access(actor=actor_of(request), placement=there, access=given.access, as_of=as_of))


@router.delete(f"{HERE}/hold", response=PlacementShown)
@needs(Act.RELEASE_HOLD)
def release_placement_hold(request: HttpRequest, app: Slug, env: Slug) -> PlacementShown:
    """Let automation deploy here again after an automatic rollback."""
    row = placements.release_hold(actor=actor_of(request), placement=placement_named(request, app, env))
    return placement_shown(row)


@router.delete(f"{HERE}/lost-writes", response=PlacementShown)
@needs(Act.EDIT_APPLICATION)
def dismiss_placement_writes(request: HttpRequest, app: Slug, env: Slug) -> PlacementShown:
    """Dismiss the present warning about written files that the next deployment would lose."""
    row = placements.dismiss_writes(actor=actor_of(request), placement=placement_named(request, app, env))
    return placement_shown(row)


@router.get(f"{HERE}/output", response=list[OutputLineShown])
@needs(Act.VIEW)
def show_output(request: HttpRequest, app: Slug, env: Slug, asked: Query[OutputAsked]) -> list[OutputLineShown]:
    """The output of the instances, oldest first, with secrets masked."""
    row = placement_named(request, app, env)
    runtime = runtime_of(row.environment)
    found, instances = [], runtime.instances(row.name)
    masker = masker_of_output(row, {instance.deployment for instance in instances})
    for instance in instances:
        masked = masker.lines()
        for line in runtime.output(instance.name, tail=asked.tail):
            if asked.since is None or line.at >= asked.since:
                text = last_shown(masked(line.text, line.stream, goes_on=line.goes_on))
                found.append(OutputLineShown(at=line.at, instance=instance.name, stream=line.stream, text=text))
    return sorted(found, key=lambda line: line.at)
