"""Requests of people about resources, bindings and backups. Each is one transaction with an event and a run."""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import transaction
from django.utils.translation import gettext as _

from fairway.accounts.commands import require
from fairway.accounts.rules import Act, Actor, Blocked, Blocker, NotVisible
from fairway.activity.commands import record
from fairway.applications.models import Application
from fairway.applications.queries import latest_configuration
from fairway.applications.secrets import seal
from fairway.drivers.resources.contract import Facts
from fairway.drivers.resources.ports import choose_port
from fairway.engine import clock
from fairway.engine.commands import enqueue
from fairway.environments.cron import next_after, parse_cron
from fairway.environments.models import Environment
from fairway.environments.queries import get_environment_for
from fairway.resources.models import Backup, BackupSchedule, Binding, Resource
from fairway.resources.rules import (
    RUNTIME,
    BindingState,
    Purpose,
    State,
    Wanted,
    database_name,
    login_name,
    parse_alias,
    parse_kind,
    variable_names,
)
from fairway.resources.schedule_rules import Retention, default_schedule
from fairway.resources.servers import driver_of, server_spec
from fairway.resources.subjects import on_backup, on_binding, on_resource
from fairway.shared.names import Invalid, parse_slug

CONVERGE, BIND, END_LOGIN, UNBIND, BACK_UP, LAST_BACKUPS, RESTORE = (
    *("resource", "resource-bind", "resource-end-login", "resource-unbind"),
    *("resource-backup", "resource-last-backups", "resource-restore"),
)


def new_password() -> str:
    """A password of 24 random bytes, in characters that need no quoting in a URL."""
    return secrets.token_urlsafe(24)


@transaction.atomic
def create_resource(*, actor: Actor, environment: Environment, kind: str, name: str, version: str = "") -> Resource:
    """Request a new server. Raises `Blocked` if the actor may not do so or the environment's runtime cannot run one, or
    `Invalid`."""
    require(actor, Act.CREATE_RESOURCE, environment=environment.slug)
    engine = parse_kind(kind)
    clean = parse_slug(name, field="name")
    chosen = version or engine.versions[0]
    if chosen not in engine.versions:
        versions = ", ".join(engine.versions)
        raise Invalid(
            "version", "“{version}” is not offered; there are: {versions}.", version=version[:40], versions=versions
        )
    # The lock keeps two requests at the same time from taking the same name or port.
    where = Environment.objects.select_for_update(no_key=True).get(pk=environment.pk)
    if where.runtime != RUNTIME:
        raise Blocked([_wrong_runtime(where)])
    if Resource.objects.filter(environment=where, name=clean, deleted_at=None).exists():
        raise Invalid(
            "name", "“{name}” exists already in {environment}; choose another.", name=clean, environment=where.name
        )
    resource = Resource.objects.create(
        environment=where,
        name=clean,
        kind=engine.kind,
        version=chosen,
        port=choose_port(set(Resource.objects.filter(deleted_at=None).values_list("port", flat=True))),
        sealed_password=seal().seal(new_password()),
        created_by=actor.name,
    )
    after = {"name": clean, "kind": engine.kind, "version": chosen}
    record(who=actor.who, verb="resource.requested", on=on_resource(resource), after=after)
    _schedule_backups(actor, resource)
    converge(resource)
    return resource


def _schedule_backups(actor: Actor, resource: Resource) -> None:
    """Give a new resource a schedule, so that nobody has to think of it: nightly, on the installation's clock."""
    schedule, zone, now = default_schedule(resource.pk), settings.TIME_ZONE, clock.now()
    keep = Retention()
    BackupSchedule.objects.create(
        resource=resource,
        schedule=schedule,
        zone=zone,
        keep_daily=keep.daily,
        keep_weekly=keep.weekly,
        keep_monthly=keep.monthly,
        next_at=next_after(parse_cron(schedule), zone, now),
        since=now,
        saved_by=actor.name,
    )


def _wrong_runtime(environment: Environment) -> Blocker:
    words = {"environment": environment.name, "runtime": environment.runtime}
    sentence = _(
        "%(environment)s uses the runtime %(runtime)s. For now, Fairway runs resources only where the runtime is process."
    )
    who = _("whoever runs a server elsewhere, by giving its address to the application as a secret")
    return Blocker(code="runtime", sentence=sentence % words, who=who)


@transaction.atomic
def request_start(*, actor: Actor, resource: Resource) -> Resource:
    """Request that the server runs, also if it failed before. Raises `Blocked` or `NotVisible`."""
    return _want(actor, resource, Wanted.RUNNING, "resource.start_requested")


@transaction.atomic
def request_stop(*, actor: Actor, resource: Resource) -> Resource:
    """Request that the server stops; applications that are bound to it cannot use it meanwhile. Raises `Blocked` or
    `NotVisible`."""
    return _want(actor, resource, Wanted.STOPPED, "resource.stop_requested")


def _want(actor: Actor, resource: Resource, wanted: Wanted, verb: str) -> Resource:
    require(actor, Act.CREATE_RESOURCE, environment=resource.environment.slug)
    row = locked(resource)
    before = {"wanted": row.wanted}
    row.wanted = wanted
    if wanted == Wanted.RUNNING and row.state in {State.FAILED, State.STOPPED, State.DOWN}:
        row.state, row.sentence = State.PREPARING, ""
    row.save(update_fields=["wanted", "state", "sentence"])
    record(who=actor.who, verb=verb, on=on_resource(row), before=before, after={"wanted": wanted})
    converge(row)
    return row


@transaction.atomic
def request_binding(*, actor: Actor, resource: Resource, application: Application, alias: str = "") -> Binding:
    """Request a database and a login for an application, and their variables in its configuration. If an earlier request for
    the same binding failed, it is tried again.

    Raises `Blocked`, `NotVisible` if the actor may not see the application there, or `Invalid`.
    """
    _require_binding(actor, resource, application)
    if application.preview_of_id is not None:
        raise Invalid("application", "is a preview, which is removed completely; bind the application itself.")
    name = parse_alias(alias, resource.engine)
    row = locked(resource)
    Application.objects.select_for_update(no_key=True).get(pk=application.pk)
    earlier = Binding.objects.filter(resource=row, application=application, ended_at=None).first()
    if earlier is not None and earlier.state == BindingState.FAILED:
        return _again(actor, earlier)
    if earlier is not None:
        raise Invalid("application", "“{name}” is bound to it already.", name=application.name)
    _refuse_taken(name, application, row)
    database = database_name(application.slug, application.pk)
    numbers = Binding.objects.filter(resource=row, application=application).values_list("login_number", flat=True)
    number = max(numbers, default=0) + 1
    binding = Binding.objects.create(
        resource=row,
        application=application,
        alias=name,
        database=database,
        login=login_name(database, number),
        login_number=number,
        sealed_password=seal().seal(new_password()),
        created_by=actor.name,
    )
    record(who=actor.who, verb="binding.requested", on=on_binding(binding), after={"alias": name, "database": database})
    start_run(BIND, row.key, binding=binding.pk)
    return binding


def _again(actor: Actor, binding: Binding) -> Binding:
    """Try a failed binding once more, with the same alias and password."""
    binding.state = BindingState.BINDING
    binding.save(update_fields=["state"])
    record(who=actor.who, verb="binding.requested", on=on_binding(binding), after={"alias": binding.alias})
    start_run(BIND, binding.resource.key, binding=binding.pk)
    return binding


def _refuse_taken(alias: str, application: Application, resource: Resource) -> None:
    """Raises `Invalid` if another binding has this alias, or the configuration already has one of its variables."""
    where = resource.environment
    named = Binding.objects.filter(application=application, alias=alias, resource__environment=where, ended_at=None).first()
    if named is not None:
        raise Invalid(
            "alias",
            "“{alias}” is the name of {resource} already; choose another.",
            alias=alias,
            resource=named.resource.name,
        )
    latest = latest_configuration(application, where)
    taken = set(variable_names(alias, resource.engine)) & ({*latest.variables, *latest.marks} if latest else set())
    if taken:
        names = ", ".join(sorted(taken))
        raise Invalid(
            "alias", "the configuration has {names} already; remove it there, or choose another name.", names=names
        )


@transaction.atomic
def request_new_password(*, actor: Actor, binding: Binding) -> Binding:
    """Request a second login with a new password; the one before works until `request_end_of_previous`.

    Raises `Blocked` while the binding is being changed or an earlier password still works, or `NotVisible`.
    """
    _require_binding(actor, binding.resource, binding.application)
    row = _locked_binding(binding)
    _refuse_unsettled(row)
    if row.previous_login:
        sentence = _("The password before this one still works.")
        raise Blocked([Blocker(code="previous_login", sentence=sentence, who=_("a Deployer, by ending it first"))])
    row.previous_login, row.login_number = row.login, row.login_number + 1
    row.login = login_name(row.database, row.login_number)
    row.sealed_password, row.state = seal().seal(new_password()), BindingState.BINDING
    row.save()
    record(who=actor.who, verb="binding.password_requested", on=on_binding(row), after={"login": row.login})
    start_run(BIND, row.resource.key, binding=row.pk)
    return row


@transaction.atomic
def request_end_of_previous(*, actor: Actor, binding: Binding) -> Binding:
    """Request the end of the previous login, if there is one; whatever still uses it loses its connections. Raises `Blocked`
    or `NotVisible`."""
    _require_binding(actor, binding.resource, binding.application)
    row = _locked_binding(binding)
    _refuse_unsettled(row)
    if row.previous_login:
        record(who=actor.who, verb="binding.end_requested", on=on_binding(row), before={"login": row.previous_login})
        start_run(END_LOGIN, row.resource.key, binding=row.pk)
    return row


@transaction.atomic
def request_unbinding(*, actor: Actor, binding: Binding, confirmed: str) -> Binding:
    """Request that the application loses its logins and the variables in its configuration; the database is kept.

    `confirmed` must be the application's slug, else `Invalid` is raised. Raises `Blocked` or `NotVisible`.
    """
    _require_binding(actor, binding.resource, binding.application)
    if confirmed != binding.application.slug:
        raise Invalid("confirmed", "type “{slug}” exactly to unbind it.", slug=binding.application.slug)
    row = _locked_binding(binding)
    row.state = BindingState.UNBINDING
    row.save(update_fields=["state"])
    record(who=actor.who, verb="binding.unbind_requested", on=on_binding(row), before={"alias": row.alias})
    start_run(UNBIND, row.resource.key, binding=row.pk)
    return row


@transaction.atomic
def request_backup(*, actor: Actor, resource: Resource) -> list[Backup]:
    """Request a backup of the database of each bound application. Raises `Blocked` if there is none, or `NotVisible`."""
    require(actor, Act.BACK_UP_RESOURCE, environment=resource.environment.slug)
    row = locked(resource)
    bound = [binding for binding in live_bindings(row) if binding.state == BindingState.BOUND]
    if not bound:
        sentence = _("No application is bound to it, so there is nothing to back up.")
        raise Blocked([Blocker(code="nothing_bound", sentence=sentence, who=_("a Deployer, by binding an application"))])
    return [back_up(actor, row, binding.application, binding.database) for binding in bound]


def back_up(
    actor: Actor,
    row: Resource,
    application: Application,
    database: str,
    purpose: Purpose = Purpose.ASKED,
    due_at: datetime | None = None,
) -> Backup:
    """Write down a backup, and have it taken. The resource is locked, and whether the actor may was asked before."""
    backup = Backup.objects.create(
        resource=row,
        application=application,
        database=database,
        version=row.version,
        purpose=purpose,
        due_at=due_at,
        requested_by=actor.name,
    )
    after = {"database": database, "purpose": purpose}
    record(who=actor.who, verb="backup.requested", on=on_backup(backup), after=after)
    start_run(BACK_UP, copies_key(row), backup=backup.pk)
    return backup


def may_download(*, actor: Actor, backup: Backup) -> None:
    """Raises `Blocked` unless the actor may download the data of the backup."""
    where = backup.resource.environment.slug
    require(actor, Act.DOWNLOAD_BACKUP, environment=where, application=backup.application.slug)


@transaction.atomic
def note_download(*, actor: Actor, backup: Backup) -> None:
    """Record who downloads the data of a backup. Raises `Blocked`."""
    may_download(actor=actor, backup=backup)
    record(who=actor.who, verb="backup.downloaded", on=on_backup(backup))


def try_it(*, actor: Actor, resource: Resource) -> Facts:
    """Connect to the server and ask how it is. Raises `Blocked`, also if the actor sees only some of the applications there,
    or the `Failure` that says what is wrong."""
    require(actor, Act.TRY_RESOURCE, environment=resource.environment.slug)
    return driver_of(resource).look(server_spec(resource))


def copies_key(resource: Resource) -> str:
    """The key of the runs that copy a resource's data. It is another than `Resource.key`, so that the server can be started
    again during a long dump."""
    return f"{resource.key}:copies"


def _require_binding(actor: Actor, resource: Resource, application: Application) -> None:
    where = {"application": application.slug, "environment": resource.environment.slug}
    require(actor, Act.BIND_RESOURCE, **where)
    require(actor, Act.CONFIGURE, **where)
    get_environment_for(actor, application, resource.environment.slug)


def locked(resource: Resource) -> Resource:
    """The resource, locked. Raises `NotVisible` if it was deleted or is being deleted, `Blocked` while a last backup is
    taken."""
    row = present(resource)
    if row.deletion_asked_at is not None:
        raise Blocked([being_deleted()])
    return row


def present(resource: Resource) -> Resource:
    """The resource, locked, also while a last backup is taken. Raises `NotVisible`."""
    chosen = Resource.objects.select_for_update(no_key=True, of=("self",)).select_related("environment")
    row = chosen.get(pk=resource.pk)
    if row.deleted_at is not None or row.wanted == Wanted.REMOVED:
        raise NotVisible("resource", row.name)
    return row


def being_deleted() -> Blocker:
    """The blocker for every other request meanwhile."""
    sentence = _("It is being deleted: a last backup is being taken.")
    return Blocker(code="being_deleted", sentence=sentence, who=_("a Deployer, by deleting it without a last backup"))


def _locked_binding(binding: Binding) -> Binding:
    locked(binding.resource)
    row = Binding.objects.select_for_update(no_key=True).get(pk=binding.pk)
    if row.ended_at is not None:
        raise NotVisible("binding", row.application.slug)
    return row


def _refuse_unsettled(binding: Binding) -> None:
    if binding.state != BindingState.BOUND:
        sentence = _("The binding is not settled yet; wait until it is, or bind the application again.")
        raise Blocked([Blocker(code="unsettled", sentence=sentence, only_starts=True)])


def live_bindings(resource: Resource) -> Iterable[Binding]:
    """The bindings that have not ended, with their applications."""
    return Binding.objects.filter(resource=resource, ended_at=None).select_related("application")


def converge(resource: Resource) -> None:
    """Request a run that brings a resource to the state it should have."""
    start_run(CONVERGE, resource.key, resource=resource.pk)


def start_run(kind: str, key: str, **payload: Any) -> None:
    """Queue a run before those of no urgency."""
    enqueue(kind=kind, key=key, payload=payload, priority=10)
