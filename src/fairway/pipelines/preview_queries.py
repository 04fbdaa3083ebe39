"""Reading previews; every lookup starts at `visible_to(actor)`."""

from __future__ import annotations

from django.db.models import QuerySet

from fairway.accounts.queries import reached
from fairway.accounts.rules import Actor, NotVisible, reach_of
from fairway.applications.models import Application
from fairway.pipelines.models import Preview


def visible_to(actor: Actor) -> QuerySet[Preview]:
    """The previews that this actor may see, by application and environment, newest first; ended ones, too."""
    scope = reached(reach_of(actor), application="application__slug", environment="environment__slug")
    living = Preview.objects.filter(scope, application__deleted_at=None, environment__deleted_at=None)
    return living.select_related("application", "environment", "trigger", "copy", "deployment").order_by("-pk")


def get_preview(actor: Actor, number: int) -> Preview:
    """The preview with this number of Fairway's. Raises `NotVisible`."""
    found = visible_to(actor).filter(pk=number).first()
    if found is None:
        raise NotVisible("preview", number)
    return found


def preview_of(actor: Actor, copy: Application) -> Preview | None:
    """The preview whose application this is, if it is one that the actor may see."""
    return visible_to(actor).filter(copy=copy).first() if copy.preview_of_id else None
