"""Channels: where people and programs hear of events, and what was sent there. URLs of chats are write-only."""

from __future__ import annotations

from datetime import datetime

from django.http import HttpRequest
from ninja import Schema, Status
from pydantic import Field, SecretStr

from fairway.accounts.permissions import actor_of, needs
from fairway.accounts.rules import Act
from fairway.api.preconditions import AsOf
from fairway.api.routing import PermissionRouter
from fairway.api.schemas import Given, Number, Slug, Text
from fairway.drivers.messengers.contract import Kind
from fairway.notifications.commands import channels as commands
from fairway.notifications.models import Channel, Notice
from fairway.notifications.queries import Condition, conditions_of, get_channel, get_notice, notices_of, visible_to
from fairway.notifications.rules import (
    LONGEST_NAME,
    LONGEST_URL,
    MOST_ADDRESSES,
    MOST_NAMED,
    MOST_ROUTES,
    State,
    Topic,
)
from fairway.notifications.troubles import sentence_of

router = PermissionRouter(tags=["notifications"])
MOST_SHOWN = 200
Language = Field("", pattern="^(en|fr)?$", description="en or fr; empty for this installation's language.")


class RouteGiven(Given):
    """What a channel hears: these kinds of events, of these environments and applications; none named means all."""

    topics: list[Topic] = Field(min_length=1, max_length=len(Topic))
    environments: list[Slug] = Field([], max_length=MOST_NAMED)
    applications: list[Slug] = Field([], max_length=MOST_NAMED)


class RouteShown(Schema):
    """What a channel hears; no environments or applications means all of them."""

    topics: list[Topic]
    environments: list[str]
    applications: list[str]


class DeliveryOfNotice(Schema):
    """One notice and what became of it. `notice` is the id that the receiver got (`webhook-id`, the mail's Message-ID),
    `event` the number of the event, none for a test. `sentence` says what the last try was answered; `next_at` is when a
    waiting one is tried."""

    id: int
    notice: str
    event: int | None
    verb: str
    about: str
    address: str
    state: State
    tries: int
    sentence: str
    created_at: datetime
    tried_at: datetime | None
    delivered_at: datetime | None
    next_at: datetime | None


class ChannelShown(Schema):
    """A channel without its secrets: `url` is shown whole only for a webhook. `waiting` notices are to be sent or sent
    again; `given_up` ones were tried six times. `disabled_because` is what a receiver answered that is gone, else empty."""

    id: int
    name: str
    kind: Kind
    url: str
    addresses: list[str]
    routes: list[RouteShown]
    language: str
    is_paused: bool
    disabled_because: str
    waiting: int
    given_up: int
    last_delivery: DeliveryOfNotice | None
    saved_by: str
    created_at: datetime


class ChannelMade(ChannelShown):
    """The same with the secret that signs what is sent to a webhook, which is not shown again; empty for other kinds."""

    secret: str


class ChannelWanted(Given):
    """`url` is for everything but mail, `addresses` for mail. Without `routes`, it hears of failures and of what waits for
    people everywhere, and of successes in production."""

    name: Text = Field(min_length=1, max_length=LONGEST_NAME)
    kind: Kind
    url: SecretStr = Field(SecretStr(""), max_length=LONGEST_URL)
    addresses: list[Text] = Field([], max_length=MOST_ADDRESSES)
    routes: list[RouteGiven] | None = Field(None, max_length=MOST_ROUTES)
    language: Text = Language


class ChannelChanges(Given):
    """What is left out does not change. `is_paused` false also resumes a channel whose receiver was gone, and so does a new
    `url`."""

    name: Text | None = Field(None, min_length=1, max_length=LONGEST_NAME)
    url: SecretStr | None = Field(None, max_length=LONGEST_URL)
    addresses: list[Text] | None = Field(None, max_length=MOST_ADDRESSES)
    routes: list[RouteGiven] | None = Field(None, max_length=MOST_ROUTES)
    language: Text | None = Field(None, pattern="^(en|fr)?$")
    is_paused: bool | None = None


@router.get("/channels", response=list[ChannelShown])
@needs(Act.MANAGE_SYSTEM)
def list_channels(request: HttpRequest) -> list[ChannelShown]:
    """Every channel, and how it is doing."""
    channels = list(visible_to(actor_of(request)))
    conditions = conditions_of(channels)
    return [_shown(channel, conditions[channel.pk]) for channel in channels]


@router.post("/channels", response={201: ChannelMade})
@needs(Act.MANAGE_SYSTEM)
def make_channel(request: HttpRequest, given: ChannelWanted) -> Status[ChannelMade]:
    """Add a channel; it hears of what happens from now on."""
    channel, secret = commands.create_channel(
        actor=actor_of(request),
        kind=given.kind,
        name=given.name,
        url=given.url.get_secret_value(),
        addresses=given.addresses,
        routes=None if given.routes is None else [route.dict() for route in given.routes],
        language=given.language,
    )
    return Status(201, ChannelMade(**_one(channel).dict(), secret=secret))


@router.get("/channels/{number}", response=ChannelShown)
@needs(Act.MANAGE_SYSTEM)
def show_channel(request: HttpRequest, number: Number) -> ChannelShown:
    """One channel."""
    return _one(get_channel(actor_of(request), number))


@router.patch("/channels/{number}", response=ChannelShown)
@needs(Act.MANAGE_SYSTEM)
def change_channel(request: HttpRequest, number: Number, given: ChannelChanges, as_of: AsOf) -> ChannelShown:
    """Change, pause or resume a channel; fields that are left out do not change."""
    actor = actor_of(request)
    changes = {name: value for name, value in given.dict(exclude_unset=True).items() if value is not None}
    if given.url is not None:
        changes["url"] = given.url.get_secret_value()
    channel = get_channel(actor, number)
    return _one(commands.edit_channel(actor=actor, channel=channel, as_of=as_of, **changes))


@router.delete("/channels/{number}", response={204: None})
@needs(Act.MANAGE_SYSTEM)
def remove_channel(request: HttpRequest, number: Number) -> Status[None]:
    """Delete a channel; what waited to be sent is not sent."""
    actor = actor_of(request)
    commands.delete_channel(actor=actor, channel=get_channel(actor, number))
    return Status(204, None)


@router.post("/channels/{number}/test", response=list[DeliveryOfNotice])
@needs(Act.MANAGE_SYSTEM)
def send_test_to_channel(request: HttpRequest, number: Number) -> list[DeliveryOfNotice]:
    """Send a test now; if it is not taken, the problem says what the receiver answered."""
    actor = actor_of(request)
    return [_delivery(one) for one in commands.try_channel(actor=actor, channel=get_channel(actor, number))]


@router.post("/channels/{number}/secret", response={201: ChannelMade})
@needs(Act.MANAGE_SYSTEM)
def renew_channel_secret(request: HttpRequest, number: Number) -> Status[ChannelMade]:
    """A new secret for a webhook, which is not shown again; what is sent from now on is signed with it."""
    actor = actor_of(request)
    channel, secret = commands.renew_secret(actor=actor, channel=get_channel(actor, number))
    return Status(201, ChannelMade(**_one(channel).dict(), secret=secret))


@router.get("/channels/{number}/deliveries", response=list[DeliveryOfNotice])
@needs(Act.MANAGE_SYSTEM)
def list_channel_deliveries(request: HttpRequest, number: Number) -> list[DeliveryOfNotice]:
    """What was sent or waits to be sent, newest first: 200 at most."""
    return [_delivery(one) for one in notices_of(get_channel(actor_of(request), number))[:MOST_SHOWN]]


@router.post("/channels/{number}/deliveries/{delivery}/again", response=DeliveryOfNotice)
@needs(Act.MANAGE_SYSTEM)
def send_channel_delivery_again(request: HttpRequest, number: Number, delivery: Number) -> DeliveryOfNotice:
    """Send a notice again that was delivered or given up; it keeps its id."""
    actor = actor_of(request)
    channel = get_channel(actor, number)
    return _delivery(commands.send_again(actor=actor, channel=channel, notice=get_notice(channel, delivery)))


def _one(channel: Channel) -> ChannelShown:
    return _shown(channel, conditions_of([channel])[channel.pk])


def _shown(channel: Channel, condition: Condition) -> ChannelShown:
    same = ("name", "kind", "addresses", "language", "is_paused", "saved_by", "created_at")
    return ChannelShown(
        **{name: getattr(channel, name) for name in same},
        id=channel.pk,
        url=channel.shown_url,
        routes=[RouteShown.model_validate(route.stored()) for route in channel.heard],
        disabled_because=channel.disabled_because,
        waiting=condition.waiting,
        given_up=condition.given_up,
        last_delivery=_delivery(condition.last) if condition.last else None,
    )


def _delivery(one: Notice) -> DeliveryOfNotice:
    same = ("address", "state", "tries", "created_at", "tried_at", "delivered_at")
    return DeliveryOfNotice(
        **{name: getattr(one, name) for name in same},
        id=one.pk,
        notice=one.public_id,
        event=one.event_id,
        verb=one.event.verb if one.event else "channel.tested",
        about=one.event.subject_label if one.event else "",
        sentence=sentence_of(one),
        next_at=one.next_at if one.state == State.WAITING else None,
    )
