"""People, their roles and their invitations."""

from __future__ import annotations

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
from fairway.accounts.queries import people, person
from fairway.accounts.rules import Act, Actor, NotVisible
from fairway.api.me import GrantShown
from fairway.api.preconditions import AsOf
from fairway.api.routing import DoorRouter
from fairway.api.schemas import Asked, Given, Slug
from fairway.applications import queries as applications
from fairway.environments import queries as environments
from fairway.shared.failures import Refused
from fairway.shared.names import Invalid

router = DoorRouter(tags=["people"])


class PersonShown(Schema):
    """`username` identifies them; `name` and an `email` that is not confirmed are what they say of themselves."""

    username: str
    name: str
    email: str
    email_confirmed: bool
    is_active: bool
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
    """`send_mail`: send the link to their confirmed address, where a mail server is set up."""

    send_mail: bool = False


class PersonWanted(Given):
    """`send_mail`: send the link to `email`, where a mail server is set up."""

    send_mail: bool = False
    username: str = Field(max_length=60)
    email: str = Field("", max_length=254)
    roles: list[str] = Field([], max_length=20)


class GrantWanted(Given):
    role: str = Field(max_length=20)
    environment: str = Field("", max_length=40)
    application: str = Field("", max_length=40)


class GrantsWanted(Given):
    grants: list[GrantWanted] = Field(max_length=500)


class AccessWanted(Given):
    is_active: bool


def shown(user: User) -> PersonShown:
    grants = [
        GrantShown(
            role=one.role,
            environment=one.environment.slug if one.environment else "",
            application=one.application.slug if one.application else "",
        )
        for one in user.role_grants.all()
    ]
    return PersonShown(
        username=user.username,
        name=user.shown_name,
        email=user.email,
        email_confirmed=bool(user.confirmed_email),
        is_active=user.is_active,
        grants=grants,
    )


def _invitation(secret: str) -> Invitation:
    try:
        path = reverse("invitation", args=[secret])
    except NoReverseMatch:  # an installation without pages
        path = ""
    return Invitation(link=f"{settings.PUBLIC_URL}{path}" if path else "", secret=secret)


def _sent(actor: Actor, user: User, secret: str, is_wanted: bool) -> Invitation:
    """The link, sent by mail where that is wanted. A mail that could not be sent takes nothing back: the link is there."""
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
    """Everybody, with their roles."""
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
    return shown(person(username))


@router.post("/people/{username}/invitation", response={201: Invitation})
@needs(Act.MANAGE_PEOPLE)
def renew_invitation(request: HttpRequest, username: Slug, asked: Query[SendAsked]) -> Status[Invitation]:
    """A new invitation or password link; older ones die."""
    actor, user = actor_of(request), person(username)
    secret = invite_again(actor=actor, user=user)
    return Status(201, _sent(actor, user, secret, asked.send_mail))


@router.put("/people/{username}/roles", response=PersonShown)
@needs(Act.MANAGE_PEOPLE)
def set_person_roles(request: HttpRequest, username: Slug, given: GrantsWanted, as_of: AsOf) -> PersonShown:
    """Replace a person's roles. The last Admin cannot be unmade."""
    actor = actor_of(request)
    grants = [_grant(actor, number, one) for number, one in enumerate(given.grants)]
    set_roles(actor=actor, user=person(username), grants=grants, as_of=as_of)
    return shown(person(username))


@router.put("/people/{username}/email-confirmation", response=PersonShown)
@needs(Act.MANAGE_PEOPLE)
def confirm_person_email(request: HttpRequest, username: Slug) -> PersonShown:
    """Vouch that the address is theirs: they may sign in with it, and applications are told it."""
    confirm_email(actor=actor_of(request), user=person(username))
    return shown(person(username))


@router.put("/people/{username}/access", response=PersonShown)
@needs(Act.MANAGE_PEOPLE)
def set_person_access(request: HttpRequest, username: Slug, given: AccessWanted) -> PersonShown:
    """Let a person in, or keep them out; their tokens follow."""
    set_active(actor=actor_of(request), user=person(username), is_active=given.is_active)
    return shown(person(username))


def _grant(actor: Actor, number: int, given: GrantWanted) -> tuple[str, int | None, int | None]:
    """What names a thing that is not there is bad input, not a missing page."""
    where = f"grants.{number}"
    try:
        environment = environments.environment(actor, given.environment).pk if given.environment else None
        application = applications.application(actor, given.application).pk if given.application else None
    except NotVisible as error:
        raise Invalid(f"{where}.{error.kind}", str(error)) from None
    return parse_role(given.role), environment, application
