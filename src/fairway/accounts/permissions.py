"""Declares what each page and API operation needs: `needs(act)` or, rarely, `public(reason)`.

A declaration checks two things only: is somebody signed in, and may they do this to anything at all? Whether they may do it
to this application in this environment is checked by the commands and the gate, which nothing can bypass. A test fails for a
route without a declaration.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import wraps
from typing import Any, TypeVar

from asgiref.sync import sync_to_async
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponseBase
from django.utils import timezone

from fairway.accounts.access import ACTING_AS, SECOND_STEP
from fairway.accounts.models import ApiToken, User
from fairway.accounts.queries import actor_for, must_set_up_two_steps, token_owner
from fairway.accounts.rules import (
    Act,
    Actor,
    Role,
    may_somewhere,
    roles_one_may_act_as,
    token_is_well_formed,
    why_not,
)
from fairway.accounts.sessions import note_seen
from fairway.activity.rules import Door
from fairway.shared.names import Invalid
from fairway.shared.translation import translate

API = "/api/"  # tokens are accepted below this path only
CLIENT_HEADER = "X-Fairway-Client"
ACTING_AS_HEADER = "X-Fairway-Acting-As"  # narrows one request of a token to a role
LONGEST_CLIENT = 200
SET_UP = "two-step"  # the name of the page on which two-step sign-in is set up
# a token's last use is stored at most this often, so that reading does not write every time
_NOTED_EVERY = timedelta(minutes=1)

View = TypeVar("View", bound=Callable[..., Any])


class NotSignedIn(PermissionDenied):
    """The request has neither a session nor a valid token."""


class SecondStepMissing(PermissionDenied):
    """The session began with a password only, and everybody must use two-step sign-in: its person sets it up first."""


@dataclass(frozen=True)
class Permission:
    """What a route needs. `act` None means it is open to everybody, for `reason`."""

    act: Act | None
    reason: str = ""


def needs(act: Act, *, before_second_step: bool = False) -> Callable[[View], View]:
    """Decorate a view for signed-in people who may do `act` to anything at all.

    Others are sent to the sign-in page, or refused with `PermissionDenied`; who must set up two-step sign-in first is sent
    there, unless the view is open `before_second_step`. Works on views and coroutine views; the API's router checks its
    operations before their input is read.
    """

    def decorate(view: View) -> View:
        guard = _guarded_coroutine if inspect.iscoroutinefunction(view) else _guarded
        guarded = guard(view, act, before_second_step)
        guarded.fairway_permission = Permission(act)  # type: ignore[attr-defined]
        return guarded  # type: ignore[return-value]

    return decorate


def public(reason: str) -> Callable[[View], View]:
    """Decorate a view that is open to everybody; `reason` says why it must be (sign-in, first start, health…)."""

    def decorate(view: View) -> View:
        view.fairway_permission = Permission(None, reason)  # type: ignore[attr-defined]
        return view

    return decorate


def declared_permission(callback: Callable[..., Any]) -> Permission | Mapping[str, Permission] | None:
    """What a URL's callback declares: one permission, one per method (the API), or None if it declares nothing."""
    declared: Permission | Mapping[str, Permission] | None = getattr(callback, "fairway_permission", None)
    return declared


def actor_of(request: HttpRequest) -> Actor:
    """Who makes this request. Raises `NotSignedIn`."""
    actor = actor_if_signed_in(request)
    if actor is None:
        raise NotSignedIn("Sign in first.")
    return actor


def actor_if_signed_in(request: HttpRequest) -> Actor | None:
    """Who makes this request, None if nobody is signed in. Looked up once per request.

    If there is an ``Authorization: Bearer`` header, it alone decides: a wrong token is nobody, even with a valid session.
    """
    if not hasattr(request, "_fairway_actor"):
        text = bearer_token(request)
        actor = _actor_of_session(request) if text is None else _actor_of_token(request, text) if is_api(request) else None
        request._fairway_actor = actor  # type: ignore[attr-defined]
    found: Actor | None = request._fairway_actor  # type: ignore[attr-defined]
    return found


def forget_actor(request: HttpRequest) -> None:
    """Drop the actor that this request has found, because the person has changed since they were looked up."""
    if hasattr(request, "_fairway_actor"):
        del request._fairway_actor


def admit(request: HttpRequest, act: Act, *, before_second_step: bool = False) -> Actor:
    """The actor, if they may do `act` to anything at all. Raises `NotSignedIn`, `SecondStepMissing` or
    `PermissionDenied`."""
    if not is_api(request) and bearer_token(request) is not None:
        raise PermissionDenied(
            translate("API tokens open the API (/api/v1/) and no page; sign in, without an Authorization header.")
        )
    actor = actor_of(request)
    if not before_second_step and lacks_second_step(request, actor):
        raise SecondStepMissing(translate("Set up two-step sign-in first: everybody must use it here."))
    if not may_somewhere(actor, act):
        raise PermissionDenied(why_not(actor, act).sentence)
    return actor


def lacks_second_step(request: HttpRequest, actor: Actor) -> bool:
    """Whether this person has yet to set up two-step sign-in. Tokens are not asked (decision 60)."""
    if actor.id is None or not actor.authentication.session or SECOND_STEP in request.session:
        return False
    return must_set_up_two_steps(actor.id)


def is_api(request: HttpRequest) -> bool:
    """Whether the request is for the API, not for a page."""
    return request.path.startswith(API)


def bearer_token(request: HttpRequest) -> str | None:
    """The token in the ``Authorization: Bearer`` header; None if there is no such header."""
    scheme, _, text = request.headers.get("Authorization", "").partition(" ")
    return text.strip() if scheme.lower() == "bearer" else None


def _guarded(view: Callable[..., Any], act: Act, before_second_step: bool) -> Callable[..., Any]:
    @wraps(view)
    def asked(request: HttpRequest, *args: Any, **values: Any) -> HttpResponseBase:
        try:
            admit(request, act, before_second_step=before_second_step)
        except NotSignedIn:
            return redirect_to_login(request.get_full_path())
        except SecondStepMissing:
            return redirect_to_login(request.get_full_path(), login_url=SET_UP)
        response: HttpResponseBase = view(request, *args, **values)
        return response

    return asked


def _guarded_coroutine(view: Callable[..., Any], act: Act, before_second_step: bool) -> Callable[..., Any]:
    @wraps(view)
    async def asked(request: HttpRequest, *args: Any, **values: Any) -> HttpResponseBase:
        try:
            await sync_to_async(admit)(request, act, before_second_step=before_second_step)
        except NotSignedIn:
            return redirect_to_login(request.get_full_path())
        except SecondStepMissing:
            return redirect_to_login(request.get_full_path(), login_url=SET_UP)
        response: HttpResponseBase = await view(request, *args, **values)
        return response

    return asked


def _actor_of_session(request: HttpRequest) -> Actor | None:
    user = getattr(request, "user", None)
    if not isinstance(user, User) or not user.is_authenticated:
        return None
    note_seen(request)
    return actor_for(
        user,
        door=Door.WEB,
        acting_as=request.session.get(ACTING_AS, ""),
        identified_by="session",
        address=request.META.get("REMOTE_ADDR", ""),
        client=request.headers.get("User-Agent", "")[:LONGEST_CLIENT],
        session=request.session.session_key or "",
    )


def _actor_of_token(request: HttpRequest, text: str) -> Actor | None:
    token = token_owner(text) if token_is_well_formed(text) else None
    if token is None:
        return None
    _note_use(token)
    client = request.headers.get(CLIENT_HEADER, "")
    actor = actor_for(
        token.user,
        door=Door.CLI if client.startswith("cli/") else Door.API,
        acting_as=token.role,
        identified_by=f"token {token.name}",
        address=request.META.get("REMOTE_ADDR", ""),
        client=(client or request.headers.get("User-Agent", ""))[:LONGEST_CLIENT],
        token=token,
    )
    return _narrowed(request, actor)


def _narrowed(request: HttpRequest, actor: Actor) -> Actor:
    """The actor, narrowed to the role that the request names; the token's own role must contain it. Raises `Invalid`."""
    wanted = request.headers.get(ACTING_AS_HEADER, "")
    if not wanted:
        return actor
    if wanted not in roles_one_may_act_as(actor.active_grants):
        request._fairway_actor = None  # type: ignore[attr-defined] # a later look-up in this request finds nobody
        raise Invalid(ACTING_AS_HEADER, "you do not hold the role “{role}”, or this token may not use it.", role=wanted[:40])
    return replace(actor, acting_as=Role(wanted))


def _note_use(token: ApiToken) -> None:
    now = timezone.now()
    if token.last_used_at is None or now - token.last_used_at > _NOTED_EVERY:
        ApiToken.objects.filter(pk=token.pk).update(last_used_at=now)
