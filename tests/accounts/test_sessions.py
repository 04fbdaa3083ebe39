"""One's sessions: where one is signed in, since when and how, and ending them."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.sessions.models import Session
from django.db.models import F
from django.test import Client
from django.utils import timezone

from fairway.accounts import sessions
from fairway.accounts.clients import browser_and_system
from fairway.accounts.models import MailSettings, SignedIn, User
from fairway.accounts.rules import Actor, Role
from fairway.accounts.session_store import BEGAN
from fairway.accounts.sessions import forget_ended_sessions, sessions_of
from fairway.activity.models import Event
from tests.conftest import make_person

FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
IPHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 Mobile/15E148 Safari/604.1"  # noqa: E501
LOGIN = "/accounts/login/"
PROFILE = "/settings/profile"


@pytest.fixture
def dora(db: None) -> Actor:
    return make_person("dora", Role.DEPLOYER)


def signed_in(agent: str, address: str = "203.0.113.7") -> Client:
    client = Client(headers={"user-agent": agent}, REMOTE_ADDR=address)
    answer = client.post(LOGIN, {"login": "dora", "password": "correct horse battery"})
    assert answer.status_code == 302
    return client


def rows(actor: Actor) -> list[SignedIn]:
    return sessions_of(User.objects.get(pk=actor.id))


def test_each_browser_is_listed_with_what_it_came_with(dora: Actor) -> None:
    first = signed_in(FIREFOX)
    signed_in(IPHONE, "198.51.100.23")
    page = first.get(PROFILE).content.decode()
    for word in ("Firefox on Linux", "Safari on iPhone", "203.0.113.7", "198.51.100.23", "this one"):
        assert word in page
    assert [(one.method, one.address) for one in rows(dora)] == [
        ("password", "198.51.100.23"),
        ("password", "203.0.113.7"),
    ]


def test_one_is_ended_from_another_and_is_an_event(dora: Actor) -> None:
    here, there = signed_in(FIREFOX), signed_in(IPHONE)
    other = rows(dora)[0]
    assert other.client == IPHONE
    assert here.post(f"{PROFILE}/sessions/{other.pk}/end").status_code == 302
    assert there.get(PROFILE).status_code == 302, "it has to sign in"
    assert here.get(PROFILE).status_code == 200
    event = Event.objects.get(verb="person.session_ended")
    assert (event.actor_name, event.before["client"]) == ("dora", IPHONE)
    assert here.post(f"{PROFILE}/sessions/{other.pk}/end").status_code == 302, "once more: it had ended already"


def test_a_new_password_keeps_this_one_and_remembers_it(dora: Actor) -> None:
    here, there = signed_in(FIREFOX), signed_in(IPHONE)
    new = {"oldpassword": "correct horse battery", "password1": "a new long password", "password2": "a new long password"}
    assert here.post("/accounts/password/change/", new).status_code == 302
    assert there.get(PROFILE).status_code == 302, "it has to sign in"
    assert "this one" in here.get(PROFILE).content.decode()
    assert [one.client for one in rows(dora)] == [FIREFOX]


def test_all_others_are_ended_and_this_one_goes_on(dora: Actor) -> None:
    here, *others = (signed_in(FIREFOX) for _ in range(4))
    assert here.post(f"{PROFILE}/sessions/end-others").status_code == 302
    assert [one.get(PROFILE).status_code for one in (here, *others)] == [200, 302, 302, 302]
    assert len(rows(dora)) == 1


def test_nobody_ends_the_session_of_another(dora: Actor) -> None:
    there = signed_in(FIREFOX)
    make_person("mallory", Role.ADMIN)
    mallory = Client()
    mallory.force_login(User.objects.get(username="mallory"))
    mallory.post(f"{PROFILE}/sessions/{rows(dora)[0].pk}/end")
    assert there.get(PROFILE).status_code == 200


def test_what_a_new_password_or_signing_out_ended_is_not_listed(dora: Actor) -> None:
    gone, client = signed_in(FIREFOX), signed_in(IPHONE)
    client.post("/accounts/logout/")
    assert [one.client for one in rows(dora)] == [FIREFOX]
    User.objects.filter(pk=dora.id).update(generation=99)
    assert rows(dora) == []
    assert gone.get(PROFILE).status_code == 302


def test_that_it_is_used_is_noted_now_and_then(dora: Actor, monkeypatch: pytest.MonkeyPatch) -> None:
    client = signed_in(FIREFOX)
    before = rows(dora)[0].last_seen_at
    client.get(PROFILE)
    assert rows(dora)[0].last_seen_at == before
    monkeypatch.setattr(sessions, "SEEN_EVERY", 0)
    client.get(PROFILE, REMOTE_ADDR="192.0.2.99")
    now = rows(dora)[0]
    assert (now.last_seen_at > before, now.address) == (True, "192.0.2.99")


def test_what_has_ended_is_forgotten(dora: Actor) -> None:
    signed_in(FIREFOX)
    signed_in(IPHONE)
    SignedIn.objects.update(began_at=timezone.now() - timedelta(days=1))
    Session.objects.filter(pk=rows(dora)[0].session_key).delete()
    assert forget_ended_sessions() == 1
    assert [one.client for one in rows(dora)] == [FIREFOX]


@pytest.mark.parametrize(
    ("client", "known"),
    [
        (FIREFOX, ("Firefox", "Linux")),
        (IPHONE, ("Safari", "iPhone")),
        (
            "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/143.0 Safari/537.36 Edg/143.0",
            ("Edge", "Windows"),
        ),
        ("Mozilla/5.0 (Linux; Android 16) AppleWebKit/537.36 Chrome/143.0 Mobile Safari/537.36", ("Chrome", "Android")),
        (
            "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 Version/26 Safari/605.1.15",
            ("Safari", "macOS"),
        ),
        ("curl/8.5", ("", "")),
        ("", ("", "")),
    ],
)
def test_browsers_are_named_by_what_they_say(client: str, known: tuple[str, str]) -> None:
    assert browser_and_system(client) == known


def passes(minutes: float) -> None:
    """So much time passes for every session."""
    passed = timedelta(minutes=minutes)
    Session.objects.update(expire_date=F("expire_date") - passed)
    SignedIn.objects.update(began_at=F("began_at") - passed, last_seen_at=F("last_seen_at") - passed)
    sessions._noted.clear()


def test_a_session_that_is_not_used_ends(dora: Actor, settings: Any) -> None:
    settings.SESSION_IDLE_MINUTES = 30
    here, there = signed_in(FIREFOX), signed_in(IPHONE)
    for _ in range(4):
        passes(20)
        assert here.get(PROFILE).status_code == 200
    assert there.get(PROFILE).status_code == 302
    assert len(rows(dora)) == 1


def test_a_session_ends_however_much_it_is_used(dora: Actor, settings: Any) -> None:
    settings.SESSION_HOURS = 1
    here = signed_in(FIREFOX)
    for _ in range(5):
        passes(11)
        assert here.get(PROFILE).status_code == 200
    passes(11)
    assert here.get(PROFILE).status_code == 302


def test_what_is_stored_in_a_session_later_does_not_lengthen_it(dora: Actor, settings: Any) -> None:
    settings.SESSION_HOURS = 1
    here = signed_in(FIREFOX)
    stored = here.session
    began = stored[BEGAN] = stored[BEGAN] - 50 * 60
    stored.save()
    assert Session.objects.get(pk=stored.session_key).expire_date.timestamp() == pytest.approx(began + 3600, abs=2)


def test_a_page_that_only_watches_is_no_use(dora: Actor, settings: Any) -> None:
    settings.SESSION_IDLE_MINUTES = 30
    here = signed_in(FIREFOX)
    passes(20)
    before = SignedIn.objects.get().last_seen_at
    here.get(PROFILE, headers={"accept": "text/event-stream"})
    assert SignedIn.objects.get().last_seen_at == before


def test_the_profile_says_where_warnings_go(dora: Actor) -> None:
    here = signed_in(FIREFOX)
    words = "Fairway writes to dora@example.com when a new browser comes"
    User.objects.filter(pk=dora.id).update(email="dora@example.com", email_confirmed_at=timezone.now())
    assert words not in here.get(PROFILE).content.decode(), "no mail server is set up"
    MailSettings.objects.create(pk=1, host="smtp.example.com", sender="fairway@example.com")
    assert words in here.get(PROFILE).content.decode()
    User.objects.filter(pk=dora.id).update(email_confirmed_at=None)
    assert "Fairway writes to" not in here.get(PROFILE).content.decode()


def test_a_session_that_ends_while_its_use_is_noted_does_no_harm(dora: Actor, monkeypatch: pytest.MonkeyPatch) -> None:
    signed_in(FIREFOX)
    key = SignedIn.objects.get().session_key
    passes(20)

    def now() -> Any:
        SignedIn.objects.all().delete()  # as another tab would, between the look and the note
        Session.objects.all().delete()
        return timezone.now()

    monkeypatch.setattr(sessions.clock, "now", now)
    sessions.note_use(key)
    assert not SignedIn.objects.exists()
