"""fairway notifications: channels are added, tested, listed, paused and removed; a chat's URL comes by stdin."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.cli.conftest import Fairway
from tests.services.receiver import Receiver, receiver

SLACK = "https://hooks.slack.com/services/T0/B0/s3cretPart"


@pytest.fixture
def there() -> Iterator[Receiver]:
    with receiver() as found:
        yield found


def test_a_chat_is_added_by_stdin_listed_paused_and_removed(fairway: Fairway) -> None:
    added = fairway(
        "notifications", "add", "Chat", "--kind", "slack", "--hear", "down", "--env", "staging", stdin=f"{SLACK}\n"
    )
    assert added.code == 0, added.err
    assert "s3cretPart" not in added.out + added.err
    number = str(next(one["id"] for one in fairway.json("notifications", "list") if one["name"] == "Chat"))
    listed = fairway("notifications", "list").out
    for words in ("Chat", "Slack", "https://hooks.slack.com/…", "down (staging)", "nothing sent yet"):
        assert words in listed
    assert "Chat is paused." in fairway("notifications", "pause", number).out
    assert "paused" in fairway("notifications", "list").out
    assert "hears of what happens" in fairway("notifications", "resume", number).out
    assert "Nothing has been sent" in fairway("notifications", "deliveries", number).out
    refused = fairway("notifications", "remove", number)
    assert (refused.code, "--confirm Chat" in refused.err) == (2, True)
    assert fairway("notifications", "remove", number, "--confirm", "Chat").code == 0
    assert "Chat" not in fairway("notifications", "list").out


def test_a_webhook_shows_its_secret_once_and_a_forbidden_address_is_said(fairway: Fairway, there: Receiver) -> None:
    where = there.url("/hook").replace("http://", "https://")
    made = fairway("notifications", "add", "Ours", "--kind", "webhook", "--url", where)
    assert made.code == 0, made.err
    assert "whsec_" in made.out
    number = str(next(one["id"] for one in fairway.json("notifications", "list") if one["name"] == "Ours"))
    assert "whsec_" not in fairway("notifications", "list").out
    tested = fairway("notifications", "test", number)
    assert tested.code == 1
    assert "FAIRWAY_NOTIFY_ADDRESSES" in tested.err
    assert there.came == []
    deliveries = fairway("notifications", "deliveries", number).out
    assert "given up" in deliveries
    test = str(fairway.json("notifications", "deliveries", number)[0]["id"])
    again = fairway("notifications", "again", number, test)
    assert again.code == 2
    assert "was a test" in again.err


def test_mail_has_addresses_and_usual_kinds(fairway: Fairway) -> None:
    one = fairway.json("notifications", "add", "Crew", "--kind", "mail", "--to", "a@example.com", "--to", "b@example.com")
    assert one["addresses"] == ["a@example.com", "b@example.com"]
    assert [route["environments"] for route in one["routes"]] == [[], ["production"]]


def test_what_is_wrong_is_said(fairway: Fairway) -> None:
    for arguments, words in (
        (("--kind", "pigeon", "--to", "a@example.com"), "kind: input should be"),
        (("--kind", "slack", "--url", SLACK), "stdin"),
        (("--kind", "mail", "--env", "staging"), "--hear"),
        (("--kind", "mail", "--to", "a@example.com", "--hear", "nothing"), "topics.0: input should be"),
    ):
        said = fairway("notifications", "add", "X", *arguments)
        assert said.code == 2, said.err
        assert words in said.err
    assert fairway("--as", "viewer", "notifications", "list").code == 3
