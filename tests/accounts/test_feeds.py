"""A person's calendar feed."""

from __future__ import annotations

from fairway.accounts.feeds import feed_owner, has_feed, make_feed, revoke_feed
from fairway.accounts.models import CalendarFeed, User
from fairway.accounts.rules import Actor
from fairway.activity.models import Event


def test_its_secret_leads_to_its_owner_and_is_not_kept(viewer: Actor) -> None:
    secret = make_feed(actor=viewer)
    owner = feed_owner(secret)
    assert owner is not None
    assert (owner.id, owner.grants) == (viewer.id, viewer.grants)
    assert secret not in str(CalendarFeed.objects.values())
    assert secret not in str(Event.objects.values())


def test_a_new_one_replaces_the_old(viewer: Actor) -> None:
    old = make_feed(actor=viewer)
    new = make_feed(actor=viewer)
    assert feed_owner(old) is None
    assert feed_owner(new) is not None


def test_a_revoked_one_leads_nowhere(viewer: Actor) -> None:
    secret = make_feed(actor=viewer)
    revoke_feed(actor=viewer)
    revoke_feed(actor=viewer)
    assert feed_owner(secret) is None
    assert not has_feed(viewer)
    assert [one.verb for one in Event.objects.order_by("id")] == ["calendar_feed.made", "calendar_feed.revoked"]


def test_somebody_locked_out_has_none(viewer: Actor) -> None:
    secret = make_feed(actor=viewer)
    User.objects.filter(pk=viewer.id).update(is_active=False)
    assert feed_owner(secret) is None
