"""Statuses at the forge: GitHub, GitLab or Gitea is told of an application's deployments."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from django.http import HttpRequest
from ninja import Schema, Status
from pydantic import Field

from fairway.accounts.permissions import actor_of, needs
from fairway.accounts.rules import Act
from fairway.api.preconditions import AsOf
from fairway.api.routing import PermissionRouter
from fairway.api.schemas import Given, Named, Number, Slug
from fairway.applications.queries import get_application
from fairway.drivers.forges.contract import Forge
from fairway.drivers.forges.statuses import Progress
from fairway.pipelines.commands import forges as commands
from fairway.pipelines.forge_queries import Condition, conditions_of, get_forge, get_report, reports_visible_to, visible_to
from fairway.pipelines.models import ForgeConnection, StatusReport
from fairway.pipelines.report_rules import LONGEST_TOKEN, LONGEST_URL, State
from fairway.pipelines.report_words import trouble_sentence

router = PermissionRouter(tags=["forges"])
MOST_SHOWN = 200
Token = Field("", max_length=LONGEST_TOKEN, description="It needs the right to write commit statuses and deployments.")


class ReportShown(Schema):
    """One thing that the forge was told, or is to be told, about a deployment. `sentence` says what went wrong last."""

    id: int
    deployment: int
    environment: Named
    progress: Progress
    state: State
    tries: int
    sentence: str
    sent_at: datetime | None
    next_at: datetime | None
    created_at: datetime


class ForgeShown(Schema):
    """The connection, without its token; `credential` names the stored one that has it, "" if it has its own. `stopped` says
    why nothing is sent until somebody has looked; empty while it works. `waiting` and `given_up` count what was not sent."""

    application: Named
    kind: Forge
    api_url: str
    project: str
    credential: str
    is_paused: bool
    stopped: str
    waiting: int
    given_up: int
    saved_by: str
    created_at: datetime


class ForgeWanted(Given):
    """Either a `token`, or the name of a stored credential for Git over HTTPS at that server. `kind` and `api_url` follow
    from the address of the application's repository if they are left out."""

    token: str = Token
    credential: str = Field("", max_length=80)
    kind: Forge | None = None
    api_url: str = Field("", max_length=LONGEST_URL)


class ForgeChanges(Given):
    """What is left out does not change. Another `kind` or `api_url` needs the token or the credential again."""

    token: str | None = Field(None, max_length=LONGEST_TOKEN)
    credential: str | None = Field(None, max_length=80)
    kind: Forge | None = None
    api_url: str | None = Field(None, min_length=1, max_length=LONGEST_URL)
    is_paused: bool | None = None


@router.get("/forges", response=list[ForgeShown])
@needs(Act.VIEW)
def list_forges(request: HttpRequest) -> list[ForgeShown]:
    """The connected forges, by application."""
    found = list(visible_to(actor_of(request)))
    conditions = conditions_of(found)
    return [_shown(one, conditions) for one in found]


@router.get("/applications/{app}/forge", response=ForgeShown)
@needs(Act.VIEW)
def show_forge(request: HttpRequest, app: Slug) -> ForgeShown:
    """The connection of one application."""
    actor = actor_of(request)
    return _one(get_forge(actor, get_application(actor, app)))


@router.post("/applications/{app}/forge", response={201: ForgeShown})
@needs(Act.EDIT_APPLICATION)
def connect_forge(request: HttpRequest, app: Slug, given: ForgeWanted) -> Status[ForgeShown]:
    """Tell the forge of the application's repository of its deployments from now on."""
    actor = actor_of(request)
    wanted = {"token": given.token, "credential": given.credential, "kind": given.kind or "", "api_url": given.api_url}
    connection = commands.connect_forge(actor=actor, application=get_application(actor, app), **wanted)
    return Status(201, _one(connection))


@router.patch("/applications/{app}/forge", response=ForgeShown)
@needs(Act.EDIT_APPLICATION)
def change_forge(request: HttpRequest, app: Slug, given: ForgeChanges, as_of: AsOf) -> ForgeShown:
    """Change, pause or resume it; fields that are left out do not change. What waited is sent then."""
    actor = actor_of(request)
    connection = get_forge(actor, get_application(actor, app))
    changes = {name: value for name, value in given.dict(exclude_unset=True).items() if value is not None}
    return _one(commands.edit_forge(actor=actor, connection=connection, as_of=as_of, **changes))


@router.delete("/applications/{app}/forge", response={204: None})
@needs(Act.EDIT_APPLICATION)
def disconnect_forge(request: HttpRequest, app: Slug) -> Status[None]:
    """Forget the token, and tell nothing more. What the forge shows stays."""
    actor = actor_of(request)
    commands.disconnect_forge(actor=actor, connection=get_forge(actor, get_application(actor, app)))
    return Status(204, None)


@router.post("/applications/{app}/forge/trial", response=ForgeShown)
@needs(Act.EDIT_APPLICATION)
def try_forge(request: HttpRequest, app: Slug) -> ForgeShown:
    """Find out whether the forge can be told; nothing changes there. A refusal says what is wrong."""
    actor = actor_of(request)
    return _one(commands.try_forge(actor=actor, connection=get_forge(actor, get_application(actor, app))))


@router.get("/applications/{app}/forge/reports", response=list[ReportShown])
@needs(Act.VIEW)
def list_forge_reports(request: HttpRequest, app: Slug) -> list[ReportShown]:
    """What was sent there last, newest first: 200 at most."""
    actor = actor_of(request)
    connection = get_forge(actor, get_application(actor, app))
    return [_report(one) for one in reports_visible_to(actor, connection)[:MOST_SHOWN]]


@router.post("/applications/{app}/forge/reports/{number}/again", response={202: ReportShown})
@needs(Act.EDIT_APPLICATION)
def send_forge_report_again(request: HttpRequest, app: Slug, number: Number) -> Status[ReportShown]:
    """Send the last status of a deployment again, as soon as the worker comes to it."""
    actor = actor_of(request)
    connection = get_forge(actor, get_application(actor, app))
    report = get_report(actor, connection, number)
    commands.send_report_again(actor=actor, connection=connection, report=report)
    return Status(202, _report(get_report(actor, connection, number)))


def _one(connection: ForgeConnection) -> ForgeShown:
    return _shown(connection, conditions_of([connection]))


def _shown(one: ForgeConnection, conditions: Mapping[int, Condition]) -> ForgeShown:
    same = ("kind", "api_url", "project", "credential", "is_paused", "saved_by", "created_at")
    return ForgeShown(
        **{name: getattr(one, name) for name in same},
        application=Named(slug=one.application.slug, name=one.application.name),
        stopped=trouble_sentence(one.trouble, one.said) if one.stopped_at else "",
        waiting=conditions[one.pk].waiting,
        given_up=conditions[one.pk].given_up,
    )


def _report(one: StatusReport) -> ReportShown:
    environment = one.deployment.environment
    return ReportShown(
        **{name: getattr(one, name) for name in ("id", "progress", "state", "tries", "sent_at", "created_at")},
        deployment=one.deployment_id,
        environment=Named(slug=environment.slug, name=environment.name),
        sentence=trouble_sentence(one.trouble, one.said),
        next_at=one.next_at if one.state == State.WAITING else None,
    )
