"""Reading resources, bindings and backups; always through what the actor may see."""

from __future__ import annotations

from django.db.models import QuerySet

from fairway.accounts.queries import reached
from fairway.accounts.rules import Actor, NotVisible, reach_of
from fairway.environments.models import Environment
from fairway.resources.models import Backup, Binding, Resource


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


def living_in(environment: Environment) -> QuerySet[Resource]:
    """For the gates of rooms below; whoever asks has been let in already."""
    return Resource.objects.filter(environment=environment, deleted_at=None)
