"""What protects an environment, and who approves, on pages: before it is pressed, while it waits, where it is decided."""

from __future__ import annotations

import re

import pytest

from fairway.accounts.rules import SYSTEM, Role
from fairway.applications.commands import save_configuration
from fairway.deployments.commands.requests import promote
from fairway.deployments.models import Deployment
from fairway.environments.commands import edit_environment
from fairway.environments.models import Environment
from tests.conftest import make_person
from tests.web.conftest import live

FORM = {
    "approvals_needed": "2",
    "approval_days": "3",
    "approval_roles": ["release_manager"],
    "approval_people": "vera, ada",
    "deploy_roles": ["deployer"],
    "deploy_people": "",
    "only_releases": "on",
    "proven_in": "staging",
    "proven_hours": "24",
    "strategy": "canary",
    "when_worse": "roll_back",
}


@pytest.fixture
def strict(production):
    edit_environment(actor=SYSTEM, environment=production, approvals_needed=1)
    production.refresh_from_db()
    return production


@pytest.fixture
def waiting(deployer, hello, staging, strict):
    live(hello, staging)
    return promote(actor=deployer, application=hello, environment=strict, from_environment=staging, reason="The sale")


def page_of(browser, waiting):
    return browser.get(f"/deployments/{waiting.pk}").content.decode()


def answer(browser, waiting, decision="approve", comment="", fingerprint=None):
    found = re.search(r'name="fingerprint" value="([0-9a-f]{64})"', page_of(browser, waiting))
    body = {"decision": decision, "comment": comment, "fingerprint": fingerprint or (found[1] if found else "")}
    return browser.post(f"/deployments/{waiting.pk}/approval", body)


def test_the_rules_are_sentences_on_the_page_and_a_form_for_admins(
    admin, manager, viewer, deployer, browse, staging, production
):
    page = browse(admin).get("/environments/production/").content.decode()
    assert "Anyone with the right to deploy can deploy here" in page
    assert "/environments/production/protection" in page
    answered = browse(admin).post("/environments/production/protection", FORM)
    assert answered["Location"] == "/environments/production/"
    page = browse(viewer).get("/environments/production/").content.decode()
    assert "Every release and every deployment needs 2 approvals from ada, vera or a Release Manager." in page
    assert "healthy in Staging for 24 hours without a break" in page
    assert "A new version that answers worse than the one before is rolled back." in page
    assert "/environments/production/protection" not in page
    for nobody in (manager, deployer, viewer):
        assert browse(nobody).get("/environments/production/protection").status_code == 403


def test_the_form_shows_what_is_set_and_what_is_wrong(admin, browse, staging, production):
    browser = browse(admin)
    wrong = browser.post("/environments/production/protection", FORM | {"approval_people": "nobody"})
    assert wrong.status_code == 422
    assert "There is no active user “nobody”." in wrong.content.decode()
    assert Environment.objects.get(pk=production.pk).approvals_needed == 0
    browser.post("/environments/production/protection", FORM | {"approval_people": "ada"})
    page = browser.get("/environments/production/protection").content.decode()
    assert 'value="ada"' in page
    assert re.search(r'<option value="staging" selected>', page)


def test_a_button_says_that_it_asks_before_it_is_pressed(deployer, browse, hello, staging, strict):
    live(hello, staging)
    page = browse(deployer).get("/applications/hello/").content.decode()
    assert page.count("Production requires 1 approval from a Release Manager or an Admin.") == 2  # deploy and promote
    assert "Request approval" in browse(deployer).get("/applications/hello/in/production/deploy").content.decode()
    edit_environment(actor=SYSTEM, environment=strict, only_releases=True)
    page = browse(deployer).get("/applications/hello/").content.decode()
    assert 'data-code="only_releases"' in page
    assert "through a release" in page


def test_the_page_says_who_can_and_offers_it_to_them_alone(deployer, manager, viewer, browse, waiting):
    for nobody in (deployer, viewer):
        page = page_of(browse(nobody), waiting)
        assert "It can be approved by a Release Manager or an Admin" in page
        assert 'value="approve"' not in page
    page = page_of(browse(manager), waiting)
    assert 'value="approve"' in page
    assert "0/1" in page
    assert answer(browse(deployer), waiting, fingerprint="0" * 64).status_code == 409
    assert answer(browse(manager), waiting, fingerprint="0" * 64).status_code == 422
    assert answer(browse(manager), waiting)["Location"] == f"/deployments/{waiting.pk}"
    waiting.refresh_from_db()
    assert waiting.approved_at is not None
    assert "Approved" in page_of(browse(viewer), waiting)


def test_who_asked_is_told_why_their_own_yes_is_none(admin, browse, hello, staging, strict):
    live(hello, staging)
    made = promote(actor=admin, application=hello, environment=strict, from_environment=staging)
    page = page_of(browse(admin), made)
    assert "You requested this deployment" in page
    assert re.search(r'value="approve"\s+disabled', page)


def test_a_rejection_needs_its_reason(manager, browse, waiting):
    assert answer(browse(manager), waiting, "reject").status_code == 422
    assert answer(browse(manager), waiting, "reject", "Not on a Friday").status_code == 302
    waiting.refresh_from_db()
    assert waiting.status in {"cancelling", "cancelled"}, "a worker tidies up, unless this process knows how"
    page = page_of(browse(manager), waiting)
    assert "Rejected by max: Not on a Friday" in page
    assert 'value="approve"' not in page


def test_it_waits_on_the_home_page_of_those_who_can_decide(deployer, manager, viewer, browse, waiting):
    assert "Approve Hello → Production" in browse(manager).get("/").content.decode()
    for nobody in (deployer, viewer):
        assert "Approve Hello" not in browse(nobody).get("/").content.decode()
    answer(browse(manager), waiting)
    assert "Approve Hello" not in browse(manager).get("/").content.decode()


def test_newer_settings_are_offered_and_ask_anew(deployer, manager, browse, hello, strict, waiting):
    save_configuration(actor=deployer, application=hello, environment=strict, variables={"A": "1"}, secrets={})
    assert "Configuration version 1 was saved by dora since this was requested." in page_of(browse(manager), waiting)
    browse(deployer).post(f"/deployments/{waiting.pk}/again")
    made = Deployment.objects.latest("pk")
    waiting.refresh_from_db()
    assert waiting.status in {"cancelling", "cancelled"}
    assert (made.configuration.version, made.awaits_approval) == (1, True)
    assert f"Superseded by #{made.pk}, requested later by dora." in page_of(browse(manager), waiting)


def test_a_named_viewer_approves_on_the_page(admin, browse, strict, waiting):
    quinn = make_person("quinn", Role.VIEWER)
    edit_environment(actor=admin, environment=strict, approval_people=["quinn"])
    assert 'value="approve"' not in page_of(browse(admin), waiting)
    assert answer(browse(quinn), waiting).status_code == 302
    waiting.refresh_from_db()
    assert waiting.approved_at is not None
