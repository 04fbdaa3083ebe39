"""Restoring backups into the resource they are of, another one or a new one, and cloning an application's data."""

from __future__ import annotations

from django.db import transaction
from django.utils.translation import gettext as _

from fairway.accounts.commands import require
from fairway.accounts.rules import Act, Actor, Blocked, Blocker, NotVisible
from fairway.activity.commands import record
from fairway.applications.models import Application
from fairway.environments.models import Environment
from fairway.resources.commands import RESTORE, copies_key, create_resource, locked, may_download, start_run
from fairway.resources.models import Backup, Resource
from fairway.resources.rules import BackupState, major
from fairway.resources.subjects import on_backup
from fairway.shared.names import Invalid

ASKED, CLONED = "backup.restore_requested", "backup.clone_requested"


@transaction.atomic
def request_restore(*, actor: Actor, backup: Backup, into: Resource, confirmed: str) -> Backup:
    """Request that the application's database in `into` gets the contents of the backup; its present contents are kept in
    another database.

    `confirmed` must be the name of the resource, else `Invalid` is raised. Raises `Blocked` if the backup is not verified or
    the server is older than the one that it is from, or `NotVisible`.
    """
    return _restore(actor, backup, into, confirmed, ASKED)


@transaction.atomic
def restore_into_new(*, actor: Actor, backup: Backup, environment: Environment, name: str) -> Resource:
    """Request a new resource of the same kind, and that the backup is restored into it once it runs. Raises `Blocked`,
    `Invalid` or `NotVisible`."""
    return _into_new(actor, backup, environment, name, ASKED)


@transaction.atomic
def request_clone(
    *, actor: Actor, application: Application, source: Resource, into: Resource, confirmed: str = ""
) -> Backup:
    """Request that the application's database in `into` gets what its newest verified backup in `source` holds, as
    `request_restore` does. Raises `Blocked` if there is no such backup, and whatever `request_restore` raises."""
    return _restore(actor, _newest(actor, application, source), into, confirmed, CLONED)


@transaction.atomic
def clone_into_new(
    *, actor: Actor, application: Application, source: Resource, environment: Environment, name: str
) -> Resource:
    """The same into a new resource. Raises `Blocked`, `Invalid` or `NotVisible`."""
    return _into_new(actor, _newest(actor, application, source), environment, name, CLONED)


def newest_verified(application: Application, source: Resource) -> Backup | None:
    """The backup that a clone would restore; None if there is none."""
    found = Backup.objects.filter(resource=source, application=application, state=BackupState.VERIFIED)
    return found.select_related("resource__environment", "application").order_by("-pk").first()


def _newest(actor: Actor, application: Application, source: Resource) -> Backup:
    require(actor, Act.VIEW, environment=source.environment.slug, application=application.slug)
    found = newest_verified(application, source)
    if found is None:
        words = {"application": application.name, "resource": source.name}
        sentence = _("There is no verified backup of %(application)s in %(resource)s.") % words
        raise Blocked([Blocker(code="no_backup", sentence=sentence, who=_("a Deployer, by backing it up first"))])
    return found


def _into_new(actor: Actor, backup: Backup, environment: Environment, name: str, verb: str) -> Resource:
    made = create_resource(actor=actor, environment=environment, kind=backup.resource.kind, name=name)
    _restore(actor, backup, made, made.name, verb)
    return made


def _restore(actor: Actor, backup: Backup, into: Resource, confirmed: str, verb: str) -> Backup:
    require(actor, Act.RESTORE_RESOURCE, environment=into.environment.slug, application=backup.application.slug)
    if into.environment_id != backup.resource.environment_id:
        may_download(actor=actor, backup=backup)  # the data leaves its environment
    if confirmed != into.name:
        raise Invalid("confirmed", "type “{name}” exactly to restore into it.", name=into.name)
    row = locked(into)
    # The lock keeps its file from being removed meanwhile.
    state = Backup.objects.select_for_update(no_key=True).values_list("state", flat=True).get(pk=backup.pk)
    if state == BackupState.REMOVED:
        raise NotVisible("backup", backup.pk)
    if state != BackupState.VERIFIED:
        sentence = _("This backup was never restored and looked at, so it may not replace anything.")
        raise Blocked([Blocker(code="not_verified", sentence=sentence, who=_("a Deployer, by taking another backup"))])
    if row.kind != backup.resource.kind or major(row.version) < major(backup.version):
        of = f"{backup.resource.engine.label} {backup.version}"
        words = {"backup": of, "resource": f"{row.engine.label} {row.version}"}
        sentence = _("The backup is of %(backup)s, and this resource is %(resource)s.") % words
        raise Blocked([Blocker(code="version", sentence=sentence, who=_("a Deployer, by creating a newer resource"))])
    after = {"into": row.name, "environment": row.environment.slug}
    record(who=actor.who, verb=verb, on=on_backup(backup), after=after)
    start_run(RESTORE, copies_key(row), backup=backup.pk, into=row.pk)
    return backup
