"""Reading resources, bindings and backups; every look-up starts at what the actor may see."""

from __future__ import annotations

from django.db.models import QuerySet

from fairway.accounts.queries import reached
from fairway.accounts.rules import Act, Actor, NotVisible, may, reach_of
from fairway.drivers.runtimes.contract import OutputLine
from fairway.resources.models import Backup, Binding, Resource
from fairway.resources.servers import driver_of


def visible_to(actor: Actor) -> QuerySet[Resource]:
    """The resources in the environments that this actor may see, without deleted ones."""
    chosen = Resource.objects.filter(deleted_at=None, environment__deleted_at=None).select_related("environment")
    return chosen.filter(reached(reach_of(actor), environment="environment__slug"))


def get_resource(actor: Actor, environment: str, name: str) -> Resource:
    """The resource with this name in this environment. Raises `NotVisible`."""
    row = visible_to(actor).filter(environment__slug=environment, name=name).first()
    if row is None:
        raise NotVisible("resource", name)
    return row


def log_of(actor: Actor, resource: Resource, *, tail: int) -> list[OutputLine]:
    """The last `tail` lines that the server of a resource printed. They may quote what any application there sent, so this
    raises `NotVisible` unless the actor may see all applications of the environment."""
    if not may_see_all_of(actor, resource):
        raise NotVisible("log", resource.name)
    return driver_of(resource).log(resource.server, tail=tail)


def may_see_all_of(actor: Actor, resource: Resource) -> bool:
    """Whether the actor may see every application in the resource's environment."""
    return may(actor, Act.VIEW, environment=resource.environment.slug)


def bindings_visible_to(actor: Actor) -> QuerySet[Binding]:
    """The bindings of the applications that this actor may see in the resource's environment, without ended ones."""
    chosen = Binding.objects.filter(ended_at=None).select_related("resource__environment", "application")
    return chosen.filter(
        reached(reach_of(actor), application="application__slug", environment="resource__environment__slug")
    )


def bindings_of(actor: Actor, resource: Resource) -> list[Binding]:
    return list(bindings_visible_to(actor).filter(resource=resource))


def get_binding(actor: Actor, resource: Resource, application: str) -> Binding:
    """The binding of this application to this resource. Raises `NotVisible`."""
    row = bindings_visible_to(actor).filter(resource=resource, application__slug=application).first()
    if row is None:
        raise NotVisible("binding", application)
    return row


def backups_visible_to(actor: Actor) -> QuerySet[Backup]:
    """The backups of the applications that this actor may see in the resource's environment, newest first."""
    chosen = Backup.objects.select_related("resource__environment", "application")
    return chosen.filter(
        reached(reach_of(actor), application="application__slug", environment="resource__environment__slug")
    )


def backups_of(actor: Actor, resource: Resource) -> list[Backup]:
    return list(backups_visible_to(actor).filter(resource=resource))


def get_backup(actor: Actor, number: int) -> Backup:
    """The backup with this number. Raises `NotVisible`."""
    row = backups_visible_to(actor).filter(pk=number).first()
    if row is None:
        raise NotVisible("backup", number)
    return row
