"""Reading environments."""

from __future__ import annotations

from django.db.models import QuerySet

from fairway.accounts.rules import Act, Actor, NotVisible, may
from fairway.environments.models import Environment


def visible_to(actor: Actor) -> QuerySet[Environment]:
    """The environments this actor may see, in promotion order."""
    chosen = Environment.objects.filter(deleted_at=None).order_by("position", "slug")
    grants = actor.active_grants
    if actor.is_system or any(not grant.environment for grant in grants):
        return chosen
    return chosen.filter(slug__in=[grant.environment for grant in grants])


def environment(actor: Actor, slug: str) -> Environment:
    """Raises `NotVisible`."""
    found = visible_to(actor).filter(slug=slug).first()
    if found is None:
        raise NotVisible("environment", slug)
    return found


def next_after(current: Environment, actor: Actor) -> Environment | None:
    """Where a promotion from `current` leads: the next position this actor may deploy to."""
    later = visible_to(actor).filter(position__gt=current.position)
    return next((one for one in later if may(actor, Act.PROMOTE, environment=one.slug, application="")), later.first())
