"""Who makes the request, and what they may do."""

from __future__ import annotations

from django.http import HttpRequest
from ninja import Schema

from fairway.accounts.models import User
from fairway.accounts.permissions import actor_of, needs
from fairway.accounts.rules import Act, may_somewhere
from fairway.api.routing import PermissionRouter

router = PermissionRouter(tags=["me"])


class GrantShown(Schema):
    """A role, everywhere or narrowed to an environment and/or an application (slugs; "" means all)."""

    role: str
    environment: str
    application: str


class Me(Schema):
    """The person who makes the request. `may` lists the acts that they may do to at least one thing."""

    id: int
    username: str
    name: str
    email: str
    roles: list[str]
    acting_as: str
    grants: list[GrantShown]
    may: list[str]
    identified_by: str
    door: str


@router.get("/me", response=Me)
@needs(Act.OWN_ACCOUNT)
def show_me(request: HttpRequest) -> Me:
    """The person whom this token or session belongs to."""
    actor = actor_of(request)
    user = User.objects.get(pk=actor.id or 0)
    return Me(
        id=user.pk,
        username=user.username,
        name=user.shown_name,
        email=user.email,
        roles=[role.value for role in actor.roles],
        acting_as=actor.acting_as or "",
        grants=[
            GrantShown(role=grant.role, environment=grant.environment, application=grant.application)
            for grant in actor.grants
        ],
        may=[act.value for act in Act if may_somewhere(actor, act)],
        identified_by=actor.identified_by,
        door=actor.door,
    )
