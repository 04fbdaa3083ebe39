"""Channels by the API: added, tested, changed, sent again, deleted; URLs of chats never come back."""

from __future__ import annotations

from fairway.environments.models import Environment
from fairway.notifications.commands.outbox import make_notices, send_due
from tests.api.conftest import Api
from tests.notifications.conftest import channel_to, happens, later, there
from tests.services.receiver import Receiver

__all__ = ["there"]  # a fixture
SLACK = "https://hooks.slack.com/services/T0/B0/s3cretPart"


def test_a_chat_is_added_changed_and_deleted(admin: Api, staging: Environment) -> None:
    wanted = {"name": "ops", "kind": "slack", "url": SLACK, "routes": [{"topics": ["down"], "environments": ["staging"]}]}
    made = admin.post("/channels", wanted)
    assert made.status_code == 201
    one = made.json()
    assert (one["secret"], one["url"]) == ("", "https://hooks.slack.com/…")
    assert one["routes"] == [{"topics": ["down"], "environments": ["staging"], "applications": []}]
    number = one["id"]
    assert [found["id"] for found in admin.get("/channels").json()] == [number]
    changed = admin.patch(f"/channels/{number}", {"name": "crew", "language": "fr", "routes": []}).json()
    assert (changed["name"], changed["language"], changed["routes"]) == ("crew", "fr", [])
    assert admin.patch(f"/channels/{number}", {"is_paused": True}).json()["is_paused"] is True
    assert "s3cretPart" not in admin.get(f"/channels/{number}").content.decode() + made.content.decode()
    assert admin.delete(f"/channels/{number}").status_code == 204
    assert admin.get(f"/channels/{number}").status_code == 404


def test_without_routes_the_usual_ones(admin: Api, staging: Environment) -> None:
    one = admin.post("/channels", {"name": "ops", "kind": "mail", "addresses": ["a@example.com"]}).json()
    assert [route["environments"] for route in one["routes"]] == [[], ["staging"]]
    assert "deployment_failed" in one["routes"][0]["topics"]


def test_a_webhooks_secret_comes_once(admin: Api, there: Receiver) -> None:
    one = admin.post("/channels", {"name": "ours", "kind": "webhook", "url": there.url()}).json()
    assert one["secret"].startswith("whsec_")
    assert one["url"] == there.url()
    assert "secret" not in admin.get(f"/channels/{one['id']}").json()
    renewed = admin.post(f"/channels/{one['id']}/secret")
    assert renewed.status_code == 201
    assert renewed.json()["secret"] not in ("", one["secret"])


def test_a_test_answers_with_what_was_answered(admin: Api, there: Receiver) -> None:
    number = channel_to(there, kind="discord").pk
    [sent] = admin.post(f"/channels/{number}/test").json()
    assert (sent["state"], sent["sentence"], sent["verb"], sent["event"]) == (
        "delivered",
        "It was taken: ok",
        "channel.tested",
        None,
    )
    there.will_answer(404, body="Unknown Webhook")
    refused = admin.post(f"/channels/{number}/test")
    assert refused.status_code == 409
    assert refused.json()["detail"] == "“127.0.0.1” refused it (404): Unknown Webhook"
    last = admin.get(f"/channels/{number}").json()["last_delivery"]
    assert (last["state"], last["tries"]) == ("given_up", 1)


def test_deliveries_are_listed_and_sent_again(admin: Api, there: Receiver) -> None:
    channel = channel_to(there)
    happens(number=7)
    there.will_answer(500, body="busy")
    make_notices()
    send_due(channel.pk)
    [one] = admin.get(f"/channels/{channel.pk}/deliveries").json()
    assert (one["state"], one["tries"], one["about"]) == ("waiting", 1, "Shop → Staging #7")
    assert one["next_at"] is not None
    later(20)
    send_due(channel.pk)
    [one] = admin.get(f"/channels/{channel.pk}/deliveries").json()
    assert (one["state"], one["next_at"]) == ("delivered", None)
    again = admin.post(f"/channels/{channel.pk}/deliveries/{one['id']}/again").json()
    assert (again["state"], again["notice"]) == ("waiting", one["notice"])
    assert admin.post(f"/channels/{channel.pk}/deliveries/999999/again").status_code == 404


def test_bad_input_is_named(admin: Api) -> None:
    for wanted, field in (
        ({"name": "x", "kind": "pigeon"}, "kind"),
        ({"name": "x", "kind": "slack", "url": "http://example.com"}, "url"),
        ({"name": "x", "kind": "slack", "url": SLACK, "routes": [{"topics": []}]}, "routes.0.topics"),
        ({"name": "x", "kind": "slack", "url": SLACK, "language": "de"}, "language"),
        ({"name": "x", "kind": "slack", "url": SLACK, "more": 1}, "more"),
    ):
        answer = admin.post("/channels", wanted)
        assert (answer.status_code, answer.json()["field"]) == (422, field)
        assert "s3cretPart" not in answer.content.decode()


def test_nobody_else_sees_or_changes_them(viewer: Api, deployer: Api, there: Receiver) -> None:
    number = channel_to(there).pk
    for api in (viewer, deployer):
        answers = [
            api.get("/channels"),
            api.post("/channels", {"name": "x", "kind": "slack", "url": SLACK}),
            api.get(f"/channels/{number}"),
            api.patch(f"/channels/{number}", {"name": "x"}),
            api.post(f"/channels/{number}/test"),
            api.post(f"/channels/{number}/secret"),
            api.get(f"/channels/{number}/deliveries"),
            api.post(f"/channels/{number}/deliveries/1/again"),
            api.delete(f"/channels/{number}"),
        ]
        assert {answer.status_code for answer in answers} == {403}
