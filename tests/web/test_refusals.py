"""Whoever looks into an attack finds in the log and in the events who was refused what."""

from __future__ import annotations

import pytest
from django.db import OperationalError
from django.test import Client

from fairway.accounts.rules import Actor
from fairway.activity.models import Event

pytestmark = pytest.mark.django_db


def refused(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.name == "fairway.web.middleware"]


def test_a_refused_page_says_who_asked_for_it(viewer: Actor, browse, caplog: pytest.LogCaptureFixture) -> None:
    assert browse(viewer).get("/settings/people", REMOTE_ADDR="192.0.2.7").status_code == 403
    assert refused(caplog) == ["Refused (403): GET settings/people, asked by vera from 192.0.2.7"]
    event = Event.objects.get(verb="person.refused")
    assert (event.actor_name, event.subject_label, event.comment) == ("vera", "vera", "GET settings/people")
    assert event.address == "192.0.2.7"


def test_a_refused_operation_and_an_unknown_token_too(viewer: Actor, browse, caplog: pytest.LogCaptureFixture) -> None:
    token = f"fwy_{'a' * 43}"
    assert Client().get("/api/v1/me", headers={"authorization": f"Bearer {token}"}).status_code == 401
    assert browse(viewer).post("/api/v1/environments", {}, "application/json").status_code == 403
    first, second = refused(caplog)
    assert first == "Refused (401): GET api/v1/me, asked by nobody from 127.0.0.1"
    assert second == "Refused (403): POST api/v1/environments, asked by vera from 127.0.0.1"
    assert token not in caplog.text
    assert Event.objects.get(verb="token.refused").comment == "GET api/v1/me"


def test_the_same_again_and_again_is_few_events(viewer: Actor, browse) -> None:
    browser = browse(viewer)
    for _ in range(20):
        browser.get("/settings/people")
    browser.get("/settings/mail")
    told = Event.objects.filter(verb="person.refused").order_by("pk")
    counts = [event.after["within_an_hour"] for event in told if event.comment == "GET settings/people"]
    assert counts == [1, 2, 4, 8, 16]
    assert len(told) == 6


def test_a_refusal_stays_one_if_it_cannot_be_recorded(viewer: Actor, browse, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(**_: object) -> None:
        raise OperationalError("database is locked")

    monkeypatch.setattr("fairway.web.middleware.note_refused", fails)
    assert browse(viewer).get("/settings/people").status_code == 403


def test_who_merely_has_to_sign_in_is_not_logged(client: Client, caplog: pytest.LogCaptureFixture) -> None:
    assert client.get("/settings/people").status_code == 302
    assert client.get("/api/v1/me").status_code == 401
    assert refused(caplog) == []
    assert not Event.objects.exists()
