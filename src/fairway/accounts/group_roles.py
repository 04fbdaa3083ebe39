"""Roles that groups of a sign-in provider give: what is entered, what is stored, and who holds what because of it.

A provider's `roles` are lists of a group, a role and, if the role is narrowed, the ids of an environment and an application.
Ids, because something else may have the same name later. Roles are given at each sign-in. What a changed or removed mapping
gives no more is taken at once from everybody, by the groups that they had when they last signed in.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from django.db.models import QuerySet

from fairway.accounts.commands import grant_words, on_person
from fairway.accounts.models import LinkedIdentity, RoleGrant, SignInProvider, User
from fairway.accounts.queries import administrators
from fairway.accounts.rules import Actor, Role
from fairway.accounts.sign_in_rules import GroupRole, roles_of
from fairway.activity.commands import record
from fairway.shared.names import Invalid


class Given(NamedTuple):
    """A role with the ids of what it is narrowed to, None for everything."""

    role: str
    environment: int | None = None
    application: int | None = None


def stored(roles: Iterable[GroupRole]) -> list[list[Any]]:
    """These mappings as `SignInProvider.roles` keeps them. Raises `Invalid` for an environment or application that does not
    exist."""
    return [_stored(one) for one in roles]


def mapping_of(provider: SignInProvider) -> tuple[tuple[str, Given], ...]:
    """Which group gives what."""
    return tuple((group, Given(role, *(place or (None, None)))) for group, role, *place in provider.roles)


def shown(provider: SignInProvider) -> list[GroupRole]:
    """The mappings as people write them, without those for something that was deleted: these give nothing."""
    mapping = mapping_of(provider)
    environments = _names("environment", (one.environment for _, one in mapping))
    applications = _names("application", (one.application for _, one in mapping))
    found = []
    for group, one in mapping:
        environment, application = environments.get(one.environment), applications.get(one.application)
        if environment is not None and application is not None:
            found.append(GroupRole(group, one.role, environment, application))
    return found


def set_roles_by_groups(provider: SignInProvider, user: User, groups: Iterable[str]) -> None:
    """Give the roles of these groups, and take those that this provider gave before and gives no longer. The last
    administrator keeps the role."""
    wanted = roles_of(frozenset(groups), mapping_of(provider))
    for grant in RoleGrant.objects.filter(user=user, given_by=provider):
        if _given(grant) not in wanted and not is_last_administrator(grant):
            grant.delete()
    held = {_given(grant) for grant in RoleGrant.objects.filter(user=user)}
    for one in sorted(wanted - held, key=str):
        RoleGrant.objects.create(
            user=user, role=one.role, environment_id=one.environment, application_id=one.application, given_by=provider
        )


def known_groups(provider: SignInProvider, groups: Iterable[str]) -> list[str]:
    """What is remembered of somebody's groups: those that give a role here, and no others."""
    return sorted(set(groups) & {group for group, _ in mapping_of(provider)})


def take_at_once(actor: Actor, provider: SignInProvider) -> bool:
    """Take from everybody what the provider's groups gave and, as it is set now, give no longer; an event for each person.
    Nothing is given: that waits for their next sign-in. Returns whether anything was taken; then the caller refuses to leave
    nobody in charge."""
    mapping = mapping_of(provider)
    groups = _last_groups(provider)
    grants: dict[int, list[RoleGrant]] = defaultdict(list)
    for grant in RoleGrant.objects.filter(given_by=provider).select_related("user"):
        grants[grant.user_id].append(grant)
    taken = False
    for number, held in grants.items():
        remembered = groups.get(number)
        # of whoever signed in with a version of Fairway that did not remember: what any group gives
        wanted = roles_of(remembered, mapping) if remembered is not None else frozenset(one for _, one in mapping)
        over = [grant for grant in held if _given(grant) not in wanted]
        if not over:
            continue
        user = held[0].user
        before = grant_words(user)
        RoleGrant.objects.filter(pk__in=[grant.pk for grant in over]).delete()
        after = {"roles": grant_words(user), "by_groups_of": provider.name}
        record(who=actor.who, verb="person.roles_set", on=on_person(user), before={"roles": before}, after=after)
        taken = True
    return taken


def is_last_administrator(grant: RoleGrant) -> bool:
    """Whether nobody else would remain Admin everywhere without this grant."""
    everywhere = RoleGrant.objects.filter(role=Role.ADMIN, environment=None, application=None, user__in=administrators())
    return grant.role == Role.ADMIN and not everywhere.exclude(pk=grant.pk).exists()


def _last_groups(provider: SignInProvider) -> dict[int, frozenset[str] | None]:
    found: dict[int, frozenset[str] | None] = {}
    rows = LinkedIdentity.objects.filter(issuer=provider.issuer).values_list("user_id", "groups")
    for number, groups in rows:
        before = found.get(number, frozenset())
        found[number] = None if groups is None or before is None else before | frozenset(groups)
    return found


def _given(grant: RoleGrant) -> Given:
    return Given(grant.role, grant.environment_id, grant.application_id)


def _stored(one: GroupRole) -> list[Any]:
    if not one.environment and not one.application:
        return [one.group, one.role]
    return [one.group, one.role, _number("environment", one.environment), _number("application", one.application)]


def _living(kind: str) -> QuerySet[Any]:
    """The environments or applications that exist; this room does not know them but by what its rows refer to."""
    model: Any = RoleGrant._meta.get_field(kind).related_model
    found: QuerySet[Any] = model.objects.filter(deleted_at=None)
    return found


def _number(kind: str, slug: str) -> int | None:
    if not slug:
        return None
    found: int | None = _living(kind).filter(slug=slug).values_list("pk", flat=True).first()
    if found is None and kind == "environment":
        raise Invalid("roles", "name “{name}”, which is no environment.", name=slug[:40])
    if found is None:
        raise Invalid("roles", "name “{name}”, which is no application.", name=slug[:40])
    return found


def _names(kind: str, numbers: Iterable[int | None]) -> dict[int | None, str]:
    wanted = {number for number in numbers if number}
    return {None: "", **(dict(_living(kind).filter(pk__in=wanted).values_list("pk", "slug")) if wanted else {})}


def as_pairs(roles: Sequence[GroupRole]) -> list[list[str]]:
    """Mappings as events show them: the group, and the role as people type it."""
    return [[one.group, one.grant] for one in roles]
