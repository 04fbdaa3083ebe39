"""Coming in: first start, invitations, sign-in and sign-out, the acting role, language."""

from __future__ import annotations

import pytest
from django.core import mail
from django.test import Client
from django.utils import timezone

from fairway.accounts.commands import create_person, ensure_first_link
from fairway.accounts.models import User
from fairway.accounts.rules import Role
from fairway.activity.models import Event
from fairway.config import settings as product
from tests.conftest import make_person
from tests.web.conftest import PASSWORD

NEW = {"password1": "a long new phrase", "password2": "a long new phrase"}


def verbs() -> list[str]:
    return list(Event.objects.order_by("pk").values_list("verb", flat=True))


def test_before_anybody_exists_the_home_page_says_where_the_link_is(db, client):
    answer = client.get("/")
    assert answer.status_code == 403
    assert b"when it was started" in answer.content


def test_the_first_link_makes_an_administrator_who_is_signed_in_and_dies(db, client):
    secret = ensure_first_link()
    assert client.get(f"/first-run/{secret}").status_code == 200
    answer = client.post(f"/first-run/{secret}", {"username": "ada", "name": "Ada Lovelace", **NEW})
    assert answer.status_code == 302
    home = client.get("/")
    assert home.status_code == 200
    assert b"Ada Lovelace" in home.content
    assert verbs() == ["person.first_administrator_created", "person.signed_in"]
    assert Client().get(f"/first-run/{secret}").status_code == 410


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"password2": "something else"}, "The two passwords differ."),
        ({"password1": "short", "password2": "short"}, "too short"),
        ({"username": "no spaces here"}, "Use letters, digits"),
    ],
)
def test_a_bad_answer_to_the_first_link_is_told_beside_its_field_and_changes_nothing(db, client, change, sentence):
    secret = ensure_first_link()
    answer = client.post(f"/first-run/{secret}", {"username": "ada", "name": "", **NEW, **change})
    assert answer.status_code == 422
    assert sentence in answer.content.decode()
    assert not User.objects.exists()
    assert client.get(f"/first-run/{secret}").status_code == 200


def test_an_invitation_works_once_and_for_its_person(admin, client):
    user, secret = create_person(actor=admin, username="grace", roles=["viewer"])
    assert b"grace" in client.get(f"/invitation/{secret}").content
    assert client.post(f"/invitation/{secret}", NEW).status_code == 302
    assert client.session["_auth_user_id"] == str(user.pk)
    assert Client().post(f"/invitation/{secret}", NEW).status_code == 410


def test_a_deactivated_persons_invitation_is_dead(admin, client):
    user, secret = create_person(actor=admin, username="grace")
    User.objects.filter(pk=user.pk).update(is_active=False)
    assert client.post(f"/invitation/{secret}", NEW).status_code == 410


@pytest.mark.parametrize("field", ["username", "email"])
def test_signing_in_by_name_or_address_and_out_again_are_events(db, client, field):
    ada = make_person("ada", Role.ADMIN)
    User.objects.filter(pk=ada.id).update(email="ada@example.com", email_confirmed_at=timezone.now())
    login = "ada" if field == "username" else "ada@example.com"
    answer = client.post("/accounts/login/?next=/events/", {"login": login, "password": PASSWORD})
    assert (answer.status_code, answer["Location"]) == (302, "/events/")
    assert client.post("/accounts/logout/").status_code == 302
    assert verbs() == ["person.signed_in", "person.signed_out"]
    event = Event.objects.get(verb="person.signed_in")
    assert (event.actor_name, event.address, event.door) == ("ada", "127.0.0.1", "web")
    assert client.get("/")["Location"] == "/accounts/login/"


def test_guessing_passwords_is_slowed_down(viewer, client):
    for _ in range(6):
        answer = client.post("/accounts/login/", {"login": "vera", "password": "wrong"})
    assert "Too many" in answer.content.decode()
    right = client.post("/accounts/login/", {"login": "vera", "password": PASSWORD})
    assert right.status_code == 200, "also the right password has to wait"
    assert not Event.objects.filter(verb="person.signed_in").exists()


def test_nobody_signs_up_by_themselves(db, client):
    assert client.get("/accounts/signup/").status_code == 403
    assert client.post("/accounts/signup/", {"username": "eve", **NEW}).status_code == 405
    assert not User.objects.exists()


@pytest.mark.parametrize("wanted", ["https://evil.example/", "//evil.example/", "/\\evil.example"])
def test_signing_in_never_leads_elsewhere(viewer, client, wanted):
    answer = client.post("/accounts/login/", {"login": "vera", "password": PASSWORD, "next": wanted})
    assert "evil" not in answer.get("Location", "")


def test_acting_as_a_role_only_narrows_and_stands_on_events(admin, browse, staging):
    browser = browse(admin)
    assert browser.post("/acting-as", {"role": "viewer", "next": "/environments/"})["Location"] == "/environments/"
    refused = browser.post("/environments/staging/lock", {"reason": "No"})
    assert refused.status_code == 403
    staging.refresh_from_db()
    assert staging.lock is None
    event = Event.objects.get(verb="person.acting_as")
    assert (event.acting_role, event.after) == ("viewer", {"role": "viewer"})
    browser.post("/acting-as", {"role": ""})
    assert browser.post("/environments/staging/lock", {"reason": "Yes"}).status_code == 302


def test_a_role_one_does_not_hold_cannot_be_taken_on(viewer, browse):
    browser = browse(viewer)
    assert browser.post("/acting-as", {"role": "admin"}).status_code == 422
    assert "acting_as" not in browser.session
    assert not Event.objects.filter(verb="person.acting_as").exists()


def test_a_chosen_language_holds_here_and_on_the_next_device(viewer, browse):
    here = browse(viewer)
    here.post("/language", {"language": "fr", "next": "/"})
    assert here.cookies["fairway_language"].value == "fr"
    assert '<html lang="fr"' in here.get("/").content.decode()
    assert '<html lang="fr"' in browse(viewer).get("/").content.decode()


def test_changing_ones_password_needs_the_old_one_keeps_the_session_and_is_an_event(viewer, browse):
    browser = browse(viewer)
    wrong = {"oldpassword": "no", **NEW}
    assert browser.post("/accounts/password/change/", wrong).status_code == 200
    assert browser.post("/accounts/password/change/", {"oldpassword": PASSWORD, **NEW}).status_code == 302
    assert browser.get("/settings/profile").status_code == 200
    assert Event.objects.filter(verb="person.password_set").count() == 1


def test_every_page_forbids_what_was_not_sent_by_us(viewer, browse):
    answer = browse(viewer).get("/")
    policy = answer["Content-Security-Policy"]
    assert "default-src 'self'" in policy
    assert "unsafe" not in policy
    assert "<style" not in answer.content.decode()
    assert answer["X-Frame-Options"] == "DENY"


def test_a_form_without_its_token_is_refused_in_words(viewer):
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(User.objects.get(pk=viewer.id))
    answer = browser.post("/acting-as", {"role": "viewer"})
    assert answer.status_code == 403
    assert "Please send the form again" in answer.content.decode()


def test_without_mail_the_page_says_how_a_new_password_is_had_and_makes_no_link(admin, client, settings, capfd):
    User.objects.filter(pk=admin.id).update(email="ada@example.com")
    settings.EMAIL_BACKEND = product.EMAIL_BACKEND
    for answer in (
        client.get("/accounts/password/reset/"),
        client.post("/accounts/password/reset/", {"email": "ada@example.com"}),
    ):
        text = answer.content.decode()
        assert answer.status_code == 200
        assert "sends no e-mail" in text
        assert "fairway new-password" in text
        assert "<form class" not in text
    assert not mail.outbox
    assert "/password/reset/key/" not in "".join(capfd.readouterr())


def test_with_mail_the_link_is_sent_and_stands_nowhere_else(admin, client, settings, capfd):
    User.objects.filter(pk=admin.id).update(email="ada@example.com", email_confirmed_at=timezone.now())
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    client.post("/accounts/password/reset/", {"email": "nobody@example.com"})  # says the same, and writes to no stranger
    told = {"email": "Ada@Example.com"}
    answer = client.post("/accounts/password/reset/", told, follow=True, headers={"host": "localhost:4711"})
    assert "Look into your mail" in answer.content.decode()
    (sent,) = mail.outbox
    assert sent.to == ["ada@example.com"]
    assert f"{settings.PUBLIC_URL}/accounts/password/reset/key/" in sent.body, "whatever host the request named"
    assert "/password/reset/key/" not in "".join(capfd.readouterr())
