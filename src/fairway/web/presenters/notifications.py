"""Contexts of notifications: the channels with how they are doing, and the page of one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from fairway.accounts.rules import Actor
from fairway.drivers.messengers.contract import Kind
from fairway.environments.models import Environment
from fairway.environments.queries import visible_to as environments_visible_to
from fairway.notifications.links import path_of
from fairway.notifications.messages import SHORT, Text, title_of
from fairway.notifications.models import Channel, Notice
from fairway.notifications.queries import Condition, conditions_of, notices_of, visible_to
from fairway.notifications.rules import FAILURES, Route, State, Topic
from fairway.notifications.troubles import sentence_of
from fairway.web.presenters.acts import Button

SHOWN = 50  # notices on the page of a channel
KINDS = {
    Kind.SLACK: "Slack",
    Kind.TEAMS: "Microsoft Teams",
    Kind.DISCORD: "Discord",
    Kind.WEBHOOK: gettext_lazy("Webhook"),
    Kind.MAIL: gettext_lazy("Mail"),
}


def channels_shown(actor: Actor) -> dict[str, Any]:
    """The context of ``settings/channels.html``."""
    channels = list(visible_to(actor))
    conditions, names = conditions_of(channels), _names(actor)
    create = Button(_("New channel"), reverse("channel-new"), "plus", "primary", method="get")
    return {"channels": [_row(one, conditions[one.pk], names) for one in channels], "create": create}


def _names(actor: Actor) -> dict[str, str]:
    return dict(environments_visible_to(actor).values_list("slug", "name"))


def _row(channel: Channel, condition: Condition, names: dict[str, str]) -> dict[str, Any]:
    return {
        "id": channel.pk,
        "name": channel.name,
        "kind": KINDS[Kind(channel.kind)],
        "place": ", ".join(channel.addresses) or channel.shown_url,
        "routes": [_route(route, names) for route in channel.heard],
        "state": _state(channel),
        "disabled_because": channel.disabled_because,
        "last": _notice(channel, condition.last) if condition.last else None,
        "waiting": condition.waiting,
        "given_up": condition.given_up,
    }


def _state(channel: Channel) -> str:
    """A word of the vocabulary; "" if it is on."""
    if channel.disabled_at is not None:
        return "channel_disabled"
    return "channel_paused" if channel.is_paused else ""


def _route(route: Route, names: dict[str, str]) -> dict[str, Any]:
    return {
        "topics": _topics(route),
        "places": [*(names.get(slug, slug) for slug in route.environments), *route.applications],
    }


def _topics(route: Route) -> list[Text]:
    """What it hears of, in few words."""
    topics = set(route.topics)
    if topics == set(Topic):
        return [_("everything")]
    if set(FAILURES) <= topics:
        return [_("failures and what waits for people"), *(SHORT[topic] for topic in route.topics if topic not in FAILURES)]
    return [SHORT[topic] for topic in route.topics]


def kinds_to_choose(chosen: Kind) -> list[dict[str, Any]]:
    """The tabs of a new channel."""
    here = reverse("channel-new")
    return [
        {"title": title, "url": f"{here}?kind={kind.value}", "is_current": kind is chosen} for kind, title in KINDS.items()
    ]


def new_shown(kind: Kind) -> dict[str, Any]:
    """The context of ``settings/channel.html`` for a new one, without the forms."""
    return {
        "channel": None,
        "kind": kind.value,
        "kind_name": KINDS[kind],
        "choices": kinds_to_choose(kind),
        "created": None,
        "acts": [],
        "renew": None,
        "deliveries": [],
        "failure": "",
        "is_sent": False,
    }


def channel_shown(
    actor: Actor, channel: Channel, *, secret: str = "", failure: str = "", is_sent: bool = False
) -> dict[str, Any]:
    """The context of ``settings/channel.html`` for one that exists, without the forms. `secret` is shown this one time."""
    condition = conditions_of([channel])[channel.pk]
    return {
        "channel": {
            **_row(channel, condition, _names(actor)),
            "secret_made_at": channel.secret_made_at,
            "saved_by": channel.saved_by,
        },
        "kind": str(channel.kind),
        "kind_name": KINDS[Kind(channel.kind)],
        "choices": [],
        "created": {"secret": secret} if secret else None,
        "acts": _acts(channel),
        "renew": _renew(channel) if channel.kind == Kind.WEBHOOK else None,
        "deliveries": _notices(channel, list(notices_of(channel)[:SHOWN])),
        "failure": failure,
        "is_sent": is_sent,
    }


def environments_to_choose(actor: Actor) -> list[Environment]:
    return list(environments_visible_to(actor))


def _notices(channel: Channel, found: Sequence[Notice]) -> list[dict[str, Any]]:
    return [_notice(channel, one) for one in found]


def _notice(channel: Channel, one: Notice) -> dict[str, Any]:
    is_retrying = one.state == State.WAITING and one.tries > 0
    again = None
    if one.event is not None and one.state != State.WAITING:
        again = Button(_("Send again"), reverse("channel-again", args=[channel.pk, one.pk]), "restart")
    return {
        "at": one.created_at,
        "title": title_of(one.event) if one.event else "",
        "about": one.event.subject_label if one.event else "",
        "url": path_of(one.event) if one.event else "",
        "address": one.address,
        "status": "notice_retrying" if is_retrying else f"notice_{one.state}",
        "tries": one.tries,
        "sentence": sentence_of(one),
        "next_at": one.next_at if is_retrying else None,
        "again": again,
    }


def _acts(channel: Channel) -> list[Button]:
    number = [channel.pk]
    paused = (
        Button(_("Pause"), reverse("channel-pause", args=number), "pause")
        if channel.is_on
        else Button(_("Resume"), reverse("channel-resume", args=number), "restart")
    )
    delete = Button(
        _("Delete"),
        reverse("channel-delete", args=number),
        "trash",
        "danger",
        confirm=channel.name,
        consequence=_("Nothing is sent there any more, and its URL and secret are forgotten."),
    )
    return [paused, delete]


def _renew(channel: Channel) -> Button:
    return Button(
        _("Renew the secret"),
        reverse("channel-secret", args=[channel.pk]),
        "key",
        confirm=channel.name,
        consequence=_("What is sent from now on is signed with the new secret; enter it where it is received."),
    )
