"""Reading channels and their notices; every lookup starts at `visible_to(actor)`."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from django.db.models import Count, Max, Q, QuerySet

from fairway.accounts.rules import Act, Actor, NotVisible, may
from fairway.notifications.models import Channel, Notice
from fairway.notifications.rules import State


def visible_to(actor: Actor) -> QuerySet[Channel]:
    """The channels that this actor may see: all, or none. They tell of the whole installation."""
    living = Channel.objects.filter(deleted_at=None, is_personal=False).order_by("name", "pk")
    return living if may(actor, Act.MANAGE_SYSTEM) else living.none()


def get_channel(actor: Actor, number: int) -> Channel:
    """The channel with this number. Raises `NotVisible`."""
    found = visible_to(actor).filter(pk=number).first()
    if found is None:
        raise NotVisible("channel", number)
    return found


def notices_of(channel: Channel) -> QuerySet[Notice]:
    """The notices of a channel, newest first."""
    return Notice.objects.filter(channel=channel).select_related("event").order_by("-pk")


def get_notice(channel: Channel, number: int) -> Notice:
    """One notice of a channel. Raises `NotVisible`."""
    found = notices_of(channel).filter(pk=number).first()
    if found is None:
        raise NotVisible("notice", number)
    return found


@dataclass(frozen=True)
class Condition:
    """How a channel is doing: the newest notice that was tried, and how many wait or were given up."""

    last: Notice | None = None
    waiting: int = 0
    given_up: int = 0


def conditions_of(channels: Iterable[Channel]) -> dict[int, Condition]:
    """How these channels are doing, by their number, in two queries."""
    numbers = [channel.pk for channel in channels]
    counted = (
        Notice.objects.filter(channel__in=numbers)
        .values("channel")
        .annotate(
            last=Max("pk", filter=Q(tried_at__isnull=False)),
            waiting=Count("pk", filter=Q(state=State.WAITING)),
            given_up=Count("pk", filter=Q(state=State.GIVEN_UP, event__isnull=False)),
        )
    )
    rows = {row["channel"]: row for row in counted}
    newest = Notice.objects.filter(pk__in=[row["last"] for row in rows.values() if row["last"]]).select_related("event")
    last = {notice.channel_id: notice for notice in newest}
    return {
        number: Condition(last.get(number), rows[number]["waiting"], rows[number]["given_up"])
        if number in rows
        else Condition()
        for number in numbers
    }
