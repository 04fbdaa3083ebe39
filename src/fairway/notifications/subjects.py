"""How events name a channel."""

from __future__ import annotations

from fairway.activity.rules import On
from fairway.notifications.models import Channel


def on_channel(channel: Channel) -> On:
    return On("channel", channel.pk, channel.name)
