"""Reading people, and the one way to look up what events an actor may see."""

from __future__ import annotations

from collections.abc import Iterable

from django.db.models import Exists, F, OuterRef, Q, QuerySet
from django.utils import timezone

from fairway.accounts.models import ApiToken, OneTimeLink, RoleGrant, User
from fairway.accounts.rules import ROLES_FOR, Act, Actor, Grant, NotVisible, Reach, Role, Standing, may, reach_of
from fairway.accounts.secrets import token_digest
from fairway.activity.models import Event
from fairway.activity.rules import Door


def grants_of(user: User) -> tuple[Grant, ...]:
    """A person's grants as the rules know them."""
    return grants_of_all([user.pk])[user.pk]


def grants_of_all(people: Iterable[int]) -> dict[int, tuple[Grant, ...]]:
    """Those of many people, by their number, in one query.

    A grant that was narrowed to something deleted is over: another of its name may have come since.
    """
    found: dict[int, list[Grant]] = {number: [] for number in people}
    living = RoleGrant.objects.filter(user__in=list(found), environment__deleted_at=None, application__deleted_at=None)
    for number, role, environment, application in living.values_list(
        "user_id", "role", "environment__slug", "application__slug"
    ):
        found[number].append(Grant(Role(role), environment or "", application or ""))
    return {number: tuple(grants) for number, grants in found.items()}


def let_in(people: Iterable[int]) -> list[Actor]:
    """Those of these people who are let in, with what they may do now; in two queries."""
    living = dict(User.objects.filter(pk__in=list(people), is_active=True).values_list("pk", "username"))
    grants = grants_of_all(living) if living else {}
    return [Actor(id=number, name=name, grants=grants[number]) for number, name in living.items()]


def holds(act: Act, *, person: str, environment: str) -> Exists:
    """The same, inside a query: whether the row's `person` (a column with a number) may do this in its `environment`."""
    there = Q(environment=None) | Q(environment=OuterRef(environment), environment__deleted_at=None)
    roles = sorted(ROLES_FOR[act])
    return Exists(
        RoleGrant.objects.filter(there, user=OuterRef(person), user__is_active=True, role__in=roles, application=None)
    )


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
        name=user.username,
        grants=grants_of(user),
        acting_as=Role(acting_as) if acting_as in set(Role) else None,
        door=door,
        identified_by=identified_by,
        address=address,
        client=client,
        standing=Standing(user.generation, session, *by_token),
    )


def actor_of_request(user_id: int, name: str, door: str, acting_as: str, *, token: int | None = None) -> Actor:
    """Who asked for something earlier, with what they may do *now*; a person who is gone or locked out may do nothing.

    `token` is the API token that asked. One that was revoked, or ended with its owner's password, may do nothing either;
    one whose time is over may: what a pipeline asks for often begins after its token's few minutes.
    """
    user = User.objects.filter(pk=user_id, is_active=True).first()
    if user is None or (token is not None and not _was_left_to_end(user, token)):
        return Actor(id=user_id, name=name, door=Door(door))
    return actor_for(user, door=Door(door), acting_as=acting_as, identified_by="request")


def _was_left_to_end(user: User, token: int) -> bool:
    return ApiToken.objects.filter(pk=token, revoked_at=None, generation=user.generation).exists()


def token_owner(text: str) -> ApiToken | None:
    """The working token behind this text; None when unknown, expired, revoked, or its owner's account moved on."""
    found = ApiToken.objects.select_related("user").filter(digest=token_digest(text)).order_by()[:1]  # there is one at most
    return next((token for token in found if works_now(token)), None)


def works_now(token: ApiToken) -> bool:
    """Whether it is one of `working_tokens`, asked of what was read: each request of the API asks, and Django takes longer
    to write all this as a question than for the rest of it."""
    is_over = token.revoked_at is not None or (token.expires_at is not None and token.expires_at <= timezone.now())
    return not is_over and token.user.is_active and token.user.generation == token.generation


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


def people_visible_to(actor: Actor) -> QuerySet[User]:
    """Those an actor may know of: oneself, and whoever holds a role over anything one reaches oneself."""
    reach = reach_of(actor)
    if reach.is_everything:
        return people()
    beside = Q(pk=actor.id)
    for one, place in reach.pairs:
        application = Q(role_grants__application=None) | Q(role_grants__application__slug=one) if one else Q()
        environment = Q(role_grants__environment=None) | Q(role_grants__environment__slug=place) if place else Q()
        beside |= Q(role_grants__isnull=False) & application & environment
    return people().filter(pk__in=User.objects.filter(beside).values("pk"))


def colleague(actor: Actor, username: str) -> User | None:
    """Somebody who can sign in and whom the actor may name (as a release's manager, say), by user name alone."""
    return people_visible_to(actor).filter(username=username, is_active=True).first()


def by_person(chosen: QuerySet[Event], username: str) -> QuerySet[Event]:
    """The events of the account with this user name, whatever it called itself then; Fairway's own by its name."""
    user = User.objects.filter(username__iexact=username).values_list("pk", flat=True).first()
    if user is not None:
        return chosen.filter(actor_id=user)
    return chosen.filter(actor_id=None, actor_name__iexact=username)


def usernames_of(numbers: Iterable[int | None]) -> dict[int, str]:
    """The user names of these accounts, in one query."""
    return dict(User.objects.filter(pk__in={one for one in numbers if one}).values_list("pk", "username"))


def shown_names() -> dict[str, str]:
    """What people call themselves, by user name; only of those who call themselves anything else."""
    named = User.objects.exclude(first_name="", last_name="")
    return {one.username: one.shown_name for one in named if one.shown_name != one.username}


def confirmed_people(email: str) -> QuerySet[User]:
    """Whose address this is: nobody's until it was confirmed, and then one person's."""
    return User.objects.filter(email__iexact=email, email_confirmed_at__isnull=False) if email else User.objects.none()


def person(username: str) -> User:
    """Raises `NotVisible`."""
    found = people().filter(username=username).first()
    if found is None:
        raise NotVisible("person", username)
    return found


def tokens_of(user_id: int | None) -> QuerySet[ApiToken]:
    """Those that work; an inactive person has none."""
    return working_tokens().filter(user__in=[user_id] if user_id else []).order_by("-created_at")


_EVERY = ~Q(pk__in=[])  # never an empty condition: “or” forgets one


def reached(reach: Reach, *, application: str = "", environment: str = "") -> Q:
    """Grants as a condition: the rows that a reach holds. Every query that depends on grants is made of this.

    Name the lookups that lead from a row to its slugs. Rows of both an application and an environment need both in one
    pair (`Reach.covers`); rows of only one of them need a pair that meets it.
    """
    if reach.is_everything:
        return _EVERY
    found = Q(pk__in=[])
    for one, place in reach.pairs:
        part = Q()
        if application and one:
            part &= Q(**{application: one})
        if environment and place:
            part &= Q(**{environment: place})
        found |= part or _EVERY
    return found


def visible_events(actor: Actor, chosen: QuerySet[Event], *, person: str = "") -> QuerySet[Event]:
    """Narrow events to those of what the actor may see, and their own; with `person`, to that account's."""
    chosen = by_person(chosen, person) if person else chosen
    reach = reach_of(actor)
    if reach.is_everything:
        return chosen
    return chosen.filter(reached(reach, application="application", environment="environment") | Q(actor_id=actor.id))


def is_visible(actor: Actor, event: Event) -> bool:
    """The same for one event in memory."""
    return (actor.id is not None and event.actor_id == actor.id) or reach_of(actor).covers(
        event.application, event.environment
    )
