"""The browsers in which a person is signed in: since when, how, from where, and ending one of them.

A session is Django's; `SignedIn` says what its owner wants to know about it. It is not a part of the session's own data,
which two requests at once would overwrite.
"""

from __future__ import annotations

import time
from datetime import timedelta

from django.conf import settings
from django.contrib.auth import update_session_auth_hash
from django.contrib.sessions.models import Session
from django.db import transaction
from django.http import HttpRequest

from fairway.accounts.access import SECOND_STEP, open_sessions
from fairway.accounts.commands import on_person, require
from fairway.accounts.models import SignedIn, User
from fairway.accounts.rules import Act, Actor
from fairway.accounts.session_store import BEGAN, ends_at
from fairway.activity.commands import record
from fairway.engine import clock

NUMBER = "fairway_signed_in"  # in the session: the number of its row
STREAM = "text/event-stream"
SEEN_EVERY = 10 * 60  # seconds after which it is noted again that a session is used, or earlier:
LOOKS = 6  # times within the limit for sessions that are not used
MOST_REMEMBERED = 10_000
_noted: dict[str, float] = {}  # when this process last noted it, by the session's key


def begin_session(request: HttpRequest, user: User, method: str) -> None:
    """Remember a session that has just begun; `method` is how its person was identified, as in the event."""
    row = SignedIn.objects.create(
        user=user,
        session_key=request.session.session_key or "",
        method=method,
        address=request.META.get("REMOTE_ADDR", ""),
        client=request.headers.get("User-Agent", "")[:200],
    )
    request.session[NUMBER], request.session[BEGAN] = row.pk, row.began_at.timestamp()
    _noted[row.session_key] = time.monotonic()


def stay_signed_in(request: HttpRequest, user: User, second_step: str) -> None:
    """Let this session go on, with a new key, after its person's access was revoked because they added a second step."""
    update_session_auth_hash(request, user)
    request.session[SECOND_STEP] = second_step
    follow_key(request)


def follow_key(request: HttpRequest) -> None:
    """Remember this session by the key that it has now."""
    if number := request.session.get(NUMBER):
        SignedIn.objects.filter(pk=number).update(session_key=request.session.session_key or "")


def note_seen(request: HttpRequest) -> None:
    """Note that this session is used, and from where. What a page asks for by itself, because something happened, is no use
    of it."""
    key = request.session.session_key
    if key and request.session.get(NUMBER) is not None and STREAM not in request.headers.get("Accept", ""):
        note_use(key, request.META.get("REMOTE_ADDR", ""))


def note_use(key: str, address: str = "") -> None:
    """Note that the session with this key is used, here or in an application, so that it does not end for want of use;
    rarely, so that reading does not write every time."""
    now, every = time.monotonic(), min(SEEN_EVERY, settings.SESSION_IDLE_MINUTES * 60 / LOOKS or SEEN_EVERY)
    if now - _noted.get(key, -every) < every:
        return
    if len(_noted) >= MOST_REMEMBERED:
        _noted.clear()
    _noted[key] = now
    row = SignedIn.objects.filter(session_key=key).first()
    if row is not None:  # it may end meanwhile: then there is nothing to note
        seen = clock.now()
        SignedIn.objects.filter(pk=row.pk).update(last_seen_at=seen, address=address or row.address)
        Session.objects.filter(pk=key).update(expire_date=ends_at(row.began_at, seen))


def sessions_of(user: User) -> list[SignedIn]:
    """Where this person is signed in, the one that was used last first."""
    rows = list(SignedIn.objects.filter(user=user).order_by("-last_seen_at", "-pk"))
    alive = open_sessions(user, [row.session_key for row in rows])
    return [row for row in rows if row.session_key in alive]


@transaction.atomic
def end_session(*, actor: Actor, number: int) -> bool:
    """Sign the actor out in one browser, also of the applications that were opened with it; whether it was signed in there.
    Raises `Blocked`."""
    require(actor, Act.OWN_ACCOUNT)
    rows = [row for row in sessions_of(User.objects.get(pk=actor.id or 0)) if row.pk == number]
    _end(actor, rows)
    return bool(rows)


@transaction.atomic
def end_other_sessions(*, actor: Actor) -> int:
    """Sign the actor out in every browser but the one they use now; returns how many those were. Raises `Blocked`."""
    require(actor, Act.OWN_ACCOUNT)
    user = User.objects.get(pk=actor.id or 0)
    rows = [row for row in sessions_of(user) if row.session_key != actor.authentication.session]
    _end(actor, rows)
    return len(rows)


def _end(actor: Actor, rows: list[SignedIn]) -> None:
    Session.objects.filter(pk__in=[row.session_key for row in rows]).delete()
    SignedIn.objects.filter(pk__in=[row.pk for row in rows]).delete()
    for row in rows:
        facts = {"began_at": row.began_at.isoformat(), "address": row.address, "client": row.client, "method": row.method}
        record(who=actor.who, verb="person.session_ended", on=on_person(row.user), before=facts)


def forget_ended_sessions() -> int:
    """Delete what is remembered of sessions that have ended; returns how many."""
    alive = Session.objects.filter(expire_date__gt=clock.now()).values("session_key")
    old = SignedIn.objects.filter(began_at__lt=clock.now() - timedelta(hours=1))
    return old.exclude(session_key__in=alive).delete()[0]
