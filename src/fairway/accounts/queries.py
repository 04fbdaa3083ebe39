"""Reading people, and the one way to look up what events an actor may see."""

from __future__ import annotations

from django.db.models import Q, QuerySet
from django.utils import timezone

from fairway.accounts.models import ApiToken, OneTimeLink, RoleGrant, User
from fairway.accounts.rules import Actor, Grant, NotVisible, Role
from fairway.accounts.secrets import token_digest
from fairway.activity.models import Event
from fairway.activity.rules import Door


def grants_of(user: User) -> tuple[Grant, ...]:
    """A person's grants as the rules know them."""
    rows = RoleGrant.objects.filter(user=user).values_list("role", "environment__slug", "application__slug")
    return tuple(Grant(Role(role), environment or "", application or "") for role, environment, application in rows)


def actor_for(
    user: User,
    *,
    door: Door,
    acting_as: str = "",
    identified_by: str = "session",
    address: str = "",
    client: str = "",
) -> Actor:
    """The actor that this person is at this door."""
    return Actor(
        id=user.pk,
        name=user.shown_name,
        grants=grants_of(user),
        acting_as=Role(acting_as) if acting_as in set(Role) else None,
        door=door,
        identified_by=identified_by,
        address=address,
        client=client,
    )


def actor_of_request(user_id: int, name: str, door: str, acting_as: str) -> Actor:
    """Who asked for something earlier, with what they may do *now*; a person who is gone or locked out may do nothing."""
    user = User.objects.filter(pk=user_id, is_active=True).first()
    if user is None:
        return Actor(id=user_id, name=name, door=Door(door))
    return actor_for(user, door=Door(door), acting_as=acting_as, identified_by="request")


def token_owner(text: str) -> ApiToken | None:
    """The valid token behind this text; None when unknown, expired, revoked, or its owner is inactive."""
    token = ApiToken.objects.select_related("user").filter(digest=token_digest(text), revoked_at=None).first()
    if token is None or not token.user.is_active:
        return None
    return None if token.expires_at and token.expires_at <= timezone.now() else token


def usable_link(text: str, purpose: str) -> OneTimeLink | None:
    """The unused, unexpired link behind this text."""
    link = (
        OneTimeLink.objects.select_related("user").filter(digest=token_digest(text), purpose=purpose, used_at=None).first()
    )
    return None if link is None or (link.expires_at and link.expires_at <= timezone.now()) else link


def has_people() -> bool:
    return User.objects.exists()


def people() -> QuerySet[User]:
    return User.objects.prefetch_related("role_grants__environment", "role_grants__application").order_by("username")


def person(username: str) -> User:
    """Raises `NotVisible`."""
    found = people().filter(username=username).first()
    if found is None:
        raise NotVisible("person", username)
    return found


def tokens_of(user_id: int | None) -> QuerySet[ApiToken]:
    return ApiToken.objects.filter(user__in=[user_id] if user_id else [], revoked_at=None).order_by("-created_at")


def visible_events(actor: Actor, chosen: QuerySet[Event]) -> QuerySet[Event]:
    """Narrow events to what the actor may see: everything, or the environments and applications of narrowed grants."""
    grants = actor.active_grants
    if actor.is_system or any(not grant.environment and not grant.application for grant in grants):
        return chosen
    allowed = Q(actor_id=actor.id)
    for grant in grants:
        scope = Q()
        if grant.environment:
            scope &= Q(environment=grant.environment)
        if grant.application:
            scope &= Q(application=grant.application)
        allowed |= scope
    return chosen.filter(allowed)
