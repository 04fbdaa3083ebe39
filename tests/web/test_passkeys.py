"""Passkeys sign in, alone and after a password: only their person, only where they were made for, and each answer once."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from allauth.mfa.models import Authenticator
from django.conf import settings
from django.core.cache import cache
from django.test import Client

from fairway.accounts.models import SignedIn, SignInProvider, User
from fairway.accounts.password_policy import set_password_policy
from fairway.accounts.queries import has_two_steps
from fairway.accounts.rules import SYSTEM, Actor, Role
from fairway.accounts.two_step import recovery_codes_left, reset_two_step
from fairway.activity.models import Event
from tests.conftest import make_person
from tests.services.passkey import PRESENT, Device

pytestmark = pytest.mark.django_db
PASSWORD = "correct horse battery"
PAGE = "/settings/profile/two-step"
HERE = {"HTTP_HOST": "localhost:8000"}


@pytest.fixture(autouse=True)
def _fairway_is_at_localhost(settings) -> None:
    settings.PUBLIC_URL = "http://localhost:8000"
    cache.clear()


def browser_of(name: str = "") -> Client:
    client = Client(**HERE)
    if name:
        client.force_login(User.objects.get(username=name))
    return client


def device() -> Device:
    return Device(origin="http://localhost:8000")


def asked_to_make(browser: Client, name: str = "laptop", password: str = PASSWORD) -> dict:
    answer = browser.post(f"{PAGE}/passkeys/options", {"name": name, "password": password})
    assert answer.status_code == 200, answer.content
    return answer.json()


def registered(browser: Client, name: str = "laptop") -> Device:
    made = device()
    answer = browser.post(f"{PAGE}/passkeys", {"credential": made.made(asked_to_make(browser, name))})
    assert answer.status_code in (201, 302), answer.content.decode()
    return made


def asked_to_sign(browser: Client) -> dict:
    return browser.post("/accounts/passkey/options").json()


def tried(browser: Client, answer: str) -> bool:
    """Whether somebody is signed in after this answer was sent."""
    browser.post("/accounts/passkey/", {"credential": answer})
    return browser.get("/settings/profile").status_code == 200


@pytest.fixture
def dora(db: None) -> Actor:
    return make_person("dora", Role.DEPLOYER)


def test_the_first_one_turns_two_steps_on_and_shows_recovery_codes(dora: Actor) -> None:
    elsewhere, browser = browser_of("dora"), browser_of("dora")
    made = device()
    page = browser.post(f"{PAGE}/passkeys", {"credential": made.made(asked_to_make(browser))})
    assert (page.status_code, "Your recovery codes" in page.content.decode()) == (201, True)
    user = User.objects.get(username="dora")
    assert (has_two_steps(user), recovery_codes_left(user)) == (True, 10)
    assert browser.get("/settings/profile").status_code == 200  # this session goes on
    assert elsewhere.get("/settings/profile").status_code == 302  # it began without a second step
    assert Event.objects.get(verb="person.passkey_added").after == {"passkey": "laptop"}
    assert Event.objects.filter(verb="person.two_step_turned_on").count() == 1
    second = registered(browser, "phone")
    assert recovery_codes_left(user) == 10
    signing = browser_of()
    assert not tried(browser_of(), second.signed(asked_to_sign(signing)))  # asked of another browser
    assert tried(signing, second.signed(asked_to_sign(signing)))


def test_it_signs_in_by_itself(dora: Actor) -> None:
    made = registered(browser_of("dora"))
    browser = browser_of()
    assert tried(browser, made.signed(asked_to_sign(browser)))
    event = Event.objects.filter(verb="person.signed_in").get()
    assert (event.actor_name, event.identified_by) == ("dora", "passkey")
    assert SignedIn.objects.get(method="passkey").user.username == "dora"
    row = Authenticator.objects.get(type="webauthn")
    assert (row.data["count"], row.last_used_at is not None) == (1, True)


def after_password(name: str = "dora") -> Client:
    browser = browser_of()
    answer = browser.post("/accounts/login/", {"login": name, "password": PASSWORD})
    assert answer["Location"] == "/accounts/second-step/"
    return browser


def test_it_is_the_second_step_after_the_password(dora: Actor) -> None:
    made = registered(browser_of("dora"))
    browser = after_password()
    page = browser.get("/accounts/second-step/").content.decode()
    assert "Use a passkey" in page
    assert browser.get("/settings/profile").status_code == 302
    options = browser.post("/accounts/second-step/options").json()
    assert len(options["publicKey"]["allowCredentials"]) == 1
    assert browser.post("/accounts/second-step/", {"credential": made.signed(options)}).status_code == 302
    assert browser.get("/settings/profile").status_code == 200
    assert Event.objects.filter(verb="person.signed_in").get().identified_by == "password and passkey"


def test_without_it_a_recovery_code_lets_in(dora: Actor) -> None:
    browser, made = browser_of("dora"), device()
    page = browser.post(f"{PAGE}/passkeys", {"credential": made.made(asked_to_make(browser))}).content.decode()
    code = page.partition('class="recovery-codes"')[2].partition("<code>")[2].partition("</code>")[0]
    browser = after_password()
    assert browser.post("/accounts/second-step/", {"code": "000000"}).status_code == 422
    assert browser.post("/accounts/second-step/", {"code": code}).status_code == 302
    assert browser.get("/settings/profile").status_code == 200


def test_an_answer_works_once(dora: Actor) -> None:
    made = registered(browser_of("dora"))
    browser = browser_of()
    answer = made.signed(asked_to_sign(browser))
    kept = browser.session["passkey_asked"]
    assert tried(browser, answer)
    again = browser_of()
    session = again.session
    session["passkey_asked"] = kept  # even in a browser that holds what was asked
    session.save()
    again.cookies[settings.SESSION_COOKIE_NAME] = session.session_key
    assert not tried(again, answer)
    assert Event.objects.get(verb="person.passkey_refused").subject_label == "dora"


def test_it_must_be_new_what_was_asked(dora: Actor, monkeypatch: pytest.MonkeyPatch) -> None:
    made, browser = registered(browser_of("dora")), browser_of()
    answer = made.signed(asked_to_sign(browser))
    session = browser.session
    session["passkey_asked"] = {**session["passkey_asked"], "at": session["passkey_asked"]["at"] - 301}
    session.save()
    assert not tried(browser, answer)


@pytest.mark.parametrize("origin", ["http://shop.localhost:8000", "https://localhost:8000", "http://localhost:8080"])
def test_another_origin_is_refused(dora: Actor, origin: str) -> None:
    """An application on a host below Fairway's may ask a browser for Fairway's passkeys; what it gets works nowhere."""
    made, browser = registered(browser_of("dora")), browser_of()
    made.origin = origin
    assert not tried(browser, made.signed(asked_to_sign(browser)))
    fresh = Device(origin=origin)
    browser = browser_of("dora")
    user = User.objects.get(username="dora")
    browser.force_login(user)
    answer = browser.post(f"{PAGE}/passkeys", {"credential": fresh.made(asked_to_make(browser, "fake"))})
    assert answer.status_code == 422


def test_whoever_did_not_unlock_it_is_refused(dora: Actor) -> None:
    made, browser = registered(browser_of("dora")), browser_of()
    made.flags = PRESENT
    assert not tried(browser, made.signed(asked_to_sign(browser)))


def test_a_copy_that_is_behind_is_refused(dora: Actor) -> None:
    made = registered(browser_of("dora"))
    copied = replace(made)
    browser = browser_of()
    assert tried(browser, made.signed(asked_to_sign(browser)))
    browser = browser_of()
    assert not tried(browser, copied.signed(asked_to_sign(browser)))


def test_a_key_of_somebody_else_is_nobodys(dora: Actor) -> None:
    """It says that it is Dora's, but another key signed."""
    made, browser = registered(browser_of("dora")), browser_of()
    forged = replace(device(), identifier=made.identifier, handle=made.handle, count=100)
    assert not tried(browser, forged.signed(asked_to_sign(browser)))


def test_somebody_elses_passkey_is_no_second_step(dora: Actor) -> None:
    make_person("mallory", Role.VIEWER)
    registered(browser_of("dora"))
    theirs = registered(browser_of("mallory"))
    browser = after_password("dora")
    options = browser.post("/accounts/second-step/options").json()
    assert browser.post("/accounts/second-step/", {"credential": theirs.signed(options)}).status_code == 422
    own = asked_to_sign(browser)  # what was asked to sign in alone is no answer to the second step either
    assert browser.post("/accounts/second-step/", {"credential": theirs.signed(own)}).status_code == 422
    assert browser.get("/settings/profile").status_code == 302


def test_a_passkey_is_registered_for_the_session_that_asked(dora: Actor) -> None:
    make_person("mallory", Role.VIEWER)
    browser = browser_of("dora")
    answer = device().made(asked_to_make(browser))
    other = browser_of("mallory")
    session = other.session
    session["passkey_asked"] = browser.session["passkey_asked"]
    session.save()
    assert other.post(f"{PAGE}/passkeys", {"credential": answer}).status_code == 422
    assert not Authenticator.objects.exists()


def test_one_that_is_registered_is_not_registered_again(dora: Actor) -> None:
    make_person("mallory", Role.VIEWER)
    made = registered(browser_of("dora"))
    browser = browser_of("mallory")
    assert browser.post(f"{PAGE}/passkeys", {"credential": made.made(asked_to_make(browser))}).status_code == 422
    assert Authenticator.objects.filter(type="webauthn").count() == 1


def test_adding_one_needs_the_password(dora: Actor) -> None:
    browser = browser_of("dora")
    refused = browser.post(f"{PAGE}/passkeys/options", {"name": "laptop", "password": "wrong"})
    assert (refused.status_code, "error" in refused.json()) == (422, True)
    assert browser.post(f"{PAGE}/passkeys", {"credential": "{}"}).status_code == 422
    assert not Authenticator.objects.exists()


def test_a_removed_one_signs_nobody_in(dora: Actor) -> None:
    browser = browser_of("dora")
    made = registered(browser)
    row = Authenticator.objects.get(type="webauthn")
    there = f"{PAGE}/passkeys/{row.pk}/removal"
    browser.post(there, {"confirm": "laptop"})
    assert Authenticator.objects.filter(pk=row.pk).exists()  # it is the only second step
    registered(browser, "phone")
    browser.post(there, {"confirm": "phone"})
    assert Authenticator.objects.filter(pk=row.pk).exists()  # not confirmed by its name
    browser.post(there, {"confirm": "laptop"})
    assert not Authenticator.objects.filter(pk=row.pk).exists()
    assert Event.objects.get(verb="person.passkey_removed").before == {"passkey": "laptop"}
    fresh = browser_of()
    assert not tried(fresh, made.signed(asked_to_sign(fresh)))


def test_nobody_removes_anothers(dora: Actor) -> None:
    make_person("mallory", Role.VIEWER)
    registered(browser_of("dora"))
    row = Authenticator.objects.get(type="webauthn")
    browser_of("mallory").post(f"{PAGE}/passkeys/{row.pk}/removal", {"confirm": "laptop"})
    assert Authenticator.objects.filter(pk=row.pk).exists()


def test_turning_two_steps_off_and_resetting_them_removes_passkeys(dora: Actor) -> None:
    browser = browser_of("dora")
    made = registered(browser)
    browser.post(f"{PAGE}/off", {"password": PASSWORD})
    assert not Authenticator.objects.exists()
    fresh = browser_of()
    assert not tried(fresh, made.signed(asked_to_sign(fresh)))
    made = registered(browser)
    reset_two_step(actor=SYSTEM, user=User.objects.get(username="dora"))
    fresh = browser_of()
    assert not tried(fresh, made.signed(asked_to_sign(fresh)))


def test_a_deactivated_person_and_whoever_must_use_a_provider_are_refused(dora: Actor, admin: Actor) -> None:
    made = registered(browser_of("dora"))
    User.objects.filter(username="dora").update(is_active=False)
    browser = browser_of()
    assert not tried(browser, made.signed(asked_to_sign(browser)))
    User.objects.filter(username="dora").update(is_active=True)
    SignInProvider.objects.create(
        slug="company", name="Company", issuer="https://login.test", client_id="x", scopes="openid"
    )
    set_password_policy(actor=admin, passwords="emergency", emergency=["ada"])
    browser = browser_of()
    assert not tried(browser, made.signed(asked_to_sign(browser)))


@pytest.mark.parametrize(
    "answer", ["", "{", "[]", '{"response": 1}', '{"response": {}}', json.dumps({"response": {"userHandle": "MQ"}})]
)
def test_nonsense_is_refused_and_breaks_nothing(dora: Actor, answer: str) -> None:
    registered(browser_of("dora"))
    browser = browser_of()
    asked_to_sign(browser)
    assert browser.post("/accounts/passkey/", {"credential": answer}).status_code == 302
    assert browser.get("/settings/profile").status_code == 302
    browser = browser_of("dora")
    asked_to_make(browser, "other")
    assert browser.post(f"{PAGE}/passkeys", {"credential": answer}).status_code == 422


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("http://fairway.lan:8000", "only for https addresses"),
        ("https://10.1.2.3", "Passkeys need a name"),
        ("https://fairway.example.com", "open https://fairway.example.com"),
    ],
)
def test_where_there_are_none_the_pages_say_why(dora: Actor, settings, url: str, says: str) -> None:
    settings.PUBLIC_URL = url
    assert says in browser_of("dora").get(PAGE).content.decode()
    assert "Use a passkey" not in browser_of().get("/accounts/login/").content.decode()
    refused = browser_of().post("/accounts/passkey/options")
    assert (refused.status_code, says in refused.json()["error"]) == (422, True)
