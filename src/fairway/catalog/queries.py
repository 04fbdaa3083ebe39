"""Reads of this room."""

from __future__ import annotations

from django.db.models import QuerySet

from fairway.accounts.rules import Actor
from fairway.applications.models import Application
from fairway.applications.queries import visible_to as applications_visible_to
from fairway.catalog.models import Installed


def visible_to(actor: Actor) -> QuerySet[Installed]:
    """What was installed from the catalogue, of the applications that the actor may see."""
    found = Installed.objects.filter(application__in=applications_visible_to(actor))
    return found.select_related("application").order_by("application__name")


def installed_as(application: Application) -> Installed | None:
    """What an application was made from; None if it is not from the catalogue."""
    return Installed.objects.filter(application=application).first()
