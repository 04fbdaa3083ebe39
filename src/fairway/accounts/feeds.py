"""Calendar feeds: an address that a calendar program may read without signing in, as its owner would see it."""

from __future__ import annotations

from django.db import transaction
from django.db.models import QuerySet

from fairway.accounts.commands import require
from fairway.accounts.models import CalendarFeed
from fairway.accounts.queries import actor_for
from fairway.accounts.rules import Act, Actor, Blocked, Blocker
from fairway.accounts.secrets import new_link_secret, token_digest
from fairway.activity.commands import record
from fairway.activity.rules import Door, On
from fairway.shared.words import said


@transaction.atomic
def make_feed(*, actor: Actor) -> str:
    """The secret of the actor's new feed, told once; one they had before stops working."""
    require(actor, Act.OWN_ACCOUNT)
    if actor.id is None:
        raise Blocked([Blocker(code="person", sentence=said("Only people have calendars."))])
    text = new_link_secret()
    CalendarFeed.objects.filter(user_id=actor.id).delete()
    feed = CalendarFeed.objects.create(user_id=actor.id, digest=token_digest(text))
    record(who=actor.who, verb="calendar_feed.made", on=On("calendar_feed", feed.pk, actor.name))
    return text


@transaction.atomic
def revoke_feed(*, actor: Actor) -> None:
    """No error when there is none."""
    require(actor, Act.OWN_ACCOUNT)
    feed = _feeds_of(actor).first()
    if feed is None:
        return
    number = feed.pk
    feed.delete()
    record(who=actor.who, verb="calendar_feed.revoked", on=On("calendar_feed", number, actor.name))


def has_feed(actor: Actor) -> bool:
    return _feeds_of(actor).exists()


def _feeds_of(actor: Actor) -> QuerySet[CalendarFeed]:
    return CalendarFeed.objects.filter(user__in=[actor.id] if actor.id else [])


def feed_owner(secret: str) -> Actor | None:
    """Whose feed it is, with what they may see now; None when it was revoked or its owner is locked out."""
    feed = CalendarFeed.objects.select_related("user").filter(digest=token_digest(secret)).first()
    if feed is None or not feed.user.is_active:
        return None
    return actor_for(feed.user, door=Door.WEB, identified_by="calendar feed")
