"""Whoever has a page open, as long as their session holds."""

from __future__ import annotations

from dataclasses import dataclass, replace
from importlib import import_module

from django.conf import settings
from django.contrib.auth import HASH_SESSION_KEY, SESSION_KEY
from django.http import HttpRequest
from django.middleware.csrf import get_token
from django.utils.crypto import constant_time_compare
from django.utils.timezone import get_current_timezone_name
from django.utils.translation import get_language

from fairway.accounts.doors import ACTING_AS, actor_of
from fairway.accounts.models import User
from fairway.accounts.queries import actor_for
from fairway.accounts.rules import Actor


@dataclass(frozen=True)
class Viewer:
    """A person at a page: what they may see, in which language and time zone, and what their forms must carry."""

    actor: Actor
    session_key: str
    csrf_token: str
    language: str
    zone: str


def viewer_of(request: HttpRequest) -> Viewer:
    return Viewer(
        actor=actor_of(request),
        session_key=request.session.session_key or "",
        csrf_token=get_token(request),
        language=get_language() or settings.LANGUAGE_CODE,
        zone=get_current_timezone_name(),
    )


def look_again(viewer: Viewer) -> Viewer | None:
    """The same person with what they may do now; None when the session ended or they were shut out."""
    if not viewer.session_key:
        return None  # a token opened this page: it has no session that could be looked at again
    session = import_module(settings.SESSION_ENGINE).SessionStore(viewer.session_key)
    user = User.objects.filter(pk=session.get(SESSION_KEY), is_active=True).first()
    if user is None or not constant_time_compare(session.get(HASH_SESSION_KEY, ""), user.get_session_auth_hash()):
        return None
    actor = actor_for(
        user,
        door=viewer.actor.door,
        acting_as=session.get(ACTING_AS, ""),
        address=viewer.actor.address,
        client=viewer.actor.client,
    )
    return replace(viewer, actor=actor)
