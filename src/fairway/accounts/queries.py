"""Reading people, and the one way to look up what events an actor may see."""

from __future__ import annotations

from collections.abc import Iterable

from django.db.models import F, Q, QuerySet
from django.utils import timezone

from fairway.accounts.models import ApiToken, OneTimeLink, RoleGrant, User
from fairway.accounts.rules import Act, Actor, Grant, NotVisible, Role, Standing, may
from fairway.accounts.secrets import token_digest
from fairway.activity.models import Event
from fairway.activity.rules import Door


def grants_of(user: User) -> tuple[Grant, ...]:
    """A person's grants as the rules know them."""
    rows = RoleGrant.objects.filter(user=user).values_list("role", "environment__slug", "application__slug")
    return tuple(Grant(Role(role), environment or "", application or "") for role, environment, application in rows)


def grants_of_all(people: Iterable[int]) -> dict[int, tuple[Grant, ...]]:
    """Those of many people, by their number, in one query."""
    found: dict[int, list[Grant]] = {number: [] for number in people}
    rows = RoleGrant.objects.filter(user__in=list(found))
    for number, role, environment, application in rows.values_list(
        "user_id", "role", "environment__slug", "application__slug"
    ):
        found[number].append(Grant(Role(role), environment or "", application or ""))
    return {number: tuple(grants) for number, grants in found.items()}


def actor_for(
    user: User,
    *,
    door: Door,
    acting_as: str = "",
    identified_by: str = "session",
    address: str = "",
    client: str = "",
    session: str = "",
    token: ApiToken | None = None,
) -> Actor:
    """The actor that this person is at this door, let in by the session of this key, or by this token."""
    by_token = (token.pk, token.expires_at) if token is not None else (None, None)
    return Actor(
        id=user.pk,
        name=user.shown_name,
        grants=grants_of(user),
        acting_as=Role(acting_as) if acting_as in set(Role) else None,
        door=door,
        identified_by=identified_by,
        address=address,
        client=client,
        standing=Standing(user.generation, session, *by_token),
    )


def actor_of_request(user_id: int, name: str, door: str, acting_as: str) -> Actor:
    """Who asked for something earlier, with what they may do *now*; a person who is gone or locked out may do nothing."""
    user = User.objects.filter(pk=user_id, is_active=True).first()
    if user is None:
        return Actor(id=user_id, name=name, door=Door(door))
    return actor_for(user, door=Door(door), acting_as=acting_as, identified_by="request")


def token_owner(text: str) -> ApiToken | None:
    """The working token behind this text; None when unknown, expired, revoked, or its owner's account moved on."""
    return working_tokens().select_related("user").filter(digest=token_digest(text)).first()


def still_to_end() -> Q:
    """Tokens that neither ended by themselves nor were revoked."""
    return Q(revoked_at=None) & (Q(expires_at=None) | Q(expires_at__gt=timezone.now()))


def working_tokens() -> QuerySet[ApiToken]:
    """Those that open the API now."""
    return ApiToken.objects.filter(still_to_end(), user__is_active=True, user__generation=F("generation"))


def usable_link(text: str, purpose: str) -> OneTimeLink | None:
    """The unused link behind this text, while all that it hangs on stands (see `OneTimeLink`)."""
    found = OneTimeLink.objects.select_related("user", "made_by").filter(digest=token_digest(text), purpose=purpose)
    link = found.filter(Q(expires_at=None) | Q(expires_at__gt=timezone.now()), used_at=None).first()
    return link if link is not None and _stands(link) else None


def _stands(link: OneTimeLink) -> bool:
    user, maker = link.user, link.made_by
    if user is not None and (not user.is_active or user.generation != link.generation):
        return False
    if link.made_with_id is not None and not working_tokens().filter(pk=link.made_with_id).exists():
        return False
    return maker is None or (maker.is_active and may(actor_for(maker, door=Door.WEB), Act.MANAGE_PEOPLE))


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
    """Those that work; an inactive person has none."""
    return working_tokens().filter(user__in=[user_id] if user_id else []).order_by("-created_at")


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
