"""The messengers of this installation, and where a notice goes. They are loaded once something is sent."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from django.conf import settings

from fairway.accounts.mailing import mailing
from fairway.applications.secrets import seal
from fairway.drivers.messengers.contract import Kind, Messenger, NotTaken, Target
from fairway.notifications.messages import layout, message_of
from fairway.notifications.models import Notice
from fairway.notifications.troubles import stored

if TYPE_CHECKING:
    from fairway.drivers.posting import Line


def send(notice: Notice) -> str:
    """Send it; returns what the receiver answered. Raises `NotTaken`."""
    return _messenger(Kind(notice.channel.kind)).send(message_of(notice), _target(notice))


def trouble_of(notice: Notice, problem: NotTaken) -> tuple[str, dict[str, object]]:
    """Why it was not taken, as a notice stores it."""
    found = mailing() if notice.address else None
    if found is None:
        return stored(problem)
    return stored(problem, address=notice.address, sender=found.sender, port=found.server.port)


def _messenger(kind: Kind) -> Messenger:
    if kind is Kind.MAIL:
        return _mail()
    from fairway.drivers.messengers.discord import Discord
    from fairway.drivers.messengers.slack import Slack
    from fairway.drivers.messengers.teams import Teams
    from fairway.drivers.messengers.webhook import Webhook

    made: dict[Kind, Callable[[Line], Messenger]] = {
        Kind.SLACK: Slack,
        Kind.TEAMS: Teams,
        Kind.DISCORD: Discord,
        Kind.WEBHOOK: Webhook,
    }
    return made[kind](_line())


def _line() -> Line:
    from fairway.drivers.addresses import POLICIES
    from fairway.drivers.posting import Line

    return Line(POLICIES[settings.NOTIFY_ADDRESSES])


def _mail() -> Messenger:
    from fairway.drivers.messengers.mail import Mail

    found = mailing()
    return Mail(
        found.server if found else None,
        sender=found.sender if found else "",
        sender_line=found.sender_line if found else "",
        domain=urlsplit(settings.PUBLIC_URL).hostname or "localhost",
        layout=layout,
    )


def _target(notice: Notice) -> Target:
    channel = notice.channel
    return Target(
        url=seal().open(channel.sealed_url) if channel.sealed_url else "",
        secret=seal().open(channel.sealed_secret) if channel.sealed_secret else "",
        address=notice.address,
    )
