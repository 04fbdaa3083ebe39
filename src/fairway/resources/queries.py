"""Reading resources, bindings and backups; always through what the actor may see."""

from __future__ import annotations

from django.db.models import QuerySet

from fairway.accounts.queries import reached
from fairway.accounts.rules import Act, Actor, NotVisible, may, reach_of
from fairway.drivers.runtimes.contract import OutputLine
from fairway.resources.models import Backup, Binding, Resource
from fairway.resources.servers import driver_of


def visible_to(actor: Actor) -> QuerySet[Resource]:
    """The living resources of the environments this actor may see."""
    chosen = Resource.objects.filter(deleted_at=None, environment__deleted_at=None).select_related("environment")
    return chosen.filter(reached(reach_of(actor), environment="environment__slug"))


def resource(actor: Actor, environment: str, name: str) -> Resource:
    """Raises `NotVisible`."""
    found = visible_to(actor).filter(environment__slug=environment, name=name).first()
    if found is None:
        raise NotVisible("resource", name)
    return found


def log_of(actor: Actor, one: Resource, *, tail: int) -> list[OutputLine]:
    """The last lines its server printed. They may quote what any of the applications sent, so that whoever sees only some of
    them there is refused: raises `NotVisible`."""
    if not may_see_all_of(actor, one):
        raise NotVisible("log", one.name)
    return driver_of(one).log(one.server, tail=tail)


def may_see_all_of(actor: Actor, one: Resource) -> bool:
    """Whether the actor sees every application of its environment."""
    return may(actor, Act.VIEW, environment=one.environment.slug)


def bindings_visible_to(actor: Actor) -> QuerySet[Binding]:
    """The living bindings of applications this actor may see there."""
    chosen = Binding.objects.filter(ended_at=None).select_related("resource__environment", "application")
    return chosen.filter(
        reached(reach_of(actor), application="application__slug", environment="resource__environment__slug")
    )


def bindings_of(actor: Actor, one: Resource) -> list[Binding]:
    return list(bindings_visible_to(actor).filter(resource=one))


def binding(actor: Actor, one: Resource, application: str) -> Binding:
    """The binding of this application. Raises `NotVisible`."""
    found = bindings_visible_to(actor).filter(resource=one, application__slug=application).first()
    if found is None:
        raise NotVisible("binding", application)
    return found


def backups_visible_to(actor: Actor) -> QuerySet[Backup]:
    """The backups of applications this actor may see there, newest first."""
    chosen = Backup.objects.select_related("resource__environment", "application")
    return chosen.filter(
        reached(reach_of(actor), application="application__slug", environment="resource__environment__slug")
    )


def backups_of(actor: Actor, one: Resource) -> list[Backup]:
    return list(backups_visible_to(actor).filter(resource=one))


def backup(actor: Actor, number: int) -> Backup:
    """Raises `NotVisible`."""
    found = backups_visible_to(actor).filter(pk=number).first()
    if found is None:
        raise NotVisible("backup", number)
    return found
