"""Who makes the request, and what they may do."""

from __future__ import annotations

from datetime import datetime

from django.http import HttpRequest
from ninja import Schema, Status

from fairway.accounts.models import User
from fairway.accounts.permissions import actor_of, needs
from fairway.accounts.rules import Act, NotVisible, may_somewhere
from fairway.accounts.sessions import end_other_sessions, end_session, sessions_of
from fairway.api.routing import PermissionRouter
from fairway.api.schemas import Number

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


class SessionShown(Schema):
    """A browser in which you are signed in. `method` is how you were identified there. `is_this` says that it makes this
    request."""

    id: int
    method: str
    address: str
    client: str
    began_at: datetime
    last_seen_at: datetime
    is_this: bool


@router.get("/me/sessions", response=list[SessionShown])
@needs(Act.OWN_ACCOUNT)
def list_sessions(request: HttpRequest) -> list[SessionShown]:
    """Where you are signed in with a browser, the one that was used last first. API tokens are listed elsewhere."""
    actor = actor_of(request)
    same = ("method", "address", "client", "began_at", "last_seen_at")
    return [
        SessionShown(
            **{name: getattr(row, name) for name in same},
            id=row.pk,
            is_this=row.session_key == actor.authentication.session,
        )
        for row in sessions_of(User.objects.get(pk=actor.id or 0))
    ]


@router.delete("/me/sessions/{number}", response={204: None})
@needs(Act.OWN_ACCOUNT)
def end_one_session(request: HttpRequest, number: Number) -> Status[None]:
    """Sign yourself out in one browser."""
    if not end_session(actor=actor_of(request), number=number):
        raise NotVisible("session", number)
    return Status(204, None)


@router.delete("/me/sessions", response={204: None})
@needs(Act.OWN_ACCOUNT)
def end_all_other_sessions(request: HttpRequest) -> Status[None]:
    """Sign yourself out in every browser but the one that makes this request; with a token, in every browser."""
    end_other_sessions(actor=actor_of(request))
    return Status(204, None)
