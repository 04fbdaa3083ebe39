"""Failed sign-ins are events: enough to see an attack, too few to flood the chain, and nothing of what was typed."""

from __future__ import annotations

import json

import pytest
from django.test import Client

from fairway.accounts.failed_sign_ins import note_failure
from fairway.accounts.models import User
from fairway.activity.models import Event
from tests.web.conftest import PASSWORD


def failures() -> list[Event]:
    return list(Event.objects.filter(verb="person.sign_in_failed").order_by("pk"))


@pytest.mark.parametrize("login", ["vera", "VERA", "vera@example.com"])
def test_a_wrong_password_is_an_event_about_its_person(viewer, client, login):
    User.objects.filter(pk=viewer.id).update(email="vera@example.com")
    client.post("/accounts/login/", {"login": login, "password": "wrong"}, headers={"User-Agent": "curl/8"})
    (event,) = failures()
    assert (event.subject_label, event.actor_id, event.address, event.client) == ("vera", None, "127.0.0.1", "curl/8")
    assert event.after == {"within_an_hour": 1}


@pytest.mark.parametrize("typed", ["my-secret-password", "\x00", "x" * 300, "é" * 20])
def test_what_was_typed_for_a_name_is_kept_nowhere(viewer, client, typed):
    client.post("/accounts/login/", {"login": typed, "password": PASSWORD})
    events = failures()
    assert len(events) <= 1  # the form itself refuses some of them
    assert typed not in json.dumps([event.content() for event in events], ensure_ascii=False, default=str)
    assert PASSWORD not in json.dumps([event.content() for event in events], default=str)


def test_hundreds_are_a_few_events_that_say_how_many(viewer):
    for _ in range(300):
        note_failure(login="vera", address="203.0.113.9", client="")
    assert [event.after["within_an_hour"] for event in failures()] == [2**power for power in range(9)]


def test_invented_names_share_one_count(db):
    for number in range(300):
        note_failure(login=f"nobody{number}", address=f"203.0.113.{number % 250}", client="")
    assert len(failures()) == 9


def test_those_refused_for_trying_too_often_are_counted_too(viewer, client):
    for _ in range(9):
        client.post("/accounts/login/", {"login": "vera", "password": "wrong"})
    assert failures()[-1].after == {"within_an_hour": 8}


def test_forged_addresses_open_no_new_tries(viewer):
    for number in range(6):
        forged = {"x-forwarded-for": f"203.0.113.{number}", "x-real-ip": f"203.0.113.{number}", "forwarded": "for=1.1.1.1"}
        answer = Client().post("/accounts/login/", {"login": "vera", "password": "wrong"}, headers=forged)
    assert "Too many" in answer.content.decode()
    assert {event.address for event in failures()} == {"127.0.0.1"}


def test_another_port_in_the_host_opens_no_new_tries(viewer):
    for number in range(6):
        answer = Client().post(
            "/accounts/login/", {"login": "vera", "password": "wrong"}, headers={"host": f"localhost:{number + 1}"}
        )
    assert "Too many" in answer.content.decode()


def test_the_names_of_one_person_share_their_tries(viewer):
    User.objects.filter(username="vera").update(email="vera@example.com")
    for number in range(6):
        login = ("vera", "VERA", "vera@example.com")[number % 3]
        answer = Client().post("/accounts/login/", {"login": login, "password": "wrong"})
    assert "Too many" in answer.content.decode()


def test_the_failures_of_one_keep_nobody_else_out(viewer):
    for number in range(7):
        Client().post("/accounts/login/", {"login": f"nobody{number}", "password": "wrong"})
    other = Client().post("/accounts/login/", {"login": "vera", "password": "wrong"})
    assert "Too many" not in other.content.decode()
