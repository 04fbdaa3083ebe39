"""Resources of environments, and who is bound to them."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.http import HttpRequest
from ninja import Query, Schema, Status
from pydantic import Field

from fairway.accounts.permissions import actor_of, needs
from fairway.accounts.rules import Act, Actor
from fairway.api.backups import (
    BackupScheduleShown,
    BackupShown,
    RestoreWanted,
    TroubleShown,
    backup_shown,
    refuse_another_name,
    schedule_shown,
    trouble_shown,
)
from fairway.api.routing import PermissionRouter
from fairway.api.schemas import RESOURCE, Asked, Confirmed, Given, Named, Slug
from fairway.applications.queries import get_application
from fairway.environments.queries import get_environment
from fairway.resources import commands, deleting, restoring
from fairway.resources.models import Binding, Resource
from fairway.resources.queries import (
    backups_of,
    bindings_of,
    get_binding,
    get_resource,
    log_of,
    troubled_backups,
    visible_to,
)
from fairway.resources.rules import variable_names
from fairway.resources.schedules import schedule_of
from fairway.shared.names import LONGEST_APPLICATION

router = PermissionRouter(tags=["resources"])
MOST_LINES = 1000


class BindingShown(Schema):
    """`variables` are the names it gives; their values stand in the application's configuration. `previous_login` still
    works beside `login`, until somebody ends it. `configuration` is the first version with the current password."""

    application: Named
    alias: str
    state: str
    sentence: str
    database: str
    login: str
    previous_login: str
    configuration: int | None
    variables: list[str]
    created_by: str
    created_at: datetime


class ResourceShown(Schema):
    """`state` is what was last seen, `wanted` what should be. Sizes are bytes on disk. `deletion_asked_at` is set while a
    last backup is taken before it is deleted; `kept_because` says why the last deletion was called off."""

    name: str
    kind: str
    version: str
    environment: Named
    state: str
    wanted: str
    sentence: str
    port: int
    size_bytes: int | None
    connections: int | None
    most_connections: int | None
    observed_at: datetime | None
    deletion_asked_at: datetime | None
    kept_because: str
    created_by: str
    created_at: datetime


class ResourceWhole(ResourceShown):
    """`backup_schedule` is null if it never had one."""

    bindings: list[BindingShown]
    backups: list[BackupShown]
    backup_schedule: BackupScheduleShown | None
    troubles: list[TroubleShown]


class FactsShown(Schema):
    """What the server said just now."""

    version: str
    size_bytes: int
    connections: int
    most_connections: int


class LineShown(Schema):
    at: datetime
    stream: str
    text: str


class ResourceWanted(Given):
    """`kind` is `postgres`, `mariadb` or `redis`. `version` left out means the newest that Fairway offers."""

    kind: str = Field(max_length=40)
    name: str = Field(max_length=80)
    version: str = Field("", max_length=40)


class BindingWanted(Given):
    """`alias` begins the variables: `database` gives DATABASE_URL, DATABASE_HOST and so on. Left out, it is `redis` for
    Redis, and `database` for the others."""

    application: str = Field(max_length=LONGEST_APPLICATION)
    alias: str = Field("", max_length=80)


class DeletionWanted(Confirmed):
    """With `last_backup`, a backup of each of its databases is taken first; if one fails, nothing is deleted."""

    last_backup: bool = True


class CloneWanted(RestoreWanted):
    """The application whose newest verified backup here is restored there."""

    application: str = Field(max_length=LONGEST_APPLICATION)


class LogAsked(Asked):
    lines: int = Field(200, ge=1, le=MOST_LINES)


def _row(one: Resource) -> dict[str, Any]:
    names = (
        *("name", "kind", "version", "state", "wanted", "sentence", "port", "observed_at", "deletion_asked_at"),
        *("kept_because", "created_by", "created_at"),
    )
    seen = {name: one.observed.get(name) for name in ("size_bytes", "connections", "most_connections")}
    place = Named(slug=one.environment.slug, name=one.environment.name)
    return {**{name: getattr(one, name) for name in names}, **seen, "environment": place}


def _whole(actor: Actor, one: Resource) -> ResourceWhole:
    bindings = [_binding(found) for found in bindings_of(actor, one)]
    return ResourceWhole(
        **_row(one),
        bindings=bindings,
        backups=[backup_shown(found) for found in backups_of(actor, one)],
        backup_schedule=schedule_shown(schedule_of(one)),
        troubles=[trouble_shown(found) for found in troubled_backups(actor, resource=one)],
    )


def _binding(one: Binding) -> BindingShown:
    names = ("alias", "state", "sentence", "database", "login", "previous_login", "created_by", "created_at")
    return BindingShown(
        application=Named(slug=one.application.slug, name=one.application.name),
        configuration=one.configuration_version,
        variables=list(variable_names(one.alias, one.resource.engine)),
        **{name: getattr(one, name) for name in names},
    )


@router.get("/resources", response=list[ResourceShown])
@needs(Act.VIEW)
def list_resources(request: HttpRequest) -> list[ResourceShown]:
    """Every resource of the environments you may see."""
    return [ResourceShown(**_row(one)) for one in visible_to(actor_of(request))]


@router.post("/resources/{place}", response={202: ResourceWhole})
@needs(Act.CREATE_RESOURCE)
def make_resource(request: HttpRequest, place: Slug, given: ResourceWanted) -> Status[ResourceWhole]:
    """Create a resource in an environment. It is answered at once; `state` says how far it is."""
    actor = actor_of(request)
    made = commands.create_resource(actor=actor, environment=get_environment(actor, place), **given.dict())
    return Status(202, _whole(actor, made))


@router.get(RESOURCE, response=ResourceWhole)
@needs(Act.VIEW)
def show_resource(request: HttpRequest, place: Slug, name: Slug) -> ResourceWhole:
    """One resource with its bindings and backups."""
    actor = actor_of(request)
    return _whole(actor, get_resource(actor, place, name))


@router.post(f"{RESOURCE}/start", response={202: ResourceWhole})
@needs(Act.CREATE_RESOURCE)
def start_resource(request: HttpRequest, place: Slug, name: Slug) -> Status[ResourceWhole]:
    """Start a resource that is stopped, or try again where it could not be brought up."""
    actor = actor_of(request)
    return Status(202, _whole(actor, commands.request_start(actor=actor, resource=get_resource(actor, place, name))))


@router.post(f"{RESOURCE}/stop", response={202: ResourceWhole})
@needs(Act.CREATE_RESOURCE)
def stop_resource(request: HttpRequest, place: Slug, name: Slug) -> Status[ResourceWhole]:
    """Stop a resource; applications that use it cannot meanwhile."""
    actor = actor_of(request)
    return Status(202, _whole(actor, commands.request_stop(actor=actor, resource=get_resource(actor, place, name))))


@router.post(f"{RESOURCE}/trial", response=FactsShown)
@needs(Act.TRY_RESOURCE)
def try_resource(request: HttpRequest, place: Slug, name: Slug) -> FactsShown:
    """Really connect and ask; 503 says what is wrong."""
    actor = actor_of(request)
    found = commands.try_it(actor=actor, resource=get_resource(actor, place, name))
    return FactsShown(**{field: getattr(found, field) for field in FactsShown.model_fields})


@router.get(f"{RESOURCE}/log", response=list[LineShown])
@needs(Act.VIEW)
def show_resource_log(request: HttpRequest, place: Slug, name: Slug, asked: Query[LogAsked]) -> list[LineShown]:
    """The last lines that the server printed."""
    actor = actor_of(request)
    lines = log_of(actor, get_resource(actor, place, name), tail=asked.lines)
    return [LineShown(at=line.at, stream=line.stream, text=line.text) for line in lines]


@router.post(f"{RESOURCE}/deletion", response={202: ResourceShown})
@needs(Act.DELETE_RESOURCE)
def remove_resource(request: HttpRequest, place: Slug, name: Slug, given: DeletionWanted) -> Status[ResourceShown]:
    """Take a last backup, then stop a resource for good and put its data aside. Refused while an application is bound."""
    actor = actor_of(request)
    row = deleting.request_deletion(actor=actor, resource=get_resource(actor, place, name), **given.dict())
    return Status(202, ResourceShown(**_row(row)))


@router.post(f"{RESOURCE}/bindings", response={202: BindingShown})
@needs(Act.BIND_RESOURCE)
def bind_resource(request: HttpRequest, place: Slug, name: Slug, given: BindingWanted) -> Status[BindingShown]:
    """Give an application a database and a login of its own; its next deployment uses them."""
    actor = actor_of(request)
    one, chosen = get_resource(actor, place, name), get_application(actor, given.application)
    return Status(202, _binding(commands.request_binding(actor=actor, resource=one, application=chosen, alias=given.alias)))


@router.post(RESOURCE + "/bindings/{slug}/password", response={202: BindingShown})
@needs(Act.BIND_RESOURCE)
def renew_password(request: HttpRequest, place: Slug, name: Slug, slug: Slug) -> Status[BindingShown]:
    """A new password beside the old one, which works until it is ended."""
    actor = actor_of(request)
    one = get_binding(actor, get_resource(actor, place, name), slug)
    return Status(202, _binding(commands.request_new_password(actor=actor, binding=one)))


@router.post(RESOURCE + "/bindings/{slug}/end-previous", response={202: BindingShown})
@needs(Act.BIND_RESOURCE)
def end_previous_password(request: HttpRequest, place: Slug, name: Slug, slug: Slug) -> Status[BindingShown]:
    """End the password before the current one; whatever still uses it loses its connections."""
    actor = actor_of(request)
    one = get_binding(actor, get_resource(actor, place, name), slug)
    return Status(202, _binding(commands.request_end_of_previous(actor=actor, binding=one)))


@router.post(RESOURCE + "/bindings/{slug}/unbinding", response={202: BindingShown})
@needs(Act.BIND_RESOURCE)
def unbind_resource(request: HttpRequest, place: Slug, name: Slug, slug: Slug, given: Confirmed) -> Status[BindingShown]:
    """Shut an application out and take the variables from its configuration; its database stays in the resource."""
    actor = actor_of(request)
    one = get_binding(actor, get_resource(actor, place, name), slug)
    return Status(202, _binding(commands.request_unbinding(actor=actor, binding=one, **given.dict())))


@router.post(f"{RESOURCE}/clones", response={202: ResourceWhole})
@needs(Act.RESTORE_RESOURCE)
def clone_data(request: HttpRequest, place: Slug, name: Slug, given: CloneWanted) -> Status[ResourceWhole]:
    """Restore the newest verified backup of an application here into another resource, or into a new one."""
    actor = actor_of(request)
    source, application = get_resource(actor, place, name), get_application(actor, given.application)
    if given.create:
        where = get_environment(actor, given.environment)
        refuse_another_name(given)
        into = restoring.clone_into_new(
            actor=actor, application=application, source=source, environment=where, name=given.name
        )
    else:
        into = get_resource(actor, given.environment, given.name)
        restoring.request_clone(actor=actor, application=application, source=source, into=into, confirmed=given.confirmed)
    return Status(202, _whole(actor, get_resource(actor, into.environment.slug, into.name)))
