"""The pages of notifications: adding a channel, what it hears, a test that says what was answered, and what was sent."""

from __future__ import annotations

import re
from html import unescape
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from fairway.accounts.rules import SYSTEM, Role
from fairway.environments.models import Environment
from fairway.notifications.commands.channels import edit_channel
from fairway.notifications.commands.outbox import make_notices, send_due
from fairway.notifications.models import Channel, Notice
from tests.conftest import make_person
from tests.notifications.conftest import channel_to, happens, there
from tests.services.receiver import Receiver
from tests.web.conftest import Browser

__all__ = ["there"]  # a fixture
LIST, NEW = "/settings/notifications", "/settings/notifications/new"
SLACK = "https://hooks.slack.com/services/T0/B0/s3cret"
ROUTE: dict[str, Any] = {
    "routes": "2",
    "route-0-topics": ["deployment_failed", "down"],
    "route-0-environments": ["staging"],
    "route-0-applications": "",
    "route-1-applications": "",
}


@pytest.fixture
def ada(db: None, browse: Browser) -> Client:
    return browse(make_person("ada", Role.ADMIN))


def text_of(client: Client, path: str, status: int = 200) -> str:
    answer = client.get(path)
    assert answer.status_code == status
    return unescape(answer.content.decode())


def test_a_chat_is_added_and_its_url_never_shown(ada: Client, staging: Environment) -> None:
    assert "Nobody is told" in text_of(ada, LIST)
    for kind in ("slack", "teams", "discord", "webhook", "mail", "pigeon"):
        assert "What it hears of" in text_of(ada, f"{NEW}?kind={kind}")
    answer = ada.post(f"{NEW}?kind=slack", {"name": "Operations", "url": SLACK, "language": "fr", **ROUTE})
    channel = Channel.objects.get()
    assert (answer.status_code, answer["Location"]) == (302, f"/settings/notifications/{channel.pk}")
    assert channel.routes == [{"topics": ["deployment_failed", "down"], "environments": ["staging"], "applications": []}]
    for place in (LIST, f"{LIST}/{channel.pk}", "/events/"):
        page = text_of(ada, place)
        assert "Operations" in page
        assert "s3cret" not in page
    assert "https://hooks.slack.com/…" in text_of(ada, LIST)
    assert SLACK not in channel.sealed_url


def test_a_new_one_hears_of_failures_and_of_successes_in_production(
    ada: Client, staging: Environment, production: Environment
) -> None:
    page = text_of(ada, NEW)
    assert page.count('name="route-0-topics"') == page.count('name="route-1-topics"') == 12
    assert len(re.findall(r"<input[^>]*name=.route-[^>]* checked", page)) == 9 + 2 + 1


def test_a_webhooks_secret_is_shown_once(ada: Client, there: Receiver) -> None:
    made = ada.post(f"{NEW}?kind=webhook", {"name": "Ours", "url": there.url("/hook"), **ROUTE, "route-0-environments": []})
    assert made.status_code == 201
    assert "whsec_" in made.content.decode()
    assert "no-store" in made["Cache-Control"]
    place = f"{LIST}/{Channel.objects.get().pk}"
    page = text_of(ada, place)
    assert "whsec_" not in page
    assert there.url("/hook") in page
    assert ada.post(f"{place}/secret", {"confirm": "no"}).status_code == 302
    renewed = ada.post(f"{place}/secret", {"confirm": "Ours"})
    assert renewed.status_code == 201
    assert "whsec_" in renewed.content.decode()


def test_what_is_wrong_is_said_beside_its_field(ada: Client, staging: Environment) -> None:
    wrong = [
        ({"name": "x", "url": "http://example.com/x"}, "slack", "Must begin with https://"),
        ({"name": "", "url": SLACK}, "slack", "This field is required"),
        ({"name": "x", "addresses": "nobody"}, "mail", "Is not an e-mail address"),
        ({"name": "x", "url": SLACK, "route-0-applications": "nothing"}, "slack", "“nothing” does not exist"),
        ({"name": "x", "url": SLACK, "route-0-topics": ["nothing"]}, "slack", "Select a valid choice"),
    ]
    for given, kind, sentence in wrong:
        answer = ada.post(f"{NEW}?kind={kind}", {**ROUTE, **given})
        assert answer.status_code == 422
        assert sentence in unescape(answer.content.decode())
    assert not Channel.objects.exists()


def test_a_test_says_in_words_what_was_answered(ada: Client, there: Receiver) -> None:
    place = f"{LIST}/{channel_to(there, kind='slack').pk}"
    there.will_answer(404, body="no_service")
    refused = ada.post(f"{place}/test")
    assert refused.status_code == 409
    assert "“127.0.0.1” refused it (404): no_service" in unescape(refused.content.decode())
    taken = ada.post(f"{place}/test")
    assert taken.status_code == 200
    page = unescape(taken.content.decode())
    assert "The test was taken." in page
    assert "It was taken: ok" in page
    assert [one.state for one in Notice.objects.order_by("pk")] == ["given_up", "delivered"]


def test_what_was_sent_is_listed_and_sent_again(ada: Client, there: Receiver) -> None:
    channel = channel_to(there)
    place = f"{LIST}/{channel.pk}"
    happens(number=7)
    there.will_answer(500, body="busy")
    make_notices()
    send_due(channel.pk)
    for where in (LIST, place):
        page = text_of(ada, where)
        assert "To be tried again" in page
        assert "could not take it (500): busy" in page
    assert "/deployments/7" in page
    Notice.objects.update(state="given_up")
    again = f"{place}/deliveries/{Notice.objects.get().pk}/again"
    assert again in text_of(ada, place)
    assert ada.post(again).status_code == 302
    assert Notice.objects.get().state == "waiting"


def test_it_is_changed_paused_resumed_and_deleted(ada: Client, there: Receiver, staging: Environment) -> None:
    channel = channel_to(there, kind="slack")
    place, before = f"{LIST}/{channel.pk}", channel.sealed_url
    saved = ada.post(place, {"name": "Crew", "url": "", "language": "", **ROUTE})
    assert saved.status_code == 302
    channel.refresh_from_db()
    assert (channel.name, channel.sealed_url) == ("Crew", before)
    assert ada.post(f"{place}/pause").status_code == 302
    assert "It is paused" in text_of(ada, place)
    assert ada.post(f"{place}/resume").status_code == 302
    assert ada.post(f"{place}/deletion", {"confirm": "no"}).status_code == 302
    assert ada.post(f"{place}/deletion", {"confirm": "Crew"}).status_code == 302
    assert text_of(ada, place, 404)
    channel.refresh_from_db()
    assert channel.sealed_url == ""


def test_somebody_elses_change_is_told(ada: Client, there: Receiver, staging: Environment) -> None:
    channel = channel_to(there)
    edit_channel(actor=SYSTEM, channel=channel, name="theirs")
    answer = ada.post(f"{LIST}/{channel.pk}", {"name": "mine", "url": "", "as_of": "1", **ROUTE})
    assert answer.status_code == 409
    assert "changed this on" in answer.content.decode()
    channel.refresh_from_db()
    assert channel.name == "theirs"


def test_a_channel_whose_receiver_is_gone_says_so(ada: Client, browse: Browser, there: Receiver) -> None:
    channel = channel_to(there)
    there.will_answer(410, body="deleted")
    happens()
    make_notices()
    send_due(channel.pk)
    assert "Its receiver says that it is gone (“deleted”)" in text_of(ada, f"{LIST}/{channel.pk}")
    ada.cookies["fairway_language"] = "fr"
    page = text_of(ada, f"{LIST}/{channel.pk}")
    assert "Notifications" in page
    assert "Envoyer un test" in page
    assert "says that" not in page


def test_only_who_manages_the_system_sees_it(browse: Browser, there: Receiver) -> None:
    place = f"{LIST}/{channel_to(there).pk}"
    client = browse(make_person("dora", Role.DEPLOYER))
    for where in (LIST, NEW, place):
        assert client.get(where).status_code == 403
    for act in ("", "/test", "/pause", "/resume", "/secret", "/deletion", "/deliveries/1/again"):
        assert client.post(f"{place}{act}").status_code == 403


def test_the_list_asks_no_more_with_more_channels(ada: Client, there: Receiver) -> None:
    first = channel_to(there, "a")
    happens()
    make_notices()
    send_due(first.pk)
    text_of(ada, LIST)
    with CaptureQueriesContext(connection) as few:
        text_of(ada, LIST)
    for number in range(4):
        channel = channel_to(there, f"b{number}")
        happens(number=number)
        make_notices()
        send_due(channel.pk)
    with CaptureQueriesContext(connection) as many:
        text_of(ada, LIST)
    assert len(many) == len(few)
