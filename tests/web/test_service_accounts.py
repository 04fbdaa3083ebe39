"""Service accounts in the settings."""

from __future__ import annotations

from django.test import Client

from fairway.accounts.models import ApiToken, User

ROLE = {"rows": "1", "role-0": "deployer", "environment-0": "", "application-0": ""}


def test_it_is_created_gets_a_token_that_is_shown_once_and_is_deactivated(admin, browse):
    browser = browse(admin)
    made = browser.post("/settings/service-accounts/new", {"username": "robot", "purpose": "Nightly", **ROLE})
    assert (made.status_code, made["Location"]) == (302, "/settings/service-accounts/robot#tokens")
    here = "/settings/service-accounts/robot"
    shown = browser.post(f"{here}/tokens", {"name": "night", "expires": "30", "role": "viewer"})
    assert shown.status_code == 201
    text = "fwy_" + shown.content.decode().partition("<code>fwy_")[2].partition("</code>")[0]
    bearer = {"authorization": f"Bearer {text}"}
    assert Client().get("/api/v1/me", headers=bearer).json()["username"] == "robot"
    assert text not in browser.get(here).content.decode()
    people = browser.get("/settings/people").content.decode()
    assert "Service account" in people
    assert here in people
    assert browser.get("/settings/people/robot")["Location"] == here
    assert browser.post(f"{here}/activation", {"active": ""}).status_code == 422  # not confirmed by its name
    assert Client().get("/api/v1/me", headers=bearer).status_code == 200
    assert browser.post(f"{here}/activation", {"active": "", "confirm": "robot"}).status_code == 302
    assert Client().get("/api/v1/me", headers=bearer).status_code == 401
    assert "New token" not in browser.get(here).content.decode()


def test_its_roles_and_purpose_are_changed(admin, browse):
    browser = browse(admin)
    browser.post("/settings/service-accounts/new", {"username": "robot", **ROLE})
    here = "/settings/service-accounts/robot"
    assert browser.post(here, {"purpose": "Nightly", **ROLE, "role-0": "viewer"}).status_code == 302
    robot = User.objects.get(username="robot")
    assert (robot.first_name, [one.role for one in robot.role_grants.all()]) == ("Nightly", ["viewer"])
    wrong = browser.post(here, {"purpose": "Nightly", **ROLE, "role-0": "boss"})
    assert (wrong.status_code, "boss" in wrong.content.decode()) == (422, True)


def test_a_token_without_an_end_is_not_offered(admin, browse):
    browser = browse(admin)
    browser.post("/settings/service-accounts/new", {"username": "robot", **ROLE})
    assert browser.post("/settings/service-accounts/robot/tokens", {"name": "night", "expires": ""}).status_code == 422
    assert not ApiToken.objects.exists()


def test_a_person_is_no_service_account_and_the_other_way_round(admin, browse):
    browser = browse(admin)
    browser.post("/settings/service-accounts/new", {"username": "robot", **ROLE})
    assert browser.get("/settings/service-accounts/ada").status_code == 404
    assert browser.post("/settings/people/robot/link").status_code == 404
    assert browser.post("/settings/people/robot/two-step-reset", {"confirm": "robot"}).status_code == 404
