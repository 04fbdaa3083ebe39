"""Who somebody is, is their account. What they call themselves, and an address nobody vouched for, identify nobody."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import pytest
from django.core import mail
from django.db import IntegrityError, transaction
from django.test import Client

from fairway.accounts.commands import create_person
from fairway.accounts.models import User
from fairway.accounts.profiles import confirm_email, edit_person, edit_profile
from fairway.accounts.queries import actor_for, colleague, events_by, visible_events
from fairway.accounts.rules import SYSTEM, Actor, Role
from fairway.activity.commands import record
from fairway.activity.models import Event
from fairway.activity.queries import verify
from fairway.activity.rules import Door, On, Who
from fairway.deployments.models import Deployment
from fairway.environments.commands import lock_environment
from fairway.shared.names import Invalid
from tests.conftest import make_person
from tests.web.conftest import FROM_THE_PROXY, PASSWORD, live

ADDRESS = "ada@example.com"


@pytest.fixture
def ada(db) -> Actor:
    """The administrator, whose address is confirmed."""
    person = make_person("ada", Role.ADMIN)
    User.objects.filter(pk=person.id).update(email=ADDRESS, first_name="Ada Lovelace")
    confirm_email(actor=person, user=User.objects.get(pk=person.id))
    return person


@pytest.fixture
def mallory(ada: Actor) -> Actor:
    """A deployer who calls herself what the administrator is called, and gives the administrator's address as her own."""
    person = make_person("mallory", Role.DEPLOYER, Role.RELEASE_MANAGER)
    user = edit_profile(actor=person, name="ada", email=ADDRESS)
    return actor_for(user, door=Door.WEB)


def signed_in(who: Actor) -> Client:
    client = Client(raise_request_exception=False)
    client.force_login(User.objects.get(pk=who.id))
    return client


# --- what is written


def test_whatever_somebody_calls_themselves_their_acts_are_signed_with_their_user_name(mallory, hello, staging):
    live(hello, staging, actor=mallory)
    lock_environment(actor=mallory, environment=staging, reason="Mine")
    staging.refresh_from_db()
    assert staging.locked_by == "mallory"
    assert Deployment.objects.get().requested_by == "mallory"
    hers = Event.objects.filter(actor_id=mallory.id)
    assert set(hers.values_list("actor_name", flat=True)) == {"mallory"}
    assert verify().is_intact


def test_nobody_is_called_what_fairway_signs_with(ada):
    for name in ("Fairway", "fairway", "SYSTEM"):
        with pytest.raises(Invalid, match="Fairway's own"):
            create_person(actor=ada, username=name)


def test_two_user_names_never_differ_in_case_alone(ada):
    with pytest.raises(IntegrityError), transaction.atomic():
        User.objects.create_user(username="ADA")


# --- filters


def test_a_filter_finds_the_account_and_not_who_calls_themselves_so(ada, mallory, hello, staging):
    live(hello, staging, actor=mallory)
    record_as(mallory.id, "ada")  # an event of before, when what people called themselves was written
    browser = signed_in(ada)
    assert {row["actor_id"] for row in browser.get("/api/v1/events?person=ada").json()["items"]} == {ada.id}
    hers = browser.get("/api/v1/events?person=mallory").json()["items"]
    assert {row["actor_id"] for row in hers} == {mallory.id}
    assert {row["actor_username"] for row in hers} == {"mallory"}
    assert not browser.get("/api/v1/deployments?person=ada").json()["items"]
    assert browser.get("/api/v1/deployments?person=mallory").json()["items"]


def test_fairway_s_own_events_are_found_by_its_name_and_nobody_else_s(ada):
    record_as(None, "Fairway")
    record_as(ada.id, "Fairway")
    assert {one.actor_id for one in events_by(Event.objects.all(), "fairway")} == {None}


def record_as(number: int | None, name: str) -> Event:
    with transaction.atomic():
        return record(who=Who(id=number, name=name, door=Door.WEB), verb="upload.stored", on=On("upload", 1, "something"))


def test_pages_show_an_old_event_with_the_account_behind_it(ada, mallory):
    record_as(mallory.id, "ada")
    page = signed_in(ada).get("/events/").content.decode()
    assert "mallory" in page
    assert "written as “ada”" in page


def test_pages_show_the_user_name_with_what_they_call_themselves_beside_it(ada, mallory, hello, staging):
    live(hello, staging, actor=mallory)
    page = signed_in(ada).get("/events/").content.decode()
    assert '<strong>mallory</strong> <span class="quiet">ada</span>' in page


# --- addresses


def headers_at(who: Actor, hello, staging) -> dict[str, str]:
    """What an application is told of somebody who opens it."""
    host = "hello.staging.localhost"
    asked = {"x-forwarded-host": host, "x-forwarded-uri": "/", "x-forwarded-proto": "http", **FROM_THE_PROXY}
    there = urlsplit(signed_in(who).get("/access/enter", {"host": host, "path": "/"})["Location"])
    stranger = Client()
    stranger.get(there.path, {name: values[0] for name, values in parse_qs(there.query).items()}, headers=asked)
    return dict(stranger.get("/.fairway/access", headers=asked).headers)


def test_applications_are_told_only_an_address_that_somebody_vouched_for(ada, mallory, hello, staging):
    live(hello, staging)
    told = headers_at(mallory, hello, staging)
    assert (told["X-Fairway-User"], told["X-Fairway-Email"]) == ("mallory", "")
    told = headers_at(ada, hello, staging)
    assert (told["X-Fairway-User"], told["X-Fairway-Email"]) == ("ada", ADDRESS)


def sign_in(login: str, password: str = PASSWORD) -> str:
    client = Client()
    client.post("/accounts/login/", {"login": login, "password": password})
    number = client.session.get("_auth_user_id")
    return User.objects.get(pk=number).username if number else ""


def test_nobody_signs_in_with_an_address_that_was_not_confirmed(ada, mallory):
    User.objects.filter(pk=ada.id).update(password=User.objects.get(pk=mallory.id).password)  # the same word, even
    assert sign_in(ADDRESS) == "ada"
    edit_profile(actor=mallory, name="", email="m@example.com")
    assert sign_in("m@example.com") == ""
    assert sign_in("mallory") == "mallory"


def test_a_forgotten_password_is_sent_to_confirmed_addresses_only(ada, mallory):
    edit_profile(actor=mallory, name="", email="m@example.com")
    Client().post("/accounts/password/reset/", {"email": "m@example.com"})
    assert not [one for one in mail.outbox if "/password/reset/key/" in one.body]
    Client().post("/accounts/password/reset/", {"email": ADDRESS})
    assert [one.to for one in mail.outbox if "/password/reset/key/" in one.body] == [[ADDRESS]]


def test_who_changes_their_address_is_vouched_for_no_longer(ada):
    user = edit_profile(actor=ada, name="Ada", email="other@example.com")
    assert user.confirmed_email == ""
    user = edit_profile(actor=ada, name="Ada", email=ADDRESS)  # not even back to the old one
    assert user.confirmed_email == ""


def test_an_administrator_vouches_by_entering_an_address_for_somebody_else_or_by_saying_so(ada, mallory):
    user, _ = create_person(actor=ada, username="grace", email="grace@example.com")
    assert user.confirmed_email == "grace@example.com"
    hers = User.objects.get(pk=mallory.id)
    edit_person(actor=ada, user=hers, name="M", email=ADDRESS, grants=[("viewer", None, None)])  # saved as it stood
    hers.refresh_from_db()
    assert hers.confirmed_email == ""
    edit_person(actor=ada, user=hers, name="M", email="m@example.com", grants=[("viewer", None, None)])
    hers.refresh_from_db()
    assert hers.confirmed_email == "m@example.com"
    assert Event.objects.filter(verb="person.edited").last().after["email_confirmed"] is True


def test_an_address_belongs_to_one_person(ada, mallory):
    hers = User.objects.get(pk=mallory.id)
    with pytest.raises(Invalid, match="somebody else"):
        confirm_email(actor=ada, user=hers)
    with pytest.raises(Invalid, match="somebody else"):
        create_person(actor=ada, username="grace", email=ADDRESS.upper())
    with pytest.raises(IntegrityError), transaction.atomic():
        User.objects.filter(pk=mallory.id).update(email_confirmed_at=User.objects.get(pk=ada.id).email_confirmed_at)


def test_confirming_what_the_page_did_not_show_is_refused(ada, mallory):
    """A second tab: the address was changed after the administrator looked."""
    edit_profile(actor=mallory, name="", email="m@example.com")
    browser, place = signed_in(ada), "/settings/people/mallory/email-confirmation"
    edit_profile(actor=mallory, name="", email="evil@example.com")
    assert browser.post(place, {"email": "m@example.com"}).status_code == 409
    assert User.objects.get(pk=mallory.id).confirmed_email == ""
    assert browser.post(place, {"email": "evil@example.com"}).status_code == 302
    assert User.objects.get(pk=mallory.id).confirmed_email == "evil@example.com"
    assert Event.objects.filter(verb="person.email_confirmed").last().actor_id == ada.id


# --- looked up by


def test_people_are_named_by_user_name_alone(ada, mallory):
    assert colleague(ada, "mallory") is not None
    for text in (ADDRESS, "Ada Lovelace", "m@example.com", ""):
        assert colleague(ada, text) is None
    answer = signed_in(ada).post(
        "/api/v1/releases", {"name": "R", "version": "1", "manager": ADDRESS}, content_type="application/json"
    )
    assert answer.status_code in {403, 422}, answer.content


def test_events_of_ones_own_are_seen_by_their_number_and_not_by_a_name(ada, mallory):
    nobody = make_person("nobody")
    record_as(ada.id, "nobody")
    assert not visible_events(nobody, Event.objects.filter(verb="upload.stored")).exists()
    assert visible_events(SYSTEM, Event.objects.filter(verb="upload.stored")).exists()
