"""Calendar feeds: a secret URL that a calendar program reads without signing in; it shows what its owner may see."""

from __future__ import annotations

from django.db import transaction
from django.db.models import F, QuerySet

from fairway.accounts.access import locked_account
from fairway.accounts.commands import require
from fairway.accounts.models import CalendarFeed
from fairway.accounts.queries import actor_for
from fairway.accounts.rules import Act, Actor, may_somewhere
from fairway.accounts.secrets import new_link_secret, token_digest
from fairway.activity.commands import record
from fairway.activity.rules import Door, On


@transaction.atomic
def make_feed(*, actor: Actor) -> str:
    """Create the actor's feed and revoke an earlier one; returns its secret, which is never shown again. Raises
    `Blocked`."""
    require(actor, Act.CHANGE_ACCOUNT)
    user, text = locked_account(actor), new_link_secret()
    CalendarFeed.objects.filter(user=user).delete()
    feed = CalendarFeed.objects.create(user=user, digest=token_digest(text), generation=user.generation)
    record(who=actor.who, verb="calendar_feed.made", on=On("calendar_feed", feed.pk, actor.name))
    return text


@transaction.atomic
def revoke_feed(*, actor: Actor) -> None:
    """Revoke the actor's feed; no error if there is none."""
    require(actor, Act.CHANGE_ACCOUNT)
    feed = _feeds_of(actor).first()
    if feed is None:
        return
    number = feed.pk
    feed.delete()
    record(who=actor.who, verb="calendar_feed.revoked", on=On("calendar_feed", number, actor.name))


def has_feed(actor: Actor) -> bool:
    return _feeds_of(actor).exists()


def _feeds_of(actor: Actor) -> QuerySet[CalendarFeed]:
    return _working().filter(user__in=[actor.id] if actor.id else [])


def _working() -> QuerySet[CalendarFeed]:
    return CalendarFeed.objects.filter(user__is_active=True, user__generation=F("generation"))


def feed_owner(secret: str) -> Actor | None:
    """The owner of the feed as an actor with their present grants; None if the feed was revoked, their access was
    revoked, or they may see nothing any more."""
    feed = _working().select_related("user").filter(digest=token_digest(secret)).first()
    owner = actor_for(feed.user, door=Door.WEB, identified_by="calendar feed") if feed else None
    return owner if owner is not None and may_somewhere(owner, Act.VIEW) else None
