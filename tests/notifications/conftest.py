"""Receivers, channels to them, events that are heard of, and a clock that can be turned on."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import transaction
from django.db.models import F

from fairway.accounts.mail_commands import set_mail
from fairway.accounts.mailing import BACKEND
from fairway.accounts.rules import SYSTEM
from fairway.activity.commands import record
from fairway.activity.models import Event
from fairway.activity.rules import On
from fairway.notifications.commands.channels import create_channel
from fairway.notifications.models import Channel, Notice
from tests.services.mail import PASSWORD, USER, MailServer, certificate_for, mail_server
from tests.services.receiver import Receiver, receiver

ALL = [{"topics": ["deployed", "deployment_failed", "waits_for_people", "down", "security"]}]


@pytest.fixture
def there(db: None, settings: Any) -> Iterator[Receiver]:
    """A receiver, which Fairway may reach."""
    settings.NOTIFY_ADDRESSES = "any"
    with receiver() as found:
        yield found


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: Any) -> Iterator[MailServer]:
    """A mail server, which Fairway trusts."""
    settings.EMAIL_BACKEND = BACKEND
    certificate, authority = certificate_for(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(authority))
    with mail_server(certificate) as found:
        yield found


def use_mail(server: MailServer) -> None:
    """From now on Fairway sends mail."""
    set_mail(
        actor=SYSTEM, host=server.host, port=server.port, username=USER, password=PASSWORD, sender="fairway@example.com"
    )


def happens(verb: str = "deployment.failed", number: int = 1, **more: Any) -> Event:
    """Something happens that channels may hear of."""
    kind = verb.partition(".")[0]
    on = On(kind, number, f"Shop → Staging #{number}", more.pop("application", "shop"), more.pop("environment", "staging"))
    with transaction.atomic():
        return record(who=more.pop("who", SYSTEM.who), verb=verb, on=on, **more)


def channel_to(there: Receiver, name: str = "ops", **more: Any) -> Channel:
    values = {"kind": "webhook", "routes": ALL, "url": there.url(), **more}
    return create_channel(actor=SYSTEM, name=name, **values)[0]


def later(seconds: float) -> None:
    """So much time passes."""
    passed = timedelta(seconds=seconds)
    Notice.objects.update(next_at=F("next_at") - passed)
    Channel.objects.filter(rests_until__isnull=False).update(rests_until=F("rests_until") - passed)
