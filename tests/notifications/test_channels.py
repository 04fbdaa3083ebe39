"""Channels: who may change them, what is refused, that secrets stay secret, and what a test says."""

from __future__ import annotations

import json
from typing import Any

import pytest
from cryptography.fernet import Fernet
from django.utils import timezone

from fairway.accounts.rules import Actor, Blocked, Role
from fairway.activity.changes import Changed
from fairway.activity.models import Event
from fairway.activity.queries import latest_number
from fairway.applications.models import Application
from fairway.applications.secrets import seal
from fairway.environments.models import Environment
from fairway.notifications.commands.channels import (
    create_channel,
    delete_channel,
    edit_channel,
    renew_secret,
    reseal_channels,
    send_again,
    try_channel,
    usual_routes,
)
from fairway.notifications.commands.outbox import make_notices, send_due
from fairway.notifications.models import Channel, Notice
from fairway.notifications.queries import conditions_of, visible_to
from fairway.notifications.rules import default_routes
from fairway.shared.failures import Refused
from fairway.shared.names import Invalid
from tests.conftest import make_environment, make_person
from tests.notifications.conftest import ALL, channel_to, happens, later
from tests.services.receiver import Receiver

SLACK = "https://hooks.slack.com/services/T0/B0/s3cretPart"


def make(actor: Actor, **more: Any) -> tuple[Channel, str]:
    return create_channel(**{"actor": actor, "kind": "slack", "name": "ops", "url": SLACK, **more})


@pytest.mark.parametrize("role", [Role.RELEASE_MANAGER, Role.DEPLOYER, Role.VIEWER])
def test_only_who_manages_the_system_may(admin: Actor, role: Role) -> None:
    other, (channel, _) = make_person("other", role), make(admin)
    notice = Notice.objects.create(channel=channel, public_id="msg_1")
    for act in (
        lambda: make(other, name="mine"),
        lambda: edit_channel(actor=other, channel=channel, name="mine"),
        lambda: renew_secret(actor=other, channel=channel),
        lambda: try_channel(actor=other, channel=channel),
        lambda: send_again(actor=other, channel=channel, notice=notice),
        lambda: delete_channel(actor=other, channel=channel),
    ):
        with pytest.raises(Blocked):
            act()
    assert not visible_to(other).exists()
    assert visible_to(admin).get() == channel


def test_who_manages_one_environment_only_may_not(admin: Actor, staging: Environment) -> None:
    narrow = make_person("narrow", Role.ADMIN, environment=staging)
    with pytest.raises(Blocked):
        make(narrow)
    assert not visible_to(narrow).exists()


def test_the_url_is_sealed_and_nowhere_else(admin: Actor) -> None:
    channel, secret = make(admin)
    assert secret == ""
    assert seal().open(channel.sealed_url) == SLACK
    edit_channel(actor=admin, channel=channel, url=SLACK + "2")
    delete_channel(actor=admin, channel=channel)
    told = [json.dumps([one.before, one.after]) for one in Event.objects.all()]
    assert len(told) == 3
    assert "s3cretPart" not in "".join([*told, str(Channel.objects.values())])
    changed = Event.objects.get(verb="channel.edited")
    assert changed.before["url"] != changed.after["url"], "that it changed is told by its mark"
    assert Channel.objects.get().sealed_url == ""


def test_a_webhooks_secret_is_returned_once_and_renewed(admin: Actor) -> None:
    channel, secret = make(admin, kind="webhook", url="https://example.com/hook?token=abc123")
    assert secret.startswith("whsec_")
    assert seal().open(channel.sealed_secret) == secret
    assert "abc123" not in json.dumps(Event.objects.latest("pk").after)
    _, renewed = renew_secret(actor=admin, channel=channel)
    assert renewed != secret
    with pytest.raises(Invalid):
        renew_secret(actor=admin, channel=make(admin, name="chat")[0])


def test_after_a_key_was_added_everything_is_sealed_with_it(admin: Actor, settings: Any) -> None:
    channel, secret = make(admin, kind="webhook", url="https://example.com/hook")
    mail, _ = make(admin, name="mail", kind="mail", url="", addresses=["a@example.com"])
    before = channel.sealed_url
    settings.FIELD_KEYS = [Fernet.generate_key().decode(), *settings.FIELD_KEYS]
    assert reseal_channels() == 1
    channel.refresh_from_db()
    assert channel.sealed_url != before
    settings.FIELD_KEYS = settings.FIELD_KEYS[:1]
    assert seal().open(channel.sealed_url) == "https://example.com/hook"
    assert seal().open(channel.sealed_secret) == secret
    assert mail.sealed_url == ""


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"kind": "pigeon"}, "kind"),
        ({"name": " "}, "name"),
        ({"name": "x" * 81}, "name"),
        ({"url": ""}, "url"),
        ({"url": "http://example.com"}, "url"),
        ({"addresses": ["a@example.com"]}, "addresses"),
        ({"kind": "mail"}, "addresses"),
        ({"kind": "mail", "url": "", "addresses": []}, "addresses"),
        ({"kind": "mail", "url": "", "addresses": ["nobody"]}, "addresses"),
        ({"kind": "mail", "url": "", "addresses": [f"a{n}@example.com" for n in range(21)]}, "addresses"),
        ({"kind": "mail", "addresses": ["a@example.com"]}, "url"),
        ({"language": "de"}, "language"),
        ({"routes": [{"topics": ["nothing"]}]}, "routes"),
        ({"routes": [{"topics": ["down"], "environments": ["nowhere"]}]}, "routes"),
        ({"routes": [{"topics": ["down"], "applications": ["nothing"]}]}, "routes"),
    ],
)
def test_what_is_wrong_is_named(admin: Actor, given: dict[str, Any], field: str) -> None:
    with pytest.raises(Invalid) as caught:
        make(admin, **given)
    assert caught.value.field == field
    assert "s3cret" not in str(caught.value)
    assert not Channel.objects.exists()


def test_names_are_taken_once_and_free_again(admin: Actor) -> None:
    channel, _ = make(admin)
    with pytest.raises(Invalid, match="taken"):
        make(admin)
    delete_channel(actor=admin, channel=channel)
    delete_channel(actor=admin, channel=channel)
    make(admin)
    with pytest.raises(Invalid, match="deleted meanwhile"):
        edit_channel(actor=admin, channel=channel, name="again")
    assert Event.objects.filter(verb="channel.deleted").count() == 1


def test_what_a_new_one_hears(admin: Actor) -> None:
    assert usual_routes() == default_routes()
    make_environment("first", position=1)
    make_environment("last", position=9)
    assert usual_routes() == default_routes("last")
    make_environment("production", position=5)
    assert usual_routes() == default_routes("production")
    assert make(admin)[0].heard == default_routes("production")
    assert make(admin, name="deaf", routes=[])[0].heard == []


def test_an_environment_that_was_deleted_since_hinders_no_other_change(
    admin: Actor, staging: Environment, hello: Application
) -> None:
    routes = [{"topics": ["down"], "environments": ["staging"], "applications": ["hello"]}]
    channel, _ = make(admin, routes=routes)
    Environment.objects.update(deleted_at=timezone.now())
    assert edit_channel(actor=admin, channel=channel, name="renamed").routes == routes
    assert edit_channel(actor=admin, channel=channel, is_paused=True).is_paused


def test_changes_are_told_by_what_they_are(admin: Actor) -> None:
    channel, _ = make(admin)
    for changes, verb in (
        ({"is_paused": True}, "channel.paused"),
        ({"is_paused": False}, "channel.resumed"),
        ({"name": "crew"}, "channel.edited"),
    ):
        edit_channel(actor=admin, channel=channel, **changes)
        assert Event.objects.latest("pk").verb == verb
    before = latest_number()
    edit_channel(actor=admin, channel=channel, name="crew", url="")
    assert latest_number() == before, "nothing changed"
    with pytest.raises(Invalid, match="cannot be changed"):
        edit_channel(actor=admin, channel=channel, kind="mail")
    with pytest.raises(Changed):
        edit_channel(actor=admin, channel=channel, name="mine", as_of=1)


def test_a_test_is_sent_at_once_also_while_it_is_paused(admin: Actor, there: Receiver) -> None:
    channel = channel_to(there, kind="slack")
    edit_channel(actor=admin, channel=channel, is_paused=True)
    [notice] = try_channel(actor=admin, channel=channel)
    assert (notice.state, notice.answer) == ("delivered", "ok")
    assert there.came[0].json["blocks"][0]["text"]["text"] == "✅ Test from Fairway"
    told = Event.objects.latest("pk")
    assert (told.verb, told.after) == ("channel.tested", {"delivered": 1, "of": 1})
    there.will_answer(403, body="action_prohibited")
    with pytest.raises(Refused, match=r"“127\.0\.0\.1” refused it \(403\): action_prohibited"):
        try_channel(actor=admin, channel=channel)
    with pytest.raises(Invalid, match="was a test"):
        send_again(actor=admin, channel=channel, notice=notice)


def test_a_test_to_a_forbidden_address_says_so(admin: Actor, there: Receiver, settings: Any) -> None:
    settings.NOTIFY_ADDRESSES = "intranet"
    channel, _ = make(admin, url=f"https://127.0.0.1:{there.port}/x")
    with pytest.raises(Refused, match="FAIRWAY_NOTIFY_ADDRESSES"):
        try_channel(actor=admin, channel=channel)
    assert there.came == []


def test_deleting_drops_what_waits_and_keeps_what_was_sent(admin: Actor, there: Receiver) -> None:
    channel = channel_to(there)
    happens(number=1)
    make_notices()
    send_due(channel.pk)
    happens(number=2)
    make_notices()
    delete_channel(actor=admin, channel=channel)
    assert list(Notice.objects.values_list("state", flat=True)) == ["delivered"]
    happens(number=3)
    assert make_notices() == 0
    assert send_due(channel.pk) == 0


def test_a_new_url_resumes_one_whose_receiver_was_gone(admin: Actor, there: Receiver) -> None:
    channel = channel_to(there)
    there.will_answer(410)
    happens(number=1)
    make_notices()
    send_due(channel.pk)
    channel.refresh_from_db()
    assert channel.disabled_because == "410"
    edit_channel(actor=admin, channel=channel, name="same place")
    channel.refresh_from_db()
    assert not channel.is_on
    edited = edit_channel(actor=admin, channel=channel, url=there.url("/new"))
    assert edited.is_on
    later(100)
    assert send_due(channel.pk) == 1
    assert there.came[-1].path == "/new"


def test_mail_to_an_address_that_was_removed_is_not_sent_again(admin: Actor) -> None:
    channel, _ = make(admin, kind="mail", url="", addresses=["a@example.com", "b@example.com"], routes=ALL)
    happens()
    make_notices()
    Notice.objects.update(state="given_up")
    edit_channel(actor=admin, channel=channel, addresses=["b@example.com"])
    with pytest.raises(Invalid, match=r"a@example\.com, which is no longer"):
        send_again(actor=admin, channel=channel, notice=Notice.objects.get(address="a@example.com"))
    send_again(actor=admin, channel=channel, notice=Notice.objects.get(address="b@example.com"))


def test_how_channels_are_doing_is_read_together(admin: Actor, there: Receiver) -> None:
    quiet, busy = channel_to(there, "quiet", routes=[]), channel_to(there, "busy")
    happens(number=1)
    there.will_answer(500)
    make_notices()
    send_due(busy.pk)
    happens(number=2)
    make_notices()
    found = conditions_of([quiet, busy])
    assert (found[quiet.pk].last, found[quiet.pk].waiting, found[quiet.pk].given_up) == (None, 0, 0)
    last = found[busy.pk].last
    assert last is not None
    assert (last.about, found[busy.pk].waiting) == ("deployment:1", 2)
