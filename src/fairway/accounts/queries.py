"""Reads people and their grants, and turns grants into query conditions (`reached`)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from typing import Any

from allauth.mfa.models import Authenticator
from django.db.models import Exists, F, Max, OuterRef, Q, QuerySet
from django.utils import timezone

from fairway.accounts.models import ApiToken, OneTimeLink, RoleGrant, SignInPolicy, User
from fairway.accounts.rules import (
    ONLY_BY_PEOPLE,
    ROLES_FOR,
    Act,
    Actor,
    Authentication,
    Grant,
    NotVisible,
    Reach,
    Role,
    limited,
    may,
    reach_of,
)
from fairway.accounts.secrets import token_digest
from fairway.activity.models import Event
from fairway.activity.rules import Door
from fairway.engine.prepared import NUMBER, TEXT, Prepared

SECOND_STEPS = (Authenticator.Type.TOTP, Authenticator.Type.WEBAUTHN)


def grants_of(user: User) -> tuple[Grant, ...]:
    """A person's grants, as values for the rules."""
    return tuple(_grant(*row) for _, *row in _GRANTS.rows(user.pk))


def grants_of_all(people: Iterable[int]) -> dict[int, tuple[Grant, ...]]:
    """The grants of many people by their id, in one query.

    A grant for something that was deleted has ended, because something else may have the same name now.
    """
    found: dict[int, list[Grant]] = {number: [] for number in people}
    for number, *row in _living_grants(Q(user__in=list(found))):
        found[number].append(_grant(*row))
    return {number: tuple(grants) for number, grants in found.items()}


def _living_grants(whose: Q) -> QuerySet[RoleGrant, tuple[Any, ...]]:
    living = RoleGrant.objects.filter(whose, environment__deleted_at=None, application__deleted_at=None)
    return living.values_list("user_id", "role", "environment__slug", "application__slug")


def _grant(role: str, environment: str | None, application: str | None) -> Grant:
    return Grant(Role(role), environment or "", application or "")


_GRANTS = Prepared(lambda number: _living_grants(Q(user=number)), NUMBER)  # each request asks for them


def active_actors(people: Iterable[int]) -> list[Actor]:
    """The active people among these, as actors with their present grants; in two queries."""
    living = User.objects.filter(pk__in=list(people), is_active=True).in_bulk()
    grants = grants_of_all(living) if living else {}
    return [
        Actor(id=number, name=one.username, grants=grants[number], is_service=one.is_service)
        for number, one in living.items()
    ]


def may_in_query(act: Act, *, person: str, environment: str) -> Exists:
    """`may` as a condition in a query: whether the person whose id is in column `get_person` may do `act` in the row's
    `environment`."""
    there = Q(environment=None) | Q(environment=OuterRef(environment), environment__deleted_at=None)
    roles = sorted(ROLES_FOR[act])
    if act in ONLY_BY_PEOPLE:
        there &= Q(user__is_service=False)
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
    """This person as an actor who came through this interface (`door`), authenticated by this session key or token."""
    by_token = (token.pk, token.expires_at) if token is not None else (None, None)
    return Actor(
        id=user.pk,
        name=user.username,
        grants=grants_of(user) if token is None else grants_through(token, grants_of(user)),
        acting_as=Role(acting_as) if acting_as in set(Role) else None,
        door=door,
        identified_by=identified_by,
        address=address,
        client=client,
        is_service=user.is_service,
        authentication=Authentication(user.generation, session, *by_token),
    )


def actor_of_request(user_id: int, name: str, door: str, acting_as: str, *, token: int | None = None) -> Actor:
    """The actor of an earlier request, with their *present* grants; none if the person was deleted or deactivated.

    `token` is the API token that was used. If it was revoked, or ended with its owner's password, the actor has no grants
    either. An expired one still counts, because what a pipeline requests often begins after its short-lived token expired.
    """
    user = User.objects.filter(pk=user_id, is_active=True).first()
    if user is None:
        return Actor(id=user_id, name=name, door=Door(door))
    actor = actor_for(user, door=Door(door), acting_as=acting_as, identified_by="request")
    if token is None:
        return actor
    used = with_scope(ApiToken.objects.filter(pk=token, revoked_at=None, generation=user.generation)).first()
    return replace(actor, grants=grants_through(used, actor.grants)) if used else Actor(user_id, name, door=Door(door))


def with_scope(tokens: QuerySet[ApiToken]) -> QuerySet[ApiToken]:
    """These tokens with what `grants_through` reads of them."""
    return tokens.select_related("application", "environment")


def grants_through(token: ApiToken, grants: tuple[Grant, ...]) -> tuple[Grant, ...]:
    """What is left of its owner's grants with this token: none if the application or the environment to which it is limited
    was deleted, because something else may have the same name now."""
    application, environment = token.application, token.environment
    if (application and application.deleted_at) or (environment and environment.deleted_at):
        return ()
    return limited(grants, application.slug if application else "", environment.slug if environment else "")


def tokens_left_to_end(tokens: Iterable[int]) -> frozenset[int]:
    """Those of these tokens (ids) that were neither revoked nor ended with their owner's password; an expired one counts,
    as in `actor_of_request`. No query for none."""
    wanted = set(tokens)
    found = ApiToken.objects.filter(pk__in=wanted, revoked_at=None, user__generation=F("generation"))
    return frozenset(found.values_list("pk", flat=True)) if wanted else frozenset()


def token_owner(text: str) -> ApiToken | None:
    """The working token with this text; None if it is unknown, expired or revoked, or its owner's access was revoked."""
    token: ApiToken | None = _TOKEN.first(token_digest(text))
    return token if token is not None and works_now(token) else None


_TOKEN = Prepared(  # for each request
    lambda digest: ApiToken.objects.select_related("user", "application", "environment").filter(digest=digest), TEXT
)


def works_now(token: ApiToken) -> bool:
    """Whether a token is one of `working_tokens`, without a query: every API request checks this, and compiling the query
    would take Django longer than the rest."""
    is_over = token.revoked_at is not None or (token.expires_at is not None and token.expires_at <= timezone.now())
    return not is_over and token.user.is_active and token.user.generation == token.generation


def still_to_end() -> Q:
    """The condition for tokens that are neither expired nor revoked."""
    return Q(revoked_at=None) & (Q(expires_at=None) | Q(expires_at__gt=timezone.now()))


def working_tokens() -> QuerySet[ApiToken]:
    """The tokens that the API accepts now."""
    return ApiToken.objects.filter(still_to_end(), user__is_active=True, user__generation=F("generation"))


def usable_link(text: str, purpose: str) -> OneTimeLink | None:
    """The valid, unused link with this text; None if there is none. See `OneTimeLink`."""
    return _usable(OneTimeLink.objects.filter(digest=token_digest(text), purpose=purpose))


def usable_invitation(number: int) -> OneTimeLink | None:
    """The invitation with this number if it is still valid and unused. For a browser that has shown its text before."""
    return _usable(OneTimeLink.objects.filter(pk=number, purpose=OneTimeLink.INVITATION))


def _usable(rows: QuerySet[OneTimeLink]) -> OneTimeLink | None:
    found = rows.select_related("user", "made_by")
    link = found.filter(Q(expires_at=None) | Q(expires_at__gt=timezone.now()), used_at=None).first()
    return link if link is not None and _is_still_valid(link) else None


def _is_still_valid(link: OneTimeLink) -> bool:
    user, maker = link.user, link.made_by
    if user is not None and (not user.is_active or user.generation != link.generation):
        return False
    if link.made_with_id is not None and not working_tokens().filter(pk=link.made_with_id).exists():
        return False
    return maker is None or (maker.is_active and may(actor_for(maker, door=Door.WEB), Act.MANAGE_PEOPLE))


def who_may_use_passwords() -> str:
    """`SignInPolicy.EVERYBODY`, or `EMERGENCY` where only emergency accounts may sign in with a password."""
    found: str | None = SignInPolicy.objects.filter(pk=1).values_list("passwords", flat=True).first()
    return found or SignInPolicy.EVERYBODY


def may_use_password(user: User) -> bool:
    """Whether this person may sign in with a password."""
    return user.is_emergency or who_may_use_passwords() == SignInPolicy.EVERYBODY


def has_two_steps(user: User) -> bool:
    """Whether this person is asked for a code, or a passkey, after their password."""
    return bool(_apps(Q(user_id=user.pk)).exists())


def asks_for_code(user: User) -> bool:
    """Whether this person may sign in with a password, and is asked for a code after it."""
    return may_use_password(user) and has_two_steps(user)


def is_two_step_required() -> bool:
    """Whether everybody who signs in with a password must also give a code."""
    return SignInPolicy.objects.filter(pk=1, two_step_required=True).exists()


def must_set_up_two_steps(number: int) -> bool:
    """Whether the person with this id has no second step and must have one."""
    return bool(_MUST.rows(number))


def who_must_set_up_two_steps(numbers: Iterable[int]) -> frozenset[int]:
    """Those of these people (ids) who have no second step and must have one. No query for none."""
    wanted = set(numbers)
    if not wanted or not is_two_step_required():
        return frozenset()
    return frozenset(wanted - set(_apps(Q(user_id__in=wanted)).values_list("user_id", flat=True)))


def _apps(whose: Q) -> QuerySet[Any]:
    """The authenticator apps and passkeys of these people: what can follow their password."""
    found: QuerySet[Any] = Authenticator.objects.filter(whose, type__in=SECOND_STEPS)
    return found


_MUST = Prepared(  # for each request of a session that began with a password only
    lambda number: SignInPolicy.objects.filter(~Exists(_apps(Q(user_id=number))), pk=1, two_step_required=True)
    .values_list("pk"),
    NUMBER,
)  # fmt: skip


def administrators() -> QuerySet[User]:
    """Active people who are Admin everywhere. Service accounts do not count, because they cannot sign in."""
    grants = RoleGrant.objects.filter(role=Role.ADMIN, environment=None, application=None)
    return User.objects.filter(is_active=True, is_service=False, pk__in=grants.values("user")).order_by("username")


def has_people() -> bool:
    return User.objects.exists()


def people() -> QuerySet[User]:
    """Everybody, and every service account; `two_step` says whether they are asked for a code after their password."""
    everybody = User.objects.prefetch_related("role_grants__environment", "role_grants__application")
    return everybody.annotate(two_step=Exists(_apps(Q(user_id=OuterRef("pk"))))).order_by("username")


def people_visible_to(actor: Actor) -> QuerySet[User]:
    """The people an actor may see: themselves, and everybody with a role for anything that the actor may see."""
    reach = reach_of(actor)
    if reach.is_everything:
        return people()
    beside = Q(pk=actor.id)
    for app, env in reach.pairs:
        application = Q(role_grants__application=None) | Q(role_grants__application__slug=app) if app else Q()
        environment = Q(role_grants__environment=None) | Q(role_grants__environment__slug=env) if env else Q()
        beside |= Q(role_grants__isnull=False) & application & environment
    return people().filter(pk__in=User.objects.filter(beside).values("pk"))


def colleague(actor: Actor, username: str) -> User | None:
    """The active person of this user name whom the actor may see and so may name, for example as a release's manager."""
    return people_visible_to(actor).filter(username=username, is_active=True, is_service=False).first()


def events_by(chosen: QuerySet[Event], username: str) -> QuerySet[Event]:
    """The events of the account with this user name, whatever its display name was; Fairway's own events by its name."""
    user = User.objects.filter(username__iexact=username).values_list("pk", flat=True).first()
    if user is not None:
        return chosen.filter(actor_id=user)
    return chosen.filter(actor_id=None, actor_name__iexact=username)


def usernames_of(numbers: Iterable[int | None]) -> dict[int, str]:
    """The user names of these accounts, in one query."""
    return dict(User.objects.filter(pk__in={number for number in numbers if number}).values_list("pk", "username"))


def shown_names() -> dict[str, str]:
    """Display names by user name, where they differ."""
    named = User.objects.exclude(first_name="", last_name="")
    return {user.username: user.shown_name for user in named if user.shown_name != user.username}


def confirmed_people(email: str) -> QuerySet[User]:
    """The person whose confirmed address this is; at most one."""
    return User.objects.filter(email__iexact=email, email_confirmed_at__isnull=False) if email else User.objects.none()


def get_person(username: str) -> User:
    """The person, or the service account, of this user name. Raises `NotVisible`."""
    found = people().filter(username=username).first()
    if found is None:
        raise NotVisible("person", username)
    return found


def get_human(username: str) -> User:
    """The person of this user name, who is no service account. Raises `NotVisible`."""
    found = get_person(username)
    if found.is_service:
        raise NotVisible("person", username)
    return found


def last_use_of_tokens() -> dict[int, datetime]:
    """When a token of each service account was used last, by the account's id; in one query."""
    used = ApiToken.objects.filter(user__is_service=True, last_used_at__isnull=False).order_by()
    return dict(used.values_list("user").annotate(last=Max("last_used_at")))


def service_accounts() -> QuerySet[User]:
    """Every service account, with its grants."""
    return people().filter(is_service=True)


def get_service_account(username: str) -> User:
    """The service account of this name. Raises `NotVisible`."""
    found = service_accounts().filter(username=username).first()
    if found is None:
        raise NotVisible("service account", username)
    return found


def tokens_of(user_id: int | None) -> QuerySet[ApiToken]:
    """A person's working tokens, newest first; an inactive person has none."""
    return with_scope(working_tokens().filter(user__in=[user_id] if user_id else [])).order_by("-created_at")


_EVERY = ~Q(pk__in=[])  # always true; an empty Q() would vanish in an “or”


def reached(reach: Reach, *, application: str = "", environment: str = "") -> Q:
    """The condition for the rows that a reach covers. Every query that depends on grants is built with it.

    `application` and `environment` are the lookups from a row to the slugs. Rows with both need both in one pair
    (`Reach.covers`); rows with only one of them need a pair that contains it.
    """
    if reach.is_everything:
        return _EVERY
    found = Q(pk__in=[])
    for application_slug, environment_slug in reach.pairs:
        part = Q()
        if application and application_slug:
            # an application and its previews; see `shared.names.application_of`
            part &= Q(**{application: application_slug}) | Q(**{f"{application}__endswith": f"--{application_slug}"})
        if environment and environment_slug:
            part &= Q(**{environment: environment_slug})
        found |= part or _EVERY
    return found


def visible_events(actor: Actor, chosen: QuerySet[Event], *, person: str = "") -> QuerySet[Event]:
    """The events of `chosen` that are about what the actor may see, or are their own; with `get_person`, of that account
    only."""
    chosen = events_by(chosen, person) if person else chosen
    reach = reach_of(actor)
    if reach.is_everything:
        return chosen
    return chosen.filter(reached(reach, application="application", environment="environment") | Q(actor_id=actor.id))


def is_visible(actor: Actor, event: Event) -> bool:
    """`visible_events` for one event in memory."""
    return (actor.id is not None and event.actor_id == actor.id) or reach_of(actor).covers(
        event.application, event.environment
    )
