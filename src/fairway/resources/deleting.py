"""Deleting resources, after a last backup of each of their databases. If one of them fails, nothing is deleted."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from fairway.accounts.commands import require
from fairway.accounts.rules import SYSTEM, Act, Actor, Blocked, Blocker
from fairway.activity.commands import record
from fairway.applications.commands import IN_USE as APPLICATION_IN_USE
from fairway.applications.models import Application
from fairway.environments.commands import IN_USE as ENVIRONMENT_IN_USE
from fairway.environments.models import Environment
from fairway.resources.commands import LAST_BACKUPS, back_up, being_deleted, converge, live_bindings, present, start_run
from fairway.resources.models import Backup, Binding, Resource
from fairway.resources.progress import SENTENCE
from fairway.resources.rules import BackupState, Purpose, State, Wanted, application_number
from fairway.resources.subjects import on_resource
from fairway.shared.names import Invalid


@transaction.atomic
def request_deletion(*, actor: Actor, resource: Resource, confirmed: str, last_backup: bool = True) -> Resource:
    """Request that the server is removed and its data put away, after a last backup of each of its databases unless
    `last_backup` is false. If one of them fails, nothing is deleted.

    `confirmed` must be its name, else `Invalid` is raised. Raises `Blocked` while an application is bound to it, or if it
    does not run and so cannot be backed up, or `NotVisible`.
    """
    require(actor, Act.DELETE_RESOURCE, environment=resource.environment.slug)
    if confirmed != resource.name:
        raise Invalid("confirmed", "type “{name}” exactly to delete it.", name=resource.name)
    row = present(resource)
    if bound := list(live_bindings(row)):
        names = ", ".join(binding.application.name for binding in bound)
        sentence = _("%(names)s is bound to it.") % {"names": names}
        raise Blocked([Blocker(code="bound", sentence=sentence, who=_("a Deployer, by unbinding it first"))])
    is_copied = last_backup and row.made_at is not None
    if is_copied:
        _refuse_if_uncopyable(row)
    after = {"last_backup": is_copied}
    record(who=actor.who, verb="resource.delete_requested", on=on_resource(row), after=after)
    row.kept_because = ""
    if is_copied:
        row.deletion_asked_at = timezone.now()
        row.save(update_fields=["deletion_asked_at", "kept_because"])
        start_run(LAST_BACKUPS, row.key, resource=row.pk)
    else:
        remove(row)
    return row


def _refuse_if_uncopyable(row: Resource) -> None:
    """Raises `Blocked` if no last backup can be taken now."""
    if row.deletion_asked_at is not None:
        raise Blocked([being_deleted()])
    if row.wanted != Wanted.RUNNING:
        sentence = _("It is stopped, so no last backup can be taken.")
        who = _("a Deployer, by starting it, or by deleting it without a last backup")
        raise Blocked([Blocker(code="stopped", sentence=sentence, who=who)])


def remove(row: Resource) -> None:
    """Have the server removed and its data put away. The row is locked."""
    row.wanted, row.state, row.deletion_asked_at = Wanted.REMOVED, State.REMOVING, None
    row.save(update_fields=["wanted", "state", "deletion_asked_at", "kept_because"])
    converge(row)


@transaction.atomic
def last_backups_begun(*, resource: Resource, databases: Collection[str]) -> None:
    """Request a last backup of each of these databases; if there are none, have the resource removed at once. Called twice,
    it does it once."""
    row = _locked(resource.pk)
    if row.deletion_asked_at is None or _last_ones(row):
        return
    numbers = {name: application_number(name) for name in databases}
    applications = Application.objects.in_bulk([number for number in numbers.values() if number is not None])
    found = [(name, applications[number]) for name, number in numbers.items() if number in applications]
    for name, application in found:
        back_up(SYSTEM, row, application, name, Purpose.LAST)
    if not found:
        remove(row)


@transaction.atomic
def last_backup_settled(*, backup: Backup) -> None:
    """Record that a last backup has ended. The resource is removed once all of them are verified, and stays if one has
    failed."""
    if backup.purpose != Purpose.LAST:
        return
    row = _locked(backup.resource_id)
    if row.deletion_asked_at is None:  # it was called off, or is being removed already
        return
    states = {one.state for one in _last_ones(row)}
    if BackupState.FAILED in states:
        deletion_called_off(resource=row, sentence=Backup.objects.get(pk=backup.pk).sentence)
    elif states == {BackupState.VERIFIED}:
        remove(row)


@transaction.atomic
def deletion_called_off(*, resource: Resource, sentence: str) -> None:
    """Record why the resource was not deleted. It stays as it is."""
    row = _locked(resource.pk)
    if row.deletion_asked_at is None:
        return
    row.deletion_asked_at, row.kept_because = None, sentence[:SENTENCE]
    row.save(update_fields=["deletion_asked_at", "kept_because"])
    record(who=SYSTEM.who, verb="resource.deletion_called_off", on=on_resource(row), comment=row.kept_because)


def _last_ones(row: Resource) -> list[Backup]:
    return list(Backup.objects.filter(resource=row, purpose=Purpose.LAST, created_at__gte=row.deletion_asked_at))


def _locked(number: int) -> Resource:
    chosen = Resource.objects.select_for_update(no_key=True, of=("self",)).select_related("environment")
    return chosen.get(pk=number)


def _resources_there(environment: Environment) -> Iterable[Blocker]:
    """Why an environment with resources cannot be deleted; see `environments.commands.IN_USE`."""
    names = list(Resource.objects.filter(environment=environment, deleted_at=None).values_list("name", flat=True))
    if names:
        sentence = _("The resource %(names)s is there.") % {"names": ", ".join(names)}
        yield Blocker(code="has_resources", sentence=sentence, who=_("a Deployer, by deleting it"))


def _bound(application: Application) -> Iterable[Blocker]:
    """Why a bound application cannot be deleted; see `applications.commands.IN_USE`."""
    for binding in Binding.objects.filter(application=application, ended_at=None).select_related("resource__environment"):
        words = {"resource": binding.resource.name, "environment": binding.resource.environment.name}
        sentence = _("It is bound to the resource %(resource)s in %(environment)s.") % words
        yield Blocker(code="bound", sentence=sentence, who=_("a Deployer, by unbinding it"))


ENVIRONMENT_IN_USE.append(_resources_there)
APPLICATION_IN_USE.append(_bound)
