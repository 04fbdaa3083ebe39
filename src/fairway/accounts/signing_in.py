"""Commands on people who come from a sign-in provider: let them in, connect and disconnect what they are known as there.

Identities were verified by `fairway.drivers.identity` before they come here; only issuer and subject identify anybody.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from django.core.cache import cache
from django.db import IntegrityError, transaction
from django.utils import timezone

from fairway.accounts.access import locked_account, revoke_access
from fairway.accounts.commands import grant_words, on_person, require
from fairway.accounts.emails import parse_email
from fairway.accounts.group_roles import is_last_administrator, known_groups, set_roles_by_groups
from fairway.accounts.models import LinkedIdentity, OneTimeLink, RoleGrant, SignInProvider, User
from fairway.accounts.provider_commands import on_provider
from fairway.accounts.queries import asks_for_code, confirmed_people, usable_invitation
from fairway.accounts.rules import Act, Actor
from fairway.accounts.sign_in_providers import terms_of
from fairway.accounts.sign_in_rules import Why, usernames_for, why_not_let_in
from fairway.activity.commands import record
from fairway.activity.rules import Door, On, Who
from fairway.shared.names import Invalid

if TYPE_CHECKING:  # it imports httpx and jwt
    from fairway.drivers.identity.contract import Identity

WINDOW = 60 * 60  # seconds; refusals are counted within it, for each provider and reason


class NotLetIn(Exception):
    """A provider vouches for somebody who is not let in. `why` says the reason; see `provider_troubles.REFUSALS`."""

    def __init__(self, why: Why, *, email: str = "") -> None:
        super().__init__(why.value)
        self.why, self.email = why, email


@transaction.atomic
def let_in(*, provider: SignInProvider, identity: Identity, address: str = "", client: str = "") -> User:
    """The person whom the provider vouches for, with the roles that their groups give; created if the provider's terms say
    so. The caller starts their session. Raises `NotLetIn`."""
    linked = LinkedIdentity.objects.filter(issuer=identity.issuer, subject=identity.subject).first()
    user = User.objects.select_for_update(no_key=True).get(pk=linked.user_id) if linked else None
    email = _email(identity)
    why = why_not_let_in(
        terms_of(provider),
        email,
        identity.groups,
        is_linked=user is not None,
        is_active=user is not None and user.is_active,
        is_taken=confirmed_people(email).exists(),
    )
    if why is not None:
        raise NotLetIn(why, email=email)
    who_came = _Came(provider, address, client)
    if user is None or linked is None:
        return _newcomer(who_came, identity, email)
    LinkedIdentity.objects.filter(pk=linked.pk).update(last_used_at=timezone.now(), email=email)
    _roles_follow(who_came, user, identity)
    return user


@transaction.atomic
def accept_invitation_with(
    *, invitation: int, provider: SignInProvider, identity: Identity, address: str = "", client: str = ""
) -> User:
    """Connect the identity to the person who was invited, instead of a password; the invitation is used. The caller starts
    their session. Raises `Invalid` if the invitation is not valid any more, or its person uses two-step sign-in, which a
    link must not go around; or `NotLetIn` if the identity is another
    person's or the provider's terms refuse it; then the invitation stays."""
    found = usable_invitation(invitation)
    if found is None or found.user is None:
        raise Invalid("link", "has been used, replaced or has expired; ask an administrator for a new one.")
    if asks_for_code(found.user):
        raise Invalid("link", "opens a page on which you choose a password, because two-step sign-in is on; open it again.")
    terms, email = terms_of(provider), _email(identity)
    why = why_not_let_in(terms, email, identity.groups, is_linked=True, is_active=True, is_taken=False)
    if why is not None:
        raise NotLetIn(why, email=email)
    if not OneTimeLink.objects.filter(pk=found.pk, used_at=None).update(used_at=timezone.now()):
        raise Invalid("link", "has been used a moment ago.")
    row, _ = LinkedIdentity.objects.get_or_create(
        issuer=identity.issuer,
        subject=identity.subject,
        defaults={"user": found.user, "email": email, "last_used_at": timezone.now()},
    )
    if row.user_id != found.user_id:
        raise NotLetIn(Why.LINKED_ELSEWHERE)
    came, user = _Came(provider, address, client), found.user
    after = {"provider": provider.name, "issuer": row.issuer, "subject": row.subject, "email": email}
    record(who=came.as_who(user), verb="person.invitation_accepted", on=on_person(user), after=after)
    _roles_follow(came, user, identity)
    return user


@transaction.atomic
def link_identity(*, actor: Actor, provider: SignInProvider, identity: Identity) -> LinkedIdentity:
    """Connect what a provider knows the actor as to their account, so that they can sign in with it. Raises `Blocked`, or
    `NotLetIn` if it is another person's or the provider's terms refuse it."""
    require(actor, Act.CHANGE_ACCOUNT)
    user = locked_account(actor)
    email = _email(identity)
    terms = terms_of(provider)
    why = why_not_let_in(terms, email, identity.groups, is_linked=True, is_active=True, is_taken=False)
    if why is not None:
        raise NotLetIn(why, email=email)
    row, is_new = LinkedIdentity.objects.get_or_create(
        issuer=identity.issuer, subject=identity.subject, defaults={"user": user, "email": email}
    )
    if row.user_id != user.pk:
        raise NotLetIn(Why.LINKED_ELSEWHERE)
    if is_new:
        record(
            who=actor.who,
            verb="person.identity_linked",
            on=on_person(user),
            after={"provider": provider.name, "issuer": row.issuer, "subject": row.subject, "email": email},
        )
    return row


@transaction.atomic
def unlink_identity(*, actor: Actor, number: int) -> None:
    """Disconnect one of the actor's identities; roles that its provider's groups gave end. Raises `Blocked`, or `Invalid` if
    it is their only way to sign in. No error if it is not theirs or gone."""
    require(actor, Act.CHANGE_ACCOUNT)
    user = locked_account(actor)
    row = LinkedIdentity.objects.filter(pk=number, user=user).first()
    if row is None:
        return
    others = LinkedIdentity.objects.filter(user=user).exclude(pk=row.pk)
    if not user.has_usable_password() and not others.exists():
        raise Invalid("identity", "is your only way to sign in; set a password first.")
    _unlink(row)
    record(who=actor.who, verb="person.identity_unlinked", on=on_person(user), before=_identity_facts(row))


@transaction.atomic
def disconnect_person(*, actor: Actor, user: User, number: int) -> None:
    """Disconnect one of somebody's identities and end their sessions, because one may have begun with it; their API tokens
    stay. It may be their only way to sign in: a new link lets them choose a password. No error if it is gone. Raises
    `Blocked`."""
    require(actor, Act.MANAGE_PEOPLE)
    locked = User.objects.select_for_update(no_key=True).get(pk=user.pk)
    row = LinkedIdentity.objects.filter(pk=number, user=locked).first()
    if row is None:
        return
    _unlink(row)
    ended = revoke_access(locked, keeps_keys=True)
    before = _identity_facts(row)
    record(who=actor.who, verb="person.identity_unlinked", on=on_person(locked), before=before, after=ended)


def _unlink(row: LinkedIdentity) -> None:
    """Roles that its provider's groups gave end, except the last administrator's."""
    row.delete()
    if LinkedIdentity.objects.filter(user_id=row.user_id, issuer=row.issuer).exists():
        return
    for given in RoleGrant.objects.filter(user_id=row.user_id, given_by__issuer=row.issuer):
        if not is_last_administrator(given):
            given.delete()


def _identity_facts(row: LinkedIdentity) -> dict[str, str]:
    return {"issuer": row.issuer, "subject": row.subject, "email": row.email}


def note_refusal(*, provider: SignInProvider, reason: str, address: str, client: str) -> None:
    """Count a refused sign-in; an event with the count is recorded for the 1st, 2nd, 4th, 8th … of an hour, so that nobody
    can flood the chain."""
    key = f"sign-in-refused:{provider.pk}:{reason}:{int(time.time() // WINDOW)}"
    count = cache.get(key, 0) + 1
    cache.set(key, count, WINDOW)
    if count & (count - 1):
        return
    who = Who(id=None, name="", door=Door.WEB, identified_by="nothing", address=address, client=client)
    with transaction.atomic():
        record(who=who, verb="sign_in.refused", on=on_provider(provider), after={"why": reason, "within_an_hour": count})


class _Came:
    """By which provider, and from where, somebody comes."""

    def __init__(self, provider: SignInProvider, address: str, client: str) -> None:
        self.provider, self.address, self.client = provider, address, client

    def as_who(self, user: User) -> Who:
        return Who(
            id=user.pk,
            name=user.username,
            door=Door.WEB,
            identified_by=f"provider {self.provider.slug}",
            address=self.address,
            client=self.client,
        )


def _newcomer(came: _Came, identity: Identity, email: str) -> User:
    wishes = (identity.username, identity.email if identity.is_email_verified else "", identity.name)
    names = usernames_for(*wishes)
    username = next(name for name in names if not User.objects.filter(username__iexact=name).exists())
    user = User(username=username, first_name=identity.name, email=email)
    user.email_confirmed_at = timezone.now() if email else None
    user.set_unusable_password()
    try:
        with transaction.atomic():
            user.save()
            LinkedIdentity.objects.create(
                user=user, issuer=identity.issuer, subject=identity.subject, email=email, last_used_at=timezone.now()
            )
    except IntegrityError:  # somebody took the address or the name, or the same person came twice, at this moment
        raise NotLetIn(Why.TAKEN, email=email) from None
    if came.provider.default_role:
        RoleGrant.objects.create(user=user, role=came.provider.default_role)
    _set_roles(came.provider, user, identity)
    after = {
        "provider": came.provider.name,
        "issuer": identity.issuer,
        "subject": identity.subject,
        "email": email,
        "roles": grant_words(user),
    }
    record(who=came.as_who(user), verb="person.admitted", on=On("person", user.pk, user.username), after=after)
    return user


def _roles_follow(came: _Came, user: User, identity: Identity) -> None:
    """Give and take the roles of the person's groups; an event says so if something changed."""
    before = grant_words(user)
    _set_roles(came.provider, user, identity)
    if (after := grant_words(user)) != before:
        record(
            who=came.as_who(user),
            verb="person.roles_set",
            on=on_person(user),
            before={"roles": before},
            after={"roles": after, "by_groups_of": came.provider.name},
        )


def _set_roles(provider: SignInProvider, user: User, identity: Identity) -> None:
    """Give and take the roles of the person's groups, and remember these groups."""
    set_roles_by_groups(provider, user, identity.groups)
    row = LinkedIdentity.objects.filter(user=user, issuer=identity.issuer, subject=identity.subject)
    row.update(groups=known_groups(provider, identity.groups))


def _email(identity: Identity) -> str:
    """The address that the provider vouches for; "" if there is none, or it is no address."""
    try:
        return parse_email(identity.verified_email)
    except Invalid:
        return ""
