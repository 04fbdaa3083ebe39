"""People, their roles and their invitations."""

from __future__ import annotations

from collections.abc import Iterable

from django.conf import settings
from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse
from ninja import Query, Schema, Status
from pydantic import Field

from fairway.accounts.commands import create_person, invite_again, parse_role, set_active, set_roles
from fairway.accounts.mail_commands import send_invitation
from fairway.accounts.models import User
from fairway.accounts.permissions import actor_of, needs
from fairway.accounts.profiles import confirm_email
from fairway.accounts.queries import get_person, people
from fairway.accounts.rules import Act, Actor, NotVisible
from fairway.accounts.two_step import reset_two_step
from fairway.api.me import GrantShown
from fairway.api.preconditions import AsOf
from fairway.api.routing import PermissionRouter
from fairway.api.schemas import Asked, Given, Slug
from fairway.applications import queries as applications
from fairway.environments import queries as environments
from fairway.shared.failures import Refused
from fairway.shared.names import LONGEST_APPLICATION, Invalid

router = PermissionRouter(tags=["people"])


class PersonShown(Schema):
    """`username` identifies a person; `name` and an unconfirmed `email` are their own claims. `two_step`: whether they are
    asked for a code after their password. `is_service`: this is a service account, which cannot sign in."""

    username: str
    name: str
    is_service: bool
    email: str
    email_confirmed: bool
    is_active: bool
    two_step: bool
    grants: list[GrantShown]


class Invitation(Schema):
    """The link works once, for this person, for seven days."""

    link: str
    secret: str
    mailed_to: str = ""
    mail_problem: str = ""


class PersonMade(Schema):
    person: PersonShown
    invitation: Invitation


class SendAsked(Asked):
    """`send_mail`: send the link to their confirmed address, if a mail server is set up."""

    send_mail: bool = False


class PersonWanted(Given):
    """`send_mail`: send the link to `email`, if a mail server is set up."""

    send_mail: bool = False
    username: str = Field(max_length=60)
    email: str = Field("", max_length=254)
    roles: list[str] = Field([], max_length=20)


class GrantWanted(Given):
    role: str = Field(max_length=20)
    environment: str = Field("", max_length=40)
    application: str = Field("", max_length=LONGEST_APPLICATION)


class GrantsWanted(Given):
    grants: list[GrantWanted] = Field(max_length=500)


class AccessWanted(Given):
    is_active: bool


def shown(user: User) -> PersonShown:
    return PersonShown(
        username=user.username,
        name=user.shown_name,
        is_service=user.is_service,
        email=user.email,
        email_confirmed=bool(user.confirmed_email),
        is_active=user.is_active,
        two_step=getattr(user, "two_step", False),
        grants=grants_shown(user),
    )


def grants_shown(user: User) -> list[GrantShown]:
    return [
        GrantShown(
            role=role_grant.role,
            environment=role_grant.environment.slug if role_grant.environment else "",
            application=role_grant.application.slug if role_grant.application else "",
        )
        for role_grant in user.role_grants.all()
    ]


def _invitation(secret: str) -> Invitation:
    try:
        path = reverse("invitation", args=[secret])
    except NoReverseMatch:  # an installation without pages
        path = ""
    return Invitation(link=f"{settings.PUBLIC_URL}{path}" if path else "", secret=secret)


def _sent(actor: Actor, user: User, secret: str, is_wanted: bool) -> Invitation:
    """The invitation, sent by mail if requested. If the mail cannot be sent, the link is valid nevertheless."""
    made = _invitation(secret)
    if is_wanted:
        try:
            send_invitation(actor=actor, user=user, link=made.link)
        except (Invalid, Refused) as problem:
            made.mail_problem = problem.sentence
        else:
            made.mailed_to = user.confirmed_email
    return made


@router.get("/people", response=list[PersonShown])
@needs(Act.MANAGE_PEOPLE)
def list_people(request: HttpRequest) -> list[PersonShown]:
    """Everybody, and every service account, with their roles."""
    return [shown(user) for user in people()]


@router.post("/people", response={201: PersonMade})
@needs(Act.MANAGE_PEOPLE)
def invite_person(request: HttpRequest, given: PersonWanted) -> Status[PersonMade]:
    """Add a person; give them the invitation link yourself, or have it sent."""
    actor = actor_of(request)
    user, secret = create_person(actor=actor, username=given.username, email=given.email, roles=given.roles)
    return Status(201, PersonMade(person=shown(user), invitation=_sent(actor, user, secret, given.send_mail)))


@router.get("/people/{username}", response=PersonShown)
@needs(Act.MANAGE_PEOPLE)
def show_person(request: HttpRequest, username: Slug) -> PersonShown:
    """One person."""
    return shown(get_person(username))


@router.post("/people/{username}/invitation", response={201: Invitation})
@needs(Act.MANAGE_PEOPLE)
def renew_invitation(request: HttpRequest, username: Slug, asked: Query[SendAsked]) -> Status[Invitation]:
    """Create a new invitation or password link and revoke older ones."""
    actor, user = actor_of(request), get_person(username)
    secret = invite_again(actor=actor, user=user)
    return Status(201, _sent(actor, user, secret, asked.send_mail))


@router.put("/people/{username}/roles", response=PersonShown)
@needs(Act.MANAGE_PEOPLE)
def set_person_roles(request: HttpRequest, username: Slug, given: GrantsWanted, as_of: AsOf) -> PersonShown:
    """Replace a person's roles. The last Admin keeps the role."""
    actor = actor_of(request)
    set_roles(actor=actor, user=get_person(username), grants=meant(actor, given.grants), as_of=as_of)
    return shown(get_person(username))


@router.put("/people/{username}/email-confirmation", response=PersonShown)
@needs(Act.MANAGE_PEOPLE)
def confirm_person_email(request: HttpRequest, username: Slug) -> PersonShown:
    """Confirm that the mail address is theirs: they may sign in with it, and applications are told it."""
    confirm_email(actor=actor_of(request), user=get_person(username))
    return shown(get_person(username))


@router.delete("/people/{username}/two-step", response=PersonShown)
@needs(Act.MANAGE_PEOPLE)
def reset_person_two_step(request: HttpRequest, username: Slug) -> PersonShown:
    """Turn two-step sign-in off for somebody who lost their phone, and end their sessions. Their tokens stay."""
    reset_two_step(actor=actor_of(request), user=get_person(username))
    return shown(get_person(username))


@router.put("/people/{username}/access", response=PersonShown)
@needs(Act.MANAGE_PEOPLE)
def set_person_access(request: HttpRequest, username: Slug, given: AccessWanted) -> PersonShown:
    """Activate or deactivate a person. Deactivating revokes their tokens."""
    set_active(actor=actor_of(request), user=get_person(username), is_active=given.is_active)
    return shown(get_person(username))


def meant(actor: Actor, wanted: Iterable[GrantWanted]) -> list[tuple[str, int | None, int | None]]:
    """The grants for `set_roles`. Raises `Invalid`."""
    return [_grant(actor, number, one) for number, one in enumerate(wanted)]


def _grant(actor: Actor, number: int, given: GrantWanted) -> tuple[str, int | None, int | None]:
    """The grant for `set_roles`. Raises `Invalid` for an unknown environment or application, which is bad input, not a
    404."""
    where = f"grants.{number}"
    try:
        environment = environments.get_environment(actor, given.environment).pk if given.environment else None
        application = applications.get_application(actor, given.application).pk if given.application else None
    except NotVisible as error:
        raise Invalid(f"{where}.{error.kind}", str(error)) from None
    return parse_role(given.role), environment, application
