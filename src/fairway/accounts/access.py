"""Revokes people's access, and checks whether access that was given earlier still exists.

Sessions, tokens, calendar feeds, one-time links and application cookies store the generation of their person's account.
`revoke_access` raises it, so that none of them is accepted any more. Long-lived responses call `refresh_actors` repeatedly.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any, TypeVar

from django.contrib.auth import HASH_SESSION_KEY, SESSION_KEY
from django.contrib.sessions.backends.db import SessionStore
from django.contrib.sessions.models import Session
from django.db.models import F, Q
from django.utils import timezone
from django.utils.crypto import constant_time_compare

from fairway.accounts.models import ApiToken, CalendarFeed, User
from fairway.accounts.queries import (
    actor_for,
    grants_of_all,
    grants_through,
    still_to_end,
    who_must_set_up_two_steps,
    with_scope,
    working_tokens,
)
from fairway.accounts.rules import Actor, Blocked, Blocker, Grant, Role
from fairway.activity.rules import Door
from fairway.shared.translation import translate

ACTING_AS = "acting_as"  # the session's key for the acting role
SECOND_STEP = "second_step"  # the session's key for what identified its person beside the password: a code, or a provider
CHECK_EVERY = 2.0  # seconds between two checks whether a long response may continue
Piece = TypeVar("Piece")


class AccessEnded(Exception):
    """The reader's access has ended, or covers less than before, in the middle of a response."""


def revoke_access(user: User, *, keeps_keys: bool = False) -> dict[str, Any]:
    """Revoke everything that lets this person in; with `keeps_keys`, their tokens and calendar feed stay valid.

    Must be called in the transaction of the act that is the reason. Returns the facts for the act's event.
    """
    User.objects.filter(pk=user.pk).update(generation=F("generation") + 1)
    user.refresh_from_db(fields=["generation"])
    before = Q(user_id=user.pk, generation=user.generation - 1)
    tokens, feeds = ApiToken.objects.filter(before, still_to_end()), CalendarFeed.objects.filter(before)
    names = sorted(tokens.values_list("name", flat=True))
    has_feed = feeds.exists()
    if keeps_keys:
        tokens.update(generation=user.generation)
        feeds.update(generation=user.generation)
        return {"sessions_ended": True, "tokens_kept": names, "calendar_feed_kept": has_feed}
    return {"sessions_ended": True, "tokens_ended": names, "calendar_feed_ended": has_feed}


def replace_password(user: User, password: str, *, keeps_keys: bool = False) -> dict[str, Any]:
    """Set a person's password and revoke their access; every change of a password goes through here. See `revoke_access`."""
    ended = revoke_access(user, keeps_keys=keeps_keys)
    user.set_password(password)
    user.save(update_fields=["password"])
    return ended


def locked_account(actor: Actor) -> User:
    """The actor's account, locked until the transaction ends, so that nothing new is created with access that was revoked.

    Raises `Blocked` if it was.
    """
    user = User.objects.select_for_update(no_key=True).filter(pk=actor.id or 0).first()
    if user is None:
        raise Blocked([Blocker(code="person", sentence=translate("Only people have sign-in methods of their own."))])
    if refresh_actors([actor])[0] is None:
        sentence = translate("You have been signed out, or the token has expired; sign in again.")
        raise Blocked([Blocker(code="ended", sentence=sentence)])
    return user


def refresh_actors(actors: Collection[Actor]) -> list[Actor | None]:
    """Each actor with their present grants and acting role; None for an actor whose access has ended, or waits until they
    have set up a second step.

    Four queries, however many actors: for sessions, tokens, people and grants; and one or two more if a session began with a
    password only.
    """
    people = User.objects.filter(is_active=True).in_bulk({actor.id for actor in actors if actor.id})
    sessions = _sessions(actor.authentication.session for actor in actors if actor.authentication.session)
    tokens = with_scope(working_tokens()).in_bulk(
        {actor.authentication.token for actor in actors if actor.authentication.token}
    )
    grants = grants_of_all(people)
    _end_unfinished(sessions)
    return [_now(actor, people.get(actor.id or 0), sessions, tokens, grants) for actor in actors]


def while_access_lasts(actor: Actor, pieces: Iterable[Piece]) -> Iterator[Piece]:
    """Yield the `pieces` of a long response while the actor keeps their access. Raises `AccessEnded`, so that the reader
    sees that the response is incomplete."""
    checked = time.monotonic()
    for piece in pieces:
        if time.monotonic() - checked >= CHECK_EVERY:
            now, checked = refresh_actors([actor])[0], time.monotonic()
            if now is None or now.active_grants != actor.active_grants:
                raise AccessEnded
        yield piece


def actor_of_session(key: str, door: Door) -> tuple[Actor, User] | None:
    """The actor and account of this session; None if the session has ended."""
    user = User.objects.filter(pk=_sessions([key]).get(key, {}).get(SESSION_KEY, 0)).first()
    actor = refresh_actors([actor_for(user, door=door, session=key)])[0] if user else None
    return (actor, user) if actor is not None and user is not None else None


def _now(
    actor: Actor,
    user: User | None,
    sessions: Mapping[str, dict[str, Any]],
    tokens: Mapping[int, ApiToken],
    grants: Mapping[int, tuple[Grant, ...]],
) -> Actor | None:
    came = actor.authentication
    if user is None:
        return None
    if came.token is not None:  # a token that was kept has a later generation than the actor
        used = tokens.get(came.token)
        return replace(actor, grants=grants_through(used, grants[user.pk])) if used else None
    if user.generation != came.generation or user.is_service:  # a service account has nothing but tokens
        return None
    if not came.session:  # neither session nor token: a management command acts for them
        return replace(actor, grants=grants[user.pk])
    return _of_session(actor, user, sessions.get(came.session, {}), grants[user.pk])


def _of_session(actor: Actor, user: User, session: dict[str, Any], grants: tuple[Grant, ...]) -> Actor | None:
    if session.get(SESSION_KEY) != str(user.pk) or not _opens(session, user):
        return None
    acting_as = session.get(ACTING_AS, "")
    return replace(actor, grants=grants, acting_as=Role(acting_as) if acting_as in set(Role) else None)


def _end_unfinished(sessions: dict[str, dict[str, Any]]) -> None:
    """Drop the sessions that began with a password only, of people who must set up a second step."""
    alone = {
        key: int(data[SESSION_KEY]) for key, data in sessions.items() if SESSION_KEY in data and SECOND_STEP not in data
    }
    waiting = who_must_set_up_two_steps(alone.values())
    for key in [key for key, number in alone.items() if number in waiting]:
        del sessions[key]


def open_sessions(user: User, keys: Iterable[str]) -> set[str]:
    """Those of these sessions in which this person is still signed in."""
    found = _sessions(keys)
    return {key for key, data in found.items() if data.get(SESSION_KEY) == str(user.pk) and _opens(data, user)}


def _opens(session: dict[str, Any], user: User) -> bool:
    return constant_time_compare(session.get(HASH_SESSION_KEY, ""), user.get_session_auth_hash())


def _sessions(keys: Iterable[str]) -> dict[str, dict[str, Any]]:
    """The content of these sessions by key, without expired ones."""
    store = SessionStore()
    rows = Session.objects.filter(expire_date__gt=timezone.now()).in_bulk(set(keys))
    return {key: store.decode(row.session_data) for key, row in rows.items()}
